"""The compiled programs, run call by call on a machine in user space."""

import errno
import itertools
import tempfile
from collections.abc import Sequence
from typing import Any, Literal, Never

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capsafe import capabilities as caps
from capsafe.grants import TAXONOMY, Grant, Granted, read_grant
from capsafe.kernel import seccomp
from capsafe.kernel.bpf import (
    ALL_BITS,
    AND,
    EQUAL,
    GREATER,
    GREATER_EQUAL,
    JUMP,
    LOAD,
    OFFSET_ARCHITECTURE,
    OFFSET_ARGUMENTS,
    OFFSET_NUMBER,
    RETURN,
    instruction,
)
from capsafe.kernel.layout import arrange, settled
from capsafe.kernel.support import load_pyseccomp
from capsafe.policy import compile_policy
from capsafe.policy.baseline import OTHER_ERRORS
from capsafe.policy.denials import DENIED, HANDOVER_FLAGS
from capsafe.policy.model import OUTCOME_FD, Policy, equals
from capsafe.policy.numbers import LAST_USED, NUMBERS, X32_BIT
from tests.policy.emulator import ALLOW, ERRNO, KILL_PROCESS, USER_NOTIF, run, stricter, verdict

NUMBER = NUMBERS["x86_64"]
I386, X86_64, AARCH64 = 0x40000003, 0xC000003E, 0xC00000B7
EVERYTHING = Grant(Granted(capability) for capability in TAXONOMY)

pytestmark = pytest.mark.skipif(
    __import__("platform").machine() != "x86_64", reason="libseccomp compiles for the machine it runs on"
)


def grant(*capabilities: Any) -> Grant:
    return Grant(one for capability in capabilities for one in read_grant(capability))


def answer(policy: Policy, call: str | int, arguments: Sequence[int] = (), architecture: int = X86_64) -> int:
    """Return the verdict of both filters, in the order in which they are installed."""
    filters = seccomp.compile_filters(policy)
    number = NUMBER[call] if isinstance(call, str) else call
    return stricter(
        run(filters.denied, number, arguments, architecture), run(filters.allowed, number, arguments, architecture)
    )


def allows(what: Grant, call: str | int, *arguments: int) -> bool:
    return answer(compile_policy(what), call, arguments) == ALLOW


# --- laws -----------------------------------------------------------------------------------------------------------

SCOPED = [
    Granted(caps.ReadFile, frozenset({"/data"})),
    Granted(caps.WriteFile, frozenset({"/data"})),
    Granted(caps.FileSystem, frozenset({"/srv"})),
    Granted(caps.Connect, frozenset({"*:443"})),
    Granted(caps.Spawn, frozenset({"/bin/true"})),
    Granted(caps.ReadFile, ambient=True),
]
grants = st.lists(st.sampled_from([*(Granted(one) for one in TAXONOMY), *SCOPED]), max_size=4).map(Grant)
#: Values at which some rule changes its mind, and garbage in the half of the register that the kernel ignores.
INTERESTING = sorted(
    {
        0, 1, 2, 3, 4, 6, 10, 15, 16, 17, 41, 0x40, 0x200, 0x243, 0x241, 0x5401, 0x5412, 0x541B, 0x10000,
        0x3D0F00, 0x1200011, 0x4111, 0x10000011, 0x20000000, 0x400000, 0x200000, 0x80802, 0x80001, 0xFFFFFFFF,
        1 << 32, (1 << 32) + 1, (1 << 32) + 3, 0x7FFF00000000, (1 << 64) - 1,
    }
)  # fmt: skip
arguments_ = st.lists(st.sampled_from(INTERESTING) | st.integers(0, 2**64 - 1), min_size=6, max_size=6)
known_calls = st.sampled_from(sorted(NUMBER))


@settings(max_examples=150, deadline=None)
@given(grants, grants, st.lists(st.tuples(known_calls, arguments_), min_size=20, max_size=60))
def test_more_capabilities_never_forbid(left: Grant, right: Grant, tried: list[tuple[str, list[int]]]) -> None:
    """Not an equality: opening O_RDWR needs both halves and neither alone allows it."""
    for call, arguments in tried:
        if allows(left, call, *arguments):
            assert allows(left | right, call, *arguments), (call, arguments)


