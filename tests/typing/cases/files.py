"""Every file operation, with its capability and without it."""

import os
from collections.abc import Iterator
from typing import assert_type

from capsafe import Broker, Connect, FileSystem, ReadFile, StatFile, WriteFile
from capsafe.broker import BrokerPath


def reading(reader: Broker[ReadFile], writer: Broker[WriteFile], stat: Broker[StatFile]) -> None:
    assert_type(reader.read_text("a"), str)
    assert_type(reader.read_bytes("a"), bytes)
    assert_type(reader.listdir("a"), list[str])
    assert_type(reader.iterdir("a"), Iterator[BrokerPath[ReadFile]])
    assert_type(reader.walk("a"), Iterator[tuple[str, list[str], list[str]]])
    assert_type(reader.glob("*"), list[str])
    writer.read_text("a")  # E
    writer.read_bytes("a")  # E
    writer.listdir("a")  # E
    writer.iterdir("a")  # E
    writer.walk("a")  # E
    writer.glob("*")  # E
    stat.read_text("a")  # E
    stat.listdir("a")  # E
    assert_type(reader.read_text("a"), bytes)  # E


def metadata(reader: Broker[ReadFile], writer: Broker[WriteFile], stat: Broker[StatFile]) -> None:
    assert_type(stat.exists("a"), bool)
    assert_type(stat.is_file("a"), bool)
    assert_type(stat.is_dir("a"), bool)
    assert_type(stat.is_symlink("a"), bool)
    assert_type(stat.stat("a"), os.stat_result)
    assert_type(stat.lstat("a"), os.stat_result)
    assert_type(stat.readlink("a"), str)
    assert_type(stat.realpath("a"), str)
    reader.exists("a")
    reader.stat("a")
    writer.exists("a")  # E
    writer.is_file("a")  # E
    writer.is_dir("a")  # E
    writer.is_symlink("a")  # E
    writer.stat("a")  # E
    writer.lstat("a")  # E
    writer.readlink("a")  # E
    writer.realpath("a")  # E


def writing(reader: Broker[ReadFile], writer: Broker[WriteFile]) -> None:
    assert_type(writer.write_text("a", "b"), int)
    assert_type(writer.write_bytes("a", b"b"), int)
    assert_type(writer.append_text("a", "b"), int)
    assert_type(writer.append_bytes("a", b"b"), int)
    writer.mkdir("a", parents=True, exist_ok=True)
    writer.remove("a", missing_ok=True)
    writer.rmdir("a")
    writer.rename("a", "b")
    writer.replace("a", "b")
    writer.symlink("a", "b")
    writer.link("a", "b")
    writer.touch("a")
    writer.truncate("a", 0)
    writer.chmod("a", 0o600)
    writer.utime("a", (0.0, 0.0))
    reader.write_text("a", "b")  # E
    reader.write_bytes("a", b"b")  # E
    reader.append_text("a", "b")  # E
    reader.append_bytes("a", b"b")  # E
    reader.mkdir("a")  # E
    reader.remove("a")  # E
    reader.rmdir("a")  # E
    reader.rename("a", "b")  # E
    reader.replace("a", "b")  # E
    reader.symlink("a", "b")  # E
    reader.link("a", "b")  # E
    reader.touch("a")  # E
    reader.truncate("a", 0)  # E
    reader.chmod("a", 0o600)  # E
    reader.utime("a")  # E
    writer.write_text("a", b"b")  # E
    writer.write_bytes("a", "b")  # E
    writer.write_text(3, "b")  # E


def both(
    reader: Broker[ReadFile],
    writer: Broker[WriteFile],
    two: Broker[ReadFile | WriteFile],
    group: Broker[FileSystem],
    other: Broker[ReadFile | Connect],
) -> None:
    assert_type(two.copy("a", "b"), str)
    assert_type(two.copytree("a", "b"), str)
    two.rmtree("a")
    group.copy("a", "b")
    group.copytree("a", "b")
    group.rmtree("a")
    reader.copy("a", "b")  # E
    writer.copy("a", "b")  # E
    other.copy("a", "b")  # E
    reader.copytree("a", "b")  # E
    writer.copytree("a", "b")  # E
    reader.rmtree("a")  # E
    writer.rmtree("a")  # E
