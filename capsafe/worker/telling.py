"""What the kernel does not see of an observed run, told by the child: what the broker was asked for, the environment.

This module knows how the child says it: it writes on a board in its memory, which its parent reads, and rings by a call
that waits until it has been read. It refuses to be trusted: what is told is checked by the parent, and can only make
less of a grant.

Each thing is told once, since a ring costs as much as a call that is observed.
"""

import _thread
import contextlib
import os
import struct
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, Final, NamedTuple

from capsafe.grants import Grant
from capsafe.kernel.notify import BELL_BOARD, read_memory
from capsafe.policy.denials import BELL
from capsafe.worker.denial import KNOWN, Recorder, refusal_of, variant_of
from capsafe.worker.place import REFUSED_EVENT, Places, write_board

ASKED: Final = "asked"
REFUSED: Final = "refused"
#: What an event announces, and the kernel may allow all the same.
TRIED: Final = "tried"

_MOST_TOLD: Final = 4096
#: Capabilities of which the kernel does not see what they were asked about: a name, metadata.
_ABOUT: Final = frozenset({"Connect", "StatFile"})
_LENGTH: Final = struct.Struct("=I")

#: Events after which there need be no call that could be refused.
_UNCERTAIN: Final = frozenset(
    {
        "import",
        "socket.getaddrinfo",
        "socket.gethostbyname",
        "socket.gethostbyaddr",
        "socket.getnameinfo",
        "subprocess.Popen",
    }
)
#: Events whose socket tells what they are about.
_ON_SOCKETS: Final = frozenset({"socket.connect", "socket.bind"})
#: Events that may be about an open descriptor in place of a path.
_ON_PATHS: Final = frozenset(
    {"open", "os.listdir", "os.scandir", "os.chdir", "os.chmod", "os.chown", "os.utime", "os.truncate"}
)
_KINDS: Final = {(2, 1): "tcp", (10, 1): "tcp", (2, 2): "udp", (10, 2): "udp"}
_UNIX: Final = 1
_KIND_MASK: Final = 0xF


class Told(NamedTuple):
    """What a child says. ``what``: ASKED, REFUSED or TRIED. ``event``: of TRIED, the audit event's name."""

    what: str
    operation: str
    capability: str
    target: str
    scope: str
    event: str


_told: set[Told] = set()
_lock = _thread.allocate_lock()


def tell(told: Told) -> None:
    """Have the parent read one thing, in the child."""
    if len(_told) > _MOST_TOLD:
        # Without what it is about: of those there are few.
        told = told._replace(target="", scope="")
    if told in _told and told.what != TRIED:
        return
    _told.add(told)
    text = _pack(told)
    if len(text) > BELL_BOARD.size:
        # A target this long: without it, the capability alone is known.
        text = _pack(told._replace(target="", scope=""))
    # In a process that was forked while another thread was telling it stays locked.
    held = _lock.acquire(timeout=1)
    try:
        BELL_BOARD.view[: len(text)] = text
        with contextlib.suppress(OSError):
            os.lseek(-1, 0, BELL)
    finally:
        if held:
            _lock.release()


def _pack(told: Told) -> bytes:
    text = "\0".join(part.replace("\0", "") for part in told).encode(errors="surrogateescape")
    return _LENGTH.pack(len(text)) + text


def tell_asked(operation: str, capability: str, target: str | None) -> None:
    """Tell what the broker was asked for and has granted."""
    tell(Told(ASKED, operation, capability, target or "" if capability in _ABOUT else "", "", ""))


def read_told(memory: int) -> Told | None:
    """Return what a child that rings has to say, None where it is nothing that is told. ``memory``: the child's."""
    raw = read_memory(memory, BELL_BOARD.address, BELL_BOARD.size)
    if len(raw) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack_from(raw)
    parts = raw[_LENGTH.size : _LENGTH.size + length].decode(errors="surrogateescape").split("\0")
    return Told(*parts) if len(parts) == len(Told._fields) else None


class Learner(Recorder):
    """Records as in every child, and tells besides: what an event announces that the grant lacks, and how it is made.

    ``grant``: of the sandbox. ``environ``: the environment is granted.
    """

    def __init__(self, files: frozenset[str], grant: Grant, *, environ: bool) -> None:
        self._places = Places(files)
        super().__init__(files)
        self._grant = grant
        self._environ = environ
        self._serial = 0

    def install(self) -> None:
        """Start, for as long as the process lives."""
        super().install()
        if self._environ:
            _watch_environment()

    def _make_hook(self, _: object, *, reads: bool) -> Callable[[str, tuple[Any, ...]], None]:
        del reads
        here = sys._getframe  # noqa: SLF001 - inspect's own way costs a hundred times more

        def remember(event: str, args: tuple[Any, ...]) -> None:
            if event == REFUSED_EVENT:
                operation, capability, target = args
                self._write("", "", here(1))
                tell(Told(REFUSED, str(operation), str(capability), str(target or ""), "", ""))
            elif event in KNOWN:
                self.recent.append((event, args))
                self._label(event, args, here(1))

        return remember

    def _label(self, event: str, args: tuple[Any, ...], frame: FrameType | None) -> None:
        kind = _kind(event, args)
        self._write(event, kind, frame)
        if event not in _UNCERTAIN and not _is_odd(event, args, kind):
            lacking = refusal_of(event, args, self._grant)
            if lacking is not None:
                name = lacking.capability or ""
                scope = dict(lacking.wanted).get(name) or ""
                tell(Told(TRIED, lacking.operation, name, lacking.target or "", scope, event))

    def _write(self, event: str, kind: str, frame: FrameType | None) -> None:
        self._serial += 1
        imports = frame is not None and frame.f_code.co_filename.startswith("<frozen importlib")
        file, line = self._places.find(frame) or ("", 0)
        write_board(f"{event}|{kind}|{'import' if imports else ''}|{self._serial}", file, line)


def _kind(event: str, args: tuple[Any, ...]) -> str:
    if event in _ON_SOCKETS:
        made = args[0]
        return "unix" if made.family == _UNIX else _KINDS.get((int(made.family), made.type & _KIND_MASK), "other")
    return variant_of(event, args).partition(":")[2]


def _is_odd(event: str, args: tuple[Any, ...], kind: str) -> bool:
    """Say whether what the table of events says of this one does not hold: another kind of socket, a descriptor."""
    if event in _ON_SOCKETS:
        return kind != "tcp"
    return bool(args) and isinstance(args[0], int) and event in _ON_PATHS


class _Watched(dict[Any, Any]):
    """The environment's own dict: tells that it was looked at, by the first that does."""

    def __getitem__(self, key: Any) -> Any:  # noqa: ANN401 - as the dict that it stands for
        tell_asked("read the environment", "Environ", None)
        return super().__getitem__(key)

    def __iter__(self) -> Iterator[Any]:
        tell_asked("read the environment", "Environ", None)
        return super().__iter__()


def _watch_environment() -> None:
    held: Any = getattr(os.environ, "_data", None)
    if isinstance(held, dict):
        os.environ._data = _Watched(held)  # type: ignore[attr-defined]  # noqa: SLF001 - Python's view has no other hook