@given(grants)
@settings(max_examples=60, deadline=None)
def test_what_the_other_filter_refuses_is_left_open_here_and_refused_all_the_same(what: Grant) -> None:
    """Of two answers of one kind the newest filter's counts, and that is the one that refuses."""
    policy = compile_policy(what)
    reporting, plain = seccomp.compile_reporting(policy), seccomp.compile_filters(policy)
    free = settled(reporting.denied, X86_64)
    assert {NUMBER["ptrace"], NUMBER["openat2"], NUMBER["mount"]} <= free
    for number in range(LAST_USED + 1):
        for arguments in ([0] * 6, [0xFFFFFFFF] * 6):
            first = verdict(reporting.allowed, number, arguments)
            both = stricter(first, verdict(reporting.denied, number, arguments))
            if number in free:
                assert both == verdict(reporting.denied, number, arguments)
                assert both & 0xFFFF0000 == ERRNO
            elif number != NUMBER["seccomp"]:
                told = verdict(plain.allowed, number, arguments)
                assert first in {told, USER_NOTIF}
    assert verdict(reporting.allowed, NUMBER["seccomp"]) == ALLOW


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([Granted(one) for one in TAXONOMY] + SCOPED), max_size=5), st.randoms())
def test_order_and_repetition_do_not_matter(granted: list[Granted], random: Any) -> None:
    other = [*granted, *granted]
    random.shuffle(other)
    left, right = compile_policy(Grant(granted)), compile_policy(Grant(other))
    assert left == right
    assert seccomp.compile_filters(left) == seccomp.compile_filters(right)
    assert seccomp._compile_allowed(left.rules, "x86_64") == seccomp._compile_allowed(right.rules, "x86_64")


@settings(max_examples=150, deadline=None)
@given(grants, st.lists(st.tuples(known_calls, arguments_), min_size=20, max_size=60))
def test_the_filter_says_what_the_rules_say(what: Grant, tried: list[tuple[str, list[int]]]) -> None:
    """The rules are read here as they are written, so a fault of libseccomp, of the prefix or of the layout shows."""
    policy = compile_policy(what)
    for call, arguments in tried:
        said = any(rule.call == call and all(one.holds(tuple(arguments)) for one in rule.when) for rule in policy.rules)
        filters = seccomp.compile_filters(policy)
        assert (verdict(filters.allowed, NUMBER[call], arguments) == ALLOW) is said, (call, arguments)


@settings(max_examples=150, deadline=None)
@given(grants, st.lists(st.tuples(known_calls, arguments_), min_size=20, max_size=60))
def test_with_a_listener_the_same_is_refused(what: Grant, tried: list[tuple[str, list[int]]]) -> None:
    policy = compile_policy(what)
    filters = seccomp.compile_reporting(policy)
    calls = [(NUMBER[call], arguments, X86_64) for call, arguments in tried]
    calls += [(number, [0] * 6, X86_64) for number in (LAST_USED + 1, 500, 0x40000000, 0x400000FF)]
    calls += [(NUMBER["write"], [fd, 0, 0, 0, 0, 0], X86_64) for fd in range(5)]
    calls += [(NUMBER["sendmsg"], [3, 0, HANDOVER_FLAGS, 0, 0, 0], X86_64), (11, [0] * 6, I386)]
    for number, arguments, architecture in calls:
        plain = answer(policy, number, arguments, architecture)
        # The one with the listener comes first.
        told = stricter(
            run(filters.allowed, number, arguments, architecture), run(filters.denied, number, arguments, architecture)
        )
        assert (ERRNO | errno.EPERM if told == USER_NOTIF else told) == plain, (number, arguments)


