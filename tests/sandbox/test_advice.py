"""The advice of every denial works: with the type it says to write, the very same operation succeeds."""

# What is opened is never open, or its process ends.
# ruff: noqa: SIM115

import contextlib
import ctypes
import os
import pwd
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Never

import pytest

from capsafe import (
    Clock,
    Connect,
    Datagram,
    Environ,
    Import,
    Listen,
    NativeCode,
    Random,
    ReadFile,
    Resolve,
    Sandbox,
    Signal,
    Spawn,
    StatFile,
    Stderr,
    Stdin,
    Stdout,
    SystemInfo,
    Threads,
    UnixSocket,
    WriteFile,
)
from capsafe.cli.grant_text import read_text
from capsafe.policy.table import ROWS
from tests.sandbox.boxes import denied, sandbox_of, scoped

pytestmark = pytest.mark.kernel


@dataclass(frozen=True)
class Place:
    """What there is: a folder with a file that may be granted, one beside it, and a port where somebody listens."""

    inside: Path
    outside: Path
    port: int


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    for name in ("inside", "outside"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("text")
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield Place(tmp_path / "inside", tmp_path / "outside", server.getsockname()[1])


def connect(place: Place) -> None:
    socket.create_connection(("127.0.0.1", place.port)).close()


def serve(_: Place) -> None:
    socket.create_server(("127.0.0.1", 0)).close()


def send_a_datagram(place: Place) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
        own.sendto(b"x", ("127.0.0.1", place.port))


def fork(_: Place) -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)


def start_a_thread(_: Place) -> None:
    thread = threading.Thread(target=int)
    thread.start()
    thread.join()


def library() -> str:
    """Name one that is there and not loaded."""
    loaded = Path("/proc/self/maps").read_text() if os.access("/proc/self/maps", os.R_OK) else ""
    return next(name for name in ("libanl.so.1", "libthread_db.so.1", "libBrokenLocale.so.1") if name not in loaded)


LIBRARY = library()


def load_it(_: Place) -> None:
    ctypes.CDLL(LIBRARY)


Use = Callable[[Place], object]

#: A use, the target that the denial names (None where there is none, ... where it may), and by capability.
USES: dict[Any, list[tuple[Use, str | None]]] = {
    ReadFile: [
        (lambda p: open(p.outside / "file").close(), "{outside}/file"),
        (lambda p: (p.outside / "file").read_text(), "{outside}/file"),
        (lambda p: os.listdir(p.outside), "{outside}"),
        (lambda p: os.open(p.outside / "file", os.O_RDWR), "{outside}/file"),
        (lambda p: open(p.outside / "file", "r+").close(), "{outside}/file"),
        (lambda _: open("/proc/meminfo").close(), "/proc/meminfo"),
        (lambda _: os.chdir("/etc"), "/etc"),
    ],
    StatFile: [
        (lambda p: os.stat(p.outside), "{outside}"),
        (lambda p: os.statvfs(p.outside), "{outside}"),
        (lambda _: os.readlink("/proc/self"), "/proc/self"),
    ],
    WriteFile: [
        (lambda p: open(p.outside / "new", "w").close(), "{outside}/new"),
        (lambda p: os.mkdir(p.outside / "folder"), "{outside}/folder"),
        (lambda p: os.remove(p.outside / "file"), "{outside}/file"),
        (lambda p: os.rename(p.outside / "file", p.outside / "b"), "{outside}/file"),
        (lambda p: os.symlink("to", p.outside / "link"), "{outside}/link"),
        (lambda p: os.link(p.outside / "file", p.outside / "hard"), "{outside}/file"),
        (lambda p: os.truncate(p.outside / "file", 1), "{outside}/file"),
        (lambda p: os.chmod(p.outside / "file", 0o600), "{outside}/file"),
        (lambda p: os.utime(p.outside / "file"), "{outside}/file"),
        (lambda _: os.umask(0o22), None),
    ],
    Connect: [(connect, "127.0.0.1:{port}"), (lambda _: socket.socket().close(), None)],
    Listen: [(serve, None)],
    Resolve: [(lambda _: socket.gethostbyname("localhost"), "localhost")],
    Datagram: [(send_a_datagram, None)],
    UnixSocket: [(lambda _: socket.socket(socket.AF_UNIX).close(), None)],
    Spawn: [
        (lambda _: subprocess.run(["/bin/true"], check=True), "/bin/true"),
        (lambda _: subprocess.run(["true"], check=True, capture_output=True), None),
        (fork, None),
    ],
    Signal: [
        (lambda _: os.kill(os.getpid(), 0), "{any}"),
        (lambda _: os.killpg(os.getpgrp(), 0), "{any}"),
    ],
    Stdin: [(lambda _: os.read(0, 0), None), (lambda _: sys.stdin.read(0), None)],
    Stdout: [(lambda _: os.write(1, b""), None), (lambda _: print(end=""), None)],
    Stderr: [(lambda _: os.write(2, b""), None), (lambda _: sys.stderr.write(""), None)],
    Environ: [(lambda _: os.environ["PATH"], "PATH")],
    Threads: [(start_a_thread, None)],
    Import: [(lambda _: __import__("tabnanny") is None, "tabnanny")],
    SystemInfo: [
        (lambda _: os.uname(), None),
        (lambda _: socket.gethostname(), None),
        (lambda _: os.getloadavg(), None),
        (lambda _: os.getpriority(os.PRIO_PROCESS, 0), None),
        (lambda _: pwd.getpwnam("root") is None, None),
    ],
    NativeCode: [(load_it, LIBRARY)],
}
CASES = [
    pytest.param(capability, use, target, id=f"{capability.__name__}-{number}")
    for capability, uses in USES.items()
    for number, (use, target) in enumerate(uses)
]


