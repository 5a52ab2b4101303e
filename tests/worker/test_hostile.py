"""Whatever bytes the child sends, the parent gets a value of the list or a ProtocolError, in bounded memory."""

# Classes are the cases here: their names say what they are.
# ruff: noqa: D101

import dataclasses
import decimal
import enum
import os
import pickle
import struct
import subprocess
import sys
import tracemalloc
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from capsafe.worker import tags
from capsafe.worker.protocol import ERROR, VALUE, Frame, FrameReader, ProtocolError, TooLargeError, write_frame
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


class Pair(NamedTuple):
    a: Any
    b: Any


def structure(node: object, *keys: object) -> bytes:
    return msgspec.msgpack.encode([list(keys), node])


def read(node: object, *keys: object, blobs: tuple[bytes, ...] = ()) -> object:
    return decode(Frame(VALUE, structure(node, *keys), blobs), local=dict)


POINT = [ME, "Point", 0, "dataclass", ["x", "y"]]
COLOR = [ME, "Color", 0, "enum", []]
PERM = [ME, "Perm", 0, "enum", []]
PAIR = [ME, "Pair", 0, "named tuple", ["a", "b"]]
UNRULY = [ME, "Unruly", 0, "dataclass", ["x"]]


def test_the_harness_reads_what_is_honest() -> None:
    """Or the refusals below would say nothing."""
    assert read([tags.DATACLASS, 0, 1, [tags.LIST, 2]], POINT) == Point(1, [2])
    assert read([tags.ENUM, 0, "RED"], COLOR) is Color.RED
    assert read([tags.FLAG, 0, 1], PERM) is Perm.R
    assert read([tags.NAMEDTUPLE, 0, 1, 2], PAIR) == Pair(1, 2)
    assert read([tags.BYTES_BESIDE, 0], blobs=(b"abc",)) == b"abc"
    assert read([tags.SET, [tags.DATACLASS, 0, 1]], UNRULY) == {Unruly(1)}


HOSTILE: dict[str, tuple[object, tuple[object, ...]]] = {
    "no such module": ([tags.DATACLASS, 0], (["no_such_module", "X", 0, "dataclass", []],)),
    "a module that is not loaded": ([tags.DATACLASS, 0], (["antigravity", "fly", 0, "dataclass", []],)),
    "a function": ([tags.DATACLASS, 0], (["os", "system", 0, "dataclass", []],)),
    "a class that is no dataclass": ([tags.DATACLASS, 0], (["subprocess", "Popen", 0, "dataclass", []],)),
    "an instance's way to a class": ([tags.DATACLASS, 0], ([ME, "Color.RED", 0, "dataclass", []],)),
    "a builtin": ([tags.NAMEDTUPLE, 0], (["builtins", "tuple", 0, "named tuple", []],)),
    "a class with __del__": ([tags.DATACLASS, 0, 1], ([ME, "Trap", 0, "dataclass", ["x"]],)),
    "other fields": ([tags.DATACLASS, 0, 1], ([ME, "Point", 0, "dataclass", ["__class__", "y"]],)),
    "fewer fields": ([tags.DATACLASS, 0, 1], ([ME, "Point", 0, "dataclass", ["x"]],)),
    "a value less": ([tags.DATACLASS, 0, 1], (POINT,)),
    "a value more": ([tags.DATACLASS, 0, 1, 2, 3], (POINT,)),
    "an enum for a dataclass": ([tags.DATACLASS, 0, 1, 2], (COLOR,)),
    "a dataclass called an enum": ([tags.ENUM, 0, "RED"], ([ME, "Color", 0, "dataclass", []],)),
    "a class that is not named": ([tags.DATACLASS, 1, 1, 2], (POINT,)),
    "a class by a negative number": ([tags.DATACLASS, -1, 1, 2], (POINT,)),
    "no member": ([tags.ENUM, 0, "mro"], (COLOR,)),
    "a value of no flag": ([tags.FLAG, 0, 64], (PERM,)),
    "a flag of no Flag": ([tags.FLAG, 0, 1], (COLOR,)),
    "a local class of nobody": ([tags.DATACLASS, 0], ([ME, "f.<locals>.X", 1, "dataclass", []],)),
    "a named tuple of another length": ([tags.NAMEDTUPLE, 0, 1], (PAIR,)),
    "a key whose hash raises": ([tags.SET, [tags.DATACLASS, 0, "x"]], (UNRULY,)),
    "a key that has no hash": ([tags.DICT, [tags.LIST], 1], ()),
    "a dict of odd length": ([tags.DICT, 1], ()),
    "an unknown mark": ([99], ()),
    "a mark that is no number": (["x", 1], ()),
    "a mark that is a bool": ([True, 1], ()),
    "nothing in a list": ([], ()),
    "a map": ({"a": 1}, ()),
    "a time stamp": (msgspec.msgpack.Ext(-1, struct.pack(">I", 5)), ()),
    "an extension": (msgspec.msgpack.Ext(5, b"x"), ()),
    "a range of text": ([tags.RANGE, "a"], ()),
    "a range without a step": ([tags.RANGE, 0, 1, 0], ()),
    "a month too many": ([tags.DATETIME, 2020, 13, 1, 0, 0, 0, 0, 0, None], ()),
    "a time zone that is none": ([tags.DATETIME, 2020, 1, 1, 0, 0, 0, 0, 0, [tags.DATACLASS, 0, 1, 2]], (POINT,)),
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
        decode(Frame(VALUE, pickle.dumps(Attack())), local=dict)
    assert not os.path.exists("/tmp/capsafe-was-here")


nodes = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=20)
    | st.binary(max_size=40),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.builds(lambda tag, rest: [tag, *rest], st.integers(0, 55), st.lists(inner, max_size=10))
        | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=15,
)


