"""What crosses comes back equal and of the same type; what can't says where it is and what to do."""

# Classes and values are the cases here: their names say what they are, and naive times and duplicates cross as well.
# ruff: noqa: D101, D102, PLW0108, DTZ001, PIE796, UP017

import collections
import dataclasses
import datetime as dt
import decimal
import enum
import fractions
import functools
import io
import ipaddress
import itertools
import math
import os
import pathlib
import queue
import re
import socket
import subprocess
import sys
import threading
import time
import typing
import uuid
import weakref
import zoneinfo
from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capsafe.errors import TransferError
from capsafe.worker.protocol import MAXIMUM_DEPTH, VALUE, Frame, FrameReader, write_frame
from capsafe.worker.transfer import check_arguments, decode, encode, find_local_classes

CAP = 2**28
T = typing.TypeVar("T")


class Color(enum.Enum):
    RED = 1
    CRIMSON = 1
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1


class Perm(enum.Flag):
    R = 1
    W = 2
    X = 4


class Loose(enum.IntFlag, boundary=enum.KEEP):
    A = 1


@dataclasses.dataclass
class Point:
    x: int
    y: Any = None
    tags: list[str] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True, slots=True)
class Frozen:
    name: str
    inner: Any = None


@dataclasses.dataclass
class Child(Point):
    z: int = 0


@dataclasses.dataclass
class Unset:
    x: int = dataclasses.field(init=False)


@dataclasses.dataclass
class Cached:
    x: int

    @functools.cached_property
    def double(self) -> int:
        return self.x * 2


@dataclasses.dataclass
class Holder(typing.Generic[T]):
    x: T


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Strict:
    name: str
    count: int = 0


@dataclasses.dataclass
class WithInit:
    x: int
    y: dataclasses.InitVar[int] = 0
    double: int = dataclasses.field(init=False)

    def __post_init__(self, y: int) -> None:
        self.double = self.x * 2
        if y:
            self.extra = y


class Word(enum.StrEnum):
    ONE = "one"


class Pair(typing.NamedTuple):
    left: Any
    right: str = "r"


class Longer(Pair):
    """A subclass of a named tuple."""


Old = collections.namedtuple("Old", "p q")  # noqa: PYI024 - the old kind is what is tested


def send(value: object, *, about: tuple[object, ...] = (), cap: int = CAP) -> Any:
    """Take a value across, in pieces, as the pipe does."""

    def local() -> Any:
        return find_local_classes(about)

    wire = b"".join(map(bytes, write_frame(encode(value, VALUE, cap=cap, local=local))))
    reader = FrameReader(cap)
    for start in range(0, len(wire), 1000 if len(wire) < 10**5 else 65536):
        done = reader.feed(wire[start : start + (1000 if len(wire) < 10**5 else 65536)])
    assert done
    return decode(reader.frame(), local=local, cap=cap)


