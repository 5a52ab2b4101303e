"""Values to bytes, on the way out of the sandbox. Never pickle: what can cross is a closed list of types.

This module knows how each type is taken apart and what to say about a value that can't cross. It refuses to know how
they are put together again (``capsafe.worker.decode``). A subclass of a type in the list is not in the list.
"""

# One method for each type, whose name says it all.
# ruff: noqa: D102

import sys
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Any, Final, cast

from capsafe.errors import TransferError
from capsafe.worker import tags
from capsafe.worker.arrays import ArrayRefusedError, is_array, take_apart
from capsafe.worker.classes import LocalClasses, Shape
from capsafe.worker.objects import find_shape, write_object
from capsafe.worker.protocol import BESIDE, MAXIMUM_DEPTH, MAXIMUM_STRUCTURE, Frame, Refusal, length_of, write_plain
from capsafe.worker.structure import (
    BYTES,
    PLAIN,
    VALUE_COST,
    Plain,
    Structure,
    cost_of,
    memory_budget,
    write_one,
    write_structure,
)
from capsafe.worker.values import WRITERS

#: What many of at once are written without a look at each one, but for the length of text.
_QUICK: Final = frozenset({type(None), bool, int, float, str})

#: A pipe has room for it, in any encoding.
_SHORT_TEXT: Final = 2**12

_LONGEST_PATH: Final = 200


def encode_at_once(value: object) -> bytes | None:
    """Return the bytes of an answer that is a single plain value, None where it is anything else.

    The same as ``write_frame`` makes of what ``encode`` makes: most answers are such, and after a fork each page that
    Python touches is copied.
    """
    if type(value) not in _QUICK or (type(value) is str and len(value) >= _SHORT_TEXT):
        return None
    try:
        return write_plain(write_one(cast("Plain", value)))
    except (OverflowError, UnicodeEncodeError):
        return None


def encode(value: object, kind: int, *, cap: int, local: Callable[[], LocalClasses], name: str = "result") -> Frame:
    """Return ``value`` as a frame.

    ``kind``: what it is an answer of, see ``capsafe.worker.protocol``. ``cap``: the longest frame, in bytes. ``local``:
    finds the classes that are in no module. ``name``: what an error calls the value. Raises ``TransferError`` with
    the path of what can't cross, its type and what to do.
    """
    for quick in (True, False):
        encoder = Encoder(local, memory_budget(cap), quick=quick)
        try:
            encoder.encode(value, 0)
            structure = write_structure(encoder.found)
        except Refusal as refusal:
            path = name + "".join(reversed(refusal.path))
            if len(path) > _LONGEST_PATH:
                path = f"{path[: _LONGEST_PATH // 2]}...{path[-_LONGEST_PATH // 2 :]}"
            raise TransferError(f"{path} ({_name(refusal.type)}) {refusal.reason}") from None
        except (OverflowError, UnicodeEncodeError):
            # A list of plain items held an int of more than 64 bits or a lone surrogate: look at each one.
            continue
        break
    frame = Frame(kind, structure, encoder.blobs)
    if len(structure) > MAXIMUM_STRUCTURE or length_of(frame) > cap:
        most = min(cap, MAXIMUM_STRUCTURE) if len(structure) > MAXIMUM_STRUCTURE else cap
        raise TransferError(
            f"{name} takes {length_of(frame):,} bytes, and {most:,} are the most that cross; return less, raise "
            "result_size, or put many numbers into one array or bytes"
        )
    if cost_of(structure) + encoder.marks > memory_budget(cap):
        raise TransferError(f"{name} {_too_much(cap)}")
    return frame


def _too_much(cap: int) -> str:
    return (
        f"holds more values than cross: put together again they would take more than {memory_budget(cap):,} bytes of "
        "memory; return less, raise result_size, or put many numbers into one array or bytes"
    )


def _name(cls: type) -> str:
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"


