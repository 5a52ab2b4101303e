"""Classic BPF: instructions as bytes, and programs as decisions.

This module knows the instruction format, and how a program is read as what it decides for each number of a call. It
refuses to know what the decisions mean, and how they are laid out again (``capsafe.kernel.layout``).

Source: linux/filter.h, linux/bpf_common.h.
"""

import struct
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from operator import itemgetter
from typing import Final, TypeAlias

LOAD: Final = 0x20
EQUAL: Final = 0x15
GREATER_EQUAL: Final = 0x35
GREATER: Final = 0x25
AND: Final = 0x54
JUMP: Final = 0x05
RETURN: Final = 0x06

ALL_BITS: Final = 0xFFFFFFFF
FORMAT: Final = struct.Struct("=HBBI")
_COMPARISONS: Final = (EQUAL, GREATER_EQUAL, GREATER)

# Offsets in struct seccomp_data.
OFFSET_NUMBER: Final = 0
OFFSET_ARCHITECTURE: Final = 4
OFFSET_ARGUMENTS: Final = 16


def instruction(code: int, value: int, *, then: int = 0, otherwise: int = 0) -> bytes:
    """Return one ``struct sock_filter``: its code, jump offsets and constant."""
    return FORMAT.pack(code, then, otherwise, value)


@dataclass(frozen=True, slots=True)
class Answer:
    """The end of a decision: the 32 bits that the program returns."""

    value: int


@dataclass(frozen=True, slots=True)
class Test:
    """A question about four bytes of the call: whether, masked, they compare so with a value, and what follows."""

    offset: int
    mask: int
    code: int
    value: int
    then: "Decision"
    otherwise: "Decision"


Decision: TypeAlias = Answer | Test

#: What is known of some bytes on the way to a question: their value, or values that they don't have.
_Known: TypeAlias = tuple[int | None, frozenset[int]]
_NONE: Final[frozenset[int]] = frozenset()
_NOTHING: Final[_Known] = (None, _NONE)


#: Numbers of calls: each pair is a first and a last one.
Numbers: TypeAlias = list[tuple[int, int]]


class Reader:
    """Reads what a program decides.

    ``program``: classic BPF of the instructions above, whose jumps lead forward. ``architecture``: that of the calls.
    """

    def __init__(self, program: bytes, architecture: int) -> None:
        self._lines = list(FORMAT.iter_unpack(program))
        self._architecture = architecture
        # The numbers at which a decision can change. Those that compare something else do no harm.
        asked = {value for code, _, _, value in self._lines if code in _COMPARISONS}
        self._bounds = sorted({bound for value in asked for bound in (value, value + 1)})

    def read(self) -> list[tuple[int, Decision]]:
        """Return what is decided, in terms of a call's arguments alone: from each number on, up to the next one's.

        What earlier questions on the way have answered is not asked again, nor what has one answer whatever the
        arguments are.
        """
        found = sorted(self._walk(0, OFFSET_NUMBER, [(0, ALL_BITS)]), key=itemgetter(0))
        return [found[0], *(later for earlier, later in pairwise(found) if later[1] != earlier[1])]

    def _walk(self, at: int, held: int, numbers: Numbers) -> Iterator[tuple[int, Decision]]:
        """Follow all numbers that come this way together, up to where something else than the number is asked for."""
        while True:
            code, then, otherwise, value = self._lines[at]
            if code == RETURN:
                answer = Answer(value)
                yield from ((first, answer) for first, _ in numbers)
                return
            at += 1
            if code == LOAD:
                held = value
            elif code == JUMP:
                at += value
            elif code in _COMPARISONS and held == OFFSET_NUMBER:
                yes, no = _split(code, value, numbers)
                if yes and no:
                    yield from self._walk(at + then, held, yes)
                    at, numbers = at + otherwise, no
                else:
                    at += then if yes else otherwise
            elif code in _COMPARISONS and held == OFFSET_ARCHITECTURE:
                at += then if _compare(code, value, (held, ALL_BITS), (self._architecture, _NONE)) else otherwise
            else:
                # The number may be asked for later on this way.
                bounds = self._bounds
                for first, last in numbers:
                    for number in (first, *bounds[bisect_right(bounds, first) : bisect_right(bounds, last)]):
                        yield number, self._decide(at - 1, held, number)
                return

    def _decide(self, at: int, held: int, number: int) -> Decision:
        known = {OFFSET_NUMBER: (number, _NONE), OFFSET_ARCHITECTURE: (self._architecture, _NONE)}
        return self._read(at, (held, ALL_BITS), known)

    def _read(self, at: int, held: tuple[int, int], known: Mapping[int, _Known]) -> Decision:
        """``held``: offset and mask of what the accumulator holds."""
        while True:
            code, then, otherwise, value = self._lines[at]
            at += 1
            if code == RETURN:
                return Answer(value)
            if code == LOAD:
                held = (value, ALL_BITS)
            elif code == AND and held[0] != OFFSET_NUMBER:
                held = (held[0], held[1] & value)
            elif code == JUMP:
                at += value
            elif code in _COMPARISONS:
                answer = _compare(code, value, held, known.get(held[0], _NOTHING))
                if answer is None:
                    return self._fork(code, value, (at + then, at + otherwise), held, known)
                at += then if answer else otherwise
            else:
                raise AssertionError(f"instruction {code:#x} is none that a filter here has in this place")

    def _fork(
        self, code: int, value: int, ways: tuple[int, int], held: tuple[int, int], known: Mapping[int, _Known]
    ) -> Decision:
        offset, mask = held
        yes = no = known
        if code == EQUAL and mask == ALL_BITS:
            _, excluded = known.get(offset, _NOTHING)
            yes = {**known, offset: (value, _NONE)}
            no = {**known, offset: (None, excluded | {value})}
        then, otherwise = self._read(ways[0], held, yes), self._read(ways[1], held, no)
        return then if then == otherwise else Test(offset, mask, code, value, then, otherwise)


def _split(code: int, value: int, numbers: Numbers) -> tuple[Numbers, Numbers]:
    """Return the numbers for which a comparison holds, and the others."""
    low = value + (code == GREATER)
    high = value if code == EQUAL else ALL_BITS
    yes = [(max(first, low), min(last, high)) for first, last in numbers if first <= high and last >= low]
    no = [(first, min(last, low - 1)) for first, last in numbers if first < low]
    no += [(max(first, high + 1), last) for first, last in numbers if last > high]
    return yes, no


def _compare(code: int, value: int, held: tuple[int, int], known: _Known) -> bool | None:
    """Return the outcome of a comparison, None where it depends on the call."""
    _, mask = held
    exact, excluded = known
    if exact is None and mask:
        return False if code == EQUAL and (value & ~mask or (mask == ALL_BITS and value in excluded)) else None
    have = (exact or 0) & mask
    return have == value if code == EQUAL else have > value if code == GREATER else have >= value
