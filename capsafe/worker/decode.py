"""Bytes to values, in the parent. Whoever sent them is taken for hostile.

This module knows how each type of the closed list is put together again. It refuses to import what the sender names,
to run the code of the classes it rebuilds, and to raise anything but ``ProtocolError``, whatever the bytes.

What it can't help: dicts and sets are built with the hashes of their keys, and the sender can choose keys that collide.
"""

import builtins
import enum
import re
import sys
from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Any, Final

from capsafe.worker import tags
from capsafe.worker.arrays import decode_array
from capsafe.worker.classes import DATACLASS, ENUM, NAMEDTUPLE, LocalClasses, Shape, find_class, read_shape
from capsafe.worker.encode import PLAIN
from capsafe.worker.protocol import MAXIMUM_DEPTH, Frame, ProtocolError

#: As ``zoneinfo`` names its files; it would look for other names in other places.
_ZONE_KEY: Final = re.compile(r"[A-Za-z0-9_+-]{1,64}(/[A-Za-z0-9_+-]{1,64}){0,3}")
_MAXIMUM_FRACTION: Final = 2**32768

Node = Any  # what MessagePack can hold; each use checks what it got


def decode(frame: Frame, *, local: Callable[[], LocalClasses]) -> object:
    """Return the value of a frame.

    ``local``: finds the classes that are in no module. Raises ``ProtocolError`` and nothing else.
    """
    import msgspec.msgpack  # noqa: PLC0415 - late: import capsafe does without it

    try:
        keys, node = msgspec.msgpack.decode(frame.structure)
        decoder = _Decoder(frame, local)
        decoder.read_classes(keys)
        return decoder.decode(node, 0)
    except ProtocolError:
        raise
    except Exception as error:
        # Constructors raise whatever they like for what they can't take, and so does a key's own __hash__.
        raise ProtocolError(f"it can't be decoded ({type(error).__name__})") from error


def _int(value: Node) -> int:
    if type(value) is not int:
        raise ProtocolError("a number is none")
    return value


def _str(value: Node) -> str:
    if type(value) is not str:
        raise ProtocolError("a text is none")
    return value


def _bytes(value: Node) -> bytes:
    if type(value) is not bytes:
        raise ProtocolError("a run of bytes is none")
    return value