class Encoder:
    """Takes one value apart. What can't cross is a ``Refusal``.

    ``memory``: what the values may take when they are put together again. ``quick``: take lists of plain values as
    they are; what MessagePack can't write of them shows later. ``marks``: what those written so far will take, besides
    what ``cost_of`` counts.
    """

    def __init__(self, local: Callable[[], LocalClasses], memory: int, *, quick: bool) -> None:
        self.found: Final = Structure(short=bytearray())
        self.blobs: list[bytes | memoryview] = []
        self.marks = 0
        self.combinations: set[tuple[int, int]] = set()
        self._tree: Final = self.found.tree
        self._values: Final = self.found.values
        self._local = local
        self._memory = memory
        self._quick = quick
        self._places: dict[type, tuple[int, Shape]] = {}
        self._open: set[int] = set()
        #: Where in the tree the number of plain values is that may still grow, 0 for nowhere.
        self._run = 0
        self._late: dict[type, _Method] = {}

    def encode(self, value: object, depth: int) -> None:
        cls = type(value)
        method = _METHODS.get(cls)
        if method is None:
            if not self._late:
                self._late = _late_methods()
            method = self._late.get(cls)
        if method is not None:
            method(self, value, depth)
        elif is_array(cls):
            try:
                tag, parts = take_apart(value, self.beside)
            except ArrayRefusedError as error:
                raise Refusal(value, str(error)) from None
            self.node(tag, parts, depth)
        else:
            write_object(self, value, depth)

    def begin(self, tag: int, count: int, value: object) -> None:
        """Write the mark of a value that has so many parts, which follow."""
        # Only roughly, and only here: this is where references to references grow.
        if self.marks + len(self._tree) // 2 * tags.COST + len(self._values) * VALUE_COST > self._memory:
            most = f"{self._memory:,} bytes of memory"
            raise Refusal(value, f"is past the first {most} that a result may take; {_FLATTER}")
        self._mark(tag, count)

    def _mark(self, tag: int, count: int) -> None:
        self._tree.extend((tag, count))
        self._run = 0
        self.marks += tags.COSTS[tag] - tags.COST

    def node(self, tag: int, parts: Sequence[object], depth: int) -> None:
        """Write a value with its parts, which hold no reference back."""
        self._mark(tag, len(parts))
        for part in parts:
            self.encode(part, depth + 1)
        self._run = 0

    def beside(self, data: bytes | memoryview) -> int:
        self.blobs.append(data)
        return len(self.blobs) - 1

    # Plain values

    def write_plain(self, value: bool | float | str | None, _depth: int) -> None:  # noqa: FBT001 - it is the value
        if self._run == len(self._tree) - 1:
            self._tree[-1] += 1
        else:
            self._tree.extend((PLAIN, 1))
            self._run = len(self._tree) - 1
        self._values.append(value)

    def write_int(self, value: int, depth: int) -> None:
        if -(2**63) <= value < 2**64:
            self.write_plain(value, depth)
        else:
            self.node(tags.INT, (value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True),), depth)

    def write_str(self, value: str, depth: int) -> None:
        if len(value) < BESIDE:
            if value.isascii() or _is_whole(value):
                self.write_plain(value, depth)
            else:
                self.node(tags.TEXT, (value.encode("utf-8", "surrogatepass"),), depth)
        else:
            self.node(tags.TEXT_BESIDE, (self.beside(value.encode("utf-8", "surrogatepass")),), depth)

    def write_bytes(self, value: bytes, depth: int) -> None:
        if len(value) < BESIDE:
            self._tree.extend((BYTES, len(value)))
            self._run = 0
            self.found.short += value
        else:
            self.node(tags.BYTES_BESIDE, (self.beside(value),), depth)

    def write_bytearray(self, value: bytearray, depth: int) -> None:
        if len(value) < BESIDE:
            self.node(tags.BYTEARRAY, (bytes(value),), depth)
        else:
            self.node(tags.BYTEARRAY_BESIDE, (self.beside(memoryview(value)),), depth)

    def write_complex(self, value: complex, depth: int) -> None:
        self.node(tags.COMPLEX, (value.real, value.imag), depth)

    # Containers

    def enter(self, value: object, depth: int) -> None:
        if depth >= MAXIMUM_DEPTH:
            raise Refusal(value, f"is nested deeper than {MAXIMUM_DEPTH} levels; make it flatter")
        if id(value) in self._open:
            raise Refusal(value, "contains itself; send it without the reference back")
        self._open.add(id(value))

    def leave(self, value: object) -> None:
        self._run = 0
        self._open.discard(id(value))

    def items_of(self, tag: int, value: Any, depth: int, part: str = "[{}]") -> None:  # noqa: ANN401 - a container
        self.begin(tag, len(value), value)
        if self._quick and self._take(value):
            return
        self.enter(value, depth)
        place = 0
        try:
            for item in value:
                self.encode(item, depth + 1)
                place += 1
        except Refusal as refusal:
            refusal.path.append(part.format(place))
            raise
        self.leave(value)

    def _take(self, value: Iterable[Any]) -> bool:
        """Write plain values all at once; return False where they are none."""
        kinds = set(map(type, value))
        if not kinds <= _QUICK or (str in kinds and any(type(one) is str and len(one) >= BESIDE for one in value)):
            return False
        before = len(self._values)
        self._values.extend(value)
        count = len(self._values) - before
        if count:
            self._tree.extend((PLAIN, count))
        return True

    def write_list(self, value: list[object], depth: int) -> None:
        self.items_of(tags.LIST, value, depth)

    def write_tuple(self, value: tuple[object, ...], depth: int) -> None:
        self.items_of(tags.TUPLE, value, depth)

    def write_set(self, value: set[object], depth: int) -> None:
        self.items_of(tags.SET, value, depth, " (an element)")

    def write_frozenset(self, value: frozenset[object], depth: int) -> None:
        self.items_of(tags.FROZENSET, value, depth, " (an element)")

    def write_dict(self, value: dict[object, object], depth: int) -> None:
        self.begin(tags.DICT, 2 * len(value), value)
        if self._quick and self._take(list(chain.from_iterable(value.items()))):
            return
        self.enter(value, depth)
        for key, item in value.items():
            try:
                self.encode(key, depth + 1)
            except Refusal as refusal:
                refusal.path.append(" (a key)")
                raise
            try:
                self.encode(item, depth + 1)
            except Refusal as refusal:
                refusal.path.append(f"[{_short(key)}]")
                raise
        self.leave(value)

    def parts(self, tag: int, value: object, depth: int, names: Sequence[str]) -> None:
        """Encode attributes of a value whose type has a fixed list of them."""
        self.begin(tag, len(names), value)
        self.enter(value, depth)
        for name in names:
            try:
                self.encode(getattr(value, name), depth + 1)
            except Refusal as refusal:
                refusal.path.append(f".{name}")
                raise
        self.leave(value)

    def write_range(self, value: object, depth: int) -> None:
        self.parts(tags.RANGE, value, depth, ("start", "stop", "step"))

    def write_slice(self, value: object, depth: int) -> None:
        self.parts(tags.SLICE, value, depth, ("start", "stop", "step"))

    def shape(self, value: object) -> tuple[int, Shape]:
        """Return the place and the shape of a value's class; the first time, the class is put into the answer."""
        cls = type(value)
        if cls not in self._places:
            key, shape = find_shape(value, self._local())
            self.found.classes.append((*key, shape.kind, shape.fields))
            self._places[cls] = (len(self._places), shape)
        return self._places[cls]


