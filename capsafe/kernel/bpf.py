"""Classic BPF: instructions as bytes, and a pass that takes out those of libseccomp that do nothing.

This module knows the instruction format. It refuses to know what a program decides, and changes no decision: what it
takes out falls through to the next instruction whatever the data are.

Source: linux/filter.h, linux/bpf_common.h.
"""

import struct
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

_Instruction = tuple[int, int, int, int]


def instruction(code: int, value: int, *, then: int = 0, otherwise: int = 0) -> bytes:
    """Return one ``struct sock_filter``: its code, jump offsets and constant."""
    return _FORMAT.pack(code, then, otherwise, value)


def simplify(program: bytes) -> bytes:
    """Take out instructions that do nothing, which is a quarter of what libseccomp writes for 32-bit comparisons.

    For a comparison of the lower half it loads the upper one, masks all of it away and compares with 0, which is always
    true; and it masks with all bits before comparing in full. Jumps to what is taken out lead to what follows it.
    """
    lines: list[_Instruction] = list(_FORMAT.iter_unpack(program))
    entered = {target for at, line in enumerate(lines) for target in _targets(line, at)}
    idle = [code == AND and value == _ALL_BITS for code, _, _, value in lines]
    for at in range(len(lines) - 3):
        (load, _, _, _), (mask, _, _, bits), (code, then, _, value), (after, _, _, _) = lines[at : at + 4]
        is_always_true = (load, mask, bits, code, value, then) == (LOAD, AND, 0, EQUAL, 0, 0)
        # What follows loads anew, so that nobody misses what was loaded here; and nobody enters in the middle.
        if is_always_true and after == LOAD and not {at + 1, at + 2} & entered:
            idle[at : at + 3] = [True, True, True]
    # How many lines before each one stay.
    kept_before = [0, *accumulate(not gone for gone in idle)]
    return b"".join(_FORMAT.pack(*_relocate(line, at, kept_before)) for at, line in enumerate(lines) if not idle[at])


def _targets(line: _Instruction, at: int) -> tuple[int, ...]:
    code, then, otherwise, value = line
    if code == JUMP:
        return (at + 1 + value,)
    return (at + 1 + then, at + 1 + otherwise) if code in _CONDITIONAL else ()


def _relocate(line: _Instruction, at: int, kept_before: list[int]) -> _Instruction:
    code, then, otherwise, value = line
    moved = [kept_before[target] - kept_before[at] - 1 for target in _targets(line, at)]
    if code == JUMP:
        return code, then, otherwise, moved[0]
    return (code, moved[0], moved[1], value) if moved else line
