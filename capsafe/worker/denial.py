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
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from capsafe import capabilities
from capsafe.grants import BY_NAME, Grant
from capsafe.policy.hosts import Address, covers, covers_name, host_names, is_port_alone, normal_name
from capsafe.scopes import covers_path
from capsafe.worker.advice import Help, beside_anywhere, real, scope_for
from capsafe.worker.events import CALLS, EVENTS, Attempt
from capsafe.worker.place import REFUSED_EVENT, TELLING_EVENT, Places, tell_refused

if TYPE_CHECKING:
    from collections.abc import Mapping

#: What the broker, the streams and the finder write on an error: (operation, capability's name, target or None).
NEEDS_ATTRIBUTE: Final = "_capsafe_needs"

_FAMILIES: Final = {1: "unix", 2: "inet", 10: "inet"}
_KINDS: Final = {1: "tcp", 2: "udp"}
_ADDRESSED: Final = frozenset({"socket.connect", "socket.bind", "socket.sendto"})
#: Socket types carry SOCK_NONBLOCK and SOCK_CLOEXEC in higher bits.
_KIND_MASK: Final = 0xF
_LONGEST: Final = 4096
#: Of the broker's operations, those that change entries of folders.
_CHANGES_ENTRIES: Final = frozenset(
    {"mkdir", "rmdir", "remove", "rename", "replace", "unlink", "symlink", "link", "move"}
)
#: Functions that make sockets to serve on.
_SERVING: Final = frozenset({"create_server", "start_server", "TCPServer.__init__"})
KNOWN: Final = frozenset(name.partition(":")[0] for name in EVENTS)


#: Flags of an open that does more than read.
_CHANGES: Final = os.O_ACCMODE | os.O_CREAT | os.O_TRUNC


class Denial(NamedTuple):
    """What was refused.

    ``operation``: "" where only the kernel knows what it was. ``capability``: the name of the first that was missing,
    None where none gives it. ``wanted``: all that it takes, each with the scope, None for anywhere.
    """

    operation: str
    target: str | None
    capability: str | None
    wanted: tuple[tuple[str, str | None], ...]
    code: int


class Recorder:
    """Remembers the last operations that a capability stands behind, as CPython reports them. Made in the parent.

    ``files``: those of the closure, to write down which of its lines is at it. ``reads``: the filter lets files be
    opened to read, so that nobody is told of that.
    """

    def __init__(self, files: frozenset[str] = frozenset(), *, reads: bool = False) -> None:
        self.recent: deque[tuple[str, tuple[Any, ...]]] = deque(maxlen=16)
        self._hook = self._make_hook(Places(files).write, reads=reads)

    def install(self) -> None:
        """Start, in the child, for as long as it lives: an audit hook can't be taken away."""
        sys.addaudithook(self._hook)

    def _make_hook(
        self, write: Callable[[str, FrameType | None], None], *, reads: bool
    ) -> Callable[[str, tuple[Any, ...]], None]:
        recent = self.recent
        append = recent.append
        known = KNOWN
        # The event that comes most often by far is told apart first.
        opening = "open" if reads else ""
        here = sys._getframe  # noqa: SLF001 - inspect's own way costs a hundred times more

        def remember(event: str, args: tuple[Any, ...]) -> None:
            if event == opening:
                append((event, args))
                flags = args[2]
                if type(flags) is not int or flags & _CHANGES:
                    write(event, here(1))
            elif event in known:
                append((event, args))
                write(event, here(1))
            elif event == REFUSED_EVENT:
                tell_refused(*args)
                if recent and recent[-1][0] == TELLING_EVENT:
                    recent.pop()

        return remember

    def last(self, error: OSError) -> tuple[Attempt, tuple[Any, ...]] | None:
        """Return the last operation that the error can be of, with the event's arguments."""
        name, other = _text(error.filename), _text(error.filename2)
        for event, args in reversed(self.recent):
            attempt = EVENTS.get(variant_of(event, args))
            if attempt is None or event == "import":
                continue
            targets = [_text(args[place]) for place in attempt.targets if place < len(args)]
            if name is None or name in targets or other in targets:
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
    if isinstance(error, KeyError):
        return _from_lookup(error, grant)
    if isinstance(error, OSError):
        if error.errno in (errno.EPERM, errno.EACCES):
            return _from_refusal(error, error.errno, recorder, grant)
        if not error.errno:
            return _from_silence(error, recorder, grant)
    return None