def test_every_capability_has_its_use() -> None:
    """But for those that the checker alone stands behind, which need no advice: they work."""
    assert set(USES) | {Clock, Random} == set(ROWS)
    assert Sandbox[Never]().execute(lambda _: (time.time() > 0, len(os.urandom(1)))) == (True, 1)


def advised(write: str | None, **limits: Any) -> Any:
    assert write is not None
    return sandbox_of(read_text(write), timeout=30, **limits)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
@pytest.mark.parametrize(("capability", "use", "target"), CASES)
def test_what_a_denial_says_to_write_works(capability: Any, use: Use, target: str | None, place: Place) -> None:
    error = denied(sandbox_of(Never, timeout=30), lambda _: use(place))
    assert error.operation
    assert error.capability == capability.__name__
    expected = target and target.format(outside=place.outside, port=place.port, any=error.target)
    assert error.target == expected
    assert capability.__name__ in (error.write or "")
    advised(error.write).execute(lambda _: use(place) is None)
    assert error.denials, "what the kernel told is kept"


@pytest.mark.parametrize("use", [use for use, target in USES[ReadFile] if "{outside}" in str(target)])
def test_reading_outside_a_scope_says_one_that_works(use: Use, place: Place) -> None:
    check_scoped(ReadFile, use, place)


@pytest.mark.parametrize("use", [use for use, target in USES[WriteFile] if target])
def test_writing_outside_a_scope_says_one_that_works(use: Use, place: Place) -> None:
    check_scoped(WriteFile, use, place)


def check_scoped(capability: Any, use: Use, place: Place) -> None:
    granted = sandbox_of(scoped(capability, place.inside), timeout=30)
    error = denied(granted, lambda _: use(place))
    try:
        advised(error.write).execute(lambda _: use(place) is None)
    except PermissionError:
        # What the filter refuses comes before what Landlock does: there was something more to add.
        error = denied(advised(error.write), lambda _: use(place))
        advised(error.write).execute(lambda _: use(place) is None)


def test_moving_between_folders_says_both(place: Place) -> None:
    other = place.outside.parent / "other"
    other.mkdir()
    error = denied(
        sandbox_of(scoped(WriteFile, place.inside)), lambda _: os.rename(place.outside / "file", other / "file")
    )
    assert error.write == f'Sandbox[WriteFile[L["{place.inside}", "{other}", "{place.outside}"]]]'
    advised(error.write).execute(lambda _: os.rename(place.outside / "file", other / "file"))


def test_a_file_that_is_not_there_yet_is_asked_for_by_its_folder(place: Place) -> None:
    box = sandbox_of(scoped(WriteFile, place.inside))
    error = denied(box, lambda _: open(place.outside / "new", "w"))
    assert error.write == f'Sandbox[WriteFile[L["{place.inside}", "{place.outside}"]]]'


def test_the_program_of_a_scope_is_advised(place: Place) -> None:
    del place
    box = sandbox_of(scoped(Spawn, Path("/bin/true")))
    error = denied(box, lambda _: subprocess.run(["/bin/false"], check=False))
    assert error.capability == "Spawn"
    assert advised(error.write).execute(lambda _: subprocess.run(["/bin/false"], check=False).returncode) == 1


NOTHING_HELPS: list[tuple[Any, Callable[[object], object]]] = [
    (Never, lambda _: open("/proc/self/environ")),
    (Never, lambda _: open("/proc/1/environ")),
    (Never, lambda _: os.listdir("/proc")),
    (Never, lambda _: os.listdir("/")),
    (Never, lambda _: os.mkdir("/capsafe-was-here")),
    (Never, lambda _: os.eventfd(0)),
    (Never, lambda _: os.dup(1)),
    (Stdout, lambda _: os.set_blocking(1, False)),
]


@pytest.mark.parametrize(("grant", "closure"), NOTHING_HELPS)
def test_where_no_grant_helps_none_is_advised(grant: Any, closure: Callable[[object], object]) -> None:
    error = denied(sandbox_of(grant, timeout=30), closure)
    assert (error.capability, error.write) == (None, None)
    assert str(error).endswith("is not granted")


def test_an_error_of_the_closures_own_is_no_denial(place: Place) -> None:
    """Not even right after one that it swallowed."""
    del place

    def closure(_: object) -> None:
        with contextlib.suppress(PermissionError):
            os.write(1, b"x")
        raise PermissionError(1, "its own")

    with pytest.raises(PermissionError, match="its own") as caught:
        sandbox_of(Never, timeout=30).execute(closure)
    assert type(caught.value) is PermissionError
    assert len(caught.value.denials) == 1  # type: ignore[attr-defined]  # written there as the run ends
