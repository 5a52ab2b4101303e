"""Whatever bytes the child sends, the parent gets a value of the list or a ProtocolError, in bounded memory."""

# Classes are the cases here: their names say what they are.
# ruff: noqa: D101

import dataclasses
import decimal
import enum
import fractions
import inspect
import os
import pickle
import struct
import subprocess
import sys
import time
import tracemalloc
import uuid
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from capsafe.errors import SandboxTimeoutError
from capsafe.worker import tags
from capsafe.worker.protocol import (
    ERROR,
    MAXIMUM_DEPTH,
    VALUE,
    Frame,
    FrameReader,
    ProtocolError,
    TooLargeError,
    write_frame,
)
from capsafe.worker.structure import BYTES, PLAIN, Structure, read_structure, write_structure
from capsafe.worker.transfer import decode, encode

CAP = 2**24
ME = __name__


class Color(enum.Enum):
    RED = 1


class Perm(enum.Flag):
    R = 1


@dataclasses.dataclass
class Point:
    x: Any
    y: Any = None


@dataclasses.dataclass
class Trap:
    """Dangerous to make, to compare and to drop."""

    x: int

    def __post_init__(self) -> None:
        raise AssertionError("code of the class ran")

    def __hash__(self) -> int:
        raise KeyboardInterrupt

    def __del__(self) -> None:
        os._exit(99)


@dataclasses.dataclass(frozen=True)
class Unruly:
    """Its hash raises what no handler of Exception catches, where a field is not what it should be."""

    x: int

    def __hash__(self) -> int:
        return self.x + 1


class Many(enum.IntFlag):
    A = 1
    B = 2


class Pair(NamedTuple):
    a: Any
    b: Any


def flatten(node: object, into: Structure) -> None:
    """Write a tree of lists, each with its mark in front, as the encoder writes values."""
    if type(node) is bytes:
        into.tree += (BYTES, len(node))
        into.short += node
    elif type(node) is list:
        into.tree += (node[0], len(node) - 1)
        for part in node[1:]:
            flatten(part, into)
    else:
        into.tree += (PLAIN, 1)
        into.values.append(node)  # type: ignore[arg-type]  # what is none is a case, too


def structure(node: object, *keys: object) -> bytes:
    found = Structure(list(keys), short=bytearray())  # type: ignore[arg-type]  # as above
    flatten(node, found)
    return write_structure(found)


def read(node: object, *keys: object, blobs: tuple[bytes, ...] = (), kind: int = VALUE) -> object:
    return decode(Frame(kind, structure(node, *keys), blobs), local=dict, cap=CAP)


#: Of a dataclass or named tuple: the places of the fields that are not set.
ALL = [tags.TUPLE]


POINT = [ME, "Point", 0, "dataclass", ["x", "y"]]
COLOR = [ME, "Color", 0, "enum", []]
PERM = [ME, "Perm", 0, "enum", []]
PAIR = [ME, "Pair", 0, "named tuple", ["a", "b"]]
UNRULY = [ME, "Unruly", 0, "dataclass", ["x"]]


def test_the_harness_reads_what_is_honest() -> None:
    """Or the refusals below would say nothing."""
    assert read([tags.DATACLASS, 0, ALL, 1, [tags.LIST, 2]], POINT) == Point(1, [2])
    assert read([tags.ENUM, 0, "RED"], COLOR) is Color.RED
    assert read([tags.FLAG, 0, 1], PERM) is Perm.R
    assert read([tags.NAMEDTUPLE, 0, ALL, 1, 2], PAIR) == Pair(1, 2)
    assert read([tags.BYTES_BESIDE, 0], blobs=(b"abc",)) == b"abc"
    assert read([tags.SET, [tags.DATACLASS, 0, ALL, 1]], UNRULY) == {Unruly(1)}


