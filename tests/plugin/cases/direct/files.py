"""Files, by the built-in functions, os, io, shutil, tempfile and pathlib."""

import io
import os
import shutil
import tempfile
from pathlib import Path
from typing import Never

from capsafe import Broker, Sandbox

SANDBOX = Sandbox[Never]()


def open_read() -> None:
    SANDBOX.execute(lambda broker: open("notes.txt").read())  # E: [capsafe-ambient] ReadFile


def open_write() -> None:
    SANDBOX.execute(lambda broker: open("notes.txt", "w").close())  # E: [capsafe-ambient] WriteFile


def open_with() -> None:
    def closure(broker: Broker[Never]) -> str:
        with open("notes.txt") as file:  # E: [capsafe-ambient] ReadFile
            return file.read()

    SANDBOX.execute(closure)


def open_in_comprehension() -> None:
    SANDBOX.execute(lambda broker: [line for line in open("notes.txt")])  # E: [capsafe-ambient] ReadFile


def builtins_open() -> None:
    import builtins

    SANDBOX.execute(lambda broker: builtins.open("notes.txt").read())  # E: [capsafe-ambient] ReadFile


def io_open() -> None:
    SANDBOX.execute(lambda broker: io.open("notes.txt").read())  # E: [capsafe-ambient] ReadFile


def io_fileio() -> None:
    SANDBOX.execute(lambda broker: io.FileIO("notes.txt").read())  # E: [capsafe-ambient]


def os_remove() -> None:
    SANDBOX.execute(lambda broker: os.remove("notes.txt"))  # E: [capsafe-ambient] WriteFile


def os_open() -> None:
    SANDBOX.execute(lambda broker: os.open("notes.txt", os.O_RDONLY))  # E: [capsafe-ambient]


def rmtree() -> None:
    SANDBOX.execute(lambda broker: shutil.rmtree("build"))  # E: [capsafe-ambient] WriteFile


def named_temporary_file() -> None:
    SANDBOX.execute(lambda broker: tempfile.NamedTemporaryFile().name)  # E: [capsafe-ambient] WriteFile


def path_read_text() -> None:
    SANDBOX.execute(lambda broker: Path("notes.txt").read_text())  # E: [capsafe-ambient] ReadFile


def path_unlink() -> None:
    SANDBOX.execute(lambda broker: Path("notes.txt").unlink())  # E: [capsafe-ambient] WriteFile


def path_open() -> None:
    SANDBOX.execute(lambda broker: Path("notes.txt").open().read())  # E: [capsafe-ambient] ReadFile


def path_exists() -> None:
    SANDBOX.execute(lambda broker: Path("notes.txt").exists())  # E: [capsafe-ambient]


def os_path_exists() -> None:
    SANDBOX.execute(lambda broker: os.path.exists("notes.txt"))  # E: [capsafe-ambient]


def listdir_and_walk() -> None:
    def closure(broker: Broker[Never]) -> int:
        count = len(os.listdir("."))  # E: [capsafe-ambient] ReadFile
        for _, _, files in os.walk("."):  # E: [capsafe-ambient] ReadFile
            count += len(files)
        return count

    SANDBOX.execute(closure)


def path_glob_in_for() -> None:
    def closure(broker: Broker[Never]) -> list[str]:
        return [str(p) for p in Path().glob("*.py")]  # E: [capsafe-ambient] ReadFile

    SANDBOX.execute(closure)


def path_of_a_joined_child() -> None:
    base = Path("/data")
    SANDBOX.execute(lambda broker: (base / "notes" / "today.txt").with_suffix(".md").write_text("x"))  # E: [capsafe-ambient] WriteFile


def getcwd_and_chdir() -> None:
    SANDBOX.execute(lambda broker: os.chdir("/"))  # E: [capsafe-ambient]
    SANDBOX.execute(lambda broker: os.getcwd())  # E: [capsafe-ambient]


def path_home_and_cwd() -> None:
    SANDBOX.execute(lambda broker: Path.cwd())  # E: [capsafe-ambient]
    SANDBOX.execute(lambda broker: Path.home())  # E: [capsafe-ambient]
    SANDBOX.execute(lambda broker: Path("~").expanduser())  # E: [capsafe-ambient]
