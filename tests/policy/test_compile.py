"""From grants to policies: the fold, the tables behind it, and the page that a person reviews."""

import itertools
import os
import re
from pathlib import Path
from typing import Any, Literal, Never

import pytest

from capsafe import capabilities as caps
from capsafe.grants import TAXONOMY, Grant, read_grant
from capsafe.policy import Place, Policy, PortRight, PortRule, Right, compile_policy, table
from capsafe.policy import denials as denials_table
from capsafe.policy.baseline import BASELINE, OTHER_ERRORS
from capsafe.policy.compile import absorb
from capsafe.policy.explain import _condition, explain_policy
from capsafe.policy.model import LOW_HALF, POINTER, READ_RIGHTS, WRITE_RIGHTS, Masked, Rule, equals
from capsafe.policy.numbers import ARCHITECTURES, LAST, LAST_USED, NUMBERS
from capsafe.policy.words import ARGUMENTS

GOLDEN = Path(__file__).parent / "golden.txt"
#: Lines as long as they come: where they break is nothing to review.
_UNBROKEN = 10**6


def policy(what: Any) -> Policy:
    return compile_policy(read_grant(what))


def rights(what: Any) -> dict[str | Place, Right]:
    return {rule.path: rule.rights for rule in policy(what).paths}


# --- the tables -----------------------------------------------------------------------------------------------------


def test_every_capability_has_a_row_or_parts_that_have_one() -> None:
    for capability in TAXONOMY:
        assert capability in table.ROWS or any(issubclass(row, capability) for row in table.ROWS)
    assert set(table.ROWS) <= set(TAXONOMY)
    public = {
        value
        for value in vars(caps).values()
        if isinstance(value, type) and issubclass(value, caps.Capability) and value.__module__ == caps.__name__
    }
    assert public - {caps.Capability, caps.Ambient} == set(TAXONOMY)


def every_rule(row: table.Row) -> frozenset[Rule]:
    return row.calls | row.unscoped_calls | row.direct_calls | row.direct_sends


def test_every_name_in_the_tables_is_a_system_call() -> None:
    """A name with a typing error would be skipped as one that the machine lacks."""
    known = set().union(*NUMBERS.values())
    rows = [*BASELINE, *itertools.chain.from_iterable(map(every_rule, table.ROWS.values()))]
    rows += itertools.chain.from_iterable(table.JOINT_ROWS.values())
    assert {rule.call for rule in rows} <= known
    assert set(OTHER_ERRORS) <= known
    assert set(denials_table.DENIED) <= known
    assert len(set(denials_table.DENIED)) == len(denials_table.DENIED)


def test_no_rule_is_about_a_call_that_is_answered_as_newer() -> None:
    everything = compile_policy(Grant(one for capability in TAXONOMY for one in read_grant(capability)))
    for machine in ARCHITECTURES:
        numbers = NUMBERS[machine]
        assert max(numbers[rule.call] for rule in everything.rules if rule.call in numbers) <= LAST_USED
        assert max(numbers.values()) == LAST
        assert len(set(numbers.values())) == len(numbers)


def test_the_numbers_are_those_of_the_kernel_headers() -> None:
    """Some that are known by heart, and for this machine those that libseccomp knows."""
    assert NUMBERS["x86_64"]["openat"] == 257
    assert NUMBERS["aarch64"]["openat"] == 56
    assert NUMBERS["x86_64"]["seccomp"] == 317
    assert NUMBERS["aarch64"]["seccomp"] == 277
    assert "open" not in NUMBERS["aarch64"]
    assert "fork" not in NUMBERS["aarch64"]
    assert {number for machine in NUMBERS for name, number in NUMBERS[machine].items() if name == "clone3"} == {435}


@pytest.mark.kernel
@pytest.mark.parametrize("machine", list(ARCHITECTURES))
def test_libseccomp_has_the_same_numbers(machine: str) -> None:
    from capsafe.kernel.support import load_pyseccomp

    pyseccomp = load_pyseccomp()
    differ = {
        name: (number, resolved)
        for name, number in NUMBERS[machine].items()
        # A negative number is one that this version does not know.
        if (resolved := pyseccomp.resolve_syscall(ARCHITECTURES[machine], name)) >= 0 and resolved != number
    }
    assert differ == {}


def test_everything_that_python_cannot_do_without_exists_on_both_machines() -> None:
    """Where aarch64 lacks a call, the same rule has the form that it does have."""
    for older, newer in [
        ("open", "openat"),
        ("stat", "newfstatat"),
        ("access", "faccessat"),
        ("readlink", "readlinkat"),
        ("poll", "ppoll"),
        ("select", "pselect6"),
        ("dup2", "dup3"),
        ("epoll_wait", "epoll_pwait"),
        ("mkdir", "mkdirat"),
        ("unlink", "unlinkat"),
        ("rename", "renameat"),
        ("link", "linkat"),
        ("symlink", "symlinkat"),
        ("pipe", "pipe2"),
    ]:
        assert older not in NUMBERS["aarch64"]
        for capability in [Never, *TAXONOMY]:
            called = {rule.call for rule in policy(capability).rules}
            assert older not in called or newer in called, (older, capability)