HOSTILE: dict[str, tuple[object, tuple[object, ...]]] = {
    "no such module": ([tags.DATACLASS, 0, ALL], (["no_such_module", "X", 0, "dataclass", []],)),
    "a module that is not loaded": ([tags.DATACLASS, 0, ALL], (["antigravity", "fly", 0, "dataclass", []],)),
    "a function": ([tags.DATACLASS, 0, ALL], (["os", "system", 0, "dataclass", []],)),
    "a class that is no dataclass": ([tags.DATACLASS, 0, ALL], (["subprocess", "Popen", 0, "dataclass", []],)),
    "an instance's way to a class": ([tags.DATACLASS, 0, ALL], ([ME, "Color.RED", 0, "dataclass", []],)),
    "a builtin": ([tags.NAMEDTUPLE, 0, ALL], (["builtins", "tuple", 0, "named tuple", []],)),
    "a class with __del__": ([tags.DATACLASS, 0, ALL, 1], ([ME, "Trap", 0, "dataclass", ["x"]],)),
    "other fields": ([tags.DATACLASS, 0, ALL, 1], ([ME, "Point", 0, "dataclass", ["__class__", "y"]],)),
    "fewer fields": ([tags.DATACLASS, 0, ALL, 1], ([ME, "Point", 0, "dataclass", ["x"]],)),
    "a value less": ([tags.DATACLASS, 0, ALL, 1], (POINT,)),
    "a value more": ([tags.DATACLASS, 0, ALL, 1, 2, 3], (POINT,)),
    "an enum for a dataclass": ([tags.DATACLASS, 0, ALL, 1, 2], (COLOR,)),
    "a dataclass called an enum": ([tags.ENUM, 0, "RED"], ([ME, "Color", 0, "dataclass", []],)),
    "a class that is not named": ([tags.DATACLASS, 1, ALL, 1, 2], (POINT,)),
    "a class by a negative number": ([tags.DATACLASS, -1, ALL, 1, 2], (POINT,)),
    "no member": ([tags.ENUM, 0, "mro"], (COLOR,)),
    "a value of no flag": ([tags.FLAG, 0, 64], (PERM,)),
    "a flag of no Flag": ([tags.FLAG, 0, 1], (COLOR,)),
    "a local class of nobody": ([tags.DATACLASS, 0, ALL], ([ME, "f.<locals>.X", 1, "dataclass", []],)),
    "a named tuple of another length": ([tags.NAMEDTUPLE, 0, ALL, 1], (PAIR,)),
    "a key whose hash raises": ([tags.SET, [tags.DATACLASS, 0, ALL, "x"]], (UNRULY,)),
    "a key that has no hash": ([tags.DICT, [tags.LIST], 1], ()),
    "a dict of odd length": ([tags.DICT, 1], ()),
    "an unknown mark": ([99], ()),
    "a map": ({"a": 1}, ()),
    "an extension": (msgspec.msgpack.Ext(5, b"x"), ()),
    "bytes among the values": ([tags.LIST, bytearray(b"x")], ()),
    "a mark that is no number": (["x", 1], ()),
    "a mark that is a bool": ([True, 1], ()),
    "a range of text": ([tags.RANGE, "a"], ()),
    "a range without a step": ([tags.RANGE, 0, 1, 0], ()),
    "a month too many": ([tags.DATETIME, 2020, 13, 1, 0, 0, 0, 0, 0, None], ()),
    "a time zone that is none": ([tags.DATETIME, 2020, 1, 1, 0, 0, 0, 0, 0, [tags.DATACLASS, 0, ALL, 1, 2]], (POINT,)),
    "a zone outside the zones": ([tags.ZONEINFO, "../../etc/passwd"], ()),
    "a zone that is not there": ([tags.ZONEINFO, "No/Such"], ()),
    "no decimal": ([tags.DECIMAL, "one"], ()),
    "a fraction of nothing": ([tags.FRACTION, 1, 0], ()),
    "a fraction that takes minutes": ([tags.FRACTION, [tags.INT, b"\x7f" * 9000], 3], ()),
    "half a UUID": ([tags.UUID, b"x"], ()),
    "a path with a NUL of a kind": ([tags.PATH, 99, "a"], ()),
    "a Windows path here": ([tags.PATH, 3, "a"], ()),
    "an address of bytes": ([tags.ADDRESS, 0, b"abcd"], ()),
    "a record of objects": ([tags.RECORD, 0, [tags.TUPLE, [tags.LIST]], [tags.DICT]], ()),
    "a short record": ([tags.RECORD, 0, [tags.TUPLE, 1], [tags.DICT]], ()),
    "an exception that is none": ([tags.EXCEPTION, "print", [tags.TUPLE, "x"]], ()),
    "an exception with too little": ([tags.EXCEPTION, "UnicodeDecodeError", [tags.TUPLE]], ()),
    "bytes that are not there": ([tags.BYTES_BESIDE, 0], ()),
    "bytes by a negative number": ([tags.BYTES_BESIDE, -1], ()),
    "text that is none": ([tags.TEXT, b"\xff"], ()),
    "a complex number of text": ([tags.COMPLEX, "a", "b"], ()),
    "an array of objects": ([tags.ARRAY, "|O", [1], False, 0], ()),
    "an array of objects, hidden": ([tags.ARRAY, {"fields": [["a", "|O8", 0]], "size": 8}, [1], False, 0], ()),
    "an array of the wrong length": ([tags.ARRAY, "<i8", [5], False, 0], ()),
    "an array of a negative length": ([tags.ARRAY, "<i8", [-1, -1], False, 0], ()),
    "an array of all memory": ([tags.ARRAY, "<i8", [2**61, 2**61], False, 0], ()),
    "an array of nothing, often": ([tags.ARRAY, "<S0", [2**61], False, 0], ()),
    "an element type of text": ([tags.ARRAY, "f8,f8", [1], False, 0], ()),
    "a scalar of another length": ([tags.SCALAR, "<i8", b"x"], ()),
    "a scalar of an object": ([tags.SCALAR, "|O8", b"x" * 8], ()),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_value_is_refused(name: str) -> None:
    node, keys = HOSTILE[name]
    before = set(sys.modules)
    with pytest.raises(ProtocolError):
        read(node, *keys, blobs=(b"x" * 16,) if tags.ARRAY in (node if isinstance(node, list) else ()) else ())
    loaded = {one for one in set(sys.modules) - before if not one.startswith(("encodings", "zoneinfo", "importlib"))}
    assert not loaded - {"_zoneinfo", "uuid", "ipaddress", "fractions", "decimal", "_decimal", "_strptime"}


def test_bytes_can_be_referred_to_once() -> None:
    """Each reference makes a copy: a short structure could fill the memory with them."""
    node = [tags.LIST, [tags.BYTES_BESIDE, 0], [tags.BYTES_BESIDE, 0]]
    with pytest.raises(ProtocolError, match="twice"):
        read(node, blobs=(b"x",))


def test_a_pickle_is_no_answer() -> None:
    class Attack:
        def __reduce__(self) -> tuple[Any, tuple[str]]:
            return os.system, ("touch /tmp/capsafe-was-here",)

    with pytest.raises(ProtocolError):
        FrameReader(CAP).feed(pickle.dumps(Attack()))
    with pytest.raises(ProtocolError):
        decode(Frame(VALUE, pickle.dumps(Attack())), local=dict, cap=CAP)
    assert not os.path.exists("/tmp/capsafe-was-here")


plain = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(max_size=20)
nodes = st.recursive(
    plain | st.binary(max_size=40),
    lambda inner: st.builds(lambda tag, rest: [tag, *rest], st.integers(0, 55), st.lists(inner, max_size=10)),
    max_leaves=15,
)


@settings(max_examples=600, deadline=None)
@given(nodes, st.lists(st.binary(max_size=20), max_size=2), st.sampled_from([VALUE, ERROR]))
def test_any_structure_is_a_value_or_refused(node: object, blobs: list[bytes], kind: int) -> None:
    try:
        read(node, POINT, COLOR, PERM, PAIR, UNRULY, blobs=tuple(blobs), kind=kind)
    except ProtocolError:
        return


@settings(max_examples=600, deadline=None)
@given(
    st.lists(st.integers(-3, 55) | st.integers(0, 3) | st.integers(-(2**63), 2**64 - 1), max_size=30),
    st.lists(plain, max_size=20),
    st.binary(max_size=20),
)
def test_any_tree_is_a_value_or_refused(tree: list[int], values: list[Any], short: bytes) -> None:
    data = write_structure(Structure([POINT, COLOR], tree, values, short))  # type: ignore[list-item]  # lists do as well
    try:
        decode(Frame(VALUE, data, (b"x",)), local=dict, cap=CAP)
    except ProtocolError:
        return


@settings(max_examples=600, deadline=None)
@given(st.binary(max_size=200))
@example(b"\0" * 16)
@example(struct.pack("<4I", 1, 1, 5, 0) + b"\x90\x90\xdd\xff\xff\xff\xff")
@example(struct.pack("<4I", 1, 5, 1, 0) + b"\x90\xdd\xff\xff\xff\xff\x90")
@example(struct.pack("<4I", 2**32 - 1, 2**32 - 1, 2**32 - 1, 2**32 - 1))
def test_any_bytes_are_a_value_or_refused(data: bytes) -> None:
    for kind in (VALUE, ERROR):
        try:
            decode(Frame(kind, data), local=dict, cap=CAP)
        except ProtocolError:
            continue


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_an_honest_answer_with_bytes_changed_is_a_value_or_refused(data: st.DataObject) -> None:
    value = [Point(1, "text"), {"k": [1.5, decimal.Decimal(1)]}, np.arange(3), Color.RED, b"z" * 40_000, 2**80]
    wire = bytearray(b"".join(map(bytes, write_frame(encode(value, VALUE, cap=CAP, local=dict)))))
    for _ in range(data.draw(st.integers(1, 4))):
        wire[data.draw(st.integers(0, min(len(wire) - 1, 500)))] = data.draw(st.integers(0, 255))
    reader = FrameReader(CAP)
    try:
        if reader.feed(bytes(wire)):
            decode(reader.frame(), local=dict, cap=CAP)
    except ProtocolError:
        return


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=100), st.integers(1, 50))
def test_any_stream_is_a_frame_or_refused(data: bytes, step: int) -> None:
    for prefix in (b"", b"capsafe\x02"):
        reader = FrameReader(2**16)
        try:
            for start in range(0, len(prefix + data), step):
                if reader.feed((prefix + data)[start : start + step]):
                    reader.frame()
                    break
        except ProtocolError:
            continue


