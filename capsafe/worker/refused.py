"""DATA: what a refused system call was about: the operation in words, the capability, and where its target stands.

This module knows the calls and their arguments, by name and number alone. It refuses to read anyone's memory
(``capsafe.worker.supervisor``), and to decide: the kernel has refused already. A call that is not listed is reported
by its name, with the capability whose row in the policy table would have allowed it.

Source: the calls' pages in section 2 of the manual.
"""

import errno
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, NamedTuple

from capsafe.capabilities import Capability
from capsafe.policy.model import LOW_HALF
from capsafe.policy.syscalls import (
    AF_INET,
    AF_INET6,
    AF_UNIX,
    CLONE_THREAD,
    F_GETLK_TO_SETLKW,
    F_OFD_LOCKS,
    MSG_FASTOPEN,
    O_ACCMODE,
    O_CREAT,
    O_TRUNC,
    O_WRONLY,
    PROT_EXEC,
    SOCK_DGRAM,
    SOCK_STREAM,
    SOCK_TYPE_MASK,
)
from capsafe.worker.events import CALLS, EVENTS, Attempt

#: The answer to every call that is left to the supervisor; the others have theirs in the filter.
ANSWER: Final = errno.EPERM

_AT_REMOVEDIR: Final = 0x200


@dataclass(frozen=True, slots=True)
class Refused:
    """One refused call, in words.

    ``path``, ``address``, ``number``: the argument that is the target: a path, a socket address (its length is the next
    one) or a plain number; None where it is not one of these. ``event``: the audit event that CPython raises before it
    makes the call, "" where there is none.
    """

    attempt: Attempt
    path: int | None = None
    address: int | None = None
    number: int | None = None
    event: str = ""


class Refusal(NamedTuple):
    """What was not granted of a call that the supervisor would have done in the child's place.

    ``capability``: None where none gives it. ``scope``: where it was missing, None for anywhere.
    """

    operation: str
    capability: type[Capability] | None
    target: str | None = None
    scope: str | None = None


#: What is refused as any call is that no capability gave.
NOT_MINE: Final = Refusal("", None)


def _known(key: str, path: int | None = None, address: int | None = None, number: int | None = None) -> Refused:
    if key in EVENTS:
        return Refused(EVENTS[key], path, address, number, key.partition(":")[0])
    return Refused(CALLS[key], path, address, number)


_METADATA: Final = CALLS["stat"]

_ROWS: Final[Mapping[str, Refused]] = MappingProxyType(
    {
        "creat": _known("open:write", path=0),
        "stat": Refused(_METADATA, path=0),
        "lstat": Refused(_METADATA, path=0),
        "access": Refused(_METADATA, path=0),
        "statfs": Refused(_METADATA, path=0),
        "newfstatat": Refused(_METADATA, path=1),
        "statx": Refused(_METADATA, path=1),
        "faccessat": Refused(_METADATA, path=1),
        "fstat": Refused(Attempt("read the metadata of an open file", ("StatFile",))),
        "fstatfs": Refused(Attempt("read the metadata of an open file", ("StatFile",))),
        "readlink": _known("readlink", path=0),
        "readlinkat": _known("readlink", path=1),
        "chdir": _known("os.chdir", path=0),
        "fchdir": _known("os.chdir"),
        "getdents64": _known("os.listdir"),
        "getdents": _known("os.listdir"),
        "mkdir": _known("os.mkdir", path=0),
        "mkdirat": _known("os.mkdir", path=1),
        "rmdir": _known("os.rmdir", path=0),
        "unlink": _known("os.remove", path=0),
        "rename": _known("os.rename", path=0),
        "renameat": _known("os.rename", path=1),
        "renameat2": _known("os.rename", path=1),
        "link": _known("os.link", path=0),
        "linkat": _known("os.link", path=1),
        "symlink": _known("os.symlink", path=1),
        "symlinkat": _known("os.symlink", path=2),
        "truncate": _known("os.truncate", path=0),
        "ftruncate": _known("os.truncate"),
        "chmod": _known("os.chmod", path=0),
        "fchmod": _known("os.chmod"),
        "fchmodat": _known("os.chmod", path=1),
        "utime": _known("os.utime", path=0),
        "utimes": _known("os.utime", path=0),
        "utimensat": _known("os.utime", path=1),
        "futimesat": _known("os.utime", path=1),
        "removexattr": _known("os.removexattr", path=0),
        "lremovexattr": _known("os.removexattr", path=0),
        "fremovexattr": _known("os.removexattr"),
        "flock": _known("fcntl.flock"),
        "umask": _known("umask"),
        "pipe": _known("pipe"),
        "pipe2": _known("pipe2"),
        "memfd_create": _known("memfd_create", path=0),
        "execve": _known("os.exec", path=0),
        "fork": _known("os.fork"),
        "vfork": _known("os.fork"),
        "wait4": _known("waitpid"),
        "waitid": _known("waitpid"),
        "kill": _known("os.kill", number=0),
        "tkill": _known("signal.pthread_kill", number=0),
        "tgkill": _known("signal.pthread_kill", number=1),
        "setsid": _known("setsid"),
        "setpgid": _known("setpgid"),
        "prlimit64": _known("resource.prlimit"),
        "setrlimit": _known("resource.setrlimit"),
        "uname": _known("uname"),
        "sysinfo": _known("uname"),
        "getpriority": _known("getpriority"),
        "setpriority": _known("setpriority"),
        # Its own it may read.
        "sched_getaffinity": Refused(Attempt("read the affinity of another process")),
        "sched_setaffinity": _known("sched_setaffinity"),
        "socketpair": _known("socketpair"),
        "connect": _known("socket.connect", address=1),
        "bind": _known("socket.bind", address=1),
        "listen": _known("listen"),
        "accept": _known("accept"),
        "accept4": _known("accept"),
        "sendto": _known("socket.sendto", address=4),
        "sendmsg": Refused(EVENTS["socket.sendto"]),
        "sendmmsg": Refused(EVENTS["socket.sendto"]),
        "ioctl": Refused(Attempt("control a device (ioctl)")),
    }
)

