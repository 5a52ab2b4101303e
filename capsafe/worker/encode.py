"""Values to bytes, on the way out of the sandbox. Never pickle: what can cross is a closed list of types.

This module knows how each type is taken apart and what to say about a value that can't cross. It refuses to know how
they are put together again (``capsafe.worker.decode``). A subclass of a type in the list is not in the list.
"""

# One method for each type, whose name says it all.
# ruff: noqa: D102

import sys
from collections.abc import Callable, Iterable
from typing import Any, Final

import msgspec.msgpack

from capsafe.errors import TransferError
from capsafe.worker import tags
from capsafe.worker.arrays import ArrayRefusedError, encode_array, is_array
from capsafe.worker.classes import LocalClasses, Shape
from capsafe.worker.objects import find_shape, write_object
from capsafe.worker.protocol import BESIDE, MAXIMUM_DEPTH, MAXIMUM_STRUCTURE, Frame, Refusal, length_of
from capsafe.worker.values import PLAIN, WRITERS

_LONG: Final = frozenset({str, bytes})

#: A value that is referred to twice is sent twice, so references to references grow: containers are counted.
_MOST_CONTAINERS: Final = 4_000_000

_LONGEST_PATH: Final = 200


def encode(value: object, kind: int, *, cap: int, local: Callable[[], LocalClasses], name: str = "result") -> Frame:
    """Return ``value`` as a frame.

    ``kind``: what it is an answer of, see ``capsafe.worker.protocol``. ``cap``: the longest frame, in bytes. ``local``:
    finds the classes that are in no module. ``name``: what an error calls the value. Raises ``TransferError`` with
    the path of what can't cross, its type and what to do.
    """
    for plain in (True, False):
        encoder = Encoder(local, plain=plain)
        try:
            node = encoder.encode(value, 0)
            structure = msgspec.msgpack.encode([encoder.class_keys, node])
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
    return frame


def _name(cls: type) -> str:
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"