_FLATTER: Final = "what is referred to twice is sent twice, and many rows fit into one array"


def _is_whole(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _short(key: object) -> str:
    if type(key) is str and key.isidentifier():
        return f'"{key}"'
    try:
        text = repr(key)
    except Exception:  # noqa: BLE001 - whatever a class's own repr raises
        text = f"<{type(key).__name__}>"
    return text if len(text) <= 60 else f"{text[:57]}..."  # noqa: PLR2004 - fits in a line of a message


_Method = Callable[[Encoder, Any, int], None]

_METHODS: Final[dict[type, _Method]] = {
    type(None): Encoder.write_plain,
    bool: Encoder.write_plain,
    int: Encoder.write_int,
    float: Encoder.write_plain,
    complex: Encoder.write_complex,
    str: Encoder.write_str,
    bytes: Encoder.write_bytes,
    bytearray: Encoder.write_bytearray,
    list: Encoder.write_list,
    tuple: Encoder.write_tuple,
    dict: Encoder.write_dict,
    set: Encoder.write_set,
    frozenset: Encoder.write_frozenset,
    range: Encoder.write_range,
    slice: Encoder.write_slice,
}


def _late_methods() -> dict[type, _Method]:
    found = {}
    for module, name, method in WRITERS:
        cls = getattr(sys.modules.get(module), name, None)
        if isinstance(cls, type):
            found[cls] = method
    return found