@pytest.mark.parametrize(
    ("count", "length", "lengths"),
    [(0, 2**63, ()), (2**32 - 1, 0, ()), (1, 0, (2**63,)), (0, CAP, ()), (3, 10, (CAP, CAP, 1))],
)
def test_what_is_announced_too_long_is_refused_at_once(count: int, length: int, lengths: tuple[int, ...]) -> None:
    head = struct.pack(f"<8sBxxxIQ{len(lengths)}Q", b"capsafe\x02", VALUE, count, length, *lengths)
    tracemalloc.start()
    try:
        with pytest.raises(TooLargeError):
            FrameReader(CAP).feed(head)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


def test_a_frame_that_ends_early_is_none() -> None:
    reader = FrameReader(CAP)
    wire = b"".join(map(bytes, write_frame(Frame(VALUE, b"abc"))))
    assert not reader.feed(wire[:-1])
    assert reader.missing == 1
    with pytest.raises(ProtocolError, match="middle"):
        reader.frame()


def test_what_follows_the_end_is_refused() -> None:
    wire = b"".join(map(bytes, write_frame(encode(1, VALUE, cap=CAP, local=dict))))
    assert FrameReader(CAP).feed(wire)
    with pytest.raises(ProtocolError, match="after its end"):
        FrameReader(CAP).feed(wire + b"\0")
    with pytest.raises(ProtocolError, match="after its end"):
        FrameReader(CAP).feed(wire + wire)


