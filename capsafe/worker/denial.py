"""From an error that ended the closure to the capability that was missing.

This module knows how to tell what was tried: from what the broker wrote on the error, from audit events, from the line
that failed. It refuses to decide anything: the kernel has refused already, and where it can't be told why, or the
grant covers it (an ordinary file permission), the error stays what it was.
"""

import dis
import errno
import os
import sys
from collections import deque
from types import TracebackType
from typing import Any, Final, NamedTuple

from capsafe import capabilities
from capsafe.capabilities import Capability
from capsafe.grants import Grant
from capsafe.scopes import covers_path
from capsafe.worker.events import CALLS, EVENTS, Attempt
from capsafe.worker.place import REFUSED_EVENT, TELLING_EVENT, Places, tell_refused

#: What the broker, the streams and the finder write on an error: (operation, capability's name, target or None).
NEEDS_ATTRIBUTE: Final = "_capsafe_needs"

_FAMILIES: Final = {1: "unix", 2: "inet", 10: "inet"}
_KINDS: Final = {1: "tcp", 2: "udp"}
#: Socket types carry SOCK_NONBLOCK and SOCK_CLOEXEC in higher bits.
_KIND_MASK: Final = 0xF
_LONGEST: Final = 4096
KNOWN: Final = frozenset(name.partition(":")[0] for name in EVENTS)


class Denial(NamedTuple):
    """What was refused.

    ``capability``: its name, None where none gives it. ``scope``: where it was missing, None for anywhere.
    """

    operation: str
    target: str | None
    capability: str | None
    scope: str | None
    code: int


class Recorder:
    """Remembers the last operations that a capability stands behind, as CPython reports them.

    ``files``: those of the closure, to write down which of its lines is at it.
    """

    def __init__(self, files: frozenset[str] = frozenset()) -> None:
        self.recent: deque[tuple[str, tuple[Any, ...]]] = deque(maxlen=16)
        self._places = Places(files)

    def install(self) -> None:
        """Start, for as long as the process lives: an audit hook can't be taken away."""
        recent = self.recent
        known = KNOWN
        write = self._places.write
        here = sys._getframe  # noqa: SLF001 - inspect's own way costs a hundred times more

        def remember(event: str, args: tuple[Any, ...]) -> None:
            if event == REFUSED_EVENT:
                tell_refused(*args)
                if recent and recent[-1][0] == TELLING_EVENT:
                    recent.pop()
            elif event in known:
                recent.append((event, args))
                write(event, here(1))

        sys.addaudithook(remember)

    def last(self, error: OSError) -> tuple[Attempt, tuple[Any, ...]] | None:
        """Return the last operation that the error can be of, with the event's arguments."""
        name = _text(error.filename)
        for event, args in reversed(self.recent):
            attempt = EVENTS.get(variant_of(event, args))
            if attempt is None or event == "import":
                continue
            targets = [_text(args[place]) for place in attempt.targets if place < len(args)]
            if name is None or name in targets:
                return attempt, args
        return None

    def last_of(self, event: str) -> tuple[Any, ...] | None:
        """Return the arguments of the last event of a name."""
        return next((args for name, args in reversed(self.recent) if name == event), None)


def find_denial(error: BaseException, recorder: Recorder, grant: Grant) -> Denial | None:
    """Return what an error that the closure did not catch was refused for, None where that can't be told.

    ``recorder``: has run since before the closure. ``grant``: of the sandbox; what it covers is no denial.
    """
    noted = getattr(error, NEEDS_ATTRIBUTE, None)
    if type(noted) is tuple and len(noted) == 3:  # noqa: PLR2004 - see NEEDS_ATTRIBUTE
        return _from_note(error, noted, grant)
    if isinstance(error, ImportError):
        return _from_import(error, grant)
    if isinstance(error, RuntimeError) and str(error) == "can't start new thread":
        return _check(EVENTS["_thread.start_new_thread"], (), errno.EPERM, grant)
    if type(error).__name__ == "gaierror" and type(error).__module__ == "socket":
        asked = recorder.last_of("socket.getaddrinfo") or recorder.last_of("socket.gethostbyname")
        return _check(EVENTS["socket.getaddrinfo"], asked, errno.EPERM, grant) if asked else None
    if isinstance(error, OSError) and error.errno in (errno.EPERM, errno.EACCES):
        return _from_refusal(error, error.errno, recorder, grant)
    return None


