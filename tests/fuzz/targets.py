"""What is fuzzed: all that happens to the bytes of a child, in two forms, and what must hold of it.

This module knows the targets, how their inputs are laid out, and the laws. It refuses to know who makes the inputs
(``tests/fuzz/fuzz.py``, or the kept corpus in ``test_corpus.py``).

``wire``: bytes as they come through the pipe. ``tree``: the parts of a structure, each in a form of its own, so that
lengths are always right and what is tried is the decoder behind them.
"""

# Classes are material here: their names say what they are.
# ruff: noqa: D101

import dataclasses
import enum
import struct
import sys
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any, Final, NamedTuple, Never

import numpy as np  # noqa: F401 - arrays are read where it is loaded

from capsafe.errors import TransferError
from capsafe.sandbox import Sandbox
from capsafe.worker.outcome import read_outcome
from capsafe.worker.protocol import ERROR, MAXIMUM_DEPTH, VALUE, Frame, FrameReader, ProtocolError, lane_places
from capsafe.worker.structure import Structure, write_structure
from capsafe.worker.transfer import encode

CAP: Final = 2**20
#: In seconds of processor time; an input has a few thousand bytes.
SLOWEST: Final = 5.0
#: What the decoder lets through: a value's own parts lie deeper than its container may.
DEEPEST: Final = MAXIMUM_DEPTH + 5
GRANT: Final = Sandbox[Never]().grant

#: What of the classes below has run.
RAN: list[str] = []


class Color(enum.Enum):
    RED = 1
    BLUE = "b"

    @classmethod
    def _missing_(cls, value: object) -> Any:
        RAN.append(f"Color._missing_({value!r})")


class Perm(enum.IntFlag):
    R = 1
    W = 2


@dataclasses.dataclass
class Point:
    """Says when its own code runs."""

    x: Any
    y: Any = None

    def __post_init__(self) -> None:
        RAN.append("Point.__post_init__")

    def __setattr__(self, name: str, value: object) -> None:
        RAN.append("Point.__setattr__")
        object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        RAN.append("Point.__repr__")
        return ""

    def __int__(self) -> int:
        RAN.append("Point.__int__")
        return 1


@dataclasses.dataclass(frozen=True, slots=True)
class Frozen:
    name: Any


class Pair(NamedTuple):
    left: Any
    right: Any


CLASSES: Final[list[Any]] = [
    (__name__, "Color", 0, "enum", ()),
    (__name__, "Perm", 0, "enum", ()),
    (__name__, "Point", 0, "dataclass", ("x", "y")),
    (__name__, "Frozen", 0, "dataclass", ("name",)),
    (__name__, "Pair", 0, "named tuple", ("left", "right")),
]
#: The tree target has these runs of bytes beside its structure.
BLOBS: Final = (bytes(range(64)), "text é".encode(), b"\0\1" * 8)

#: What the decoder's values need, loaded beforehand; of the time zones, it looks for where they are when it needs one.
for needed in ("datetime", "decimal", "fractions", "ipaddress", "pathlib", "pwd", "grp", "subprocess", "uuid"):
    import_module(needed)
MAY_LOAD: Final = frozenset({"zoneinfo", "_zoneinfo", "importlib", "sysconfig", "encodings", "tzdata"})


def try_wire(data: bytes) -> None:
    """Read bytes as the parent does, in pieces; the first one says how long those are."""
    reader = FrameReader(CAP)
    step = data[0] * 16 + 1 if data else 1
    try:
        done = False
        for start in range(1, len(data), step):
            done = reader.feed(data[start : start + step])
            if done:
                break
        if not done:
            return
        frame = reader.frame()
    except ProtocolError:
        return
    if frame.lane:
        places, end = lane_places(frame.lengths)
        assert end <= 2 * CAP
        blobs = list(frame.blobs)
        for number, start, stop in places:
            blobs[number] = memoryview(bytearray(stop - start))
        frame = dataclasses.replace(frame, blobs=blobs)
    check(frame)


def try_tree(data: bytes) -> None:
    """Read the parts of a structure; what follows them is ignored."""
    kind, found = unpack(data)
    check(Frame(kind, write_structure(found), BLOBS))