def peak_of(frame: Frame, cap: int) -> tuple[int, bool]:
    """Return the memory that it took to decode a frame or to refuse it, and whether it was a value."""
    tracemalloc.start()
    try:
        try:
            value: object = decode(frame, local=dict, cap=cap)
        except ProtocolError:
            return tracemalloc.get_traced_memory()[1], False
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    del value
    return peak, True


#: One part of a list, as cheap on the wire and as dear in memory as may be: marks, values and short bytes.
PARTS: dict[str, tuple[list[int], list[Any], bytes]] = {
    "None": ([PLAIN, 1], [None], b""),
    "an int": ([PLAIN, 1], [2**40], b""),
    "a letter": ([PLAIN, 1], ["\u0416"], b""),
    "wide text": ([PLAIN, 1], ["a" * 40 + "\U0001f600"], b""),
    "no bytes": ([BYTES, 0], [], b""),
    "two bytes": ([BYTES, 2], [], b"ab"),
    "an empty list": ([tags.LIST, 0], [], b""),
    "an empty tuple": ([tags.TUPLE, 0], [], b""),
    "an empty dict": ([tags.DICT, 0], [], b""),
    "a dict of one": ([tags.DICT, 2, PLAIN, 2], [1, 2], b""),
    "an empty set": ([tags.SET, 0], [], b""),
    "a set of one": ([tags.SET, 1, PLAIN, 1], [1], b""),
    "a frozenset": ([tags.FROZENSET, 1, PLAIN, 1], [1], b""),
    "a list of one": ([tags.LIST, 1, PLAIN, 1], [None], b""),
    "a list in a list": ([tags.LIST, 1, tags.LIST, 0], [], b""),
    "a range": ([tags.RANGE, 3, PLAIN, 3], [2**50, 2**60, 2**40], b""),
    "a long int": ([tags.INT, 1, BYTES, 9], [], b"\x7f" * 9),
    "a bytearray": ([tags.BYTEARRAY, 1, BYTES, 0], [], b""),
    "a complex number": ([tags.COMPLEX, 2, PLAIN, 2], [1.5, 2.5], b""),
    "a date": ([tags.DATE, 1, PLAIN, 1], [9], b""),
    "a datetime": ([tags.DATETIME, 9, PLAIN, 9], [1, 1, 1, 0, 0, 0, 0, 0, None], b""),
    "a timedelta": ([tags.TIMEDELTA, 3, PLAIN, 3], [1, 1, 1], b""),
    "a time zone": ([tags.TIMEZONE, 2, tags.TIMEDELTA, 3, PLAIN, 3, PLAIN, 1], [0, 60, 0, "x"], b""),
    "a decimal": ([tags.DECIMAL, 1, PLAIN, 1], ["1"], b""),
    "a fraction": ([tags.FRACTION, 2, PLAIN, 2], [1, 3], b""),
    "a UUID": ([tags.UUID, 1, BYTES, 16], [], b"x" * 16),
    "a path": ([tags.PATH, 2, PLAIN, 2], [0, "a/b"], b""),
    "an address": ([tags.ADDRESS, 2, PLAIN, 2], [0, "1.1.1.1"], b""),
    "a network": ([tags.ADDRESS, 2, PLAIN, 2], [2, "1.1.1.0/24"], b""),
    "an interface": ([tags.ADDRESS, 2, PLAIN, 2], [5, "::1/9"], b""),
    "a record": ([tags.RECORD, 3, PLAIN, 1, tags.TUPLE, 10, PLAIN, 10, tags.DICT, 0], [0, *range(10)], b""),
    "a program that ended": ([tags.COMPLETED, 4, PLAIN, 4], [None, 0, None, None], b""),
    "an enum's member": ([tags.ENUM, 2, PLAIN, 2], [1, "RED"], b""),
    "a dataclass": ([tags.DATACLASS, 4, PLAIN, 1, tags.TUPLE, 0, PLAIN, 2], [0, 1, 2], b""),
    "a named tuple": ([tags.NAMEDTUPLE, 4, PLAIN, 1, tags.TUPLE, 0, PLAIN, 2], [2, 1, 2], b""),
    "an exception": ([tags.EXCEPTION, 2, PLAIN, 1, tags.TUPLE, 0], ["KeyError"], b""),
    "a scalar": ([tags.SCALAR, 2, PLAIN, 1, BYTES, 8], ["<i8"], b"x" * 8),
}