def test_the_libc_constants_are_those_of_this_machine() -> None:
    import fcntl
    import mmap
    import socket
    import termios

    from capsafe.policy import syscalls as calls

    assert (calls.O_ACCMODE, calls.O_WRONLY, calls.O_CREAT, calls.O_TRUNC, calls.O_PATH) == (
        os.O_ACCMODE,
        os.O_WRONLY,
        os.O_CREAT,
        os.O_TRUNC,
        os.O_PATH,
    )
    assert calls.O_TMPFILE == os.O_TMPFILE & ~os.O_DIRECTORY
    assert calls.F_GETLK_TO_SETLKW == (fcntl.F_GETLK, fcntl.F_SETLK, fcntl.F_SETLKW)
    assert (calls.F_DUPFD_CLOEXEC, calls.F_SETFL) == (fcntl.F_DUPFD_CLOEXEC, fcntl.F_SETFL)
    assert all(one & calls.F_DUPFD_TO_GETFL_MASK == 0 for one in (fcntl.F_DUPFD, fcntl.F_GETFD, fcntl.F_GETFL))
    assert calls.PROT_EXEC == mmap.PROT_EXEC
    assert (calls.TIOCGWINSZ, calls.FIONREAD, calls.FIONBIO) == (termios.TIOCGWINSZ, termios.FIONREAD, termios.FIONBIO)
    assert {termios.FIOCLEX, termios.FIONCLEX} == {calls.FIOCLEX_OR_FIONCLEX, calls.FIOCLEX_OR_FIONCLEX + 1}
    assert (calls.AF_UNIX, calls.AF_INET, calls.AF_INET6) == (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6)
    assert (calls.SOCK_STREAM, calls.SOCK_DGRAM) == (socket.SOCK_STREAM, socket.SOCK_DGRAM)
    assert (calls.IPPROTO_TCP, calls.IPPROTO_UDP) == (socket.IPPROTO_TCP, socket.IPPROTO_UDP)
    assert calls.MSG_FASTOPEN == 0x20000000
    assert (calls.SOL_SOCKET, calls.SOL_TCP, calls.SOL_IPV6) == (socket.SOL_SOCKET, socket.SOL_TCP, socket.IPPROTO_IPV6)


# --- the fold -------------------------------------------------------------------------------------------------------


def test_nothing_granted_is_the_baseline() -> None:
    empty = policy(Never)
    assert empty.rules == absorb(BASELINE)
    assert (empty.paths, empty.ports, empty.streams) == (frozenset(), frozenset(), frozenset())
    assert (empty.landlock_abi, empty.environ, empty.files, empty.programs, empty.threads) == (
        0,
        False,
        False,
        False,
        False,
    )


def test_scopes_become_paths_with_the_rights_of_their_capability() -> None:
    assert rights(caps.ReadFile[Literal["/data", "/srv"]]) == {"/data": READ_RIGHTS, "/srv": READ_RIGHTS}
    assert rights(caps.FileSystem[Literal["/data"]]) == {"/data": READ_RIGHTS | WRITE_RIGHTS}
    both = caps.ReadFile[Literal["/data"]] | caps.WriteFile[Literal["/data", "/out"]]
    assert rights(both) == {"/data": READ_RIGHTS | WRITE_RIGHTS, "/out": WRITE_RIGHTS}
    assert rights(caps.ReadFile) == {Place.ANYWHERE: READ_RIGHTS}
    assert rights(caps.ReadFile[Literal["/"]]) == {Place.ANYWHERE: READ_RIGHTS}
    assert all(rule.required for rule in policy(both).paths)
    program = rights(caps.Spawn[Literal["/bin/true"]])
    assert program["/bin/true"] == Right.EXECUTE | Right.READ_FILE
    assert program["/usr/lib"] == READ_RIGHTS
    assert "/usr" not in program


def test_device_files_sockets_and_fifos_can_not_be_made() -> None:
    made = Right.MAKE_CHAR | Right.MAKE_BLOCK | Right.MAKE_FIFO | Right.IOCTL_DEV
    for capability in TAXONOMY:
        for rule in policy(capability).paths:
            assert not rule.rights & made


