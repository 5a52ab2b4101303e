"""The values that a policy is made of: rules on system calls, paths and ports.

This module knows their shapes and how they join. It refuses to know which capability gives which rule
(``capsafe.policy.table``) and how the kernel is told (``capsafe.kernel``).
"""

from dataclasses import dataclass, field
from enum import Enum, IntFlag
from typing import TYPE_CHECKING, Final

from capsafe.grants import Grant

if TYPE_CHECKING:
    from capsafe.policy.observation import Observation

#: Where the worker puts its end of the pipe on which the outcome crosses; every sandbox may write there.
OUTCOME_FD: Final = 3

#: Most arguments are C ints: the kernel ignores the upper half of the register, so a rule that compared it could be
#: passed by setting a bit there (CVE-2019-10063). Only pointers are compared in full.
LOW_HALF: Final = 0xFFFFFFFF
POINTER: Final = 0xFFFFFFFFFFFFFFFF


@dataclass(frozen=True, slots=True, order=True)
class Masked:
    """A condition on one argument of a system call: ``argument & mask == value``."""

    argument: int
    mask: int
    value: int

    def holds(self, arguments: tuple[int, ...]) -> bool:
        """Say whether the condition holds for a call's six arguments."""
        return arguments[self.argument] & self.mask == self.value


def equals(argument: int, value: int) -> Masked:
    """Compare a C int."""
    return Masked(argument, LOW_HALF, value)


def is_null(argument: int) -> Masked:
    """Compare a pointer with NULL, in full."""
    return Masked(argument, POINTER, 0)


def lacks(argument: int, bits: int) -> Masked:
    """Require that none of ``bits`` is set."""
    return Masked(argument, bits, 0)


@dataclass(frozen=True, slots=True, order=True)
class Rule:
    """A system call that is allowed where all its conditions hold; without conditions, always."""

    call: str
    when: tuple[Masked, ...] = ()

    def allows(self, call: str, arguments: tuple[int, ...]) -> bool:
        """Say whether this is about a call with these six arguments, and all conditions hold."""
        return self.call == call and all(condition.holds(arguments) for condition in self.when)


def always(*calls: str) -> frozenset[Rule]:
    """Allow each of these calls with any arguments."""
    return frozenset(Rule(call) for call in calls)


class Right(IntFlag):
    """What Landlock grants on a path. The numbers are those of ``linux/landlock.h``."""

    EXECUTE = 1 << 0
    WRITE_FILE = 1 << 1
    READ_FILE = 1 << 2
    READ_DIR = 1 << 3
    REMOVE_DIR = 1 << 4
    REMOVE_FILE = 1 << 5
    MAKE_CHAR = 1 << 6
    MAKE_DIR = 1 << 7
    MAKE_REG = 1 << 8
    MAKE_SOCK = 1 << 9
    MAKE_FIFO = 1 << 10
    MAKE_BLOCK = 1 << 11
    MAKE_SYM = 1 << 12
    REFER = 1 << 13
    TRUNCATE = 1 << 14
    IOCTL_DEV = 1 << 15
    RESOLVE_UNIX = 1 << 16


NO_RIGHT: Final = Right(0)

#: The rights that mean something on a file that is no directory; the kernel refuses a rule with others there.
FILE_RIGHTS: Final = Right.EXECUTE | Right.WRITE_FILE | Right.READ_FILE | Right.TRUNCATE | Right.IOCTL_DEV

READ_RIGHTS: Final = Right.READ_FILE | Right.READ_DIR

# No MAKE_CHAR or MAKE_BLOCK: a device file made here opens the device. No MAKE_FIFO or MAKE_SOCK: they are ways to
# talk to other processes, not files.
WRITE_RIGHTS: Final = (
    Right.WRITE_FILE
    | Right.TRUNCATE
    | Right.REMOVE_DIR
    | Right.REMOVE_FILE
    | Right.MAKE_DIR
    | Right.MAKE_REG
    | Right.MAKE_SYM
    | Right.REFER
)


class PortRight(IntFlag):
    """What Landlock grants on a port. The numbers are those of ``linux/landlock.h``."""

    BIND_TCP = 1 << 0
    CONNECT_TCP = 1 << 1
    BIND_UDP = 1 << 2
    CONNECT_SEND_UDP = 1 << 3


NO_PORT_RIGHT: Final = PortRight(0)


