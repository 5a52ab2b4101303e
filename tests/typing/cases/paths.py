"""Paths keep their broker's grant, whatever is done to them."""

import os
from collections.abc import Iterator
from io import BufferedReader, TextIOWrapper
from pathlib import PurePosixPath
from typing import Literal as L
from typing import Never, assert_type

from capsafe import Broker, Connect, FileSystem, ReadFile, Sandbox, StatFile, WriteFile
from capsafe.broker import BrokerPath


def made(
    read: Broker[ReadFile],
    stat: Broker[StatFile],
    write: Broker[WriteFile],
    none: Broker[Never],
    other: Broker[Connect],
    scoped: Broker[ReadFile[L["/data"]] | Connect],
) -> None:
    assert_type(read.path("a", "b"), BrokerPath[ReadFile])
    assert_type(stat.path("a"), BrokerPath[StatFile])
    assert_type(write.path("a"), BrokerPath[WriteFile])
    assert_type(scoped.path("/data"), BrokerPath[ReadFile[L["/data"]] | Connect])
    scoped.path("/data").read_text()
    none.path("a")  # E
    other.path("a")  # E


def text(path: BrokerPath[Never]) -> None:
    assert_type(path.name, str)
    assert_type(path.stem, str)
    assert_type(path.suffix, str)
    assert_type(path.suffixes, list[str])
    assert_type(path.parts, tuple[str, ...])
    assert_type(path.pure, PurePosixPath)
    assert_type(path.as_posix(), str)
    assert_type(path.is_absolute(), bool)
    assert_type(path.is_relative_to("/"), bool)
    assert_type(path.match("*.py"), bool)
    assert_type(os.fspath(path), str)
    path.read_text()  # E
    path.name = "b"  # E


def derived(path: BrokerPath[ReadFile]) -> None:
    assert_type(path / "b", BrokerPath[ReadFile])
    assert_type(path.joinpath("b", "c"), BrokerPath[ReadFile])
    assert_type(path.parent, BrokerPath[ReadFile])
    assert_type(path.parents, tuple[BrokerPath[ReadFile], ...])
    assert_type(path.with_name("b"), BrokerPath[ReadFile])
    assert_type(path.with_stem("b"), BrokerPath[ReadFile])
    assert_type(path.with_suffix(".b"), BrokerPath[ReadFile])
    assert_type(path.relative_to("/"), BrokerPath[ReadFile])
    assert_type((path / "b" / "c").parent.read_text(), str)
    (path / "b").write_text("c")  # E
    path / 3  # E


def reading(read: BrokerPath[ReadFile], write: BrokerPath[WriteFile], stat: BrokerPath[StatFile]) -> None:
    assert_type(read.read_text(), str)
    assert_type(read.read_bytes(), bytes)
    assert_type(read.iterdir(), Iterator[BrokerPath[ReadFile]])
    assert_type(read.glob("*"), Iterator[BrokerPath[ReadFile]])
    assert_type(read.rglob("*"), Iterator[BrokerPath[ReadFile]])
    assert_type(read.walk(), Iterator[tuple[BrokerPath[ReadFile], list[str], list[str]]])
    text: TextIOWrapper = read.open()
    text = write.open("w")
    assert_type(text.read(), str)
    assert_type(read.open("rb"), BufferedReader)
    write.read_text()  # E
    write.read_bytes()  # E
    write.iterdir()  # E
    write.glob("*")  # E
    write.rglob("*")  # E
    write.walk()  # E
    write.open()  # E
    read.open("w")  # E
    stat.read_text()  # E


def metadata(stat: BrokerPath[StatFile], write: BrokerPath[WriteFile]) -> None:
    assert_type(stat.exists(), bool)
    assert_type(stat.is_file(), bool)
    assert_type(stat.is_dir(), bool)
    assert_type(stat.is_symlink(), bool)
    assert_type(stat.stat(), os.stat_result)
    assert_type(stat.lstat(), os.stat_result)
    assert_type(stat.readlink(), BrokerPath[StatFile])
    assert_type(stat.resolve(), BrokerPath[StatFile])
    write.exists()  # E
    write.is_file()  # E
    write.is_dir()  # E
    write.is_symlink()  # E
    write.stat()  # E
    write.lstat()  # E
    write.readlink()  # E
    write.resolve()  # E


def writing(write: BrokerPath[WriteFile], read: BrokerPath[ReadFile], two: BrokerPath[ReadFile | WriteFile]) -> None:
    assert_type(write.write_text("b"), int)
    assert_type(write.write_bytes(b"b"), int)
    assert_type(write.append_text("b"), int)
    write.mkdir(parents=True)
    write.touch()
    write.unlink(missing_ok=True)
    write.rmdir()
    assert_type(write.rename("b"), BrokerPath[WriteFile])
    assert_type(write.replace(write / "b"), BrokerPath[WriteFile])
    write.symlink_to("b")
    write.hardlink_to("b")
    write.chmod(0o600)
    assert_type(two.copy("b"), BrokerPath[ReadFile | WriteFile])
    two.rmtree()
    read.write_text("b")  # E
    read.write_bytes(b"b")  # E
    read.append_text("b")  # E
    read.mkdir()  # E
    read.touch()  # E
    read.unlink()  # E
    read.rmdir()  # E
    read.rename("b")  # E
    read.replace("b")  # E
    read.symlink_to("b")  # E
    read.hardlink_to("b")  # E
    read.chmod(0o600)  # E
    read.copy("b")  # E
    write.copy("b")  # E
    read.rmtree()  # E
    write.rmtree()  # E


def wants_read(path: BrokerPath[ReadFile]) -> str:
    return path.read_text()


def variance(two: BrokerPath[ReadFile | WriteFile], group: BrokerPath[FileSystem], write: BrokerPath[WriteFile]) -> None:
    wants_read(two)
    wants_read(group)
    wants_read(write)  # E


Sandbox[ReadFile]().execute(lambda broker: wants_read(broker.path("a")))
Sandbox[WriteFile]().execute(lambda broker: wants_read(broker.path("a")))  # E