def test_port_scopes_become_ports() -> None:
    web = policy(caps.Connect[Literal["*:443", "*:80"]])
    assert web.ports == {PortRule(443, PortRight.CONNECT_TCP), PortRule(80, PortRight.CONNECT_TCP)}
    assert web.open_ports == PortRight(0)
    assert policy(caps.Connect).open_ports == PortRight.CONNECT_TCP
    assert policy(caps.Listen).open_ports == PortRight.BIND_TCP
    assert policy(caps.Network).open_ports == sum(PortRight)


def test_a_group_is_the_sum_of_its_parts() -> None:
    for group, parts in [
        (caps.FileSystem, caps.ReadFile | caps.WriteFile),
        (caps.Network, caps.Connect | caps.Listen | caps.Resolve | caps.Datagram | caps.UnixSocket),
        (caps.Process, caps.Spawn | caps.Signal),
        (caps.Stdio, caps.Stdin | caps.Stdout | caps.Stderr),
    ]:
        one, other = policy(group), policy(parts)
        assert (one.rules, one.paths, one.open_ports, one.streams) == (
            other.rules,
            other.paths,
            other.open_ports,
            other.streams,
        )


def test_ambient_counts_as_what_is_inside() -> None:
    assert policy(caps.Ambient[caps.ReadFile]).rules == policy(caps.ReadFile).rules
    assert policy(caps.Ambient[caps.ReadFile]).paths == policy(caps.ReadFile).paths


def test_what_the_worker_is_told() -> None:
    assert policy(caps.Stdio).streams == {"stdin", "stdout", "stderr"}
    assert policy(caps.Environ).environ
    assert policy(caps.Threads).threads
    assert policy(caps.Spawn).programs
    for capability in (caps.ReadFile, caps.StatFile, caps.WriteFile, caps.Spawn, caps.Import, caps.UnixSocket):
        assert policy(capability).files
    for other in (caps.Connect, caps.Stdout, caps.Threads, caps.SystemInfo):
        assert not policy(other).files


def test_scopes_on_a_group_are_refused_for_the_parts_that_can_not_keep_them() -> None:
    assert policy(caps.FileSystem[Literal["/data"]]).unenforceable == ()
    refused = policy(caps.Network[Literal["*:443"]]).unenforceable
    assert [text.partition(":")[0] for text in refused] == ["UnixSocket"]


def test_absorbing_keeps_the_widest_rules() -> None:
    narrow, wide = Masked(0, 1, 1), Masked(1, 2, 2)
    rules = {
        Rule("read"),
        Rule("read", (narrow,)),
        Rule("write", (narrow, wide)),
        Rule("write", (wide,)),
        Rule("open", (narrow,)),
    }
    twice = {Rule("open", (Masked(0, 3, 0),)), Rule("open", (Masked(0, 1, 0), Masked(0, 3, 0)))}
    assert len(absorb(twice)) == 1
    # Where bits 0 and 1 are both clear, bit 0 is clear.
    assert absorb({Rule("open", (Masked(0, 3, 0),)), Rule("open", (Masked(0, 1, 0),))}) == {
        Rule("open", (Masked(0, 1, 0),))
    }
    assert len(absorb({Rule("open", (Masked(0, 3, 0),)), Rule("open", (Masked(0, 1, 1),))})) == 2
    assert absorb(rules) == {Rule("read"), Rule("write", (wide,)), Rule("open", (narrow,))}


def test_conditions() -> None:
    assert equals(0, 3).holds((3 | 1 << 40, 0, 0, 0, 0, 0))
    assert not equals(0, 3).holds((4, 0, 0, 0, 0, 0))


# --- the page -------------------------------------------------------------------------------------------------------


def test_the_page_says_what_is_behind_a_grant() -> None:
    page = str(policy(caps.ReadFile[Literal["/data"]] | caps.Connect[Literal["*:443"]] | caps.Stdout))
    for line in [
        'Sandbox[ReadFile[L["/data"]] | Connect[L["*:443"]] | Stdout]',
        "may make system calls, with any arguments:",
        "  openat: flags O_RDONLY without O_CREAT, O_TRUNC, O_PATH, O_TMPFILE",
        "  socket: family AF_INET or AF_INET6, type SOCK_STREAM, protocol 0 or IPPROTO_TCP",
        "  prlimit64: process 0 (itself), new limit NULL",
        "      Behind it: seccomp, Landlock.",
        "      Behind it: descriptors, seccomp.",
        "  /data: read_file, read_dir",
        "  443: connect_tcp",
        "  stdout, current folder",
        "can never make, whatever is granted:",
    ]:
        assert line in page.splitlines(), line
    assert "metadata" in page
    assert "ptrace" in page


def test_the_page_says_what_can_not_be_enforced() -> None:
    page = str(policy(caps.StatFile[Literal["/data"]]))
    assert "can't be enforced:\n  - StatFile: metadata can't be held to a path" in page