def refusal_of(event: str, args: tuple[Any, ...], grant: Grant) -> Denial | None:
    """Return what a grant lacks for what an audit event tells, None where it has it all."""
    attempt = EVENTS.get(variant_of(event, args))
    return None if attempt is None else _check(attempt, args, errno.EPERM, grant)


def _from_refusal(error: OSError, code: int, recorder: Recorder, grant: Grant) -> Denial | None:
    innermost = _innermost(error.__traceback__)
    if innermost is not None and innermost.tb_frame.f_code.co_filename.startswith("<frozen importlib"):
        args = recorder.last_of("import") or (None,)
        return _check(EVENTS["import"], args, code, grant)
    if error.filename is None and _is_raised(innermost):
        return None  # by the closure itself, and it does not say what for
    last = recorder.last(error)
    # An event that names the same path, or that a program was being started, says more than the line that failed.
    knows = last is not None and (error.filename is not None or last[0] is EVENTS["subprocess.Popen"])
    found = last if knows else _from_line(error, innermost) or last
    if found is None:
        return None
    attempt, args = found
    if attempt.operation.startswith("make a TCP") and (asked := recorder.last_of("socket.getaddrinfo")):
        # create_connection asks for the address first, and that is what its caller knows.
        attempt, args = EVENTS["socket.connect"], (None, asked[:2])
    return _check(attempt, args, code, grant)


def _from_note(error: BaseException, noted: tuple[object, ...], grant: Grant) -> Denial | None:
    operation, name, target = noted
    capability = _capability(name)
    if capability is None or not isinstance(operation, str) or not (target is None or isinstance(target, str)):
        return None
    code = error.errno if isinstance(error, OSError) and error.errno else errno.EPERM
    # The broker is not opened by what is ambient, so that does not count.
    scopes = grant.scopes_of(capability, ambient=False)
    if scopes is None:
        return None
    on = "path" if issubclass(capability, capabilities.FileSystem | capabilities.Spawn) else "endpoint"
    if target is not None and scopes and _is_covered(target, on, scopes):
        return None
    scope = _scope(target, on) if scopes and target is not None else None
    return Denial(operation[:_LONGEST], target and target[:_LONGEST], capability.__name__, scope, code)


def _from_import(error: ImportError, grant: Grant) -> Denial | None:
    """Explain an extension module whose file was found and could not be mapped."""
    text = str(error)
    if error.path is None or ("not permitted" not in text and "ermission denied" not in text):
        return None
    for name in ("Import", "NativeCode"):
        if not grant.has(getattr(capabilities, name)):
            return Denial("import", error.name, name, None, errno.EPERM)
    return None


def _from_line(error: OSError, innermost: TracebackType | None) -> tuple[Attempt, tuple[Any, ...]] | None:
    if innermost is None:
        return None
    attempt = CALLS.get(called_name(innermost) or "")
    return None if attempt is None else (attempt, (error.filename,) if error.filename is not None else ())


def _innermost(traceback: TracebackType | None) -> TracebackType | None:
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    return traceback


def _is_raised(innermost: TracebackType | None) -> bool:
    if innermost is None:
        return False
    code = innermost.tb_frame.f_code
    return dis.opname[code.co_code[innermost.tb_lasti]] in ("RAISE_VARARGS", "RERAISE")


