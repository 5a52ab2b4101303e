"""What attacks are about: secrets, a server, a handler of a signal; and running an attack with and without a sandbox.

This module knows how to give an attack what it could take. It refuses to know the attacks.
"""

import contextlib
import os
import pickle
import shutil
import signal
import socket
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Literal

from capsafe import Sandbox
from capsafe.kernel.libc import prctl

PR_SET_DUMPABLE = 4
SECRET = "the secret of the parent"
NOBODY = 65534


@dataclass(frozen=True)
class Arena:
    """What there is to take.

    ``base``: a folder for everybody, with ``inside``, a folder that may be granted, and ``outside`` with a secret file.
    """

    base: Path
    inside: Path
    secret: Path
    descriptor: int
    folder: int
    port: int
    parent: int
    server: socket.socket
    received: list[int]

    @property
    def marker(self) -> Path:
        """A file that an attack makes when it can."""
        return self.base / "marker"

    def happened(self) -> bool:
        """Whether there is a trace of an attack outside of its process."""
        connected = False
        with contextlib.suppress(BlockingIOError):
            self.server.accept()[0].close()
            connected = True
        return connected or bool(self.received) or self.marker.exists()


Attack = Callable[[Arena], object]


@contextlib.contextmanager
def make_arena() -> Iterator[Arena]:
    """Set everything up, and take it down."""
    base = Path(tempfile.mkdtemp(prefix="capsafe-arena-", dir="/tmp"))
    base.chmod(0o777)
    for name in ("inside", "outside"):
        (base / name).mkdir()
        (base / name).chmod(0o777)
    secret = base / "outside" / "secret"
    secret.write_text(SECRET)
    secret.chmod(0o666)
    (base / "inside" / "note").write_text("a note")
    (base / "inside" / "note").chmod(0o666)
    (base / "inside" / "link").symlink_to(secret)
    (base / "inside" / "up").symlink_to("..")
    received: list[int] = []

    def note(number: int, _: FrameType | None) -> None:
        received.append(number)

    old = signal.signal(signal.SIGUSR1, note)
    descriptor = os.open(secret, os.O_RDWR)
    folder = os.open(base, os.O_RDONLY)
    os.environ["CAPSAFE_SECRET"] = SECRET
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        try:
            port = server.getsockname()[1]
            yield Arena(base, base / "inside", secret, descriptor, folder, port, os.getpid(), server, received)
        finally:
            del os.environ["CAPSAFE_SECRET"]
            os.close(descriptor)
            os.close(folder)
            signal.signal(signal.SIGUSR1, old)
            shutil.rmtree(base)


def in_child(function: Callable[[], Any], user: int | None = None) -> Any:
    """Return what ``function`` returns in a forked child that nothing confines, None where it raises an OSError."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            if user is not None:
                become(user)
            try:
                answer = function()
            except OSError:
                answer = None
            # The harness's own child, which is trusted.
            os.write(writing, pickle.dumps(answer))
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading, "rb") as answers:
        data = answers.read()
    os.waitpid(pid, 0)
    return pickle.loads(data) if data else None


def become(user: int) -> None:
    """Be another user, for good."""
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
    # As after an exec: a change of the user takes it away.
    prctl(PR_SET_DUMPABLE, 1)


def free(attack: Attack, arena: Arena, user: int | None) -> bool:
    """Run an attack where nothing stops it; return whether it worked."""
    return bool(in_child(lambda: bool(attack(arena)), user)) or arena.happened()


def confined(attack: Attack, arena: Arena, user: int | None, grant: Any) -> bool:
    """Run an attack in a sandbox, started by ``user``; return whether it worked."""
    sandbox: Any = Sandbox.__class_getitem__(grant)(timeout=20)  # type: ignore[attr-defined]  # Generic has it
    # What is looked up and loaded once is so before the user changes, who may not read it.
    sandbox.execute(lambda _: None)

    def attempt() -> bool:
        # The parent of the attack is this child of the test, so that the handler has to be here.
        try:
            return bool(sandbox.execute(lambda _: attack(arena)))
        except (OSError, ImportError, RuntimeError, MemoryError):
            return False

    def watched() -> bool:
        return attempt() or bool(arena.received)

    return bool(in_child(watched, user)) or arena.happened()


def scoped(capability: Any, path: Path) -> Any:
    """Give a capability a path that is only known now as its scope."""
    return capability[Literal.__getitem__(str(path))]