@pytest.mark.parametrize("name", PARTS)
def test_the_memory_that_values_take_is_bounded(name: str) -> None:
    """A small multiple of the longest answer: what fits is built, what is one more than that is refused unbuilt."""
    pairs, values, short = PARTS[name]
    cap = 2**20
    classes: list[Any] = [POINT, COLOR, PAIR]

    def frame(count: int) -> Frame:
        found = Structure(classes, [tags.LIST, count, *pairs * count], values * count, short * count)
        return Frame(VALUE, write_structure(found))

    most = 8 * 2**20
    low, high = 1, 2**20
    while high - low > 1 + low // 50:
        middle = (low + high) // 2
        try:
            decode(frame(middle), local=dict, cap=cap)
            low = middle
        except TooLargeError:
            high = middle
    peak, fits = peak_of(frame(low), cap)
    assert fits
    assert peak < most * 1.5, f"{low} take {peak}"
    peak, fits = peak_of(frame(2 * high), cap)
    assert not fits
    assert peak < most * 1.5


def test_thirty_million_empty_lists_cost_nothing() -> None:
    """In MessagePack's own form they took eighty bytes each before one of them was looked at."""
    count = 30_000_000
    run = b"\xdd" + struct.pack(">I", count) + b"\x90" * count
    for runs in ((b"\x90", b"\x90", run), (b"\x90", run, b"\x90"), (run, b"\x90", b"\x90")):
        data = struct.pack("<4I", *map(len, runs), 0) + b"".join(runs)
        peak, fits = peak_of(Frame(VALUE, data), 2**28)
        assert not fits
        assert peak < 2**20


