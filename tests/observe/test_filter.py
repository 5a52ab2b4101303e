"""The filter of an observed run, call by call on a machine in user space: it tells, and lets nothing more through."""

import platform
from typing import Any, Never

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capsafe import FileSystem, Network, Process, ReadFile, Stdin, Stdio
from capsafe.grants import Grant, read_grant
from capsafe.kernel import seccomp
from capsafe.policy import compile_policy
from capsafe.policy.baseline import BASELINE
from capsafe.policy.denials import BELL, DENIED, HANDOVER_FLAGS
from capsafe.policy.numbers import NUMBERS
from tests.policy.emulator import ALLOW, USER_NOTIF, run, stricter, verdict
from tests.policy.test_filters import X86_64, arguments_, grants, known_calls

NUMBER = NUMBERS["x86_64"]

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="libseccomp compiles for the machine it runs on")


def answers(grant: Grant, call: str, arguments: Any) -> tuple[int, int]:
    """Return what the kernel does without and with the filter that tells."""
    policy = compile_policy(grant)
    filters = seccomp.compile_filters(policy)
    plain = [run(program, NUMBER[call], arguments, X86_64) for program in (filters.denied, filters.allowed)]
    telling = run(seccomp.compile_observing(policy), NUMBER[call], arguments, X86_64)
    return stricter(*plain), stricter(telling, *plain)


@settings(max_examples=150, deadline=None)
@given(grants, st.lists(st.tuples(known_calls, arguments_), min_size=20, max_size=60))
def test_observed_the_same_is_refused_in_the_same_way(what: Grant, tried: list[tuple[str, list[int]]]) -> None:
    for call, arguments in tried:
        plain, observed = answers(what, call, arguments)
        if plain != ALLOW:
            assert observed == plain, (call, arguments)
        else:
            assert observed in (ALLOW, USER_NOTIF), (call, arguments)


@settings(max_examples=150, deadline=None)
@given(grants, st.lists(st.tuples(known_calls, arguments_), min_size=20, max_size=60))
def test_what_the_listener_is_told_of_the_others_allow(what: Grant, tried: list[tuple[str, list[int]]]) -> None:
    """That is what makes it sound to let it go on, and all beyond the floor is told."""
    policy = compile_policy(what)
    for call, arguments in tried:
        plain, observed = answers(what, call, arguments)
        if observed == USER_NOTIF:
            assert plain == ALLOW
            assert any(rule.allows(call, tuple(arguments)) for rule in policy.rules)
        floor = any(rule.allows(call, tuple(arguments)) for rule in BASELINE)
        if plain == ALLOW and not floor:
            assert observed == USER_NOTIF, (call, arguments)


@pytest.mark.parametrize("call", sorted(set(DENIED) & NUMBER.keys()))
def test_what_no_capability_gives_is_never_told(call: str) -> None:
    everything = read_grant(FileSystem | Network | Process | Stdio)
    plain, observed = answers(everything, call, [0] * 6)
    assert observed == plain
    assert observed not in (ALLOW, USER_NOTIF)


def test_the_hand_over_is_let_through_by_the_first_and_refused_again() -> None:
    policy = compile_policy(read_grant(Never))
    first = seccomp.compile_observing(policy)
    assert verdict(first, NUMBER["seccomp"]) == ALLOW
    assert verdict(first, NUMBER["sendmsg"], [0, 0, HANDOVER_FLAGS]) == ALLOW
    # What manages memory and closes descriptors must not wait for a listener that is not there yet.
    for call in ("munmap", "mremap", "brk", "futex", "close", "madvise"):
        assert verdict(first, NUMBER[call]) == ALLOW
    for call, arguments in (("seccomp", []), ("sendmsg", [0, 0, HANDOVER_FLAGS])):
        _, observed = answers(read_grant(Network), call, [*arguments, *[0] * 6][:6])
        assert observed not in (ALLOW, USER_NOTIF)


def test_the_bell_and_the_streams() -> None:
    assert answers(read_grant(Never), "lseek", [0xFFFFFFFF, 0, BELL, 0, 0, 0]) == (ALLOW, USER_NOTIF)
    assert answers(read_grant(Never), "lseek", [4, 0, 2, 0, 0, 0]) == (ALLOW, ALLOW)
    assert answers(read_grant(Stdin), "read", [0, 0, 1, 0, 0, 0]) == (ALLOW, USER_NOTIF)
    assert answers(read_grant(Stdin), "read", [5, 0, 1, 0, 0, 0]) == (ALLOW, ALLOW)
    assert answers(read_grant(ReadFile), "read", [5, 0, 1, 0, 0, 0]) == (ALLOW, ALLOW)