def _from_lookup(error: KeyError, grant: Grant) -> Denial | None:
    """Explain what is missing in a mapping of the system's."""
    innermost = _innermost(error.__traceback__)
    if innermost is None or not error.args:
        return None
    code = innermost.tb_frame.f_code
    if code.co_qualname == "_Environ.__getitem__" and innermost.tb_frame.f_globals.get("__name__") == "os":
        attempt = Attempt("read the environment variable", ("Environ",), (0,))
        return _check(attempt, error.args, errno.EPERM, grant)
    if str(error.args[0]).startswith(("getpw", "getgr")) and not _is_raised(innermost):
        return _check(Attempt("look up users and groups", ("SystemInfo",)), (), errno.EPERM, grant)
    return None


def _from_silence(error: OSError, recorder: Recorder, grant: Grant) -> Denial | None:
    """Explain an error that does not say which one it is, or that it is one: of a library, or of a few old calls."""
    innermost = _innermost(error.__traceback__)
    library = recorder.last_of("ctypes.dlopen")
    text = str(error)
    if library is not None and ("not permitted" in text or "ermission denied" in text or "failed to map" in text):
        return _check(EVENTS["ctypes.dlopen"], library, errno.EPERM, grant)
    if innermost is None or _is_raised(innermost):
        return None
    found = CALLS.get(called_name(innermost) or "")
    return None if found is None else _check(found, (), errno.EPERM, grant)


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
        # No name for it here; the kernel has told the parent, as it does of what it refuses with this error.
        return Denial("", None, None, (), code) if code == errno.EPERM and error.filename is None else None
    attempt, args = found
    if attempt is EVENTS["socket.__new__:tcp"] and _passes(error.__traceback__, _SERVING):
        attempt = Attempt(attempt.operation, ("Listen",))
    if attempt.operation.startswith("make a TCP") and (asked := recorder.last_of("socket.getaddrinfo")):
        # create_connection asks for the address first, and that is what its caller knows.
        attempt, args = EVENTS["socket.connect"], (None, asked[:2])
    return _check(attempt, args, code, grant)


def _from_note(error: BaseException, noted: tuple[object, ...], grant: Grant) -> Denial | None:
    operation, name, target = noted
    capability = BY_NAME.get(name) if isinstance(name, str) else None
    if capability is None or not isinstance(operation, str) or not (target is None or isinstance(target, str)):
        return None
    code = error.errno if isinstance(error, OSError) and error.errno else errno.EPERM
    # The broker is not opened by what is ambient, so that does not count.
    scopes = grant.scopes_of(capability, ambient=False)
    if scopes is None:
        return None
    paths = capabilities.FileSystem | capabilities.Spawn | capabilities.UnixSocket
    on = "path" if issubclass(capability, paths) else "endpoint"
    if target is not None and scopes and _is_covered(target, on, scopes):
        return None
    operation, target, name = operation[:_LONGEST], target and target[:_LONGEST], capability.__name__
    wanted = _wanted(Attempt(operation, (name,), (0,), on, entry=operation in _CHANGES_ENTRIES), name, target, scopes)
    return Denial(operation, target, name if wanted else None, wanted or (), code)


def _from_import(error: ImportError, grant: Grant) -> Denial | None:
    """Explain an extension module whose file was found and could not be mapped."""
    text = str(error)
    if error.path is None or ("not permitted" not in text and "ermission denied" not in text):
        return None
    for name in ("Import", "NativeCode"):
        if not grant.has(BY_NAME[name]):
            return Denial("import", error.name, name, ((name, None),), errno.EPERM)
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


def _passes(traceback: TracebackType | None, names: frozenset[str]) -> bool:
    """Say whether a function of one of these names was at it."""
    while traceback is not None:
        if traceback.tb_frame.f_code.co_qualname in names:
            return True
        traceback = traceback.tb_next
    return False


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
    if event in _ADDRESSED and args:
        return f"{event}:{_kind_of(args[0])}" if f"{event}:{_kind_of(args[0])}" in EVENTS else event
    return event