def test_only_the_default_is_told_of_and_the_handover_is_shut() -> None:
    policy = compile_policy(read_grant(caps.Connect))
    filters = seccomp.compile_reporting(policy)
    handover = (0, 0, HANDOVER_FLAGS)
    assert verdict(filters.allowed, NUMBER["openat"]) == USER_NOTIF
    assert verdict(filters.denied, NUMBER["openat2"]) == ERRNO | errno.ENOSYS
    for call, arguments in (("seccomp", ()), ("sendmsg", handover)):
        assert verdict(filters.allowed, NUMBER[call], arguments) == ALLOW
        assert verdict(filters.denied, NUMBER[call], arguments) == ERRNO | errno.EPERM
    # Alone, without Connect, nothing else of them passes.
    none = seccomp.compile_reporting(compile_policy(read_grant(Never))).allowed
    assert verdict(none, NUMBER["sendmsg"], handover) == ALLOW
    assert verdict(none, NUMBER["sendmsg"], (0, 0, HANDOVER_FLAGS | 1)) == USER_NOTIF


@settings(max_examples=60, deadline=None)
@given(grants, st.sampled_from(sorted(set(DENIED))), arguments_)
def test_hard_denials_hold_for_every_grant(what: Grant, call: str, arguments: list[int]) -> None:
    if call in NUMBER:
        assert answer(compile_policy(what), call, arguments) in (ERRNO | errno.EPERM, ERRNO | errno.ENOSYS)


@pytest.mark.parametrize("call", sorted(set(DENIED)))
def test_the_second_filter_denies_on_its_own(call: str) -> None:
    """Whatever the table may come to allow by mistake."""
    filters = seccomp.compile_filters(compile_policy(EVERYTHING))
    assert verdict(filters.denied, NUMBER[call]) != ALLOW


def test_nothing_that_is_denied_for_good_stands_in_the_table() -> None:
    assert {rule.call for rule in compile_policy(EVERYTHING).rules} & set(DENIED) == set()


@pytest.mark.parametrize("what", [grant(Never), EVERYTHING], ids=["Never", "everything"])
@pytest.mark.parametrize("architecture", [I386, AARCH64, 0], ids=["i386", "aarch64", "none"])
def test_foreign_machines_are_killed(what: Grant, architecture: int) -> None:
    policy = compile_policy(what)
    for number in range(600):
        assert answer(policy, number, (), architecture) == KILL_PROCESS


def test_each_filter_kills_foreign_machines_on_its_own() -> None:
    filters = seccomp.compile_filters(compile_policy(grant(Never)))
    for program in (filters.denied, filters.allowed):
        assert run(program, 0, (), I386) == KILL_PROCESS


@pytest.mark.parametrize("what", [grant(Never), EVERYTHING], ids=["Never", "everything"])
def test_x32_calls_are_killed(what: Grant) -> None:
    policy = compile_policy(what)
    for number in (*range(0x40000000, 0x40000000 + 600), 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF):
        assert answer(policy, number) == KILL_PROCESS


@pytest.mark.parametrize("what", [grant(Never), EVERYTHING], ids=["Never", "everything"])
def test_every_number_from_0_to_600(what: Grant) -> None:
    """Without arguments: a call that no rule names is refused, and one that is newer is not there."""
    policy = compile_policy(what)
    named = {NUMBER[rule.call] for rule in policy.rules if rule.call in NUMBER}
    errors = {NUMBER[call]: error for call, error in OTHER_ERRORS.items() if call in NUMBER}
    for number in range(600):
        said = answer(policy, number, [0xFFFFFFFF] * 6)
        if number > LAST_USED:
            assert said == ERRNO | errno.ENOSYS, number
        elif number not in named:
            assert said == ERRNO | errors.get(number, errno.EPERM), number


def test_the_lines_before_the_library_s_on_aarch64() -> None:
    """There is no x32 there: such a number is merely newer."""
    program = seccomp._prefix("aarch64") + instruction(RETURN, ALLOW)
    assert run(program, LAST_USED, (), AARCH64) == ALLOW
    assert run(program, LAST_USED + 1, (), AARCH64) == ERRNO | errno.ENOSYS
    assert run(program, 0x40000001, (), AARCH64) == ERRNO | errno.ENOSYS
    assert run(program, 0, (), X86_64) == KILL_PROCESS
    assert run(program, 0, (), 0x40000028) == KILL_PROCESS


# --- what each capability brings ------------------------------------------------------------------------------------