@settings(max_examples=600, deadline=None)
@given(nodes, st.lists(st.binary(max_size=20), max_size=2))
def test_any_structure_is_a_value_or_refused(node: object, blobs: list[bytes]) -> None:
    try:
        read(node, POINT, COLOR, PERM, PAIR, UNRULY, blobs=tuple(blobs))
    except ProtocolError:
        return


@settings(max_examples=600, deadline=None)
@given(st.binary(max_size=200))
@example(b"\x91" * 100_000 + b"\xc0")
@example(b"\xdd\xff\xff\xff\xff")
@example(b"\x92\x90" + b"\x92\x00" * 5000 + b"\xc0")
def test_any_bytes_are_a_value_or_refused(data: bytes) -> None:
    for kind in (VALUE, ERROR):
        try:
            decode(Frame(kind, data), local=dict)
        except ProtocolError:
            continue


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_an_honest_answer_with_bytes_changed_is_a_value_or_refused(data: st.DataObject) -> None:
    value = [Point(1, "text"), {"k": [1.5, decimal.Decimal(1)]}, np.arange(3), Color.RED, b"z" * 40_000, 2**80]
    wire = bytearray(b"".join(map(bytes, write_frame(encode(value, VALUE, cap=CAP, local=dict)))))
    for _ in range(data.draw(st.integers(1, 4))):
        wire[data.draw(st.integers(0, min(len(wire) - 1, 400)))] = data.draw(st.integers(0, 255))
    reader = FrameReader(CAP)
    try:
        if reader.feed(bytes(wire)):
            decode(reader.frame(), local=dict)
    except ProtocolError:
        return


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=100), st.integers(1, 50))
def test_any_stream_is_a_frame_or_refused(data: bytes, step: int) -> None:
    for prefix in (b"", b"capsafe\x01"):
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
    head = struct.pack(f"<8sBxxxIQ{len(lengths)}Q", b"capsafe\x01", VALUE, count, length, *lengths)
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


@pytest.mark.parametrize("filler", [b"\x90", b"\x80", b"\x91\x00", b"\xc0", b"\xa3abc", b"\x92\x03\x01"])
def test_the_memory_that_a_structure_takes_is_bounded(filler: bytes) -> None:
    """A multiple of its length, which has a cap."""
    count = 2**20 // len(filler)
    data = b"\x92\x90\xdd" + struct.pack(">I", count + 1) + b"\x00" + filler * count
    tracemalloc.start()
    try:
        try:
            value: object = decode(Frame(VALUE, data), local=dict)
        except ProtocolError:
            value = None
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    del value
    assert peak < 2**20 * 150


def test_collections_of_the_decoder_hold_no_code_of_the_child() -> None:
    """A class is looked up, never made: the same object or an error."""
    found = read([tags.DATACLASS, 0, 1, 2], POINT)
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
