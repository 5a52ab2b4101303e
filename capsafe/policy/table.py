"""DATA: capability to what the kernel allows for it: system calls, Landlock rights, and what can't be enforced.

This module knows one row for each capability; a group is the rows of its parts. It refuses to know how rows are
joined (``capsafe.policy.compile``). Rows only *allow*: nothing in one row takes away what another gives, so a wider
grant never forbids what a narrower one allowed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from capsafe import capabilities as caps
from capsafe.capabilities import Capability
from capsafe.policy import syscalls as calls
from capsafe.policy.model import (
    NO_PORT_RIGHT,
    NO_RIGHT,
    READ_RIGHTS,
    WRITE_RIGHTS,
    PathRule,
    Place,
    PortRight,
    Right,
    Rule,
)


@dataclass(frozen=True, slots=True)
class Row:
    """What one capability gives.

    ``calls``: in any scope. ``unscoped_calls``: only without a scope, since nothing ties them to a path.
    ``direct_calls``: only where the supervisor makes no sockets. ``direct_sends``: only where it does not send.

    ``rights``: on the paths of the scope. ``scope_rights``: more on them where they are named. ``paths``: whatever the
    scope. ``unscoped_paths``: only without one. ``ports``: on the ports of the scope. ``ports_anywhere``: on all ports,
    whatever the scope. ``landlock_abi``: the oldest Landlock that makes the row true.

    ``supervised``: the field of ``Supervised`` that its scopes are, empty where the supervisor has no part in it.
    ``exact_ports``: a scope of a port alone is the kernel's. ``names``: host names are looked up.

    ``scope_refused``: why a scope can't be enforced, empty where it can. ``remark``, ``scope_remark``: what a reader
    would not expect. The others are those of ``Policy``.
    """

    calls: frozenset[Rule] = frozenset()
    unscoped_calls: frozenset[Rule] = frozenset()
    direct_calls: frozenset[Rule] = frozenset()
    direct_sends: frozenset[Rule] = frozenset()
    rights: Right = NO_RIGHT
    scope_rights: Right = NO_RIGHT
    ports: PortRight = NO_PORT_RIGHT
    ports_anywhere: PortRight = NO_PORT_RIGHT
    paths: tuple[PathRule, ...] = ()
    unscoped_paths: tuple[PathRule, ...] = ()
    landlock_abi: int = 0
    streams: frozenset[str] = frozenset()
    environ: bool = False
    files: bool = False
    programs: bool = False
    threads: bool = False
    preload: tuple[str, ...] = ()
    supervised: str = ""
    exact_ports: bool = False
    names: bool = False
    scope_refused: str = ""
    remark: str = ""
    scope_remark: str = ""

    @property
    def every_call(self) -> frozenset[Rule]:
        """What it allows in any form of the grant, by itself or through the supervisor."""
        return self.calls | self.unscoped_calls | self.direct_calls | self.direct_sends


#: Where the dynamic loader finds libraries. Read, not execute: mapping a library wants only the right to read it.
LIBRARY_PATHS: Final = (
    *(
        PathRule(path, READ_RIGHTS)
        for path in ("/lib", "/lib32", "/lib64", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/local/lib")
    ),
    PathRule("/etc/ld.so.cache", Right.READ_FILE),
)

#: The loaders themselves, of glibc and musl: the kernel executes them together with the program.
LOADER_PATHS: Final = tuple(
    PathRule(path, Right.EXECUTE | Right.READ_FILE)
    for path in (
        "/lib64/ld-linux-x86-64.so.2",
        "/lib/ld-linux-aarch64.so.1",
        "/lib/ld-musl-x86_64.so.1",
        "/lib/ld-musl-aarch64.so.1",
    )
)

#: Where the programs of a system are.
PROGRAM_PATHS: Final = tuple(PathRule(path, READ_RIGHTS) for path in ("/bin", "/sbin", "/usr", "/opt", "/nix/store"))

#: Programs are given it for the streams they have no use for.
NULL_DEVICE: Final = PathRule("/dev/null", Right.READ_FILE | Right.WRITE_FILE)

#: Facts of the system as files. Single files of /proc: the folders of processes stay out of reach.
SYSTEM_PATHS: Final = (
    *(
        PathRule(path, Right.READ_FILE)
        for path in (
            "/etc/passwd",
            "/etc/group",
            "/etc/nsswitch.conf",
            "/etc/hostname",
            "/etc/os-release",
            "/etc/timezone",
            "/proc/cpuinfo",
            "/proc/meminfo",
            "/proc/loadavg",
            "/proc/stat",
            "/proc/uptime",
            "/proc/version",
        )
    ),
    PathRule("/sys/devices/system", READ_RIGHTS),
)

_UDP_ANYWHERE: Final = PortRight.BIND_UDP | PortRight.CONNECT_SEND_UDP

ROWS: Final[Mapping[type[Capability], Row]] = MappingProxyType(
    {
        caps.ReadFile: Row(
            calls=calls.METADATA | calls.OPEN_TO_READ | calls.READ_FILES,
            unscoped_calls=calls.READ_ATTRIBUTES,
            rights=READ_RIGHTS,
            landlock_abi=1,
            files=True,
            remark="the root folder itself can't be listed, and nothing in /proc can be read",
            scope_remark=(
                "metadata (does it exist, how long is it, when did it change) of paths outside the scope can be seen: "
                "Landlock does not cover stat"
            ),
        ),
        caps.StatFile: Row(
            calls=calls.METADATA,
            files=True,
            remark="metadata in /proc can be seen, too: Landlock does not cover stat",
            scope_refused=(
                "metadata can't be held to a path: no Landlock right covers stat; write StatFile without a scope, or "
                "ReadFile with it"
            ),
        ),
        caps.WriteFile: Row(
            # Metadata: whoever writes has to see whether there is something already; and libc's own fstat is
            # a stat by path to a filter.
            calls=calls.METADATA | calls.OPEN_TO_WRITE | calls.WRITE_FILES | calls.WRITE_ANYWHERE,
            unscoped_calls=calls.CHANGE_METADATA,
            rights=WRITE_RIGHTS,
            # 2 brought renames between folders, 3 truncation.
            landlock_abi=3,
            files=True,
            remark=(
                "owners and extended attributes can't be changed, nor entries of the root folder, nor what is in /sys "
                "and devices; modes and times can be changed wherever the user may, there too"
            ),
            scope_remark=(
                "modes and times of files that exist can't be changed, as no Landlock right would hold that to the "
                "scope (the mode that a file is made with can be chosen)"
            ),
        ),
        caps.Connect: Row(
            calls=calls.SOCKET_OPTIONS | calls.RECEIVE_MESSAGES | calls.WRITE_ANYWHERE,
            direct_calls=calls.TCP_SOCKETS | calls.CONNECT,
            direct_sends=calls.SEND_MESSAGES,
            ports=PortRight.CONNECT_TCP,
            landlock_abi=4,
            supervised="connect",
            exact_ports=True,
            scope_remark=(
                "where a host is named, the supervisor connects: to the addresses that the name had when it was first "
                "looked up in the run, and for the closure itself, not for programs that it starts"
            ),
        ),
        caps.Listen: Row(
            calls=calls.SOCKET_OPTIONS | calls.RECEIVE_MESSAGES | calls.ACCEPT | calls.WRITE_ANYWHERE,
            direct_calls=calls.TCP_SOCKETS | calls.LISTEN,
            direct_sends=calls.SEND_MESSAGES,
            ports=PortRight.BIND_TCP,
            landlock_abi=4,
            # A port alone is none of the kernel's either: what listens without being bound gets a random one, which no
            # Landlock rule sees.
            supervised="listen",
            scope_remark=(
                "the supervisor binds and listens, for the closure itself and not for programs that it starts; a "
                "listening socket's backlog can't be changed"
            ),
        ),
        caps.Resolve: Row(
            # No call at all: the question is one that nothing grants, and the supervisor answers it.
            preload=("encodings.idna",),
            names=True,
            remark=(
                "the supervisor looks names up, once in a run, as the parent would; who asks tells the name servers "
                "something; programs that the closure starts can't ask"
            ),
        ),
        caps.Datagram: Row(
            calls=calls.SOCKET_OPTIONS | calls.RECEIVE_MESSAGES | calls.WRITE_ANYWHERE,
            direct_calls=calls.UDP_SOCKETS | calls.CONNECT | calls.BIND,
            direct_sends=calls.SEND_MESSAGES | calls.SEND_TO,
            ports_anywhere=_UDP_ANYWHERE,
            # Bind and connect are the same calls for TCP, and Landlock refuses those.
            landlock_abi=4,
            supervised="datagram",
            scope_remark=(
                "the scope is where datagrams are sent to, and which ports are bound, but for those of the kernel's "
                "choice; whoever finds the port may send to it; sendmsg is refused, and programs that the closure "
                "starts have no sockets"
            ),
        ),
        caps.UnixSocket: Row(
            # No sendmsg and recvmsg: they pass descriptors. (With Connect or Listen they are there.)
            calls=calls.ACCEPT | calls.WRITE_ANYWHERE,
            direct_calls=calls.UNIX_SOCKETS | calls.CONNECT | calls.LISTEN,
            direct_sends=calls.SEND_TO,
            rights=Right.MAKE_SOCK | Right.RESOLVE_UNIX,
            # 6 brought the scope on abstract names, which are no paths.
            landlock_abi=6,
            files=True,
            remark="abstract names can't be reached; together with Connect or Listen, descriptors can be passed",
            supervised="unix",
            scope_remark=(
                "the supervisor connects and binds, by absolute paths whose symlinks it has followed, and its process "
                "is the one that a server sees; sendmsg is refused, and programs that the closure starts have no "
                "sockets"
            ),
        ),
        caps.Spawn: Row(
            calls=calls.NEW_PROCESSES
            | calls.PROGRAMS
            # Libraries are mapped executable, and the filter of a program is the filter of the one that started it.
            | calls.LOADER_MEMORY
            | calls.METADATA
            # Programs open /dev/null and their own files in every way. Landlock stands behind the paths.
            | calls.OPEN_FOR_BOTH
            | calls.WRITE_ANYWHERE,
            # The kernel opens a program to read and to execute it. Without a scope, reading is added where programs are
            # and nowhere else, so that Spawn does not read the user's files; with ReadFile on a folder, programs there
            # run, too.
            rights=Right.EXECUTE,
            scope_rights=Right.READ_FILE,
            unscoped_paths=PROGRAM_PATHS,
            paths=(*LIBRARY_PATHS, *LOADER_PATHS, NULL_DEVICE),
            landlock_abi=1,
            files=True,
            programs=True,
            remark=(
                "programs run from /usr, /bin, /sbin, /opt and from where ReadFile is granted; they get no more than "
                "this policy, so give them ReadFile for their files; they keep their process group (no setsid)"
            ),
            scope_remark=(
                "the interpreter of a script is a program of its own and has to be in the scope; a program that can be "
                "*read* can be run through the dynamic loader"
            ),
        ),
        caps.Signal: Row(
            calls=calls.SEND_SIGNALS,
            # 6 brought the scope that keeps signals inside.
            landlock_abi=6,
        ),
        caps.Stdin: Row(streams=frozenset({"stdin"})),
        caps.Stdout: Row(calls=calls.WRITE_STDOUT, streams=frozenset({"stdout"})),
        caps.Stderr: Row(calls=calls.WRITE_STDERR, streams=frozenset({"stderr"})),
        caps.Environ: Row(environ=True),
        caps.Clock: Row(remark="the checker alone stands behind Clock: time is read without a system call"),
        caps.Random: Row(remark="the checker alone stands behind Random: CPython itself needs getrandom"),
        caps.Threads: Row(calls=calls.NEW_THREADS, threads=True),
        caps.Import: Row(
            calls=calls.METADATA | calls.OPEN_TO_READ | calls.READ_FILES,
            paths=(PathRule(Place.MODULES, READ_RIGHTS),),
            landlock_abi=1,
            files=True,
            remark="everything below sys.path can be read, also what is no module; extension modules need NativeCode",
            scope_refused="the kernel can't tell one module's files from another's; write Import without a scope",
        ),
        caps.SystemInfo: Row(
            calls=calls.SYSTEM_FACTS | calls.METADATA | calls.OPEN_TO_READ | calls.READ_FILES,
            paths=SYSTEM_PATHS,
            landlock_abi=1,
        ),
        caps.NativeCode: Row(
            calls=calls.EXECUTABLE_MEMORY | calls.METADATA | calls.OPEN_TO_READ,
            paths=LIBRARY_PATHS,
            landlock_abi=1,
            remark="libraries outside the system's folders need ReadFile (or Import), too",
        ),
    }
)

#: What takes two capabilities at once: one descriptor for both reading and writing.
JOINT_ROWS: Final[Mapping[frozenset[type[Capability]], frozenset[Rule]]] = MappingProxyType(
    {
        frozenset({caps.ReadFile, caps.WriteFile}): calls.OPEN_FOR_BOTH,
    }
)

#: Unscoped rights hold in every top-level folder but these. /proc shows the environment and memory of processes; what
#: is written in /sys configures the kernel; /dev has the disks as files.
NEVER_ANYWHERE: Final = ("/proc", "/sys", "/dev")

#: The parts of those three that are plain enough.
ANYWHERE_BESIDES: Final = (
    PathRule("/sys", READ_RIGHTS),
    PathRule("/dev/shm", READ_RIGHTS | WRITE_RIGHTS | Right.MAKE_SOCK | Right.RESOLVE_UNIX),  # noqa: S108  # a name
    PathRule("/dev/null", Right.READ_FILE | Right.WRITE_FILE),
    PathRule("/dev/zero", Right.READ_FILE | Right.WRITE_FILE),
    PathRule("/dev/full", Right.READ_FILE | Right.WRITE_FILE),
    PathRule("/dev/random", Right.READ_FILE),
    PathRule("/dev/urandom", Right.READ_FILE),
)

#: A scope here or below would open the environment and memory of processes as files; the single files of the system
#: beside them (/proc/meminfo) may be named.
PROCESS_FOLDERS: Final = r"/proc(/(self|thread-self|[0-9]+|task|fd)(/.*)?)?"