class _Decoder:
    def __init__(self, frame: Frame, local: Callable[[], LocalClasses]) -> None:
        self._blobs = frame.blobs
        self._local = local
        self._shapes: list[Shape] = []
        self._used: set[int] = set()

    def read_classes(self, keys: Node) -> None:
        """Look up the classes that the structure names, and make sure that they are what it takes them for."""
        for module, name, place, kind, fields in keys:
            key = (_str(module), _str(name), _int(place))
            cls = find_class(key, self._local() if place else {})
            shape = None if cls is None else read_shape(cls)
            if shape is None or shape.kind != kind or list(shape.fields) != fields:
                raise ProtocolError(f"it holds a {kind} {key[0]}.{key[1]}, and there is none with its fields here")
            self._shapes.append(shape)

    def decode(self, node: Node, depth: int) -> object:
        cls = type(node)
        if cls in PLAIN:
            return node
        if cls is not list or depth > MAXIMUM_DEPTH or not node:
            raise ProtocolError("a value is of no known form, or nested too deep")
        method = _METHODS.get(node[0]) if type(node[0]) is int else None
        if method is None:
            raise ProtocolError("a value has an unknown mark")
        return method(self, node, depth)

    def _items(self, node: list[Node], depth: int) -> list[Any]:
        if set(map(type, node)) <= PLAIN:
            return node[1:]
        decode = self.decode
        return [decode(item, depth + 1) for item in node[1:]]

    def _blob(self, number: Node) -> memoryview:
        if not 0 <= _int(number) < len(self._blobs):
            raise ProtocolError("it refers to bytes that it does not have")
        if number in self._used:
            # Each reference makes a copy: a short structure could fill the memory with them.
            raise ProtocolError("it refers to the same bytes twice")
        self._used.add(number)
        return memoryview(self._blobs[number])

    # Containers

    def _list(self, node: list[Node], depth: int) -> object:
        return self._items(node, depth)

    def _tuple(self, node: list[Node], depth: int) -> object:
        return tuple(self._items(node, depth))

    def _set(self, node: list[Node], depth: int) -> object:
        return set(self._items(node, depth))

    def _frozenset(self, node: list[Node], depth: int) -> object:
        return frozenset(self._items(node, depth))

    def _dict(self, node: list[Node], depth: int) -> object:
        items = self._items(node, depth)
        return dict(zip(items[::2], items[1::2], strict=True))

    def _range(self, node: list[Node], depth: int) -> object:
        return range(*map(_int, self._items(node, depth)))

    def _slice(self, node: list[Node], depth: int) -> object:
        start, stop, step = self._items(node, depth)
        return slice(start, stop, step)

    # Plain values that MessagePack has no form for

    def _big(self, node: list[Node], _depth: int) -> object:
        _, data = node
        return int.from_bytes(_bytes(data), "little", signed=True)

    def _complex(self, node: list[Node], _depth: int) -> object:
        _, real, imaginary = node
        if type(real) is not float or type(imaginary) is not float:
            raise ProtocolError("a complex number has other parts")
        return complex(real, imaginary)

    def _text(self, node: list[Node], _depth: int) -> object:
        _, data = node
        return _bytes(data).decode("utf-8", "surrogatepass")

    def _text_beside(self, node: list[Node], _depth: int) -> object:
        _, number = node
        return str(self._blob(number), "utf-8", "surrogatepass")

    def _bytes_beside(self, node: list[Node], _depth: int) -> object:
        _, number = node
        return bytes(self._blob(number))

    def _bytearray(self, node: list[Node], depth: int) -> object:
        (data,) = self._items(node, depth)
        return bytearray(_bytes(data))

    # The standard library's values

    def _datetime(self, node: list[Node], depth: int) -> object:
        year, month, day, hour, minute, second, microsecond, fold, zone = self._items(node, depth)
        cls = import_module("datetime").datetime
        return cls(*map(_int, (year, month, day, hour, minute, second, microsecond)), _zone(zone), fold=_int(fold))

    def _date(self, node: list[Node], _depth: int) -> object:
        _, ordinal = node
        return import_module("datetime").date.fromordinal(_int(ordinal))

    def _time(self, node: list[Node], depth: int) -> object:
        hour, minute, second, microsecond, fold, zone = self._items(node, depth)
        cls = import_module("datetime").time
        return cls(*map(_int, (hour, minute, second, microsecond)), _zone(zone), fold=_int(fold))

    def _timedelta(self, node: list[Node], depth: int) -> object:
        return import_module("datetime").timedelta(*map(_int, self._items(node, depth)))

    def _timezone(self, node: list[Node], depth: int) -> object:
        offset, *name = self._items(node, depth)
        return import_module("datetime").timezone(offset, *map(_str, name))

    def _zoneinfo(self, node: list[Node], _depth: int) -> object:
        _, key = node
        if not _ZONE_KEY.fullmatch(_str(key)):
            raise ProtocolError("a time zone has an impossible name")
        return import_module("zoneinfo").ZoneInfo(key)

    def _decimal(self, node: list[Node], _depth: int) -> object:
        _, text = node
        return import_module("decimal").Decimal(_str(text))

    def _fraction(self, node: list[Node], depth: int) -> object:
        numerator, denominator = map(_int, self._items(node, depth))
        if max(abs(numerator), abs(denominator)) >= _MAXIMUM_FRACTION:
            raise ProtocolError("a fraction is too long")
        return import_module("fractions").Fraction(numerator, denominator)

    def _uuid(self, node: list[Node], _depth: int) -> object:
        _, data = node
        return import_module("uuid").UUID(bytes=_bytes(data))

    def _path(self, node: list[Node], depth: int) -> object:
        place, text = self._items(node, depth)
        return getattr(import_module("pathlib"), tags.PATHS[_place(place, tags.PATHS)])(_str(text))

    def _address(self, node: list[Node], depth: int) -> object:
        place, text = self._items(node, depth)
        return getattr(import_module("ipaddress"), tags.ADDRESSES[_place(place, tags.ADDRESSES)])(_str(text))

    def _record(self, node: list[Node], depth: int) -> object:
        place, items, names = self._items(node, depth)
        module, name = tags.RECORDS[_place(place, tags.RECORDS)]
        if type(items) is not tuple or type(names) is not dict:
            raise ProtocolError("a record has other parts")
        if not {*map(type, items), *map(type, names.values())} <= PLAIN or not all(type(key) is str for key in names):
            raise ProtocolError("a record holds more than numbers and text")
        return getattr(import_module(module), name)(items, names)

    def _completed(self, node: list[Node], depth: int) -> object:
        args, code, output, errors = self._items(node, depth)
        return import_module("subprocess").CompletedProcess(args, code, output, errors)

    # Values of classes

    def _shape(self, index: Node, kind: str) -> Shape:
        if not 0 <= _int(index) < len(self._shapes) or self._shapes[index].kind != kind:
            raise ProtocolError(f"it refers to a {kind} that it does not name")
        return self._shapes[index]

    def _enum(self, node: list[Node], _depth: int) -> object:
        _, index, name = node
        cls: Any = self._shape(index, ENUM).cls
        return type.__getattribute__(cls, "_member_map_")[_str(name)]

    def _flag(self, node: list[Node], depth: int) -> object:
        index, value = self._items(node, depth)
        cls: Any = self._shape(index, ENUM).cls
        if not issubclass(cls, enum.Flag):
            raise ProtocolError("an enum that is no Flag has a value without a name")
        # Flag's own, past what the class may have instead.
        return enum.Flag.__dict__["_missing_"].__func__(cls, _int(value))

    def _dataclass(self, node: list[Node], depth: int) -> object:
        shape = self._shape(node[1], DATACLASS)
        value = object.__new__(shape.cls)
        for name, item in zip(shape.fields, node[2:], strict=True):
            if item != [tags.ABSENT]:
                object.__setattr__(value, name, self.decode(item, depth + 1))
        return value

    def _namedtuple(self, node: list[Node], depth: int) -> object:
        shape = self._shape(node[1], NAMEDTUPLE)
        items = [self.decode(item, depth + 1) for item in node[2:]]
        if len(items) != len(shape.fields):
            raise ProtocolError("a named tuple has another length")
        cls: Any = shape.cls
        return tuple.__new__(cls, items)

    def _exception(self, node: list[Node], depth: int) -> object:
        _, name, args = node
        cls = builtin_exception(_str(name))
        items = self.decode(args, depth + 1)
        if cls is None or type(items) is not tuple:
            raise ProtocolError("an exception is none of the built-in ones")
        return cls(*items)

    def _array(self, node: list[Node], _depth: int) -> object:
        return decode_array(node, self._blob)