class Encoder:
    """Takes one value apart. What can't cross is a ``Refusal``."""

    def __init__(self, local: Callable[[], LocalClasses], *, plain: bool) -> None:
        self.class_keys: list[tuple[object, ...]] = []
        self.blobs: list[bytes | memoryview] = []
        self._local = local
        self._plain = plain
        self._places: dict[type, tuple[int, Shape]] = {}
        self._open: set[int] = set()
        self._containers = 0
        self._late: dict[type, _Method] = {}

    def encode(self, value: object, depth: int) -> object:
        cls = type(value)
        method = _METHODS.get(cls)
        if method is None:
            if not self._late:
                self._late = _late_methods()
            method = self._late.get(cls)
        if method is not None:
            return method(self, value, depth)
        if is_array(cls):
            try:
                return encode_array(value, self._beside)
            except ArrayRefusedError as error:
                raise Refusal(value, str(error)) from None
        return write_object(self, value, depth)

    # Plain values

    def write_same(self, value: object, _depth: int) -> object:
        return value

    def write_int(self, value: int, _depth: int) -> object:
        if -(2**63) <= value < 2**64:
            return value
        return [tags.INT, value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)]

    def write_str(self, value: str, _depth: int) -> object:
        if len(value) < BESIDE:
            if value.isascii():
                return value
            try:
                value.encode()
            except UnicodeEncodeError:
                return [tags.TEXT, value.encode("utf-8", "surrogatepass")]
            return value
        return [tags.TEXT_BESIDE, self._beside(value.encode("utf-8", "surrogatepass"))]

    def write_bytes(self, value: bytes, _depth: int) -> object:
        return value if len(value) < BESIDE else [tags.BYTES_BESIDE, self._beside(value)]

    def write_bytearray(self, value: bytearray, depth: int) -> object:
        return [tags.BYTEARRAY, self.write_bytes(bytes(value), depth)]

    def write_complex(self, value: complex, _depth: int) -> object:
        return [tags.COMPLEX, value.real, value.imag]

    def _beside(self, data: bytes | memoryview) -> int:
        self.blobs.append(data)
        return len(self.blobs) - 1

    # Containers

    def enter(self, value: object, depth: int) -> None:
        if depth >= MAXIMUM_DEPTH:
            raise Refusal(value, f"is nested deeper than {MAXIMUM_DEPTH} levels; make it flatter")
        if id(value) in self._open:
            raise Refusal(value, "contains itself; send it without the reference back")
        self._count(value)
        self._open.add(id(value))

    def _count(self, value: object) -> None:
        self._containers += 1
        if self._containers > _MOST_CONTAINERS:
            raise Refusal(
                value,
                f"is past the first {_MOST_CONTAINERS:,} containers, and no more cross; what is referred to twice is "
                "sent twice, and many rows fit into one array",
            )

    def leave(self, value: object) -> None:
        self._open.discard(id(value))

    def items_of(self, tag: int, value: Any, depth: int, part: str = "[{}]") -> list[object]:  # noqa: ANN401 - a container
        node: list[object] = [tag]
        if self._plain and self._is_plain(value):
            self._count(value)
            node += value
            return node
        self.enter(value, depth)
        place = 0
        try:
            for item in value:
                node.append(self.encode(item, depth + 1))
                place += 1
        except Refusal as refusal:
            refusal.path.append(part.format(place))
            raise
        self.leave(value)
        return node

    def _is_plain(self, value: Any) -> bool:  # noqa: ANN401 - a container
        kinds = set(map(type, value))
        if not kinds <= PLAIN:
            return False
        return not kinds & _LONG or all(len(item) < BESIDE for item in value if type(item) in _LONG)

    def write_list(self, value: list[object], depth: int) -> object:
        return self.items_of(tags.LIST, value, depth)

    def write_tuple(self, value: tuple[object, ...], depth: int) -> object:
        return self.items_of(tags.TUPLE, value, depth)

    def write_set(self, value: set[object], depth: int) -> object:
        return self.items_of(tags.SET, value, depth, " (an element)")

    def write_frozenset(self, value: frozenset[object], depth: int) -> object:
        return self.items_of(tags.FROZENSET, value, depth, " (an element)")

    def write_dict(self, value: dict[object, object], depth: int) -> object:
        self.enter(value, depth)
        node: list[object] = [tags.DICT]
        for key, item in value.items():
            try:
                node.append(self.encode(key, depth + 1))
            except Refusal as refusal:
                refusal.path.append(" (a key)")
                raise
            try:
                node.append(self.encode(item, depth + 1))
            except Refusal as refusal:
                refusal.path.append(f"[{_short(key)}]")
                raise
        self.leave(value)
        return node

    def parts(self, tag: int, value: object, depth: int, names: Iterable[str]) -> list[object]:
        """Encode attributes of a value whose type has a fixed list of them."""
        self.enter(value, depth)
        node: list[object] = [tag]
        for name in names:
            try:
                node.append(self.encode(getattr(value, name), depth + 1))
            except Refusal as refusal:
                refusal.path.append(f".{name}")
                raise
        self.leave(value)
        return node

    def write_range(self, value: object, depth: int) -> object:
        return self.parts(tags.RANGE, value, depth, ("start", "stop", "step"))

    def write_slice(self, value: object, depth: int) -> object:
        return self.parts(tags.SLICE, value, depth, ("start", "stop", "step"))

    def shape(self, value: object) -> tuple[int, Shape]:
        """Return the place and the shape of a value's class; the first time, the class is put into the answer."""
        cls = type(value)
        if cls not in self._places:
            key, shape = find_shape(value, self._local())
            self.class_keys.append((*key, shape.kind, shape.fields))
            self._places[cls] = (len(self._places), shape)
        return self._places[cls]


def _short(key: object) -> str:
    if type(key) is str and key.isidentifier():
        return f'"{key}"'
    try:
        text = repr(key)
    except Exception:  # noqa: BLE001 - whatever a class's own repr raises
        text = f"<{type(key).__name__}>"
    return text if len(text) <= 60 else f"{text[:57]}..."  # noqa: PLR2004 - fits in a line of a message


_Method = Callable[[Encoder, Any, int], object]

_METHODS: Final[dict[type, _Method]] = {
    type(None): Encoder.write_same,
    bool: Encoder.write_same,
    int: Encoder.write_int,
    float: Encoder.write_same,
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
