"""A policy's rules as seccomp filters, compiled by libseccomp once and kept as bytes.

This module knows the two filters (what is allowed; what is denied whatever is allowed), how they are compiled and how
they are installed. It refuses to know why a call is allowed.

Sources: seccomp(2), seccomp_rule_add(3), Documentation/userspace-api/seccomp_filter.rst.
"""

import os
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from capsafe.errors import UnsupportedError
from capsafe.kernel.bpf import (
    EQUAL,
    GREATER_EQUAL,
    LOAD,
    OFFSET_ARCHITECTURE,
    OFFSET_ARGUMENTS,
    OFFSET_NUMBER,
    RETURN,
    instruction,
)
from capsafe.kernel.layout import arrange, settled
from capsafe.kernel.support import architecture, load_pyseccomp
from capsafe.policy.baseline import BASELINE, NEWER, OTHER_ERRORS, REFUSED
from capsafe.policy.compile import absorb
from capsafe.policy.denials import (
    BELL,
    BELL_ARGUMENT,
    BELL_CALL,
    DENIED,
    HANDOVER_FLAGS,
    HANDOVER_FLAGS_ARGUMENT,
    REPORTED_STREAM_CALLS,
    STREAM_CHANGES,
    STREAMS,
)
from capsafe.policy.model import Masked, Policy, Rule, equals
from capsafe.policy.numbers import ARCHITECTURES, LAST_USED, NUMBERS, X32_BIT
from capsafe.policy.syscalls import STARTING_CALLS

if TYPE_CHECKING:
    from capsafe.kernel.libc import Program

_RET_KILL_PROCESS: Final = 0x80000000
_RET_ERRNO: Final = 0x00050000
_RET_USER_NOTIF: Final = 0x7FC00000
_RET_ALLOW: Final = 0x7FFF0000

_HIGHEST_PRIORITY: Final = 255

Conditions = tuple[Masked, ...]

#: Beside the names of streams: none of them can be changed for the parent.
_CHANGES: Final = "changes"


@dataclass(frozen=True, slots=True)
class Filters:
    """Two classic BPF programs, as the bytes of ``struct sock_filter``; both hold, the stricter answer wins."""

    denied: bytes
    allowed: bytes


def compile_filters(policy: Policy) -> Filters:
    """Compile a policy for this machine; the second time, for an equal one, is free.

    Raises ``UnsupportedError`` where libseccomp is missing or the machine is not known.
    """
    return _compile(policy.rules, _guarded(policy), _trimmed(policy), architecture())


def compile_reporting(policy: Policy, *, counted: bool = False) -> Filters:
    """Compile a policy so that what is not allowed is left to a listener, which refuses it and tells of it.

    The two allow and deny the same calls as those of ``compile_filters``. The one with the listener is installed first:
    it also allows what it takes to hand the listener over and to install the other one, which denies that again.
    ``counted``: calls that start a process or a thread are left to the listener, too, also where they are allowed.
    Raises ``UnsupportedError`` as ``compile_filters`` does.
    """
    rules = policy.rules
    if counted:
        rules = frozenset(rule for rule in rules if rule.call not in STARTING_CALLS)
    return _compile_reporting(rules, _guarded(policy), _trimmed(policy), architecture())


def compile_observing(policy: Policy) -> bytes:
    """Compile the filter that tells a listener of what a policy allows beyond what every sandbox can do.

    It is installed before the two of ``compile_filters``, which stay what they are: what they refuse is refused without
    a word to the listener, since of two answers the kernel takes the stricter, and so whatever the listener is told of
    they have allowed already. Raises ``UnsupportedError`` as ``compile_filters`` does.
    """
    return _compile_observing(policy.rules, policy.streams, architecture())


def _guarded(policy: Policy) -> frozenset[str]:
    """Name the streams that are refused, and say that those which are there can't be changed; nothing for programs."""
    if policy.programs:
        return frozenset()
    return (frozenset(name for name, _, _ in STREAMS) - policy.streams) | {_CHANGES}


def _trimmed(policy: Policy) -> frozenset[str]:
    """Return the calls that were trimmed away and would be told that they are not supported: they are refused aloud.

    Not those that libc makes in another form when they are not there.
    """
    return frozenset(rule.call for rule in policy.left_out if OTHER_ERRORS.get(rule.call, NEWER) != NEWER)