def test_what_is_decoded_looks_at_the_clock() -> None:
    looks: list[int] = []

    def look() -> None:
        looks.append(1)
        if len(looks) == 5:
            raise SandboxTimeoutError("now")

    data = write_structure(Structure([], [tags.LIST, 40_000, *[tags.LIST, 0] * 40_000], [], b""))
    with pytest.raises(SandboxTimeoutError, match="now"):
        decode(Frame(VALUE, data), local=dict, cap=CAP, look=look)


P = sys.hash_info.modulus
#: Keys that all have one hash, as long ones, as text on the wire, or as the parts of a tuple.
COLLIDING: dict[str, Callable[[int], object]] = {
    "long ints": lambda n: n * P,
    "complex numbers": lambda n: complex(-1000003.0 * n, n),
    "UUIDs": lambda n: uuid.UUID(int=n * P),
    "fractions": lambda n: fractions.Fraction(n * P, 1),
    "decimals": lambda n: decimal.Decimal(n * P),
    "tuples": lambda n: (n * P,),
    "dataclasses": lambda n: Unruly(n * P - 1),
}


@pytest.mark.parametrize("name", COLLIDING)
@pytest.mark.parametrize("make", [dict.fromkeys, set, frozenset])
def test_keys_that_collide_are_refused_in_time(name: str, make: Callable[..., Any]) -> None:
    """Each key would be compared with all that have its hash, which takes the square of their number."""
    one = COLLIDING[name]
    assert len({hash(one(n)) for n in range(1, 100)}) <= 5
    keys = [one(n) for n in range(1, 3000)]
    tag = {dict.fromkeys: tags.DICT, set: tags.SET, frozenset: tags.FROZENSET}[make]
    encoder = encode(keys, VALUE, cap=CAP, local=dict)
    found = read_structure(encoder.structure)
    assert found.tree[0] == tags.LIST
    if tag == tags.DICT:
        frame = encode([part for key in keys for part in (key, None)], VALUE, cap=CAP, local=dict)
        found = read_structure(frame.structure)
    found.tree[0] = tag
    start = time.process_time()
    with pytest.raises(ProtocolError, match="share their hashes"):
        decode(Frame(VALUE, write_structure(found)), local=dict, cap=CAP)
    assert time.process_time() - start < 1
    # So many are honest.
    few = make(keys[:500])
    assert decode(encode(few, VALUE, cap=CAP, local=dict), local=dict, cap=CAP) == few


