"""A denial that the closure did not catch says what it needed and what to write."""

# What is opened is never open, or its process ends.
# ruff: noqa: SIM115

import io
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, Never

import pytest

from capsafe import (
    ReadFile,
    Sandbox,
    WriteFile,
)
from tests.sandbox.boxes import PURE, denied, sandbox_of, scoped

pytestmark = pytest.mark.kernel


def test_an_uncaught_denial_says_what_it_needed_and_what_to_write(tmp_path: Path) -> None:
    path = str(tmp_path / "x")
    error = denied(Sandbox[ReadFile](), lambda _: open(path, "w"))
    assert error.operation == "open for writing"
    assert error.target == error.filename == path
    assert error.capability == "WriteFile"
    assert error.write == "Sandbox[ReadFile | WriteFile]"
    assert str(error) == f"open for writing {path!r} needs WriteFile; write Sandbox[ReadFile | WriteFile]"
    assert isinstance(error, PermissionError)
    assert error.errno in (1, 13)


def connect(_: object) -> object:
    import socket

    return socket.create_connection(("127.0.0.1", 9))


DENIALS: list[tuple[Any, Callable[..., object], str, str | None]] = [
    (Never, lambda _: open("/etc/hostname"), "open for reading", "ReadFile"),
    (Never, lambda _: os.open("/etc/hostname", os.O_RDWR), "open for reading and writing", "ReadFile"),
    (ReadFile, lambda _: os.open("/etc/hostname", os.O_RDWR), "open for reading and writing", "WriteFile"),
    (Never, lambda _: os.listdir("/etc"), "list", "ReadFile"),
    (Never, lambda _: list(Path("/etc").iterdir()), "list", "ReadFile"),
    (Never, lambda _: os.stat("/etc"), "read the metadata of", "StatFile"),
    (Never, lambda _: Path("/etc").stat(), "read the metadata of", "StatFile"),
    (ReadFile, lambda _: os.mkdir("/tmp/capsafe-x"), "make the folder", "WriteFile"),
    (ReadFile, lambda _: os.remove("/tmp/capsafe-x"), "remove", "WriteFile"),
    (ReadFile, lambda _: os.rename("/tmp/a", "/tmp/b"), "rename", "WriteFile"),
    (ReadFile, lambda _: os.chmod("/tmp", 0o777), "change the mode of", "WriteFile"),
    (ReadFile, lambda _: os.utime("/tmp"), "change the times of", "WriteFile"),
    (WriteFile, lambda _: os.chown("/tmp", 0, 0), "change the owner of", None),
    (Never, lambda _: os.fork(), "fork", "Spawn"),
    (Never, lambda _: subprocess.run(["true"], check=False), "run", "Spawn"),
    (Never, lambda _: subprocess.run(["true"], check=False, capture_output=True), "make a pipe", "Spawn"),
    (Never, lambda _: os.execv("/bin/true", ["true"]), "run", "Spawn"),
    (Never, lambda _: os.posix_spawn("/bin/true", ["true"], {}), "run", "Spawn"),
    (Never, connect, "connect to", "Connect"),
    (Never, lambda _: os.kill(os.getppid(), 0), "send a signal to process", "Signal"),
    (Never, lambda _: threading.Thread(target=print).start(), "start a thread", "Threads"),
    (Never, lambda _: print("x"), "write standard output", "Stdout"),
    (Never, lambda _: sys.stderr.write("x"), "write standard error", "Stderr"),
    (Never, lambda _: input(), "read standard input", "Stdin"),
    (Never, lambda b: b.read_text("/etc/hostname"), "read_text", "ReadFile"),
    (ReadFile, lambda b: b.write_text("/tmp/x", ""), "write_text", "WriteFile"),
]


@pytest.mark.parametrize(("argument", "closure", "operation", "capability"), DENIALS, ids=[row[2] for row in DENIALS])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_each_denial_names_its_capability(
    argument: Any, closure: Callable[..., object], operation: str, capability: str | None
) -> None:
    error = denied(sandbox_of(argument), closure)
    assert (error.operation, error.capability) == (operation, capability)
    if capability:
        assert error.write is not None
        assert capability in error.write


def test_a_denial_outside_a_scope_names_the_scope_to_add(tmp_path: Path) -> None:
    inside, outside = tmp_path / "in", tmp_path / "out"
    inside.mkdir()
    outside.write_text("secret")
    (inside / "link").symlink_to(outside)
    box = sandbox_of(scoped(ReadFile, inside))
    for closure in (
        lambda _: open(outside).read(),
        lambda b: b.read_text(outside),
        lambda _: open(inside / "link").read(),
        lambda b: b.read_text(inside / "link"),
    ):
        error = denied(box, closure)
        assert error.capability == "ReadFile"
        assert error.write == f'Sandbox[ReadFile[L["{inside}", "{outside}"]]]'


def test_inside_the_closure_a_denial_is_a_permission_error() -> None:
    def closure(_: object) -> str:
        try:
            open("/etc/hostname")
        except PermissionError as error:
            return f"{type(error).__name__} {error.errno} {error.filename}"
        return "opened"

    assert PURE.execute(closure) == "PermissionError 1 /etc/hostname"


def test_an_ordinary_file_permission_stays_a_permission_error(tmp_path: Path) -> None:
    """The grant covers it, so that nothing wider would help."""
    path = tmp_path / "private"
    path.write_text("x")
    path.chmod(0)
    program = f"""
import os, sys
from capsafe import ReadFile, Sandbox
Sandbox[ReadFile]().execute(lambda b: 1)
if os.geteuid() == 0:
    os.chmod({str(tmp_path)!r}, 0o755)
    for folder in __import__("pathlib").Path({str(tmp_path)!r}).parents:
        os.access(folder, 0)
    os.setgroups([]); os.setresgid(65534, 65534, 65534); os.setresuid(65534, 65534, 65534)
try:
    Sandbox[ReadFile]().execute(lambda b: b.read_text({str(path)!r}))
except PermissionError as error:
    print(type(error).__name__)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "PermissionError", done.stderr


def test_an_import_inside_says_so() -> None:
    assert "tabnanny" not in sys.modules
    error = denied(PURE, lambda _: __import__("tabnanny"))
    assert (error.operation, error.target, error.capability) == ("import", "tabnanny", "Import")
    error = denied(Sandbox[ReadFile[Literal["/etc"]]](), lambda _: __import__("tabnanny"))
    assert error.capability == "Import"

    def closure(_: object) -> str:
        try:
            import tabnanny  # noqa: F401 - whether it can be imported is the test
        except ImportError as error:
            return str(error)
        return "imported"

    assert "import tabnanny before execute, or grant Import" in PURE.execute(closure)


def test_what_the_standard_library_loads_late_is_there() -> None:
    import datetime as dt
    import tarfile

    def closure(_: object) -> list[object]:
        time_of_day = dt.datetime.strptime("2020-01-02 +0000", "%Y-%m-%d %z").year
        return [time_of_day, "é".encode("cp1252"), b"\xff\xfea\0".decode("utf-16"), "\N{BULLET}".encode("utf-8-sig")]

    assert PURE.execute(closure)[0] == 2020
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as archive:
        archive.addfile(tarfile.TarInfo("x"))
    assert PURE.execute(lambda _, raw: tarfile.open(fileobj=io.BytesIO(raw)).getnames(), data.getvalue()) == ["x"]