def check(frame: Frame) -> None:
    """Read an answer, and raise ``AssertionError`` where a law is broken: it is a value, an exception, or refused."""
    RAN.clear()
    modules = set(sys.modules)
    start = time.process_time()
    value, raised = outcome_of(frame)
    if raised is not None:
        # The closure's own, as it is told of.
        assert frame.kind == ERROR
        assert getattr(raised, "__notes__", [""])[-1].startswith("In the sandbox:")
    assert time.process_time() - start < SLOWEST, "it took too long"
    assert not RAN, f"code of a class ran: {RAN}"
    loaded = {name.partition(".")[0] for name in set(sys.modules) - modules if not name.startswith("_sysconfigdata")}
    assert loaded <= MAY_LOAD, f"it loaded {loaded}"
    assert depth_of(value) <= DEEPEST, "it is nested too deep"
    assert can_be_sent_again(value)


def outcome_of(frame: Frame) -> tuple[object, Exception | None]:
    """Return what an answer says, and what it raises; neither where it is refused."""
    try:
        return read_outcome(frame, GRANT, cap=CAP, local=dict, sources=frozenset), None
    except ProtocolError:
        return None, None
    except Exception as error:  # noqa: BLE001 - any can be told of
        return None, error


def can_be_sent_again(value: object) -> bool:
    """Say whether a value is of the closed list, and so are all its parts."""
    try:
        encode(value, VALUE, cap=2**28, local=dict)
    except TransferError as error:
        # Deeper by a few parts than what is written.
        return "nested deeper" in str(error)
    return True


def depth_of(value: object) -> int:
    """Return how deep a value is nested, without a call for each level."""
    deepest = 0
    waiting = [(value, 0)]
    while waiting:
        one, depth = waiting.pop()
        deepest = max(deepest, depth)
        if isinstance(one, dict):
            waiting += ((part, depth + 1) for part in one.values())
        elif isinstance(one, list | tuple):
            waiting += ((part, depth + 1) for part in one)
    return deepest


TARGETS: Final[dict[str, Callable[[bytes], None]]] = {"wire": try_wire, "tree": try_tree}

# The form of the tree target: kind, pairs and their end, values and their end, short bytes.

_PAIR: Final = struct.Struct("<bB")
_TEXT, _END, _END_OF_PAIRS = 5, 9, -128


def unpack(data: bytes) -> tuple[int, Structure]:
    """Return the kind and the structure of an input; whatever the bytes, there is one."""
    kind = data[0] & 1 if data else VALUE
    tree: list[int] = []
    at = 1
    while at + 1 < len(data):
        pair = _PAIR.unpack_from(data, at)
        at += 2
        if pair[0] == _END_OF_PAIRS:
            break
        tree += pair
    values: list[Any] = []
    while at < len(data) and data[at] != _END:
        value, at = _unpack_value(data, at)
        values.append(value)
    return kind, Structure(CLASSES, tree, values, data[at + 1 :])


def _unpack_value(data: bytes, at: int) -> tuple[Any, int]:
    form, rest = data[at] % _END, data[at + 1 :]
    if form == 0:
        return None, at + 1
    if form == 1:
        return bool(rest[:1] == b"\1"), at + 2
    if form in (2, 3):
        length = 1 if form == 2 else 8
        return int.from_bytes(rest[:length], "little", signed=True), at + 1 + length
    if form == 4:
        return struct.unpack("<d", rest[:8].ljust(8, b"\0"))[0], at + 9
    length = rest[0] if rest else 0
    return rest[1 : 1 + length].decode("latin-1"), at + 2 + length


def pack(kind: int, found: Structure) -> bytes:
    """Return the input that ``unpack`` makes this of, for structures that it has room for."""
    pairs = [*zip(found.tree[::2], found.tree[1::2], strict=True), (_END_OF_PAIRS, 0)]
    packed = bytes([kind]) + b"".join(_PAIR.pack(mark, count) for mark, count in pairs)
    return packed + b"".join(map(_pack_value, found.values)) + bytes([_END]) + bytes(found.short)


def _pack_value(value: Any) -> bytes:
    if value is None:
        return b"\0"
    if type(value) is bool:
        return bytes([1, value])
    if type(value) is int:
        short = -128 <= value < 128
        return bytes([2 if short else 3]) + (value % 2**64).to_bytes(8, "little")[: 1 if short else 8]
    if type(value) is float:
        return b"\4" + struct.pack("<d", value)
    return bytes([_TEXT, len(value)]) + str(value).encode("latin-1")