O_RDONLY, O_WRONLY, O_RDWR, O_CREAT, O_TRUNC, O_APPEND, O_DIRECTORY, O_CLOEXEC = (
    0,
    1,
    2,
    0x40,
    0x200,
    0x400,
    0x10000,
    0x80000,
)
O_PATH, O_TMPFILE = 0x200000, 0x410000
UPPER = 1 << 32
AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, AF_PACKET, AF_VSOCK, AF_ALG = 1, 2, 10, 16, 17, 40, 38
STREAM, DGRAM, RAW, SEQPACKET = 1, 2, 3, 5
TCP, UDP, SCTP, MPTCP = 6, 17, 132, 262
PTHREAD = 0x3D0F00
POPEN = 0x4000 | 0x100 | 17  # CLONE_VFORK | CLONE_VM | SIGCHLD
TIOCSTI = 0x5412

CASES: list[tuple[Any, str, tuple[int, ...], bool]] = [
    # Pure computation.
    (Never, "mmap", (0, 4096, 3, 0x22), True),
    (Never, "mmap", (0, 4096, 7, 0x22), False),
    (Never, "mprotect", (0, 4096, 5), False),
    (Never, "mprotect", (0, 4096, 5 | UPPER), False),
    (Never, "openat", (0, 0, O_RDONLY), False),
    (Never, "newfstatat", (3, 0, 0, 0x1000), False),
    (Never, "write", (OUTCOME_FD,), True),
    (Never, "write", (OUTCOME_FD | UPPER,), True),
    (Never, "write", (1,), False),
    (Never, "write", (1 | UPPER,), False),
    (Never, "write", (2,), False),
    (Never, "write", (7,), False),
    (Never, "read", (0,), False),
    (Never, "read", (0 | UPPER,), False),
    (Never, "kill", (1, 0), False),
    (Never, "tgkill", (1, 1, 0), False),
    (Never, "prctl", (15,), True),
    (Never, "prctl", (4,), False),
    (Never, "prctl", (22,), False),
    (Never, "prlimit64", (0, 7, 0, 0), True),
    (Never, "prlimit64", (0, 7, 0x7FFF00000000, 0), False),
    (Never, "prlimit64", (77, 7, 0, 0), False),
    (Never, "sched_getaffinity", (0,), True),
    (Never, "sched_getaffinity", (1,), False),
    (Never, "ioctl", (0, 0x5401), True),
    (Never, "ioctl", (0, TIOCSTI), False),
    (Never, "ioctl", (0, TIOCSTI | UPPER), False),
    (Never, "ioctl", (0, 0x541C), False),
    (Never, "fcntl", (4, 1030), True),
    *(
        (caps.Stdio, call, (descriptor, *rest), descriptor > 2)
        for descriptor in (0, 1, 2, 3)
        for call, *rest in (("dup",), ("lseek",), ("fcntl", 4, 0x800), ("fcntl", 1030), ("fcntl", 0), ("ioctl", 0x5421))
    ),
    (caps.Stdio | caps.WriteFile, "pwrite64", (1,), False),
    (caps.Stdio | caps.WriteFile, "ftruncate", (2,), False),
    (caps.Stdio | caps.WriteFile, "ftruncate", (4,), True),
    (caps.Stdio | caps.Spawn, "dup", (1,), True),
    (caps.Stdio, "sendto", (0, 1, 1, 0, 0, 0), True),
    (caps.Stdio, "sendto", (0, 1, 1, 0, 1, 16), False),
    (caps.Stdio, "sendto", (0, 1, 1, 0, 1 << 32, 16), False),
    (caps.Datagram, "sendto", (4, 1, 1, 0, 1, 16), True),
    (caps.UnixSocket, "sendto", (4, 1, 1, 0, 1, 16), True),
    (Never, "fcntl", (0, 8), False),
    (Never, "fcntl", (0, 6), False),
    (Never, "socket", (AF_INET, STREAM, 0), False),
    (Never, "socket", (AF_UNIX, STREAM, 0), False),
    (Never, "socketpair", (AF_UNIX, STREAM | 0x80000, 0), True),
    (Never, "socketpair", (AF_UNIX, DGRAM, 0), False),
    (Never, "clone", (PTHREAD,), False),
    (Never, "clone", (17,), False),
    (Never, "fork", (), False),
    (Never, "execve", (), False),
    (Never, "uname", (), False),
    (Never, "memfd_create", (), False),
    (Never, "seccomp", (1,), False),
    (Never, "setsid", (), False),
    # Files.
    (caps.ReadFile, "openat", (0, 0, O_RDONLY | O_CLOEXEC | O_DIRECTORY), True),
    (caps.ReadFile, "open", (0, O_RDONLY | O_CLOEXEC), True),
    (caps.ReadFile, "openat", (0, 0, O_WRONLY), False),
    (caps.ReadFile, "openat", (0, 0, O_RDWR), False),
    (caps.ReadFile, "openat", (0, 0, 3), False),
    (caps.ReadFile, "openat", (0, 0, O_RDONLY | O_CREAT), False),
    (caps.ReadFile, "openat", (0, 0, O_RDONLY | O_TRUNC), False),
    (caps.ReadFile, "openat", (0, 0, O_TMPFILE), False),
    (caps.ReadFile, "openat", (0, 0, O_PATH), False),
    (caps.ReadFile, "openat", (0, 0, O_RDONLY | UPPER), True),
    (caps.ReadFile, "chmod", (), False),
    (caps.ReadFile, "fchmod", (), False),
    (caps.ReadFile, "fchmodat", (), False),
    (caps.ReadFile, "utimensat", (), False),
    (caps.ReadFile, "setxattr", (), False),
    (caps.ReadFile, "flock", (), False),
    (caps.ReadFile, "fcntl", (0, 6), False),
    (caps.ReadFile, "truncate", (), False),
    (caps.ReadFile, "unlink", (), False),
    (caps.ReadFile, "rename", (), False),
    (caps.ReadFile, "creat", (), False),
    (caps.ReadFile, "write", (9,), False),
    (caps.ReadFile, "getxattr", (), True),
    (caps.ReadFile[Literal["/data"]], "getxattr", (), False),
    (caps.ReadFile[Literal["/data"]], "fgetxattr", (), True),
    (caps.StatFile, "newfstatat", (), True),
    (caps.StatFile, "openat", (0, 0, O_RDONLY), False),
    (caps.WriteFile, "openat", (0, 0, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND), True),
    (caps.WriteFile, "openat", (0, 0, O_RDONLY), False),
    (caps.WriteFile, "openat", (0, 0, O_RDWR), False),
    (caps.WriteFile, "openat", (0, 0, O_WRONLY | O_PATH), False),
    (caps.WriteFile, "getdents64", (), False),
    (caps.WriteFile, "chmod", (), True),
    (caps.WriteFile, "chown", (), False),
    (caps.WriteFile, "mknod", (), False),
    (caps.WriteFile, "write", (9,), True),
    (caps.WriteFile, "write", (1,), False),
    (caps.WriteFile[Literal["/data"]], "chmod", (), False),
    (caps.WriteFile[Literal["/data"]], "fchmod", (), False),
    (caps.WriteFile[Literal["/data"]], "utimensat", (), False),
    (caps.FileSystem, "openat", (0, 0, O_RDWR | O_CREAT), True),
    (caps.FileSystem, "openat", (0, 0, O_RDWR | O_PATH), False),
    # Network.
    (caps.Connect, "socket", (AF_INET, STREAM | 0x80800, 0), True),
    (caps.Connect, "socket", (AF_INET6, STREAM, TCP), True),
    (caps.Connect, "socket", (AF_INET, STREAM, MPTCP), False),
    (caps.Connect, "socket", (AF_INET, STREAM, SCTP), False),
    (caps.Connect, "socket", (AF_INET, DGRAM, 0), False),
    (caps.Connect, "socket", (AF_INET, RAW, 0), False),
    (caps.Connect, "socket", (AF_UNIX, STREAM, 0), False),
    (caps.Connect, "socket", (AF_NETLINK, RAW, 0), False),
    (caps.Connect, "socket", (AF_PACKET, RAW, 0), False),
    (caps.Connect, "socket", (AF_VSOCK, STREAM, 0), False),
    (caps.Connect, "socket", (AF_ALG, SEQPACKET, 0), False),
    (caps.Connect, "connect", (5,), True),
    (caps.Connect, "bind", (), False),
    (caps.Connect, "listen", (), False),
    (caps.Connect, "accept4", (), False),
    (caps.Connect, "setsockopt", (0, 6, 1), True),
    (caps.Connect, "setsockopt", (0, 1, 26), False),
    (caps.Connect, "setsockopt", (0, 1, 50), False),
    (caps.Connect, "setsockopt", (0, 6, 31), False),
    (caps.Connect, "sendto", (0, 0, 0, 0), True),
    (caps.Connect, "sendto", (0, 0, 0, 0x20000000), False),
    (caps.Connect, "sendmsg", (0, 0, 0x20000000), False),
    (caps.Listen, "listen", (5,), True),
    (caps.Listen, "bind", (5,), True),
    (caps.Listen, "connect", (), False),
    (caps.Listen, "sendto", (0, 0, 0, 0x20000000), False),
    (caps.Resolve, "socket", (AF_INET, DGRAM | 0x80800, 0), False),
    (caps.Resolve, "openat", (0, 0, O_RDONLY), False),
    (caps.Connect, "setsockopt", (0, 0, 1), True),
    (caps.Connect, "setsockopt", (0, 0, 4), False),
    (Never, "sendto", (), True),
    (Never, "sendto", (0, 0, 0, 0, 4096), False),
    (Never, "sendto", (0, 0, 0, 0, 1 << 32), False),
    (caps.Datagram, "sendto", (0, 0, 0, 0, 4096), True),
    (caps.UnixSocket, "sendto", (0, 0, 0, 0, 4096), True),
    (caps.Resolve, "socket", (AF_INET, STREAM, 0), False),
    (caps.Resolve, "bind", (), False),
    (caps.Datagram, "socket", (AF_INET, DGRAM, UDP), True),
    (caps.Datagram, "socket", (AF_INET, STREAM, 0), False),
    (caps.UnixSocket, "socket", (AF_UNIX, SEQPACKET, 0), True),
    (caps.UnixSocket, "socket", (AF_INET, STREAM, 0), False),
    (caps.UnixSocket, "sendmsg", (), False),
    (caps.UnixSocket, "recvmsg", (), False),
    # Processes and threads.
    (caps.Spawn, "clone", (17,), True),
    (caps.Spawn, "clone", (POPEN,), True),
    (caps.Spawn, "clone", (0x1200011,), True),
    (caps.Spawn, "clone", (PTHREAD,), False),
    *((caps.Spawn, "clone", (17 | 1 << bit,), False) for bit in (13, 15, 17, 23, 25, 26, 27, 28, 29, 30)),
    (caps.Spawn, "clone", (9,), False),
    (caps.Spawn, "execve", (), True),
    (caps.Spawn, "execveat", (), False),
    (caps.Spawn, "kill", (), False),
    (caps.Spawn, "setsid", (), False),
    (caps.Spawn, "setpgid", (), False),
    (caps.Spawn, "write", (1,), True),
    (caps.Spawn, "mmap", (0, 4096, 5, 2), True),
    (caps.Spawn, "mprotect", (0, 4096, 5), False),
    (caps.Signal, "kill", (), True),
    (caps.Signal, "clone", (17,), False),
    (caps.Threads, "clone", (PTHREAD,), True),
    (caps.Threads, "clone", (17,), False),
    (caps.Threads, "clone", (PTHREAD | 0x20000000,), False),
    (caps.Stdin, "read", (0,), True),
    (caps.Stdout, "write", (1,), True),
    (caps.Stdout, "write", (2,), False),
    (caps.Stderr, "write", (2,), True),
    (caps.Stderr, "write", (1,), False),
    (caps.NativeCode, "mprotect", (0, 4096, 7), True),
    (caps.NativeCode, "openat", (0, 0, O_WRONLY), False),
    (caps.Import, "openat", (0, 0, O_RDONLY), True),
    (caps.Import, "mmap", (0, 4096, 5, 2), False),
    (caps.SystemInfo, "uname", (), True),
]  # fmt: skip