@lru_cache(maxsize=256)
def _compile(rules: frozenset[Rule], guarded: frozenset[str], trimmed: frozenset[str], machine: str) -> Filters:
    own = ARCHITECTURES[machine]
    return Filters(
        denied=arrange(_compile_denied(guarded, machine), own),
        allowed=arrange(_compile_allowed(rules, machine, asked=trimmed), own),
    )


@lru_cache(maxsize=256)
def _compile_reporting(
    rules: frozenset[Rule], guarded: frozenset[str], trimmed: frozenset[str], machine: str
) -> Filters:
    plain = _compile_allowed(rules, machine, asked=trimmed)
    own = ARCHITECTURES[machine]
    denied = _compile_denied(guarded, machine, last=True)
    # What the other one refuses is refused, and with its error, since it is installed last: here it need not be asked.
    # But for the call that installs it.
    free = settled(denied, own) - {NUMBERS[machine]["seccomp"]}
    return Filters(denied=arrange(denied, own), allowed=arrange(_listening(plain, guarded, machine), own, free))


@lru_cache(maxsize=64)
def _compile_observing(rules: frozenset[Rule], streams: frozenset[str], machine: str) -> bytes:
    # Calls that have another error where they are not allowed: here they may be.
    plain = _compile_allowed(absorb(BASELINE), machine, asked=frozenset(rule.call for rule in rules))
    bell = _on_argument(NUMBERS[machine][BELL_CALL], BELL_ARGUMENT, BELL, instruction(RETURN, _RET_USER_NOTIF))
    # What is read and written on the streams is what tells whether they are used.
    return arrange(_listening(plain, streams, machine, b"".join(bell)), ARCHITECTURES[machine])


def _listening(plain: bytes, told: frozenset[str], machine: str, more: bytes = b"") -> bytes:
    """Return a filter that leaves to a listener what ``plain`` refuses, and the use of some streams."""
    start = len(_prefix(machine))
    refusal, notice = instruction(RETURN, _RET_ERRNO | REFUSED), instruction(RETURN, _RET_USER_NOTIF)
    # Only the default answers with this error, so that nothing else is changed.
    lines = [plain[at : at + len(refusal)] for at in range(start, len(plain), len(refusal))]
    body = b"".join(notice if line == refusal else line for line in lines)
    return plain[:start] + _handover_lines(told, machine) + more + body


def _handover_lines(told: frozenset[str], machine: str) -> bytes:
    """Return the lines after the prefix of a filter with a listener; the call's number is loaded when they begin."""
    numbers = NUMBERS[machine]
    allow, notice = instruction(RETURN, _RET_ALLOW), instruction(RETURN, _RET_USER_NOTIF)
    lines = [
        instruction(EQUAL, numbers["seccomp"], otherwise=1),
        allow,
        *_on_argument(numbers["sendmsg"], HANDOVER_FLAGS_ARGUMENT, HANDOVER_FLAGS, allow),
    ]
    for stream, descriptor, calls in STREAMS:
        if stream in told:
            for call in REPORTED_STREAM_CALLS:
                if call in calls:
                    lines += _on_argument(numbers[call], 0, descriptor, notice)
    return b"".join(lines)


def _on_argument(number: int, argument: int, value: int, answer: bytes) -> list[bytes]:
    """Return lines that give an answer where a call's argument, a C int, has a value."""
    return [
        instruction(EQUAL, number, otherwise=4),
        # The lower half: both machines are little-endian.
        instruction(LOAD, OFFSET_ARGUMENTS + 8 * argument),
        instruction(EQUAL, value, otherwise=1),
        answer,
        instruction(LOAD, OFFSET_NUMBER),
    ]


@lru_cache(maxsize=16)  # one for each set of streams, and again for the last one
def _compile_denied(guarded: frozenset[str], machine: str, *, last: bool = False) -> bytes:
    """Compile what is denied whatever is allowed; ``last``: after it no filter comes, and the other one reports."""
    seccomp = load_pyseccomp()
    numbers = NUMBERS[machine]
    rows: dict[int, tuple[int, set[Conditions]]] = {}
    for call in DENIED:
        if call in numbers:
            error = OTHER_ERRORS.get(call, REFUSED)
            rows[numbers[call]] = (seccomp.ERRNO(error), {()})
    if last:
        rows[numbers["seccomp"]] = (seccomp.ERRNO(REFUSED), {()})
    rows[numbers["sendmsg"]] = (seccomp.ERRNO(REFUSED), {(equals(HANDOVER_FLAGS_ARGUMENT, HANDOVER_FLAGS),)})
    for stream, descriptor, calls in STREAMS:
        for call in calls if stream in guarded else ():
            if last and call in REPORTED_STREAM_CALLS:
                continue
            _, conditions = rows.setdefault(numbers[call], (seccomp.ERRNO(REFUSED), set()))
            conditions.add((equals(0, descriptor),))
    for call, alternatives in STREAM_CHANGES.items() if _CHANGES in guarded else ():
        if call in numbers:
            _, conditions = rows.setdefault(numbers[call], (seccomp.ERRNO(REFUSED), set()))
            conditions.update(alternatives)
    return _export(seccomp, seccomp.ALLOW, rows)


