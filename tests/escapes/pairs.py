"""One attack, tried twice by the same user: in a sandbox, and where nothing confines it.

This module knows how to run both and what may be said of them. It refuses to know the attacks. Unlike the arena, an
attack's parent is a process of the same user that can be looked into, so that nothing but the sandbox is in the way.
"""

import ctypes
import errno
import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import FrameType, FunctionType
from typing import Any

import pytest

from capsafe import Environ, FileSystem, NativeCode, Network, Process, Sandbox, SandboxKilledError, Stdio, SystemInfo
from capsafe import Threads as ThreadsGranted
from capsafe.policy.numbers import NUMBERS
from tests.escapes.arena import NOBODY, SECRET, become, in_child

ROOT = os.geteuid() == 0
#: In a container root may be without CAP_SYS_ADMIN, and is then a user like others in most of this.
PRIVILEGED = ROOT and bool(int(Path("/proc/self/status").read_text().split("CapEff:")[1].split()[0], 16) & 1 << 21)
USERS = [pytest.param(None, id="self"), *([pytest.param(NOBODY, id="nobody")] if ROOT else [])]
NUMBER = NUMBERS[os.uname().machine]

#: All that can be granted, but for Import, whose folders another user may not open.
EVERYTHING: Any = FileSystem | Network | Process | Stdio | ThreadsGranted | NativeCode | SystemInfo | Environ
#: The same without what brings executable memory.
NO_CODE: Any = FileSystem | Network | Stdio | ThreadsGranted | SystemInfo | Environ

WORKED = "worked"
FAILED = "had no effect"

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.syscall.restype = ctypes.c_long

#: A place in the parent's memory that it shows to whoever can look.
TREASURE = ctypes.create_string_buffer(SECRET.encode())


def call(name: str | int, *arguments: Any) -> int:
    """Make a system call by its name or number. Raises ``OSError``."""
    number = NUMBER[name] if isinstance(name, str) else name
    result = int(
        LIBC.syscall(ctypes.c_long(number), *(ctypes.c_long(a) if isinstance(a, int) else a for a in arguments))
    )
    if result == -1:
        raise OSError(ctypes.get_errno(), str(name))
    return result


def as_process(function: Callable[[], object]) -> bool:
    """Run a function in a process of its own, which it may become another program in. Raises its ``OSError``."""
    pid = os.fork()
    if pid == 0:
        code = 255
        try:
            function()
            code = 0
        except OSError as error:
            code = error.errno or 255
        finally:
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if code > 0:
        raise OSError(code, "in a process of its own")
    return code == 0


@dataclass
class Stage:
    """What there is to take.

    ``folder``: the attacker's own, with ``own``, a file. ``secret``: a file beside it. ``descriptor``: the secret, open
    in the parent. ``received``: the signals that the parent got.
    """

    base: Path
    descriptor: int = -1
    received: list[int] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        """Return the attacker's own folder."""
        return self.base / "folder"

    @property
    def own(self) -> Path:
        """Return a file in it."""
        return self.folder / "own"

    @property
    def secret(self) -> Path:
        """Return a file beside it."""
        return self.base / "secret"

    @property
    def marker(self) -> Path:
        """A file that an attack makes when it can."""
        return self.base / "marker"


Attack = Callable[[Stage], object]


@dataclass(frozen=True)
class Row:
    """An attack and what is expected of it.

    ``grant``: the type of the sandbox, or what makes it of the stage. ``refused``: what it may be told inside.
    ``reached``: errors that say outside that the kernel took the call and found its arguments wrong. ``unless``: why it
    may fail outside as well. ``root_only``: no other user can do it outside either. ``prepare``: runs in the parent of
    each attempt.
    """

    attack: Attack
    grant: Any
    refused: frozenset[str]
    reached: frozenset[str] = frozenset()
    unless: str = ""
    root_only: bool = False
    prepare: Callable[[Stage], object] | None = None

    def __str__(self) -> str:
        return getattr(self.attack, "__name__", "")