def _kind_of(own: object) -> str:
    """Return the kind of a socket: "unix", "udp" or another."""
    name = _FAMILIES.get(int(getattr(own, "family", 0)), "other")
    return name if name != "inet" else _KINDS.get(int(getattr(own, "type", 0)) & _KIND_MASK, "other")


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
        return Denial(attempt.operation, targets[0] if targets else None, None, (), code)
    first: tuple[str, str | None] | None = None
    wanted: list[tuple[str, str | None]] = []
    for name in attempt.needs:
        capability = BY_NAME.get(name)
        scopes = None if capability is None else grant.scopes_of(capability)
        if scopes is None:
            continue
        for target in targets or [None]:
            found = _wanted(attempt, name, target, scopes)
            if found is None:
                return Denial(attempt.operation, target, None, (), code)
            if found and first is None:
                first = (name, target)
            wanted += found
    return None if first is None else Denial(attempt.operation, first[1], first[0], tuple(wanted), code)


def _wanted(
    attempt: Attempt, name: str, target: str | None, scopes: frozenset[str]
) -> tuple[tuple[str, str | None], ...] | None:
    """Return what is missing for one target: nothing where the scopes cover it, None where no grant gives it."""
    if scopes and not attempt.on:
        return ()
    if target is None or attempt.unscoped or not attempt.on:
        return ((name, None),)
    if attempt.on != "path":
        covered = bool(scopes) and _is_covered(target, attempt.on, scopes)
        return () if covered else ((name, _scope(target, scopes) if scopes else None),)
    if name == "Spawn" and "/" not in target:
        # It is looked for in many places.
        return ((name, None),)
    if not scopes and not os.path.isabs(target):  # noqa: PTH117 - as above
        # Below the current folder, which is another one here than where files are granted.
        return ((name, None),)
    if scopes:
        if _is_covered(os.path.dirname(os.path.abspath(target)) if attempt.entry else target, "path", scopes):  # noqa: PTH100, PTH120 - as above
            return ()
        scope = scope_for(target, entry=attempt.entry)
    else:
        path = os.path.abspath(target)  # noqa: PTH100 - as above
        scope = beside_anywhere(os.path.dirname(path) if attempt.entry else path)  # noqa: PTH120 - as above
    if scope is Help.NOTHING:
        return None
    return ((name, scope if isinstance(scope, str) else None),)


def _is_covered(target: str, on: str, scopes: frozenset[str]) -> bool:
    if on == "path":
        given = os.path.abspath(target)  # noqa: PTH100 - pathlib may not be loaded
        # The kernel looks at what a symlink leads to; where it may be followed here, so does this.
        return all(any(covers_path(scope, path) for scope in scopes) for path in (given, real(given)))
    host, _, port = target.rpartition(":")
    text, _, zone = host.strip("[]").partition("%")
    if not port.isdigit():
        return False
    names: Mapping[str, tuple[Address, ...]] = {}
    if host_names(*scopes):
        # Where a scope names a host, the parent has loaded it.
        from capsafe.worker.names import known_addresses  # noqa: PLC0415 - needs sockets

        names = known_addresses()
    try:
        return covers(scopes, Address(text, int(zone) if zone.isdigit() else 0), int(port), names)
    except ValueError:
        return covers_name(scopes, normal_name(text) or text, int(port))


def _scope(target: str, scopes: frozenset[str]) -> str | None:
    """Return the scope that would have covered an endpoint. ``scopes``: that are granted."""
    host, colon, port = target.rpartition(":")
    if not colon or not port.isdigit():
        return None
    # What the kernel can hold is a port. Where a host is named already, it is the host that was meant.
    return f"*:{port}" if all(map(is_port_alone, scopes)) else f"{host}:{port}"


def _text(target: object) -> str | None:
    """Return a target as text: a path of any kind, or an address."""
    if isinstance(target, str | bytes | os.PathLike):
        return os.fsdecode(target)[:_LONGEST]
    if isinstance(target, tuple) and len(target) >= 2 and isinstance(target[1], int | str):  # noqa: PLR2004 - host, port
        host = _text(target[0])
        return f"[{host}]:{target[1]}" if host and ":" in host else f"{host}:{target[1]}"
    return None if target is None else str(target)[:_LONGEST]