@pytest.mark.parametrize(
    ("capability", "call", "arguments", "expected"),
    CASES,
    ids=[f"{read_grant(c)}-{call}-{'-'.join(map(hex, args))}" for c, call, args, _ in CASES],
)
def test_what_a_capability_allows(capability: Any, call: str, arguments: tuple[int, ...], *, expected: bool) -> None:
    assert allows(grant(capability), call, *arguments) is expected


@pytest.mark.parametrize(
    ("call", "error"),
    [
        ("clone3", errno.ENOSYS),
        ("openat2", errno.ENOSYS),
        ("io_uring_setup", errno.ENOSYS),
        ("setxattr", errno.EOPNOTSUPP),
        ("ptrace", errno.EPERM),
        ("execve", errno.EPERM),
    ],
)
def test_the_error_fits_the_caller(call: str, error: int) -> None:
    assert answer(compile_policy(grant(Never)), call) == ERRNO | error


def test_signals_and_descriptors_together_do_not_lift_a_stream() -> None:
    assert not allows(grant(caps.FileSystem, caps.Network, caps.Stderr), "write", 1)


# --- the programs ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("capability", TAXONOMY, ids=lambda one: one.__name__)
def test_the_arranged_program_says_what_the_library_s_says(capability: Any) -> None:
    rules = compile_policy(grant(capability)).rules
    full = seccomp._compile_allowed(rules, "x86_64")
    arranged = arrange(full, X86_64)
    assert len(arranged) < len(full) * 0.7
    conditional = {NUMBER[rule.call] for rule in rules if rule.when and rule.call in NUMBER}
    for number in [*range(600), X32_BIT - 1, X32_BIT, X32_BIT + 1, 2**32 - 1]:
        for arguments in [[0] * 6, [0xFFFFFFFF] * 6]:
            assert verdict(arranged, number, arguments) == verdict(full, number, arguments)
    for number in conditional:
        for a, b, c in itertools.product([0, 1, 2, 3, 6, 10, 15, 17, 0x5401, 1 << 32], repeat=3):
            arguments = [a, b, c, 0, 0, 0]
            assert verdict(arranged, number, arguments) == verdict(full, number, arguments), (number, arguments)
    for architecture in (I386, AARCH64, 0):
        assert run(arranged, 0, [0] * 6, architecture) == run(full, 0, [0] * 6, architecture) == KILL_PROCESS


