"""Values to bytes, on the way out of the sandbox. Never pickle: what can cross is a closed list of types.

This module knows how each type is taken apart and what to say about a value that can't cross. It refuses to know how
they are put together again (``capsafe.worker.decode``). A subclass of a type in the list is not in the list.
"""

import sys
from collections.abc import Callable, Iterable
from typing import Any, Final

from capsafe.errors import TransferError
from capsafe.worker import tags
from capsafe.worker.arrays import ArrayRefusedError, encode_array, is_array
from capsafe.worker.authorities import describe
from capsafe.worker.classes import (
    DATACLASS,
    ENUM,
    LocalClasses,
    Shape,
    UnfitClassError,
    name_class,
    read_shape,
    undeclared,
)
from capsafe.worker.protocol import BESIDE, MAXIMUM_DEPTH, MAXIMUM_STRUCTURE, Frame, length_of

#: What MessagePack itself can tell apart, so that a list of nothing else goes as it is.
PLAIN: Final = frozenset({type(None), bool, int, float, str, bytes})
_LONG: Final = frozenset({str, bytes})

#: A value that is referred to twice is sent twice, so references to references grow; this many items are never honest.
_MOST_ITEMS: Final = MAXIMUM_STRUCTURE

_LONGEST_PATH: Final = 200
_MAXIMUM_FRACTION: Final = 2**32768


class _Refusal(Exception):  # noqa: N818 - no error for users: it becomes a TransferError at the top
    """A value can't cross. Containers add where they have it as it passes them."""

    def __init__(self, value: object, reason: str) -> None:
        super().__init__(reason)
        self.type = type(value)
        self.reason = reason
        self.path: list[str] = []


def encode(value: object, kind: int, *, cap: int, local: Callable[[], LocalClasses], name: str = "result") -> Frame:
    """Return ``value`` as a frame.

    ``kind``: what it is an answer of, see ``capsafe.worker.protocol``. ``cap``: the longest frame, in bytes. ``local``:
    finds the classes that are in no module. ``name``: what an error calls the value. Raises ``TransferError`` with
    the path of what can't cross, its type and what to do.
    """
    import msgspec.msgpack  # noqa: PLC0415 - late: import capsafe does without it

    for plain in (True, False):
        encoder = _Encoder(local, plain=plain)
        try:
            node = encoder.encode(value, 0)
            structure = msgspec.msgpack.encode([encoder.class_keys, node])
        except _Refusal as refusal:
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
        raise TransferError(
            f"{name} takes {length_of(frame):,} bytes, and {min(cap, MAXIMUM_STRUCTURE) if not encoder.blobs else cap:,}"
            " are the most that cross; return less, raise result_size, or put many numbers into one array or bytes"
        )
    return frame


def _name(cls: type) -> str:
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"