def called_name(traceback: TracebackType) -> str | None:
    """Return the name of the function that the line was calling when it failed, None where it was not calling one.

    The name is the last one loaded by the call's own expression before its arguments: the instruction that starts where
    the call starts and is the longest to do so.
    """
    instructions = list(dis.get_instructions(traceback.tb_frame.f_code))
    failed = next((one for one in instructions if one.offset == traceback.tb_lasti), None)
    if failed is None or not failed.opname.startswith(("CALL", "PRECALL")) or failed.positions is None:
        return None
    start = (failed.positions.lineno, failed.positions.col_offset)
    name = None
    for one in instructions:
        if one.offset >= failed.offset:
            break
        where = one.positions
        if where is not None and (where.lineno, where.col_offset) == start and one.opname.startswith("LOAD_"):
            # The names of keyword arguments are loaded there too, as a tuple.
            name = one.argval if isinstance(one.argval, str) and one.opname != "LOAD_CONST" else name
    return name


def variant_of(event: str, args: tuple[Any, ...]) -> str:
    """Return the event's key in EVENTS: some events say only in their arguments what they are."""
    if event == "open":
        return f"open:{_mode(args[2] if len(args) > 2 else 0)}"  # noqa: PLR2004 - path, mode, flags
    if event == "socket.__new__":
        _, family, kind, *_ = args
        name = _FAMILIES.get(int(family), "other")
        if name == "inet":
            name = _KINDS.get(int(kind) & _KIND_MASK, "other")
        return f"socket.__new__:{name}"
    return event


def _mode(flags: object) -> str:
    if not isinstance(flags, int):
        return "read"
    if flags & os.O_ACCMODE == os.O_RDWR:
        return "both"
    return "write" if flags & (os.O_ACCMODE | os.O_CREAT | os.O_TRUNC) else "read"


def _check(attempt: Attempt, args: tuple[Any, ...], code: int, grant: Grant) -> Denial | None:
    """Return the denial of an attempt, None where the grant covers all that it needs."""
    targets: list[str | None] = [_text(args[place]) for place in attempt.targets if place < len(args)]
    if not attempt.needs:
        return Denial(attempt.operation, targets[0] if targets else None, None, None, code)
    for name in attempt.needs:
        capability = _capability(name)
        if capability is None:
            continue
        scopes = grant.scopes_of(capability)
        if scopes is None:
            continue
        for target in targets or [None]:
            if not scopes or attempt.unscoped or target is None:
                return Denial(attempt.operation, target, name, None, code)
            if not _is_covered(target, attempt.on, scopes):
                return Denial(attempt.operation, target, name, _scope(target, attempt.on), code)
    return None


def _is_covered(target: str, on: str, scopes: frozenset[str]) -> bool:
    if on == "path":
        given = os.path.abspath(target)  # noqa: PTH100 - pathlib may not be loaded
        # The kernel looks at what a symlink leads to; where it may be followed here, so does this.
        return all(any(covers_path(scope, path) for scope in scopes) for path in (given, _real(given)))
    _, _, port = target.rpartition(":")
    return any(scope.rpartition(":")[2] in (port, "*") for scope in scopes)


def _real(path: str) -> str:
    try:
        return os.path.realpath(path)
    except OSError:
        return path


def _scope(target: str, on: str) -> str | None:
    """Return the scope that would have covered a target."""
    if on == "path":
        return _real(os.path.abspath(target))  # noqa: PTH100 - as above
    host, colon, port = target.rpartition(":")
    del host
    # What the kernel can hold is a port.
    return f"*:{port}" if colon and port.isdigit() else None


def _text(target: object) -> str | None:
    """Return a target as text: a path of any kind, or an address."""
    if isinstance(target, str | bytes | os.PathLike):
        return os.fsdecode(target)[:_LONGEST]
    if isinstance(target, tuple) and len(target) >= 2 and isinstance(target[1], int | str):  # noqa: PLR2004 - host, port
        host = _text(target[0])
        return f"[{host}]:{target[1]}" if host and ":" in host else f"{host}:{target[1]}"
    return None if target is None else str(target)[:_LONGEST]


def _capability(name: object) -> type[Capability] | None:
    found = getattr(capabilities, name, None) if isinstance(name, str) else None
    return found if isinstance(found, type) and issubclass(found, Capability) else None