def test_the_supervisor_is_said_to_be_behind_what_it_holds_and_no_other() -> None:
    page = str(policy(caps.Connect[Literal["a.example:443"]] | caps.Signal | caps.Resolve)).splitlines()
    behind = [line.strip() for line in page if "Behind it:" in line]
    supervisor = "Behind it: the supervisor."
    assert behind == ["Behind it: seccomp, Landlock, the supervisor.", supervisor, "Behind it: seccomp, Landlock."]
    assert "      Behind it: seccomp, Landlock." in str(policy(caps.Connect[Literal["*:443"]])).splitlines()


def test_the_page_says_what_its_words_mean_and_no_others() -> None:
    found = {}
    for grant in (Never, caps.Clock, caps.ReadFile, caps.Resolve, caps.Stdin, caps.Environ):
        section = str(policy(grant)).partition("words:\n")[2].partition("\n\n")[0]
        found[grant] = [line.partition(":")[0].strip() for line in section.splitlines() if line[2] != " "]
    assert found == {
        Never: ["seccomp"],
        caps.Clock: ["the checker"],
        caps.ReadFile: ["seccomp", "Landlock"],
        caps.Resolve: ["the supervisor"],
        caps.Stdin: ["descriptors"],
        caps.Environ: ["environment"],
    }


def test_numbers_are_read_out_in_their_order_and_those_that_adjoin_as_one() -> None:
    page = str(policy(caps.Connect)).replace("\n      ", " ")
    assert "level SOL_SOCKET, option 0 to 23;" in page
    assert "level IPPROTO_IP, option 0 to 3 or 8 to 11;" in page


def test_the_page_lists_what_anywhere_leaves_out() -> None:
    page = str(policy(caps.ReadFile))
    assert "<anywhere>: read_file, read_dir" in page
    assert "every top-level folder but /proc, /sys, /dev" in page


def rendered() -> str:
    """Return what each capability adds to Never, which comes first in full."""
    base = explain_policy(policy(Never), _UNBROKEN).splitlines()
    parts = ["\n".join(base)]
    for capability in TAXONOMY:
        lines = _flat(explain_policy(policy(capability), _UNBROKEN))
        known = _flat("\n".join(base))
        parts.append(
            "\n".join([f"Sandbox[{capability.__name__}]", *(f"  + {line}" for line in lines if line not in known)])
        )
    return "\n\n".join(parts) + "\n"


def _flat(page: str) -> list[str]:
    """Give every call that is allowed with any arguments a line of its own."""
    flat: list[str] = []
    words = False
    for line in page.splitlines()[1:]:
        if line.endswith(":") and not line.startswith(" "):
            words = line == "may make system calls, with any arguments:"
        elif words:
            flat += line.split()
        elif line:
            flat.append(line.strip())
    return flat


def test_no_condition_is_read_out_as_a_number() -> None:
    """Whatever is granted: the few numbers that stay are descriptors, protocol 0 and options of sockets."""
    everything = caps.FileSystem | caps.Network | caps.Process | caps.Stdio | caps.Threads | caps.NativeCode
    page = str(policy(everything | caps.Import | caps.SystemInfo))
    conditions = page.partition("under conditions:")[2].partition("of these:")[0]
    assert "0x" not in conditions
    said = [line for line in conditions.splitlines() if not line.strip().startswith("why:")]
    assert not [line for line in said if re.search(r": [a-f] |, [a-f] ", line)]


def test_every_condition_of_every_row_is_read_out_as_it_holds() -> None:
    """The words are right: a call that they describe is one that the condition takes."""
    for capability in TAXONOMY:
        for rule in policy(capability).rules:
            for condition in rule.when:
                argument = ARGUMENTS.get((rule.call, condition.argument))
                assert argument is not None, f"{rule.call} has an argument without a name"
                for value, name in argument.values.items():
                    arguments = tuple(value if place == condition.argument else 0 for place in range(6))
                    if argument.mask == LOW_HALF and condition.mask != POINTER:
                        assert condition.holds(arguments) == (name in _condition(rule.call, condition)), name


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_page_fits_the_width(width: int) -> None:
    page = explain_policy(policy(caps.FileSystem | caps.Network | caps.Process), width)
    # Words are not broken.
    assert [line for line in page.splitlines()[1:] if len(line) > width and " " in line.strip()] == []


def test_the_policies_are_those_that_were_reviewed() -> None:
    """A change of the tables shows here as text: write it with CAPSAFE_WRITE_GOLDEN=1, and review the difference."""
    text = rendered()
    if os.environ.get("CAPSAFE_WRITE_GOLDEN"):
        GOLDEN.write_text(text)
    assert text == GOLDEN.read_text()