class _Encoder:
    def __init__(self, local: Callable[[], LocalClasses], *, plain: bool) -> None:
        self.class_keys: list[tuple[object, ...]] = []
        self.blobs: list[bytes | memoryview] = []
        self._local = local
        self._plain = plain
        self._places: dict[type, tuple[int, Shape]] = {}
        self._open: set[int] = set()
        self._items = 0

    def encode(self, value: object, depth: int) -> object:
        cls = type(value)
        method = _METHODS.get(cls)
        if method is None:
            method = _late_methods().get(cls)
        if method is not None:
            return method(self, value, depth)
        if is_array(cls):
            try:
                return encode_array(value, self._beside)
            except ArrayRefusedError as error:
                raise _Refusal(value, str(error)) from None
        return self._of_class(value, depth)

    # Plain values

    def _same(self, value: object, _depth: int) -> object:
        return value

    def _int(self, value: int, _depth: int) -> object:
        if -(2**63) <= value < 2**64:
            return value
        return [tags.INT, value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)]

    def _str(self, value: str, _depth: int) -> object:
        if len(value) < BESIDE:
            if value.isascii():
                return value
            try:
                value.encode()
            except UnicodeEncodeError:
                return [tags.TEXT, value.encode("utf-8", "surrogatepass")]
            return value
        return [tags.TEXT_BESIDE, self._beside(value.encode("utf-8", "surrogatepass"))]

    def _bytes(self, value: bytes, _depth: int) -> object:
        return value if len(value) < BESIDE else [tags.BYTES_BESIDE, self._beside(value)]

    def _bytearray(self, value: bytearray, depth: int) -> object:
        return [tags.BYTEARRAY, self._bytes(bytes(value), depth)]

    def _complex(self, value: complex, _depth: int) -> object:
        return [tags.COMPLEX, value.real, value.imag]

    def _beside(self, data: bytes | memoryview) -> int:
        self.blobs.append(data)
        return len(self.blobs) - 1

    # Containers

    def _enter(self, value: object, length: int, depth: int) -> None:
        if depth >= MAXIMUM_DEPTH:
            raise _Refusal(value, f"is nested deeper than {MAXIMUM_DEPTH} levels; make it flatter")
        if id(value) in self._open:
            raise _Refusal(value, "contains itself; send it without the reference back")
        self._items += length
        if self._items > _MOST_ITEMS:
            raise _Refusal(value, f"makes more than {_MOST_ITEMS:,} items in all; what is shared is sent each time")
        self._open.add(id(value))

    def _items_of(self, tag: int, value: Any, depth: int, part: str = "[{}]") -> list[object]:  # noqa: ANN401 - a container
        node: list[object] = [tag]
        if self._plain and self._is_plain(value):
            self._items += len(value)
            node += value
            return node
        self._enter(value, len(value), depth)
        place = 0
        try:
            for item in value:
                node.append(self.encode(item, depth + 1))
                place += 1
        except _Refusal as refusal:
            refusal.path.append(part.format(place))
            raise
        self._open.discard(id(value))
        return node

    def _is_plain(self, value: Any) -> bool:  # noqa: ANN401 - a container
        kinds = set(map(type, value))
        if not kinds <= PLAIN:
            return False
        return not kinds & _LONG or all(len(item) < BESIDE for item in value if type(item) in _LONG)

    def _list(self, value: list[object], depth: int) -> object:
        return self._items_of(tags.LIST, value, depth)

    def _tuple(self, value: tuple[object, ...], depth: int) -> object:
        return self._items_of(tags.TUPLE, value, depth)

    def _set(self, value: set[object], depth: int) -> object:
        return self._items_of(tags.SET, value, depth, " (an element)")

    def _frozenset(self, value: frozenset[object], depth: int) -> object:
        return self._items_of(tags.FROZENSET, value, depth, " (an element)")

    def _dict(self, value: dict[object, object], depth: int) -> object:
        self._enter(value, 2 * len(value), depth)
        node: list[object] = [tags.DICT]
        for key, item in value.items():
            try:
                node.append(self.encode(key, depth + 1))
            except _Refusal as refusal:
                refusal.path.append(" (a key)")
                raise
            try:
                node.append(self.encode(item, depth + 1))
            except _Refusal as refusal:
                refusal.path.append(f"[{_short(key)}]")
                raise
        self._open.discard(id(value))
        return node

    def _parts(self, tag: int, value: object, depth: int, names: Iterable[str]) -> list[object]:
        """Encode attributes of a value whose type has a fixed list of them."""
        self._enter(value, 1, depth)
        node: list[object] = [tag]
        for name in names:
            try:
                node.append(self.encode(getattr(value, name), depth + 1))
            except _Refusal as refusal:
                refusal.path.append(f".{name}")
                raise
        self._open.discard(id(value))
        return node

    def _range(self, value: object, depth: int) -> object:
        return self._parts(tags.RANGE, value, depth, ("start", "stop", "step"))

    def _slice(self, value: object, depth: int) -> object:
        return self._parts(tags.SLICE, value, depth, ("start", "stop", "step"))

    def _completed(self, value: object, depth: int) -> object:
        return self._parts(tags.COMPLETED, value, depth, ("args", "returncode", "stdout", "stderr"))

    # The standard library's values

    def _datetime(self, value: object, depth: int) -> object:
        names = ("year", "month", "day", "hour", "minute", "second", "microsecond", "fold", "tzinfo")
        return self._parts(tags.DATETIME, value, depth, names)

    def _date(self, value: Any, _depth: int) -> object:  # noqa: ANN401 - its type is imported late
        return [tags.DATE, value.toordinal()]

    def _time(self, value: object, depth: int) -> object:
        return self._parts(tags.TIME, value, depth, ("hour", "minute", "second", "microsecond", "fold", "tzinfo"))

    def _timedelta(self, value: object, depth: int) -> object:
        return self._parts(tags.TIMEDELTA, value, depth, ("days", "seconds", "microseconds"))

    def _timezone(self, value: Any, depth: int) -> object:  # noqa: ANN401 - its type is imported late
        offset, *name = value.__getinitargs__()
        return [tags.TIMEZONE, self._timedelta(offset, depth), *name]

    def _zoneinfo(self, value: Any, _depth: int) -> object:  # noqa: ANN401 - its type is imported late
        if value.key is None:
            raise _Refusal(value, "was made from a file and has no key; use ZoneInfo(key)")
        return [tags.ZONEINFO, value.key]

    def _decimal(self, value: object, _depth: int) -> object:
        return [tags.DECIMAL, str(value)]

    def _fraction(self, value: Any, depth: int) -> object:  # noqa: ANN401 - its type is imported late
        if max(abs(value.numerator), value.denominator) >= _MAXIMUM_FRACTION:
            raise _Refusal(value, "has more than 32,768 bits; send its numerator and denominator")
        return self._parts(tags.FRACTION, value, depth, ("numerator", "denominator"))

    def _uuid(self, value: Any, _depth: int) -> object:  # noqa: ANN401 - its type is imported late
        return [tags.UUID, value.bytes]

    def _path(self, value: object, depth: int) -> object:
        return [tags.PATH, tags.PATHS.index(type(value).__name__), self._str(str(value), depth)]

    def _address(self, value: object, _depth: int) -> object:
        return [tags.ADDRESS, tags.ADDRESSES.index(type(value).__name__), str(value)]

    def _record(self, value: Any, depth: int) -> object:  # noqa: ANN401 - one of several types
        _, (items, *more) = value.__reduce__()
        names = more[0] if more else {}
        place = next(i for i, (_, name) in enumerate(tags.RECORDS) if type(value).__name__ == name)
        return [tags.RECORD, place, self._tuple(items, depth), self._dict(names, depth)]

    # Values of classes

    def _of_class(self, value: object, depth: int) -> object:
        if isinstance(value, BaseException):
            return self._exception(value, depth)
        index, shape = self._shape(value)
        if shape.kind == ENUM:
            return self._enum(value, index)
        lost = undeclared(value, shape)
        if lost:
            way_out = "declare them as fields" if shape.kind == DATACLASS else "make a dataclass of it"
            raise _Refusal(value, f"has attributes that are no fields ({', '.join(lost)}); {way_out}")
        if shape.kind == DATACLASS:
            return self._fields(tags.DATACLASS, value, index, shape, depth)
        self._enter(value, len(shape.fields), depth)
        node: list[object] = [tags.NAMEDTUPLE, index]
        for name, item in zip(shape.fields, tuple.__iter__(value), strict=True):  # type: ignore[arg-type]  # a named tuple is a tuple
            try:
                node.append(self.encode(item, depth + 1))
            except _Refusal as refusal:
                refusal.path.append(f".{name}")
                raise
        self._open.discard(id(value))
        return node

    def _fields(self, tag: int, value: object, index: int, shape: Shape, depth: int) -> object:
        self._enter(value, len(shape.fields), depth)
        node: list[object] = [tag, index]
        for name in shape.fields:
            try:
                node.append(self.encode(object.__getattribute__(value, name), depth + 1))
            except AttributeError:
                node.append([tags.ABSENT])
            except _Refusal as refusal:
                refusal.path.append(f".{name}")
                raise
        self._open.discard(id(value))
        return node

    def _enum(self, value: Any, index: int) -> object:  # noqa: ANN401 - a member of any enum
        cls: Any = type(value)
        name = value._name_  # noqa: SLF001 - the documented attribute, which a class may shadow
        if cls._member_map_.get(name) is value:
            return [tags.ENUM, index, name]
        if type(value._value_) is int:
            return [tags.FLAG, index, self._int(value._value_, 0)]
        raise _Refusal(value, "is no member of its enum by name; send its value")

    def _exception(self, value: BaseException, depth: int) -> object:
        cls = type(value)
        if cls.__module__ != "builtins":
            raise _Refusal(value, "is an exception of its own class; raise it, or send str(...) of it")
        return [tags.EXCEPTION, cls.__name__, self._items_of(tags.TUPLE, value.args, depth, ".args[{}]")]

    def _shape(self, value: object) -> tuple[int, Shape]:
        cls = type(value)
        if cls in self._places:
            return self._places[cls]
        try:
            shape = read_shape(cls)
        except UnfitClassError as error:
            raise _Refusal(value, f"can't be rebuilt outside: {error}; send its parts") from None
        if shape is None:
            raise _Refusal(value, describe(value))
        key = name_class(cls, self._local())
        if key is None:
            where = "inside the closure" if "<locals>" in cls.__qualname__ else "where its name does not lead"
            raise _Refusal(value, f"is of a class defined {where}; define it in a module, outside the closure")
        if not key[2] and key[0] not in loaded_before():
            raise _Refusal(value, f"is of a class that only the sandbox has imported; import {key[0]} before execute")
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


