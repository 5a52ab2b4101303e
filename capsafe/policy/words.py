"""DATA: what the arguments in a policy's conditions are called, and why a row is as it is, for the page about it.

This module knows names and causes. It refuses to decide anything: a value without a name is printed as a number.

Sources: the calls' pages in section 2 of the manual; linux/*.h, whose numbers these are.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from capsafe.policy import syscalls as calls
from capsafe.policy.model import LOW_HALF, OUTCOME_FD


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a call.

    ``name``: in a word or two. ``values``: names of whole values, or of what lies under ``mask``. ``bits``: names of
    single bits.
    """

    name: str
    values: Mapping[int, str] = field(default_factory=dict)
    mask: int = LOW_HALF
    bits: Mapping[int, str] = field(default_factory=dict)


def _named(text: str, start: int = 0) -> dict[int, str]:
    """Give names their numbers, in order."""
    return dict(enumerate(text.split(), start))


_OPEN: Final = Argument(
    "flags",
    _named("O_RDONLY O_WRONLY O_RDWR"),
    calls.O_ACCMODE,
    {
        calls.O_CREAT: "O_CREAT",
        calls.O_TRUNC: "O_TRUNC",
        calls.O_PATH: "O_PATH",
        calls.O_TMPFILE: "O_TMPFILE",
    },
)
_PROTECTION: Final = Argument("protection", bits={calls.PROT_EXEC: "PROT_EXEC"})
_MESSAGE: Final = Argument("flags", bits={calls.MSG_FASTOPEN: "MSG_FASTOPEN"})
_FAMILY: Final = Argument("family", {calls.AF_UNIX: "AF_UNIX", calls.AF_INET: "AF_INET", calls.AF_INET6: "AF_INET6"})
_TYPE: Final = Argument("type", {calls.SOCK_STREAM: "SOCK_STREAM", calls.SOCK_DGRAM: "SOCK_DGRAM"}, 0xF)
_PROTOCOL: Final = Argument("protocol", {0: "0", calls.IPPROTO_TCP: "IPPROTO_TCP", calls.IPPROTO_UDP: "IPPROTO_UDP"})
_ITSELF: Final = Argument("process", {0: "0 (itself)"})
_DESCRIPTOR: Final = Argument(
    "descriptor",
    {0: "0 (stdin)", 1: "1 (stdout)", 2: "2 (stderr)", OUTCOME_FD: f"{OUTCOME_FD} (where the result goes)"},
)

#: By call and place.
ARGUMENTS: Final[Mapping[tuple[str, int], Argument]] = MappingProxyType(
    {
        ("open", 1): _OPEN,
        ("openat", 2): _OPEN,
        ("mmap", 2): _PROTECTION,
        ("mprotect", 2): _PROTECTION,
        ("prctl", 0): Argument(
            "option",
            {
                calls.PR_SET_NAME: "PR_SET_NAME",
                calls.PR_GET_NAME: "PR_GET_NAME",
                calls.PR_SET_VMA: "PR_SET_VMA",
            },
        ),
        ("prlimit64", 0): _ITSELF,
        ("prlimit64", 2): Argument("new limit"),
        ("sched_getaffinity", 0): _ITSELF,
        ("fcntl", 0): _DESCRIPTOR,
        ("fcntl", 1): Argument(
            "command",
            _named("F_DUPFD F_GETFD F_SETFD F_GETFL F_SETFL F_GETLK F_SETLK F_SETLKW")
            | {
                36: "F_OFD_GETLK",
                37: "F_OFD_SETLK",
                38: "F_OFD_SETLKW",
                calls.F_DUPFD_CLOEXEC: "F_DUPFD_CLOEXEC",
            },
        ),
        ("ioctl", 0): _DESCRIPTOR,
        ("ioctl", 1): Argument(
            "request",
            {
                calls.TCGETS: "TCGETS",
                calls.TCGETS2: "TCGETS2",
                calls.TIOCGWINSZ: "TIOCGWINSZ",
                calls.FIONREAD: "FIONREAD",
                calls.FIONBIO: "FIONBIO",
                0x5450: "FIONCLEX",
                0x5451: "FIOCLEX",
            },
        ),
        ("write", 0): _DESCRIPTOR,
        ("writev", 0): _DESCRIPTOR,
        ("socket", 0): _FAMILY,
        ("socket", 1): _TYPE,
        ("socket", 2): _PROTOCOL,
        ("socketpair", 0): _FAMILY,
        ("socketpair", 1): _TYPE,
        ("socketpair", 2): _PROTOCOL,
        ("sendto", 3): _MESSAGE,
        ("sendto", 4): Argument("address"),
        ("sendmsg", 2): _MESSAGE,
        ("sendmmsg", 3): _MESSAGE,
        ("setsockopt", 1): Argument(
            "level",
            {
                calls.SOL_IP: "IPPROTO_IP",
                calls.SOL_SOCKET: "SOL_SOCKET",
                calls.SOL_TCP: "IPPROTO_TCP",
                calls.SOL_IPV6: "IPPROTO_IPV6",
            },
        ),
        # The numbers mean something else at each level.
        ("setsockopt", 2): Argument("option"),
        ("clone", 0): Argument(
            "flags",
            {calls.SIGCHLD: "SIGCHLD at its end"},
            0xFF,
            {
                0x80: "CLONE_NEWTIME",
                0x2000: "CLONE_PTRACE",
                calls.CLONE_VFORK: "CLONE_VFORK",
                0x8000: "CLONE_PARENT",
                calls.CLONE_THREAD: "CLONE_THREAD",
                0x20000: "CLONE_NEWNS",
                0x800000: "CLONE_UNTRACED",
                0x2000000: "CLONE_NEWCGROUP",
                0x4000000: "CLONE_NEWUTS",
                0x8000000: "CLONE_NEWIPC",
                0x10000000: "CLONE_NEWUSER",
                0x20000000: "CLONE_NEWPID",
                0x40000000: "CLONE_NEWNET",
            },
        ),
    }
)