CROSSING = [
    None,
    True,
    0,
    2**63,
    2**64 - 1,
    2**64,
    -(2**63) - 1,
    -(2**700),
    1.5,
    -0.0,
    math.inf,
    complex(1, -0.0),
    "",
    "é" * 50_000,
    "\ud800 alone",
    "\ud800" * 40_000,
    b"",
    b"y" * 100_000,
    bytearray(b"q"),
    bytearray(50_000),
    [],
    [1, [2, (3, [])], None],
    ["\ud800", 2**99, 1],
    [b"z" * 40_000, "t" * 40_000, 1],
    (),
    (1, (2,)),
    {},
    {1: 2, (1, 2): {3}, None: [4], b"k": "v", frozenset({1}): 1},
    {1, "a", None},
    frozenset({(1, 2)}),
    range(1, 9, 2),
    slice(1, None, -1),
    dt.datetime(2020, 10, 25, 2, 30, 4, 5, fold=1),
    dt.datetime(2020, 1, 1, tzinfo=dt.timezone.utc),
    dt.datetime(2020, 10, 25, 2, 30, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin"), fold=1),
    dt.date.max,
    dt.time(1, 2, 3, 4, tzinfo=dt.timezone(dt.timedelta(hours=2), "x")),
    dt.timedelta(-1, 2, 3),
    dt.timezone.utc,
    dt.timezone(dt.timedelta(minutes=-5)),
    zoneinfo.ZoneInfo("UTC"),
    decimal.Decimal("1.10"),
    decimal.Decimal("-0"),
    decimal.Decimal("Infinity"),
    fractions.Fraction(-1, 3),
    uuid.UUID(int=5),
    pathlib.Path("/a/b"),
    pathlib.PurePosixPath("a"),
    pathlib.PureWindowsPath("c:/a"),
    pathlib.Path("/\udcff"),
    ipaddress.ip_address("10.0.0.1"),
    ipaddress.ip_address("fe80::1%eth0"),
    ipaddress.ip_network("10.0.0.0/8"),
    ipaddress.ip_interface("::1/64"),
    Color.RED,
    Color.CRIMSON,
    Color.BLUE,
    Level.LOW,
    Perm.R | Perm.X,
    Perm(0),
    Loose(9),
    Point(1, [Point(2)], ["t"]),
    Frozen("a", Frozen("b")),
    Holder[int](1),
    Strict(name="s", count=2),
    WithInit(4),
    Word.ONE,
    Child(1, z=5),
    Pair(1),
    Longer(1, "x"),
    Old(1, 2),
    os.stat("/"),
    os.uname(),
    os.statvfs("/"),
    os.terminal_size((80, 24)),
    os.times(),
    time.localtime(),
]


@pytest.mark.parametrize("value", CROSSING, ids=lambda value: f"{type(value).__name__}-{str(value)[:20]!a}")
def test_a_value_comes_back_equal_and_of_its_type(value: object) -> None:
    found = send([value, {"key": value}])
    for one in (found[0], found[1]["key"], send(value)):
        assert type(one) is type(value)
        assert one == value
        # What is equal may still differ (1 and True, 0.0 and -0.0); the order of a set is chance.
        assert isinstance(value, set | frozenset) or repr(one) == repr(value)


def test_not_a_number_comes_back() -> None:
    assert math.isnan(send(math.nan))
    assert send(decimal.Decimal("sNaN")).is_snan()


def test_details_that_equality_does_not_see_come_back() -> None:
    fold = send(dt.datetime(2020, 10, 25, 2, 30, fold=1))
    assert fold.fold == 1
    assert send(Color.CRIMSON) is Color.RED
    assert send(dt.timezone.utc) is dt.timezone.utc
    assert send(os.stat("/")).st_mtime_ns == os.stat("/").st_mtime_ns
    assert math.copysign(1, send(-0.0)) == -1


def test_exceptions_and_ended_programs_are_values_too() -> None:
    error = send(KeyError("x", 1))
    assert type(error) is KeyError
    assert error.args == ("x", 1)
    done = send(subprocess.CompletedProcess(["ls"], 1, b"out", None))
    assert (done.args, done.returncode, done.stdout, done.stderr) == (["ls"], 1, b"out", None)


def test_a_shared_value_is_sent_twice() -> None:
    shared = [1]
    found = send([shared, shared])
    assert found == [[1], [1]]


def test_a_field_that_was_never_set_stays_unset() -> None:
    found = send(Unset())
    assert type(found) is Unset
    assert not hasattr(found, "x")


def test_a_cached_property_is_worked_out_again() -> None:
    value = Cached(2)
    assert value.double == 4
    found = send(value)
    assert vars(found) == {"x": 2}
    assert found.double == 4


def test_nothing_of_a_class_runs_when_it_is_rebuilt(monkeypatch: pytest.MonkeyPatch) -> None:
    frames = [encode(value, VALUE, cap=CAP, local=dict) for value in (Point(1), Pair(1), Color.RED)]

    def fail(*_: object, **__: object) -> None:
        raise AssertionError("code of the class ran")

    for name in ("__init__", "__setattr__", "__post_init__", "__getattribute__"):
        monkeypatch.setattr(Point, name, fail, raising=False)
    monkeypatch.setattr(Pair, "_make", fail)
    monkeypatch.setattr(Color, "_missing_", fail)
    found = [decode(frame, local=dict, cap=CAP) for frame in frames]
    monkeypatch.undo()
    assert found == [Point(1), Pair(1), Color.RED]


def test_classes_of_functions_are_found_through_the_closure() -> None:
    def make() -> tuple[Any, Any]:
        @dataclasses.dataclass
        class Local:
            a: int

        class Kind(enum.Enum):
            A = 1

        return Local, Kind

    first, kind = make()
    second, _ = make()

    def closure() -> object:
        return first, second, kind

    found = send([first(1), second(2), kind.A], about=(closure,))
    assert [type(one) for one in found] == [first, second, kind]
    assert found == [first(1), second(2), kind.A]
    for one in (functools.partial(closure), SimpleNamespace(x=1), [closure], {"k": (closure,)}):
        refers = not isinstance(one, SimpleNamespace)
        if refers:
            assert send(second(3), about=(one,)) == second(3)
        else:
            with pytest.raises(TransferError, match="inside the closure"):
                send(second(3), about=(one,))


ARRAYS = [
    np.arange(6).reshape(2, 3),
    np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    np.arange(24).reshape(2, 3, 4).transpose(1, 0, 2),
    np.arange(10)[::-2],
    np.zeros((0, 3)),
    np.array(5),
    np.array(["a", "bc", ""]),
    np.array([b"x", b"yz"]),
    np.array(["2020-01-01", "NaT"], "M8[ns]"),
    np.array([1], "m8[s]"),
    np.array([True, False]),
    np.array([1 + 2j], np.complex64),
    np.array([1.5], ">f8"),
    np.array([(1, [2.0, 3.0])], [("a", "i4"), ("b", "f8", (2,))]),
    np.array([((1, 2), b"x")], [("n", [("p", "i1"), ("q", "i2")]), ("s", "S3")]),
    np.zeros(3, np.dtype([("a", "i1"), ("b", "i8")], align=True)),
    np.arange(100_000),
]


@pytest.mark.parametrize("array", ARRAYS, ids=lambda array: f"{array.dtype.str}-{array.shape}")
def test_arrays_come_back(array: Any) -> None:
    found = send({"a": array})["a"]
    assert found.dtype == array.dtype
    assert found.shape == array.shape
    assert found.tobytes() == array.tobytes()
    assert found.flags.writeable
    assert found.flags.f_contiguous == (array.flags.f_contiguous or (found.flags.c_contiguous and found.ndim < 2))


@pytest.mark.parametrize(
    "scalar",
    [np.float64(1.5), np.int8(3), np.bool_(1), np.datetime64("2020-01-01"), np.str_("x"), np.str_(""), np.bytes_(b"")],
)
def test_scalars_come_back(scalar: Any) -> None:
    found = send(scalar)
    assert type(found) is type(scalar)
    assert found == scalar


# What can't cross


@dataclasses.dataclass
class Undeclared:
    x: int

    def __post_init__(self) -> None:
        self.z = 1


@dataclasses.dataclass
class Final:
    x: int

    def __del__(self) -> None:
        """Code that would run on what the sandbox sent."""


@dataclasses.dataclass
class Descriptor:
    x: int

    @property  # type: ignore[no-redef]  # the trap that is tested
    def x(self) -> int:
        return 1

    @x.setter
    def x(self, _: int) -> None:
        raise AssertionError("code of the class ran")


@dataclasses.dataclass
class OnDict(dict[str, int]):
    x: int = 1


class Plain:
    """No data."""


class SubDict(dict[str, int]):
    """A subclass of a type in the list."""


def cyclic() -> object:
    found: list[object] = [1]
    found.append({"self": found})
    return found


def nested(depth: int) -> object:
    found: object = 1
    for _ in range(depth):
        found = [found]
    return found


#: Closed at the end: closing them is no part of a test.
FILE = io.FileIO(os.devnull)
LAYERS = io.TextIOWrapper(io.BufferedReader(FILE))
SOCKET = socket.socket()


def teardown_module() -> None:
    LAYERS.close()
    SOCKET.close()


TZIF = (pathlib.Path(zoneinfo.TZPATH[0]) / "UTC").read_bytes()


def opened() -> Any:
    return FILE


async def asynchronous() -> AsyncIterator[int]:
    yield 1


def closed_coroutine() -> object:
    """Return a coroutine that nobody waits for, and that does not say so."""

    async def nothing() -> None:
        """Do nothing."""

    found = nothing()
    found.close()
    return found


REFUSED: list[tuple[Callable[[], object], str]] = [
    (opened, r"^result \(_io.FileIO\) is an open file and can't cross; send its path or its content$"),
    (lambda: {"a": [0, 1, 2, Point(1, opened())]}, r'^result\["a"\]\[3\]\.y \(_io.FileIO\) is an open file'),
    (lambda: Pair(Frozen("n", (1, Plain()))), r"^result\.left\.inner\[1\] \(.*Plain\) is no plain data"),
    (lambda: {Frozen("k", Plain()): 1}, r"^result \(a key\)\.inner \("),
    (lambda: {frozenset({Plain}): 1}, r"^result \(a key\) \(an element\) \(type\) is a class"),
    (lambda: {(1, "x"): Plain()}, r"^result\[\(1, 'x'\)\] \("),
    (lambda: dt.timedelta, r"is a class and can't cross; send its name"),
    (lambda: SOCKET, r"\(socket\.socket\) is a socket and can't cross; send the address"),
    (lambda: (i for i in "ab"), r"is a generator and can't cross; send list\(\.\.\.\) of it"),
    (lambda: lambda: 1, r"is a function and can't cross"),
    (lambda: [].append, r"is a function and can't cross"),
    (lambda: threading.Lock(), r"\(_thread\.lock\) is a lock and can't cross"),
    (lambda: threading.RLock(), r"is a lock and can't cross"),
    (lambda: threading.Thread(), r"is a thread and can't cross"),
    (lambda: os, r"is a module and can't cross"),
    (lambda: memoryview(b""), r"is a view of memory and can't cross; send bytes\(\.\.\.\) of it"),
    (lambda: {}.keys(), r"is a view of a dict and can't cross; send list"),
    (lambda: iter([1]), r"is an iterator and can't cross"),
    (lambda: itertools.count(), r"is an iterator and can't cross"),
    (lambda: re.compile("a"), r"is a compiled pattern and can't cross"),
    (lambda: SubDict(), r"is a subclass of dict and would come back as less; send dict\(\.\.\.\) of it"),
    (lambda: collections.Counter("a"), r"is a subclass of dict"),
    (lambda: collections.deque(), r"is a deque and can't cross; send list"),
    (lambda: object(), r"is no plain data and can't cross; send its parts, or make it a dataclass"),
    (cyclic, r'^result\[1\]\["self"\] \(list\) contains itself'),
    (lambda: nested(MAXIMUM_DEPTH + 2), r"is nested deeper than 200 levels"),
    (lambda: nested(100_000), r"is nested deeper than 200 levels"),
    (lambda: Undeclared(1), r"has attributes that are no fields \(z\); declare them as fields"),
    (lambda: Final(1), r"can't be rebuilt outside: it has a __del__"),
    (lambda: object.__new__(Descriptor), r"its field x is a property, which runs code when it is set"),
    (lambda: OnDict(), r"can't be rebuilt outside: it can't be made without its own __new__"),
    (lambda: np.array([object()]), r"\(numpy\.ndarray\) has elements of object, which can be anything"),
    (
        lambda: [np.array([(1, "x")], [("a", "O"), ("b", "U1")])],
        r"^result\[0\] \(numpy\.ndarray\) has elements of object",
    ),
    (lambda: np.matrix([1]), r"is a subclass of ndarray and can't cross; send numpy.asarray\(\.\.\.\) of it"),
    (lambda: np.dtype("f8"), r"is an element type and can't cross; send str"),
    (lambda: io.StringIO("x"), r"is a file in memory and can't cross; send \.getvalue\(\) of it"),
    (lambda: SimpleNamespace(), r"is a namespace and can't cross; send vars"),
    (lambda: weakref.ref(Plain), r"is a weak reference and can't cross"),
    (
        lambda: {"k": queue.Queue()},
        r'^result\["k"\] \(queue\.Queue\) is a queue and can\'t cross; send a list of its items',
    ),
    (closed_coroutine, r"is a coroutine and can't cross; send what it returns: await it"),
    (asynchronous, r"is an asynchronous generator and can't cross; send a list of its items"),
    (lambda: WithInit(1, 2), r"has attributes that are no fields \(extra\)"),
    (lambda: KeyError(object()), r"^result\.args\[0\] \(object\)"),
    (lambda: fractions.Fraction(1, 3**99_999), r"has more than 32,768 bits"),
    (lambda: zoneinfo.ZoneInfo.from_file(io.BytesIO(TZIF)), r"was made from a file and has no key"),
]


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
@pytest.mark.parametrize(("make", "says"), REFUSED, ids=[says[:40] for _, says in REFUSED])
def test_what_cant_cross_says_where_it_is_and_what_to_do(make: Callable[[], object], says: str) -> None:
    with pytest.raises(TransferError) as caught:
        send(make())
    assert re.search(says, str(caught.value)), str(caught.value)
    assert len(str(caught.value)) < 500


def test_a_class_that_only_the_child_has_loaded_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from capsafe.worker import modules

    monkeypatch.setattr(modules, "_looked_at", {"os"})
    with pytest.raises(
        TransferError, match=f"only the sandbox has imported; import {re.escape(__name__)} before execute"
    ):
        send(Point(1))


def test_a_result_that_is_too_long_says_how_long() -> None:
    with pytest.raises(
        TransferError, match=r"takes 1,0\d\d,\d{3} bytes, and 1,000,000 are the most.*raise result_size"
    ):
        send(bytes(10**6), cap=10**6)


def test_references_to_references_do_not_blow_up() -> None:
    laughs: object = [{1: 2}] * 10
    for _ in range(30):
        laughs = [laughs] * 10
    start = time.monotonic()
    with pytest.raises(TransferError, match="past the first 268,435,456 bytes"):
        encode(laughs, VALUE, cap=2**26, local=dict)
    assert time.monotonic() - start < 60


PLAIN_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters())
    | st.binary()
    | st.decimals(allow_nan=False)
    | st.fractions()
    | st.datetimes(timezones=st.none() | st.just(dt.timezone.utc))
    | st.timedeltas()
    | st.uuids(),
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text() | st.integers() | st.tuples(st.integers()), inner)
        | st.builds(Point, st.integers(), inner)
        | st.builds(Pair, inner)
    ),
    max_leaves=20,
)