#: The modules that were loaded when the process was forked; None where it was not.
_loaded: frozenset[str] | None = None


def remember_loaded() -> None:
    """Note which modules are loaded, right after the fork: classes of others could not be found outside."""
    global _loaded  # noqa: PLW0603 - a fact about this process
    _loaded = frozenset(sys.modules)


def loaded_before() -> Any:  # noqa: ANN401 - a set or a dict of names
    """Return the names of the modules that the other side has."""
    return sys.modules if _loaded is None else _loaded


_Method = Callable[[_Encoder, Any, int], object]

_METHODS: Final[dict[type, _Method]] = {
    type(None): _Encoder._same,
    bool: _Encoder._same,
    int: _Encoder._int,
    float: _Encoder._same,
    complex: _Encoder._complex,
    str: _Encoder._str,
    bytes: _Encoder._bytes,
    bytearray: _Encoder._bytearray,
    list: _Encoder._list,
    tuple: _Encoder._tuple,
    dict: _Encoder._dict,
    set: _Encoder._set,
    frozenset: _Encoder._frozenset,
    range: _Encoder._range,
    slice: _Encoder._slice,
}

#: By the name of their class: their modules are not loaded for capsafe's sake, and a value of a class is there only
#: when its module is.
_BY_NAME: Final[tuple[tuple[str, str, _Method], ...]] = (
    ("datetime", "datetime", _Encoder._datetime),
    ("datetime", "date", _Encoder._date),
    ("datetime", "time", _Encoder._time),
    ("datetime", "timedelta", _Encoder._timedelta),
    ("datetime", "timezone", _Encoder._timezone),
    ("zoneinfo", "ZoneInfo", _Encoder._zoneinfo),
    ("decimal", "Decimal", _Encoder._decimal),
    ("fractions", "Fraction", _Encoder._fraction),
    ("uuid", "UUID", _Encoder._uuid),
    ("subprocess", "CompletedProcess", _Encoder._completed),
    *(("pathlib", name, _Encoder._path) for name in tags.PATHS),
    *(("ipaddress", name, _Encoder._address) for name in tags.ADDRESSES),
    *((module, name, _Encoder._record) for module, name in tags.RECORDS),
)


def _late_methods() -> dict[type, _Method]:
    found = {}
    for module, name, method in _BY_NAME:
        cls = getattr(sys.modules.get(module), name, None)
        if isinstance(cls, type):
            found[cls] = method
    return found
