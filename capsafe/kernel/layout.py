"""Decisions as a short program: the number of the call is found by bisection, and what is the same is there once.

This module knows how decisions are laid out. It refuses to change one: tests hold each program to the one that
libseccomp wrote. libseccomp asks for one number after the other; the kernel, which runs a new filter for every number
to learn which calls are always allowed, takes this form in half the time.
"""

from collections import Counter
from functools import lru_cache
from itertools import pairwise
from typing import Final

from capsafe.kernel.bpf import (
    ALL_BITS,
    AND,
    EQUAL,
    GREATER_EQUAL,
    JUMP,
    LOAD,
    OFFSET_ARCHITECTURE,
    OFFSET_NUMBER,
    RETURN,
    Answer,
    Decision,
    Reader,
    Test,
    instruction,
)

#: So many numbers are asked for one after the other; more are halved first.
_FEW: Final = 10
#: A comparison's way is eight bits long.
_LONGEST_WAY: Final = 255

_ALLOWED: Final = Answer(0x7FFF0000)
#: The answer that is an error for the caller, and its own bits.
_REFUSED: Final = 0x00050000
_DATA: Final = 0xFFFF

#: Each with the first number that it is about, up to the next one's.
_Runs = list[tuple[int, Decision]]


@lru_cache(maxsize=512)
def arrange(program: bytes, architecture: int, free: frozenset[int] = frozenset()) -> bytes:
    """Return a program with the same answers.

    ``program``: classic BPF that has one and the same answer to all calls of another architecture. ``architecture``:
    the audit number of the one that it is for. ``free``: numbers of calls for which any answer will do.
    """
    foreign = {decision for _, decision in Reader(program, architecture ^ 1).read()}
    if len(foreign) != 1:
        raise AssertionError("a filter tells calls of foreign architectures apart")
    runs = _without(Reader(program, architecture).read(), free)
    return _Layout().lay_out(runs, foreign.pop(), architecture)


def settled(program: bytes, architecture: int) -> frozenset[int]:
    """Return the numbers of the calls that a program refuses whatever their arguments are, and kills nobody for."""
    runs = Reader(program, architecture).read()
    return frozenset(
        number
        for (first, decision), (after, _) in pairwise([*runs, (ALL_BITS, _ALLOWED)])
        if isinstance(decision, Answer) and decision.value & ~_DATA == _REFUSED
        for number in range(first, after)
    )


def _without(runs: _Runs, free: frozenset[int]) -> _Runs:
    """Have the numbers that are free go with those before them, so that there are fewer runs."""
    found: _Runs = []
    for (first, decision), (after, _) in pairwise([*runs, (ALL_BITS, _ALLOWED)]):
        number = first
        while found and number < after and number in free:
            number += 1
        if number < after and (not found or found[-1][1] != decision):
            found.append((number, decision))
    return found


class _Layout:
    """A program that grows from its end, so that all that a line leads to is there before it."""

    def __init__(self) -> None:
        self._lines: list[bytes] = []
        self._placed: dict[tuple[Decision, bool, bool], int] = {}

    def lay_out(self, runs: _Runs, foreign: Decision, architecture: int) -> bytes:
        """Return the program: it asks for the architecture, then for the number, then what the decision asks."""
        refused = self._place(foreign)
        start = self._before(LOAD, OFFSET_NUMBER, self._choose(runs))
        self._before(LOAD, OFFSET_ARCHITECTURE, self._compare(EQUAL, architecture, start, refused))
        return b"".join(reversed(self._lines))

    # --- the number --------------------------------------------------------------------------------------------------

    def _choose(self, runs: _Runs) -> int:
        """Lead each number to its decision; those before the first run's and after the last one's don't get here."""
        usual = Counter(decision for _, decision in runs).most_common(1)[0][0]
        others = [at for at, (_, decision) in enumerate(runs) if decision != usual]
        if len(others) > _FEW:
            # A run that begins where it is halved has no lower bound to ask for.
            middle = others[len(others) // 2]
            upper = self._choose(runs[middle:])
            return self._compare(GREATER_EQUAL, runs[middle][0], upper, self._choose(runs[:middle]))
        following = self._place(usual)
        for at in reversed(others):
            first, decision = runs[at]
            is_last = at + 1 == len(runs)
            way = self._place(decision)
            if not is_last and runs[at + 1][0] == first + 1:
                following = self._compare(EQUAL, first, way, following)
                continue
            if not is_last:
                way = self._compare(GREATER_EQUAL, runs[at + 1][0], following, way)
            following = self._compare(GREATER_EQUAL, first, way, following) if at else way
        return following

    # --- the arguments -----------------------------------------------------------------------------------------------

    def _place(self, decision: Decision, *, loaded: bool = False, masked: bool = False) -> int:
        """Return where a decision begins.

        ``loaded``: the accumulator holds its bytes, as far as its mask goes. ``masked``: and nothing else.
        """
        key = (decision, loaded, masked)
        if key not in self._placed:
            self._placed[key] = self._make(decision, loaded=loaded, masked=masked)
        return self._placed[key]

    def _make(self, decision: Decision, *, loaded: bool, masked: bool) -> int:
        if isinstance(decision, Answer):
            return self._add(instruction(RETURN, decision.value))
        if not loaded:
            return self._before(LOAD, decision.offset, self._place(decision, loaded=True))
        if not masked and decision.mask != ALL_BITS:
            return self._before(AND, decision.mask, self._place(decision, loaded=True, masked=True))
        otherwise = self._follow(decision, decision.otherwise)
        return self._compare(decision.code, decision.value, self._follow(decision, decision.then), otherwise)

    def _follow(self, test: Test, following: Decision) -> int:
        """Place what follows a question; it need not load what is there already."""
        if isinstance(following, Answer):
            return self._place(following)
        is_there = following.offset == test.offset and following.mask & ~test.mask == 0
        return self._place(following, loaded=is_there, masked=is_there and following.mask == test.mask)

    # --- lines -------------------------------------------------------------------------------------------------------

    def _add(self, line: bytes) -> int:
        self._lines.append(line)
        return len(self._lines) - 1

    def _reach(self, way: int, most: int) -> int:
        """Return the distance from the next line that is made to another one, by a jump where it is too long."""
        if len(self._lines) - way - 1 > most:
            way = self._add(instruction(JUMP, len(self._lines) - way - 1))
        return way

    def _before(self, code: int, value: int, following: int) -> int:
        """Add a line that goes on to another one."""
        self._reach(following, 0)
        return self._add(instruction(code, value))

    def _compare(self, code: int, value: int, then: int, otherwise: int) -> int:
        """Add a comparison. Jumps that are needed for its ways stand behind it."""
        then, otherwise = self._reach(then, _LONGEST_WAY - 1), self._reach(otherwise, _LONGEST_WAY)
        here = len(self._lines)
        return self._add(instruction(code, value, then=here - then - 1, otherwise=here - otherwise - 1))