@settings(max_examples=150, deadline=None)
@given(PLAIN_VALUES)
def test_whatever_is_plain_comes_back(value: object) -> None:
    found = send(value)
    assert found == value
    assert repr(found) == repr(value)


# Arguments


AUTHORITIES: list[tuple[Callable[[], Any], str]] = [
    (opened, "an open file (_io.FileIO)"),
    (lambda: LAYERS, "an open file (_io.TextIOWrapper)"),
    (lambda: SOCKET, "a socket (socket.socket)"),
    (threading.Lock, "a lock (_thread.lock)"),
    (threading.Event, "a lock (threading.Event)"),
    (threading.Thread, "a thread (threading.Thread)"),
]


@pytest.mark.parametrize(("make", "says"), AUTHORITIES, ids=[says for _, says in AUTHORITIES])
def test_an_argument_that_holds_authority_is_refused_at_any_depth(make: Callable[[], Any], says: str) -> None:
    one = make()
    for args, kwargs, path in (
        ((one,), {}, "args[0]"),
        ((1, {"x": [one]}), {}, 'args[1]["x"][0]'),
        ((), {"file": (1, one)}, "kwargs['file'][1]"),
        ((Point(1, Frozen("n", one)),), {}, "args[0].y.inner"),
        ((Old(1, {2: one}),), {}, "args[0].q[2]"),
    ):
        with pytest.raises(TransferError) as caught:
            check_arguments(args, kwargs)
        assert str(caught.value).startswith(f"{path} is {says}, which is not there inside the sandbox; pass ")