_STREAMS: Final[Mapping[tuple[str, int], Attempt]] = MappingProxyType(
    {
        ("read", 0): Attempt("read standard input", ("Stdin",)),
        ("write", 1): Attempt("write standard output", ("Stdout",)),
        ("write", 2): Attempt("write standard error", ("Stderr",)),
        ("writev", 1): Attempt("write standard output", ("Stdout",)),
        ("writev", 2): Attempt("write standard error", ("Stderr",)),
    }
)
_WRITE: Final = Attempt("write to an open file", ("WriteFile",))
_NATIVE: Final = Attempt("make memory executable", ("NativeCode",))


def look_up(call: str, arguments: tuple[int, ...]) -> Refused:
    """Return what a refused call was about. ``arguments``: the six registers; a C int is the lower half of one."""
    ints = tuple(argument & LOW_HALF for argument in arguments)
    match call:
        case "open" | "openat":
            at = int(call == "openat")
            return _open(ints[1 + at], path=at)
        case "unlinkat":
            return _known("os.rmdir" if ints[2] & _AT_REMOVEDIR else "os.remove", path=1)
        case "socket":
            return _known(f"socket.__new__:{_kind(ints[0], ints[1])}")
        case "clone":
            return _known("_thread.start_new_thread" if ints[0] & CLONE_THREAD else "os.fork")
        case "mmap" | "mprotect" | "pkey_mprotect" if ints[2] & PROT_EXEC:
            return Refused(_NATIVE)
        case "sendto":
            # With MSG_FASTOPEN it connects, past the rules on ports.
            connects = Attempt("connect while sending to")
            attempt = connects if ints[3] & MSG_FASTOPEN else EVENTS["socket.sendto"]
            return Refused(attempt, address=4, event="socket.sendto")
        case "fcntl":
            is_lock = ints[1] in (*F_GETLK_TO_SETLKW, *F_OFD_LOCKS)
            return _known("fcntl.lockf") if is_lock else Refused(Attempt("change an open file (fcntl)"))
        case "read" | "write" | "writev":
            return Refused(_STREAMS.get((call, ints[0]), _WRITE))
    found = _ROWS.get(call)
    return found or Refused(Attempt(f"the system call {call}"))


def _open(flags: int, path: int) -> Refused:
    if flags & O_ACCMODE > O_WRONLY:
        return _known("open:both", path)
    return _known("open:write" if flags & (O_ACCMODE | O_CREAT | O_TRUNC) else "open:read", path)


def _kind(family: int, kind: int) -> str:
    if family == AF_UNIX:
        return "unix"
    kinds = {SOCK_STREAM: "tcp", SOCK_DGRAM: "udp"}
    return kinds.get(kind & SOCK_TYPE_MASK, "other") if family in (AF_INET, AF_INET6) else "other"