def builtin_exception(name: str) -> type[BaseException] | None:
    """Return the built-in exception of a name, None where there is none."""
    found = vars(builtins).get(name)
    return found if isinstance(found, type) and issubclass(found, BaseException) else None


def _place(value: Node, rows: Iterable[object]) -> int:
    if not 0 <= _int(value) < len(tuple(rows)):
        raise ProtocolError("a value is of a type that is not in the list")
    return int(value)


def _zone(value: object) -> object:
    """Let through what is a time zone: a datetime with another tzinfo would call it."""
    known = [import_module("datetime").timezone]
    if "zoneinfo" in sys.modules:
        known.append(sys.modules["zoneinfo"].ZoneInfo)
    if value is not None and type(value) not in known:
        raise ProtocolError("a time zone is none")
    return value


_METHODS: Final[dict[int, Callable[[_Decoder, list[Node], int], object]]] = {
    tags.LIST: _Decoder._list,
    tags.TUPLE: _Decoder._tuple,
    tags.DICT: _Decoder._dict,
    tags.SET: _Decoder._set,
    tags.FROZENSET: _Decoder._frozenset,
    tags.RANGE: _Decoder._range,
    tags.SLICE: _Decoder._slice,
    tags.INT: _Decoder._big,
    tags.COMPLEX: _Decoder._complex,
    tags.TEXT: _Decoder._text,
    tags.TEXT_BESIDE: _Decoder._text_beside,
    tags.BYTES_BESIDE: _Decoder._bytes_beside,
    tags.BYTEARRAY: _Decoder._bytearray,
    tags.DATETIME: _Decoder._datetime,
    tags.DATE: _Decoder._date,
    tags.TIME: _Decoder._time,
    tags.TIMEDELTA: _Decoder._timedelta,
    tags.TIMEZONE: _Decoder._timezone,
    tags.ZONEINFO: _Decoder._zoneinfo,
    tags.DECIMAL: _Decoder._decimal,
    tags.FRACTION: _Decoder._fraction,
    tags.UUID: _Decoder._uuid,
    tags.PATH: _Decoder._path,
    tags.ADDRESS: _Decoder._address,
    tags.RECORD: _Decoder._record,
    tags.COMPLETED: _Decoder._completed,
    tags.ENUM: _Decoder._enum,
    tags.FLAG: _Decoder._flag,
    tags.DATACLASS: _Decoder._dataclass,
    tags.NAMEDTUPLE: _Decoder._namedtuple,
    tags.EXCEPTION: _Decoder._exception,
    tags.ARRAY: _Decoder._array,
    tags.SCALAR: _Decoder._array,
}