@lru_cache(maxsize=256)  # both forms are made of it
def _compile_allowed(rules: frozenset[Rule], machine: str, *, asked: frozenset[str] = frozenset()) -> bytes:
    """Compile what is allowed. ``asked``: calls that are refused like all others, and not with their own error."""
    seccomp = load_pyseccomp()
    numbers = NUMBERS[machine]
    allowed: dict[str, set[Conditions]] = defaultdict(set)
    for rule in rules:
        allowed[rule.call].add(rule.when)
    rows = {numbers[call]: (seccomp.ALLOW, when) for call, when in allowed.items() if call in numbers}
    for call, error in OTHER_ERRORS.items():
        if call in numbers and call not in allowed and call not in asked:
            rows[numbers[call]] = (seccomp.ERRNO(error), {()})
    return _prefix(machine) + _export(seccomp, seccomp.ERRNO(REFUSED), rows)


def _export(seccomp: ModuleType, default: int, rows: Mapping[int, tuple[int, set[Conditions]]]) -> bytes:
    """Have libseccomp compile rows of number -> action and the conditions under any of which it is taken."""
    try:
        compiled: Any = seccomp.SyscallFilter(default)
        # The library's own default kills one thread; the others would wait for it for ever.
        compiled.set_attr(seccomp.Attr.ACT_BADARCH, seccomp.KILL_PROCESS)
        for number, (action, alternatives) in sorted(rows.items()):
            if () in alternatives and len(alternatives) > 1:
                # It would keep the unconditional one and drop the others without a word.
                raise AssertionError(f"call {number} has rules with and without conditions")
            for conditions in sorted(alternatives):
                compiled.add_rule(action, number, *(_argument(seccomp, one) for one in conditions))
            if () not in alternatives:
                # The kernel remembers the calls that are always allowed and skips the filter for them, so those
                # that remain are the ones to decide first.
                compiled.syscall_priority(number, _HIGHEST_PRIORITY)
        # In memory: there need not be a folder that can be written.
        with os.fdopen(os.memfd_create("capsafe-filter"), "w+b") as output:
            compiled.export_bpf(output)
            output.seek(0)
            program: bytes = output.read()
            return program
    except OSError as error:
        raise UnsupportedError(f"libseccomp refused to compile the filter: {error}") from error


def _argument(seccomp: ModuleType, condition: Masked) -> object:
    return seccomp.Arg(condition.argument, seccomp.MASKED_EQ, condition.mask, condition.value)


def _prefix(machine: str) -> bytes:
    """Return the lines before libseccomp's: foreign and x32 calls kill, calls newer than any rule are not there.

    libseccomp can't say "greater than" of a call's number. What follows is entered by falling through, and its jumps
    are relative, so it need not know.
    """
    kill = instruction(RETURN, _RET_KILL_PROCESS)
    lines = [
        instruction(LOAD, OFFSET_ARCHITECTURE),
        instruction(EQUAL, ARCHITECTURES[machine], then=1),
        kill,
        instruction(LOAD, OFFSET_NUMBER),
        instruction(GREATER_EQUAL, LAST_USED + 1, otherwise=_newer_length(machine)),
    ]
    if machine == "x86_64":
        lines += [instruction(GREATER_EQUAL, X32_BIT, otherwise=1), kill]
    lines.append(instruction(RETURN, _RET_ERRNO | NEWER))
    return b"".join(lines)


def _newer_length(machine: str) -> int:
    return 3 if machine == "x86_64" else 1


@lru_cache(maxsize=512)
def ready(filters: Filters) -> "tuple[Program, Program]":
    """Lay the programs out for the kernel: what is denied, and what is allowed."""
    from capsafe.kernel.libc import Program  # noqa: PLC0415  # loads ctypes

    return Program(filters.denied), Program(filters.allowed)