def test_what_an_error_says_is_plain() -> None:
    """What is told of an exception is turned into text and numbers: nothing may be in it that runs code then."""
    honest = [tags.LIST, [tags.TUPLE, 1, [tags.INT, b"\x7f" * 9]], [tags.DICT, "a", [tags.COMPLEX, 1.0, 2.0]]]
    assert read(honest, kind=ERROR) == read(honest)
    for node in (
        [tags.DATACLASS, 0, ALL, 1, 2],
        [tags.DECIMAL, "1e999999999"],
        [tags.LIST, [tags.FRACTION, 1, 3]],
        [tags.EXCEPTION, "KeyError", [tags.TUPLE]],
        [tags.SET, 1],
    ):
        read(node, POINT)
        with pytest.raises(ProtocolError, match="unknown mark"):
            read(node, POINT, kind=ERROR)


def test_truth_values_that_are_neither_are_refused() -> None:
    """NumPy counts on 0 and 1: masks with other bytes select another number of elements than it made room for."""
    shape = [tags.LIST, 4]
    found: Any = read([tags.ARRAY, "|b1", shape, False, 0], blobs=(b"\0\1\0\1",))
    assert found.tolist() == [False, True, False, True]
    with pytest.raises(ProtocolError, match="truth"):
        read([tags.ARRAY, "|b1", shape, False, 0], blobs=(b"\0\2\0\1",))
    with pytest.raises(ProtocolError, match="truth"):
        read([tags.SCALAR, "|b1", b"\2"])


def test_a_class_of_flags_is_not_filled() -> None:
    """It keeps each combination that it has seen, for ever."""
    row = [ME, "Many", 0, "enum", []]
    assert read([tags.LIST, *([tags.FLAG, 0, n] for n in range(3, 1000))], row)
    with pytest.raises(ProtocolError, match="combinations"):
        read([tags.LIST, *([tags.FLAG, 0, n] for n in range(3, 6000))], row)


def test_the_decoder_needs_few_frames() -> None:
    """The caller may have few of them left, and a value is nested as deep as it may be."""
    deep: object = 1
    for _ in range(MAXIMUM_DEPTH):
        deep = [deep]
    frame = encode(deep, VALUE, cap=CAP, local=dict)

    def down(levels: int) -> object:
        return down(levels - 1) if levels else decode(frame, local=dict, cap=CAP)

    assert down(sys.getrecursionlimit() - len(inspect.stack(0)) - 40) == deep


def test_collections_of_the_decoder_hold_no_code_of_the_child() -> None:
    """A class is looked up, never made: the same object or an error."""
    found = read([tags.DATACLASS, 0, ALL, 1, 2], POINT)
    assert type(found) is Point


def test_a_lazy_module_is_not_loaded_by_a_look_at_it() -> None:
    program = """
import importlib.util, sys
spec = importlib.util.find_spec("colorsys")
spec.loader = importlib.util.LazyLoader(spec.loader)
module = importlib.util.module_from_spec(spec)
sys.modules["colorsys"] = module
spec.loader.exec_module(module)
from capsafe.worker.classes import find_class
assert find_class(("colorsys", "rgb_to_hls", 0), {}) is None
sys.exit("rgb_to_hls" in object.__getattribute__(module, "__dict__"))
"""
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