def test_ordinary_arguments_pass() -> None:
    loop: list[object] = []
    loop.append(loop)
    deep = nested(100_000)
    buffered = io.TextIOWrapper(io.BytesIO(b"x"))
    for one in (
        io.StringIO(),
        io.BytesIO(),
        buffered,
        lambda: 1,
        loop,
        deep,
        object(),
        np.zeros(3),
        [1] * 10**6,
        Point,
    ):
        check_arguments((one,), {"k": one})


def test_large_arguments_are_not_searched_for_ever() -> None:
    rows = [{"a": [i]} for i in range(200_000)]
    start = time.monotonic()
    check_arguments((rows,), {})
    assert time.monotonic() - start < 2


def test_a_frame_is_sent_without_a_copy_of_its_bytes() -> None:
    data = bytes(10**6)
    frame = encode([data], VALUE, cap=CAP, local=dict)
    assert frame.blobs[0] is data
    array = np.arange(10**5)
    (blob,) = encode(array, VALUE, cap=CAP, local=dict).blobs
    assert np.shares_memory(np.frombuffer(blob, np.uint8), array)


def test_numpy_is_not_loaded_for_those_who_do_without() -> None:
    program = "import sys, capsafe.worker.transfer as t; frame = t.encode([1], 0, cap=99999, local=dict)"
    program += "; t.decode(frame, local=dict, cap=99999)"
    check = "; sys.exit('numpy' in sys.modules or 'zoneinfo' in sys.modules or 'pickle' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program + check], check=False).returncode == 0


def test_the_wire_has_the_shape_that_is_documented() -> None:
    frame = Frame(VALUE, b"abc", (b"x" * 5,))
    (head, blob) = write_frame(frame)
    assert bytes(head[:8]) == b"capsafe\x02"
    assert head.endswith(b"abc")  # type: ignore[union-attr]  # the first run is bytes
    assert bytes(blob) == b"xxxxx"


def test_what_is_nested_as_deep_as_may_be_crosses() -> None:
    assert send(nested(MAXIMUM_DEPTH)) == nested(MAXIMUM_DEPTH)
