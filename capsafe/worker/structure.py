"""The structure of an answer: a tree, written as four flat runs, none of which can hold another container.

This module knows how the runs stand side by side and what they may take in memory. It refuses to know what the marks of
the tree mean (``capsafe.worker.tags``).

The tree itself is a run of pairs of numbers, parents first: a mark and how many parts follow, or PLAIN and how many of
the next values are parts, or BYTES and how long the next part is. MessagePack decodes each run as a list of numbers or
of plain values and refuses all else as it meets it: nested containers, of which one byte can take eighty, are never
built before they are counted.
"""

import struct
from dataclasses import dataclass, field
from typing import Final

import msgspec.msgpack

from capsafe.worker import tags
from capsafe.worker.protocol import MAXIMUM_STRUCTURE, ProtocolError, TooLargeError

ClassRow = tuple[str, str, int, str, tuple[str, ...]]
Plain = bool | int | float | str | None

#: In the tree, beside the marks of ``capsafe.worker.tags``: so many of the next values; the next bytes, so many.
PLAIN: Final = -1
BYTES: Final = -2

#: What the values that are built from an answer may take in memory, as a multiple of the longest answer; and the least.
_MEMORY_FACTOR: Final = 4
_LEAST_MEMORY: Final = 8 * 2**20
#: What a plain value takes, in bytes, with its places in lists; and each byte of text, which may need four.
VALUE_COST: Final = 80
_TEXT_COST: Final = 4

#: The classes that an answer names, each once.
_LONGEST_CLASSES: Final = 2**20

#: No classes, and the tree of one plain value.
_ONE: Final = b"\x90\x92\xff\x01"

_SECTIONS: Final = struct.Struct("<4I")
_ONE_LENGTH: Final = _SECTIONS.size + len(_ONE)
#: So many bytes are no more values than need no count.
_SHORT: Final = 256
#: The heads of lists in MessagePack: up to fifteen items, and with a length of two bytes or four.
_SHORT_LIST: Final = 0x90
_LIST_HEADS: Final = {0xDC: struct.Struct(">xH"), 0xDD: struct.Struct(">xI")}

_CLASSES: Final = msgspec.msgpack.Decoder(list[ClassRow])
_TREE: Final = msgspec.msgpack.Decoder(list[int])
_VALUES: Final = msgspec.msgpack.Decoder(list[Plain])


@dataclass(slots=True)
class Structure:
    """``classes``: those that the tree refers to by number. ``tree``, ``values``, ``short``: see this module."""

    classes: list[ClassRow] = field(default_factory=list)
    tree: list[int] = field(default_factory=list)
    values: list[Plain] = field(default_factory=list)
    short: bytes | bytearray = b""


def memory_budget(cap: int) -> int:
    """Return how many bytes the values of an answer may take in memory. ``cap``: the longest answer."""
    return max(cap * _MEMORY_FACTOR, _LEAST_MEMORY)


def write_structure(found: Structure) -> bytes:
    """Return the bytes of a structure. Raises ``OverflowError`` and ``UnicodeEncodeError`` for what is not plain."""
    encode = msgspec.msgpack.encode
    runs = (encode(found.classes), encode(found.tree), encode(found.values), found.short)
    return _SECTIONS.pack(*map(len, runs)) + b"".join(runs)


def write_one(value: Plain) -> bytes:
    """Return what ``write_structure`` makes of a single plain value. Raises as it does.

    The most frequent answers are such, and after a fork each page that Python touches is copied.
    """
    values = msgspec.msgpack.encode((value,))
    return _SECTIONS.pack(1, 3, len(values), 0) + _ONE + values


def read_one(structure: bytes) -> list[Plain] | None:
    """Return the value, in a list, of what ``write_one`` makes of a short one; None for anything else."""
    if not _ONE_LENGTH < len(structure) <= _SHORT:
        return None
    classes, tree, values, short = _SECTIONS.unpack_from(structure)
    if (classes, tree, short) != (1, 3, 0) or len(structure) != _ONE_LENGTH + values:
        return None
    if structure[_SECTIONS.size : _ONE_LENGTH] != _ONE:
        return None
    found = _VALUES.decode(structure[_ONE_LENGTH:])
    return found if len(found) == 1 else None


def cost_of(structure: bytes) -> int:
    """Return what a structure takes in memory before any of its marks is counted, without building anything of it.

    Raises ``ProtocolError`` where it has no such runs.
    """
    classes, tree, values, short = _split(structure)
    if len(classes) > _LONGEST_CLASSES:
        raise TooLargeError("it names too many classes")
    return _count(tree) // 2 * tags.COST + _count(values) * VALUE_COST + len(values) * _TEXT_COST + len(short)


def read_structure(structure: bytes) -> Structure:
    """Return what the bytes say. Raises ``ProtocolError`` and msgspec's errors for bytes that are no structure."""
    classes, tree, values, short = _split(structure)
    return Structure(_CLASSES.decode(classes), _TREE.decode(tree), _VALUES.decode(values), bytes(short))


def _split(structure: bytes) -> tuple[memoryview, memoryview, memoryview, memoryview]:
    whole = memoryview(structure)
    if len(whole) < _SECTIONS.size:
        raise ProtocolError("its structure is too short")
    first, second, third, fourth = _SECTIONS.unpack_from(whole)
    if len(whole) > MAXIMUM_STRUCTURE or len(whole) != _SECTIONS.size + first + second + third + fourth:
        raise ProtocolError("its structure has another length than its parts")
    ends = [_SECTIONS.size + first, _SECTIONS.size + first + second, len(whole) - fourth]
    return whole[_SECTIONS.size : ends[0]], whole[ends[0] : ends[1]], whole[ends[1] : ends[2]], whole[ends[2] :]


def _count(run: memoryview) -> int:
    """Return how many items a list in MessagePack says that it has."""
    first = run[0] if len(run) else 0
    head = _LIST_HEADS.get(first)
    if head is None:
        if first & 0xF0 != _SHORT_LIST:
            raise ProtocolError("a run of its structure is no list")
        return first & 0x0F
    (count,) = head.unpack_from(run)
    return int(count)