#: Some lines of a program: what is asked (the number, or half of an argument), with which mask, how, for what.
questions = st.tuples(
    st.sampled_from([OFFSET_NUMBER, OFFSET_NUMBER, OFFSET_ARGUMENTS, OFFSET_ARGUMENTS + 4, OFFSET_ARGUMENTS + 8]),
    st.sampled_from([None, None, 0, 1, 6, ALL_BITS]),
    st.sampled_from([EQUAL, EQUAL, GREATER_EQUAL, GREATER]),
    st.integers(0, 9),
)
ways = st.tuples(st.integers(0, 5), st.integers(0, 5))


@settings(max_examples=400, deadline=None)
@given(st.lists(st.tuples(questions, ways), max_size=12), st.lists(st.integers(0, 3), min_size=13, max_size=13))
def test_any_program_keeps_its_answers(asked: list[Any], answers: list[int]) -> None:
    """Each line asks something and leads to some later one: decisions in all shapes, more than libseccomp makes."""
    blocks = []
    for (offset, mask, code, value), _ in asked:
        masking = [] if mask is None or offset == OFFSET_NUMBER else [instruction(AND, mask)]
        blocks.append([instruction(LOAD, offset), *masking, instruction(code, value), instruction(JUMP, 0)])
    blocks += [[instruction(RETURN, answer)] for answer in answers]
    starts = [0, *itertools.accumulate(map(len, blocks))]
    program = []
    for at, block in enumerate(blocks):
        if len(block) > 1:
            (_, _, code, value), (yes, no) = asked[at]
            end = starts[at + 1]
            then, otherwise = (starts[min(at + 1 + way, len(blocks) - 1)] for way in (yes, no))
            block[-2:] = [
                instruction(code, value, otherwise=otherwise - end + 1),
                instruction(JUMP, then - end),
            ]
        program += block
    head = [instruction(LOAD, OFFSET_ARCHITECTURE), instruction(EQUAL, X86_64, then=1), instruction(RETURN, 77)]
    whole = b"".join([*head, *program])
    arranged = arrange(whole, X86_64)
    for number, first, second in itertools.product(range(11), [0, 1, 5, 9, 1 << 32, 7 << 32], [0, 3, 6]):
        given_ = [first, second]
        assert verdict(arranged, number, given_) == verdict(whole, number, given_), (number, given_)
    assert run(arranged, 1, [], AARCH64) == 77


