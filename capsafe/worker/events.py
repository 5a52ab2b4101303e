"""DATA: what a closure may have tried when the kernel refused it, and which capability that would have needed.

This module knows CPython's audit events (https://docs.python.org/3/library/audit_events.html) and the few operations
that have none. It refuses to know which of them took place (``capsafe.worker.denial``). It serves messages alone: what
is refused is decided by the kernel.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class Attempt:
    """One kind of operation.

    ``operation``: in words, to stand before its target. ``needs``: the names of the capabilities that it takes, of
    which the first that is not granted is the missing one; empty where none would give it. ``targets``: which of the
    event's arguments it is about. ``on``: what those are: "path", "endpoint", or "" for what no scope covers.
    ``unscoped``: granted only without a scope. ``entry``: it changes an entry of the folder that the target is in, so
    that the folder's rights decide.
    """

    operation: str
    needs: tuple[str, ...] = ()
    targets: tuple[int, ...] = ()
    on: str = ""
    unscoped: bool = False
    entry: bool = False


def _path(operation: str, *needs: str, targets: tuple[int, ...] = (0,), unscoped: bool = False) -> Attempt:
    return Attempt(operation, needs, targets, "path", unscoped)


def _anywhere(operation: str, *needs: str) -> Attempt:
    """Make one whose path no Landlock right guards: granted in any scope, it holds for every path."""
    return Attempt(operation, needs, (0,))


def _entry(operation: str, *needs: str, targets: tuple[int, ...] = (0,)) -> Attempt:
    return Attempt(operation, needs, targets, "path", entry=True)


#: By audit event; events with several meanings have the meaning after a colon.
EVENTS: Final[Mapping[str, Attempt]] = MappingProxyType(
    {
        "open:read": _path("open for reading", "ReadFile"),
        "open:write": _path("open for writing", "WriteFile"),
        "open:both": _path("open for reading and writing", "ReadFile", "WriteFile"),
        "os.listdir": _path("list", "ReadFile"),
        "os.scandir": _path("list", "ReadFile"),
        "os.chdir": _anywhere("change the current folder to", "ReadFile"),
        "os.getxattr": _path("read extended attributes of", "ReadFile", unscoped=True),
        "os.listxattr": _path("read extended attributes of", "ReadFile", unscoped=True),
        "os.mkdir": _entry("make the folder", "WriteFile"),
        "os.rmdir": _entry("remove the folder", "WriteFile"),
        "os.remove": _entry("remove", "WriteFile"),
        "os.rename": _entry("rename", "WriteFile", targets=(0, 1)),
        "os.link": _entry("link", "WriteFile", targets=(0, 1)),
        # What a symlink says is no path that is touched.
        "os.symlink": _entry("make the symlink", "WriteFile", targets=(1,)),
        "os.truncate": _path("truncate", "WriteFile"),
        # The kernel can't hold these to a path, so that a scoped WriteFile does not give them.
        "os.chmod": _path("change the mode of", "WriteFile", unscoped=True),
        "os.utime": _path("change the times of", "WriteFile", unscoped=True),
        "os.chown": _path("change the owner of"),
        "os.setxattr": _path("change extended attributes of"),
        "os.removexattr": _path("change extended attributes of"),
        "fcntl.flock": Attempt("lock a file", ("WriteFile",)),
        "fcntl.lockf": Attempt("lock a file", ("WriteFile",)),
        "os.system": Attempt("run", ("Spawn",), (0,)),
        "os.exec": _path("run", "Spawn"),
        "os.posix_spawn": _path("run", "Spawn"),
        "os.spawn": _path("run", "Spawn", targets=(1,)),
        "subprocess.Popen": _path("run", "Spawn"),
        "os.fork": Attempt("fork", ("Spawn",)),
        "os.forkpty": Attempt("fork", ("Spawn",)),
        "pty.spawn": Attempt("run", ("Spawn",)),
        "os.kill": Attempt("send a signal to process", ("Signal",), (0,)),
        "os.killpg": Attempt("send a signal to process group", ("Signal",), (0,)),
        "signal.pthread_kill": Attempt("send a signal to a thread", ("Signal",)),
        "socket.__new__:tcp": Attempt("make a TCP socket", ("Connect",)),
        "socket.__new__:udp": Attempt("make a UDP socket", ("Datagram",)),
        "socket.__new__:unix": Attempt("make a Unix socket", ("UnixSocket",)),
        "socket.__new__:other": Attempt("make a socket of another kind"),
        "socket.connect": Attempt("connect to", ("Connect",), (1,), "endpoint"),
        "socket.bind": Attempt("listen on", ("Listen",), (1,), "endpoint"),
        "socket.sendto": Attempt("send a datagram to", ("Datagram",), (1,), "endpoint"),
        "socket.connect:udp": Attempt("connect to", ("Datagram",), (1,), "endpoint"),
        "socket.bind:udp": Attempt("listen on", ("Datagram",), (1,), "endpoint"),
        "socket.connect:unix": _path("connect to", "UnixSocket", targets=(1,)),
        "socket.bind:unix": _path("listen on", "UnixSocket", targets=(1,)),
        "socket.sendto:unix": _path("send a datagram to", "UnixSocket", targets=(1,)),
        "socket.getaddrinfo": Attempt("resolve", ("Resolve",), (0,)),
        "socket.gethostbyname": Attempt("resolve", ("Resolve",), (0,)),
        "socket.gethostbyaddr": Attempt("resolve", ("Resolve",), (0,)),
        "socket.getnameinfo": Attempt("resolve", ("Resolve",), (0,)),
        "socket.gethostname": Attempt("read the host name", ("SystemInfo",)),
        "socket.sethostname": Attempt("change the host name"),
        "ctypes.dlopen": _path("load the library", "NativeCode"),
        "_thread.start_new_thread": Attempt("start a thread", ("Threads",)),
        "_thread.start_joinable_thread": Attempt("start a thread", ("Threads",)),
        "resource.setrlimit": Attempt("change a limit"),
        "resource.prlimit": Attempt("change a limit"),
        "import": Attempt("import", ("Import",), (0,)),
    }
)

#: Functions of ``os`` and ``socket`` without an audit event, by their name in the line that was refused.
CALLS: Final[Mapping[str, Attempt]] = MappingProxyType(
    {
        "stat": _anywhere("read the metadata of", "StatFile"),
        "lstat": _anywhere("read the metadata of", "StatFile"),
        "access": _anywhere("read the metadata of", "StatFile"),
        "statvfs": _anywhere("read the metadata of", "StatFile"),
        "readlink": _anywhere("read the symlink", "StatFile"),
        "mkfifo": _path("make the pipe"),
        "mknod": _path("make the device"),
        "chroot": _path("change the root to"),
        "mkdtemp": _entry("make the folder", "WriteFile"),
        # Of a stream, that is; other descriptors may be copied.
        "dup": Attempt("copy a standard stream"),
        "dup2": Attempt("copy a standard stream"),
        "set_blocking": Attempt("change a standard stream"),
        "lseek": Attempt("change a standard stream"),
        "umask": Attempt("change the umask", ("WriteFile",)),
        "pipe": Attempt("make a pipe", ("Spawn",)),
        "pipe2": Attempt("make a pipe", ("Spawn",)),
        "waitpid": Attempt("wait for a process", ("Spawn",)),
        "uname": Attempt("read the system's name", ("SystemInfo",)),
        "getloadavg": Attempt("read the load", ("SystemInfo",)),
        "getpriority": Attempt("read the priority", ("SystemInfo",)),
        "sched_getaffinity": Attempt("read the affinity", ("SystemInfo",)),
        "nice": Attempt("change the priority"),
        "setpriority": Attempt("change the priority"),
        "sched_setaffinity": Attempt("change the affinity"),
        "setsid": Attempt("make a session"),
        "setpgid": Attempt("change the process group"),
        "setuid": Attempt("change the user"),
        "setgid": Attempt("change the group"),
        "memfd_create": Attempt("make a file in memory"),
        "socketpair": Attempt("make a pair of sockets"),
        "listen": Attempt("listen", ("Listen",)),
        "accept": Attempt("accept a connection", ("Listen",)),
    }
)