_FASTOPEN: Final = "MSG_FASTOPEN would connect past the rules on ports"
_NEW_CODE: Final = "PROT_EXEC would be new machine code, which is NativeCode's"
_OPENED: Final = (
    "O_CREAT and O_TRUNC change a file that is opened to read, too; Landlock does not check what O_PATH opened"
)
_RESULT: Final = "every other descriptor that can be written to is another capability's"

#: Why a call is allowed under these conditions and under no others.
CONDITION_CAUSES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "open": _OPENED,
        "openat": _OPENED,
        "mmap": _NEW_CODE,
        "mprotect": _NEW_CODE,
        "fcntl": "other commands send signals to others (F_SETOWN), or lease files; locks are WriteFile's",
        "ioctl": "a list of what is known: others put keys into the terminal (TIOCSTI) or take it over",
        "prctl": "names of threads and of memory; others undo what the sandbox has set",
        "prlimit64": "with a new limit it could raise one",
        "sched_getaffinity": "a number could be any process",
        "write": _RESULT,
        "writev": _RESULT,
        "sendto": f"{_FASTOPEN}; with an address a stream that is a datagram socket would reach any",
        "sendmsg": _FASTOPEN,
        "sendmmsg": _FASTOPEN,
        "socket": "other kinds and protocols (raw, MPTCP, SCTP, netlink) are past Landlock's rules on ports",
        "socketpair": "an event loop talks to itself through one; a pair of datagram sockets could send to any path",
        "setsockopt": "others put code into the kernel (SO_ATTACH_BPF), choose a device or repair connections",
        "clone": "the others make namespaces, or give the new process to somebody else",
    }
)

#: Why a call is allowed though a reader might not expect it.
CAUSES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "clock_gettime": "the time is read without a system call anyway, so that Clock stands on the checker alone",
        "getrandom": "CPython seeds its hash tables with it, so that Random stands on the checker alone",
        "newfstatat": "it is also how libc asks about a file that is open, and a filter can't tell the two apart",
        "chdir": "it opens nothing",
        "connect": "to which ports is Landlock's to decide, and above all which sockets there are",
        "recvmsg": "descriptors can be received with it, from who sends them on a Unix socket",
        "execve": "which programs is Landlock's to decide; they keep all of this policy",
        "kill": "to whom is Landlock's to decide: what the closure started",
        "umask": "it changes what is made later, and no file",
        "rseq": "the C library ends the process where it is missing",
    }
)

#: What stands behind a grant, for who reads of it for the first time.
WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "seccomp": "a filter in the kernel on each system call and the numbers in its arguments",
        "Landlock": "rules in the kernel on paths, ports of TCP, and whom signals and Unix sockets reach",
        "the supervisor": "the parent process, which does for the closure what no rule of the kernel can hold, on "
        "its own copy of the arguments",
        "descriptors": "what is open in the sandbox; all else of the parent's is closed",
        "environment": "the variables of the parent, emptied where they are not granted",
        "the checker": "mypy with the plugin, before the program runs; when it runs nothing refuses",
    }
)