class Family(list[Any]):
    """The attacks of a file, as parameters of its test."""

    def attack(
        self,
        grant: Any = EVERYTHING,
        *refused: str,
        reached: str = "",
        unless: str = "",
        root_only: bool = False,
        prepare: Callable[[Stage], object] | None = None,
    ) -> Callable[[Attack], Attack]:
        """Add an attack: returns something true where it has worked. ``refused``: EPERM when nothing is named."""

        def add(attack: Attack) -> Attack:
            row = Row(
                attack,
                grant,
                frozenset(refused or ("EPERM",)),
                frozenset(reached.split()),
                unless,
                root_only,
                prepare,
            )
            self.append(pytest.param(row, id=str(row)))
            return attack

        return add


@cache
def sandbox(grant: Any) -> Any:
    """Make a sandbox that has run once: what it loads then, another user may not read."""
    made: Any = Sandbox.__class_getitem__(grant)(timeout=30)  # type: ignore[attr-defined]  # Generic has it
    made.execute(lambda _: None)
    return made


def attempt(attack: Attack, stage: Stage) -> str:
    """Say in a word what came of an attack."""
    try:
        worked = bool(attack(stage))
    except OSError as error:
        # No errno: an error of the library's own, which says that it was refused.
        return errno.errorcode.get(error.errno or 0, type(error).__name__)
    except Exception as error:  # noqa: BLE001  # whatever it is, the attack has not worked
        return type(error).__name__
    return WORKED if worked else FAILED


def try_inside(row: Row, stage: Stage) -> str:
    grant = row.grant(stage) if isinstance(row.grant, FunctionType) else row.grant
    try:
        said = str(sandbox(grant).execute(lambda _: attempt(row.attack, stage)))
    except SandboxKilledError as error:
        said = error.signal or "ended"
    return WORKED if stage.received or stage.marker.exists() else said


def try_outside(row: Row, stage: Stage) -> str:
    said = in_child(lambda: attempt(row.attack, stage))
    return WORKED if stage.received or stage.marker.exists() else str(said)


@pytest.fixture
def stage() -> Iterator[Stage]:
    """Make a folder for everybody, and take it down."""
    base = Path(tempfile.mkdtemp(prefix="capsafe-pair-", dir="/tmp"))
    base.chmod(0o777)
    yield Stage(base)
    shutil.rmtree(base)


def as_parent(function: Callable[[Row, Stage], str], row: Row, stage: Stage, user: int | None) -> str:
    """Run an attempt from a fresh process of ``user`` that can be looked into."""

    def parent() -> str:
        os.setsid()
        if user is not None:
            become(user)
        # A change of the user has taken it away.
        LIBC.prctl(4, 1, 0, 0, 0)
        stage.folder.mkdir()
        stage.own.write_text("own")
        stage.secret.write_text(SECRET)
        stage.descriptor = os.open(stage.secret, os.O_RDWR)

        def note(number: int, _: FrameType | None) -> None:
            stage.received.append(number)

        signal.signal(signal.SIGUSR1, note)
        if row.prepare is not None:
            row.prepare(stage)
        return function(row, stage)

    said = str(in_child(parent))
    shutil.rmtree(stage.folder)
    stage.secret.unlink()
    stage.marker.unlink(missing_ok=True)
    return said


def duel(row: Row, stage: Stage, user: int | None) -> None:
    """Assert that an attack is refused inside and works outside."""
    if not isinstance(row.grant, FunctionType):
        sandbox(row.grant)
    inside = as_parent(try_inside, row, stage, user)
    assert inside in row.refused, f"in the sandbox it {inside}"
    outside = as_parent(try_outside, row, stage, user)
    if outside == WORKED or outside in row.reached:
        return
    if row.root_only and (user is not None or not PRIVILEGED):
        return
    assert row.unless, f"without a sandbox: {outside}"
    pytest.skip(f"refused as it should be; without a sandbox {outside}: {row.unless}")


def raw_socket_address(port: int) -> bytes:
    """Return a ``struct sockaddr_in`` of the loopback."""
    return int(socket.AF_INET).to_bytes(2, "little") + port.to_bytes(2, "big") + bytes([127, 0, 0, 1]) + bytes(8)