def test_ways_that_are_too_long_for_a_comparison_go_by_a_jump() -> None:
    lines = [instruction(LOAD, OFFSET_ARCHITECTURE), instruction(EQUAL, X86_64, then=1), instruction(RETURN, 1)]
    lines += [instruction(LOAD, OFFSET_NUMBER)]
    for number in range(300):
        lines += [instruction(EQUAL, 2 * number, otherwise=1), instruction(RETURN, 1000 + number)]
    program = b"".join([*lines, instruction(RETURN, 2)])
    arranged = arrange(program, X86_64)
    assert len(arranged) // 8 > 255
    for number in range(620):
        assert (
            verdict(arranged, number)
            == verdict(program, number)
            == (2 if number % 2 or number > 598 else 1000 + number // 2)
        )


def test_a_program_that_tells_foreign_calls_apart_is_caught() -> None:
    lines = [instruction(LOAD, OFFSET_NUMBER), instruction(EQUAL, 1, otherwise=1), instruction(RETURN, 1)]
    with pytest.raises(AssertionError, match="foreign"):
        arrange(b"".join([*lines, instruction(RETURN, 2)]), X86_64)


def test_a_rule_with_and_one_without_conditions_is_caught() -> None:
    """The library would drop the conditional one in silence."""
    pyseccomp = load_pyseccomp()
    rows = {0: (pyseccomp.ALLOW, {(), (equals(0, 1),)})}
    with pytest.raises(AssertionError, match="with and without conditions"):
        seccomp._export(pyseccomp, pyseccomp.ERRNO(1), rows)


def test_the_library_does_drop_it() -> None:
    """The control of the test above: the reason for the second filter, still true."""
    pyseccomp = load_pyseccomp()
    compiled = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
    compiled.add_rule(pyseccomp.ERRNO(5), 0, pyseccomp.Arg(0, pyseccomp.MASKED_EQ, 0xFFFFFFFF, 1))
    compiled.add_rule(pyseccomp.ERRNO(1), 0)
    with tempfile.TemporaryFile() as output:
        compiled.export_bpf(output)
        output.seek(0)
        program = output.read()
    assert verdict(program, 0, [1]) == ERRNO | 1


LENGTHS = [(Never, 140), (caps.ReadFile, 150), (caps.WriteFile, 160), (caps.ReadFile | caps.Connect | caps.Stdout, 190)]


@pytest.mark.parametrize(("capability", "limit"), LENGTHS, ids=[str(limit) for _, limit in LENGTHS])
def test_filters_stay_short(capability: Any, limit: int) -> None:
    filters = seccomp.compile_filters(compile_policy(grant(capability)))
    assert len(filters.allowed) // 8 <= limit
    assert len(seccomp.compile_reporting(compile_policy(grant(capability))).allowed) // 8 <= limit
    assert len(filters.denied) // 8 <= 140


def test_a_filter_is_compiled_once() -> None:
    what = grant(caps.ReadFile[Literal["/once"]])
    assert seccomp.compile_filters(compile_policy(what)) is seccomp.compile_filters(compile_policy(what))
    # The path is Landlock's, so it is the same filter.
    other = grant(caps.ReadFile[Literal["/twice"]])
    assert seccomp.compile_filters(compile_policy(other)) is seccomp.compile_filters(compile_policy(what))