class Place(Enum):
    """Paths that are only known where the policy is put in force."""

    ANYWHERE = "anywhere"
    MODULES = "sys.path"


@dataclass(frozen=True, slots=True)
class PathRule:
    """Rights on a path and all below it.

    ``required``: the user named it, so it must exist. The others are parts of a system that need not be there.
    """

    path: str | Place
    rights: Right
    required: bool = False

    def __str__(self) -> str:
        """Return the path and its rights, as ``explain`` prints them."""
        where = f"<{self.path.value}>" if isinstance(self.path, Place) else self.path
        names = ", ".join(right.name.lower() for right in Right if right in self.rights and right.name)
        return f"{where}: {names}"


@dataclass(frozen=True, slots=True)
class PortRule:
    """Rights on a TCP or UDP port."""

    port: int
    rights: PortRight


#: The system call that carries the child's questions to the supervisor; nothing grants it.
QUESTION_CALL: Final = "removexattr"
#: The calls about sockets that a supervisor can do.
SOCKET_CALLS: Final = ("socket", "connect", "bind", "listen", "sendto")


@dataclass(frozen=True, slots=True)
class Supervised:
    """What the supervisor does for the child, because no rule of the kernel would be exact.

    ``sockets``: it makes the sockets, and connects, binds and listens; the filter lets none of these calls pass.
    ``sends``: it sends to addresses, too. ``connect``, ``listen``, ``datagram``, ``unix``: the scopes in which it does
    so, None for anywhere, empty for nowhere. ``names``: the host names that it looks up, None for any.
    """

    sockets: bool = False
    sends: bool = False
    connect: frozenset[str] | None = frozenset()
    listen: frozenset[str] | None = frozenset()
    datagram: frozenset[str] | None = frozenset()
    unix: frozenset[str] | None = frozenset()
    names: frozenset[str] | None = frozenset()

    @property
    def calls(self) -> frozenset[str]:
        """The system calls that it does, as far as the filter does not let them pass."""
        return frozenset({QUESTION_CALL, *(SOCKET_CALLS if self.sockets else ())})


@dataclass(frozen=True, slots=True)
class Policy:
    """What a grant means to the kernel, as plain data.

    ``rules``: the system calls that are allowed; all others are refused. ``paths``, ``ports``: what Landlock allows.
    ``open_ports``: the rights that hold on every port, so that Landlock does not handle them. ``landlock_abi``: the
    oldest Landlock that can enforce this, 0 where the filter alone does. ``streams``: the standard streams that stay.
    ``environ``: the environment stays. ``files``: relative paths mean something, so that the current folder stays.
    ``programs``: programs may be started, and they use the three stream numbers for pipes of their own.
    ``threads``: threads may be started. ``preload``: modules to import before confinement, since what they
    read is then out of reach. ``supervised``: what is left to the supervisor, None for nothing. ``unenforceable``: why
    the grant can't be enforced as written; empty where it can.
    ``remarks``: what stays open or is refused though one might expect otherwise, for ``explain``. ``left_out``: the
    rules that the grant gives and that were trimmed away; empty where none were.
    """

    grant: Grant
    rules: frozenset[Rule]
    paths: frozenset[PathRule] = frozenset()
    ports: frozenset[PortRule] = frozenset()
    open_ports: PortRight = NO_PORT_RIGHT
    landlock_abi: int = 0
    streams: frozenset[str] = frozenset()
    environ: bool = False
    files: bool = False
    programs: bool = False
    threads: bool = False
    preload: tuple[str, ...] = ()
    supervised: Supervised | None = None
    unenforceable: tuple[str, ...] = ()
    remarks: tuple[str, ...] = field(default=(), compare=False)
    left_out: frozenset[Rule] = frozenset()

    def trimmed(self, observation: "Observation[object]") -> "Policy":
        """Return this policy with those of the grant's rules alone that were seen in use.

        What every sandbox can do stays whole, and so do paths, ports and streams: those are the grant's. Raises
        ``GrantError`` where the observation used what this policy does not allow: trimming only leaves out.
        """
        from capsafe.policy.trim import trim  # noqa: PLC0415  # trimming is built on this module

        return trim(self, observation)

    def __str__(self) -> str:
        """Return a page that a person can review."""
        from capsafe.policy.explain import explain_policy  # noqa: PLC0415  # explain is built on this module

        return explain_policy(self)
