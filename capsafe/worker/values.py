"""The standard library's plain values, taken apart and put together again.

This module knows how each of them is written and read, side by side. It refuses to trust what it reads: every part
has its type checked before a constructor sees it.
"""

import re
import sys
from collections.abc import Callable, Iterable
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from capsafe.worker import tags
from capsafe.worker.protocol import ProtocolError, Refusal

if TYPE_CHECKING:
    from capsafe.worker.encode import Encoder

#: What has no parts.
PLAIN: Final = frozenset({type(None), bool, int, float, str, bytes})

#: As ``zoneinfo`` names its files; it would look for other names in other places.
_ZONE_KEY: Final = re.compile(r"[A-Za-z0-9_+-]{1,64}(/[A-Za-z0-9_+-]{1,64}){0,3}")
#: A fraction is reduced as it is made, and that takes the square of its length.
_MAXIMUM_FRACTION: Final = 2**32768


def read_int(value: object) -> int:
    """Return a node that is an int."""
    if type(value) is not int:
        raise ProtocolError("a number is none")
    return value


def read_str(value: object) -> str:
    """Return a node that is text."""
    if type(value) is not str:
        raise ProtocolError("a text is none")
    return value


def read_bytes(value: object) -> bytes:
    """Return a node that is bytes."""
    if type(value) is not bytes:
        raise ProtocolError("a run of bytes is none")
    return value


def write_datetime(encoder: "Encoder", value: object, depth: int) -> None:
    """Take apart a datetime."""
    names = ("year", "month", "day", "hour", "minute", "second", "microsecond", "fold", "tzinfo")
    encoder.parts(tags.DATETIME, value, depth, names)


def read_datetime(parts: list[Any]) -> object:
    """Put together a datetime."""
    year, month, day, hour, minute, second, microsecond, fold, zone = parts
    cls = import_module("datetime").datetime
    return cls(*map(read_int, (year, month, day, hour, minute, second, microsecond)), _zone(zone), fold=read_int(fold))


def write_date(encoder: "Encoder", value: Any, depth: int) -> None:  # noqa: ANN401 - its type is imported late
    """Take apart a date."""
    encoder.node(tags.DATE, (value.toordinal(),), depth)


def read_date(parts: list[Any]) -> object:
    """Put together a date."""
    (ordinal,) = parts
    return import_module("datetime").date.fromordinal(read_int(ordinal))


def write_time(encoder: "Encoder", value: object, depth: int) -> None:
    """Take apart a time of day."""
    encoder.parts(tags.TIME, value, depth, ("hour", "minute", "second", "microsecond", "fold", "tzinfo"))


def read_time(parts: list[Any]) -> object:
    """Put together a time of day."""
    hour, minute, second, microsecond, fold, zone = parts
    cls = import_module("datetime").time
    return cls(*map(read_int, (hour, minute, second, microsecond)), _zone(zone), fold=read_int(fold))


def write_timedelta(encoder: "Encoder", value: object, depth: int) -> None:
    """Take apart a timedelta."""
    encoder.parts(tags.TIMEDELTA, value, depth, ("days", "seconds", "microseconds"))


def read_timedelta(parts: list[Any]) -> object:
    """Put together a timedelta."""
    return import_module("datetime").timedelta(*map(read_int, parts))


def write_timezone(encoder: "Encoder", value: Any, depth: int) -> None:  # noqa: ANN401 - its type is imported late
    """Take apart a time zone of fixed offset."""
    offset, *name = value.__getinitargs__()
    encoder.node(tags.TIMEZONE, (offset, *name), depth)


def read_timezone(parts: list[Any]) -> object:
    """Put together a time zone of fixed offset."""
    offset, *name = parts
    return import_module("datetime").timezone(offset, *map(read_str, name))


def write_zoneinfo(encoder: "Encoder", value: Any, depth: int) -> None:  # noqa: ANN401 - its type is imported late
    """Take apart a time zone by its key."""
    if value.key is None:
        raise Refusal(value, "was made from a file and has no key; use ZoneInfo(key)")
    encoder.node(tags.ZONEINFO, (value.key,), depth)


def read_zoneinfo(parts: list[Any]) -> object:
    """Put together a time zone by its key."""
    (key,) = parts
    if not _ZONE_KEY.fullmatch(read_str(key)):
        raise ProtocolError("a time zone has an impossible name")
    return import_module("zoneinfo").ZoneInfo(key)


def write_decimal(encoder: "Encoder", value: object, depth: int) -> None:
    """Take apart a Decimal."""
    encoder.node(tags.DECIMAL, (str(value),), depth)


def read_decimal(parts: list[Any]) -> object:
    """Put together a Decimal."""
    (text,) = parts
    return import_module("decimal").Decimal(read_str(text))


def write_fraction(encoder: "Encoder", value: Any, depth: int) -> None:  # noqa: ANN401 - its type is imported late
    """Take apart a Fraction."""
    if max(abs(value.numerator), value.denominator) >= _MAXIMUM_FRACTION:
        raise Refusal(value, "has more than 32,768 bits; send its numerator and denominator")
    encoder.parts(tags.FRACTION, value, depth, ("numerator", "denominator"))


def read_fraction(parts: list[Any]) -> object:
    """Put together a Fraction."""
    numerator, denominator = map(read_int, parts)
    if max(abs(numerator), abs(denominator)) >= _MAXIMUM_FRACTION:
        raise ProtocolError("a fraction is too long")
    return import_module("fractions").Fraction(numerator, denominator)


def write_uuid(encoder: "Encoder", value: Any, depth: int) -> None:  # noqa: ANN401 - its type is imported late
    """Take apart a UUID."""
    encoder.node(tags.UUID, (value.bytes,), depth)


def read_uuid(parts: list[Any]) -> object:
    """Put together a UUID."""
    (data,) = parts
    return import_module("uuid").UUID(bytes=read_bytes(data))


def write_path(encoder: "Encoder", value: object, depth: int) -> None:
    """Take apart a path."""
    encoder.node(tags.PATH, (tags.PATHS.index(type(value).__name__), str(value)), depth)


def read_path(parts: list[Any]) -> object:
    """Put together a path."""
    place, text = parts
    return getattr(import_module("pathlib"), tags.PATHS[_place(place, tags.PATHS)])(read_str(text))


def write_address(encoder: "Encoder", value: object, depth: int) -> None:
    """Take apart an IP address, network or interface."""
    encoder.node(tags.ADDRESS, (tags.ADDRESSES.index(type(value).__name__), str(value)), depth)


def read_address(parts: list[Any]) -> object:
    """Put together an IP address, network or interface."""
    place, text = parts
    return getattr(import_module("ipaddress"), tags.ADDRESSES[_place(place, tags.ADDRESSES)])(read_str(text))


def write_record(encoder: "Encoder", value: Any, depth: int) -> None:  # noqa: ANN401 - one of several types
    """Take apart a record of the operating system."""
    _, (items, *more) = value.__reduce__()
    names = more[0] if more else {}
    place = next(i for i, (_, name) in enumerate(tags.RECORDS) if type(value).__name__ == name)
    encoder.node(tags.RECORD, (place, items, names), depth)


def read_record(parts: list[Any]) -> object:
    """Put together a record of the operating system."""
    place, items, names = parts
    module, name = tags.RECORDS[_place(place, tags.RECORDS)]
    if type(items) is not tuple or type(names) is not dict:
        raise ProtocolError("a record has other parts")
    if not {*map(type, items), *map(type, names.values())} <= PLAIN or not all(type(key) is str for key in names):
        raise ProtocolError("a record holds more than numbers and text")
    return getattr(import_module(module), name)(items, names)


def write_completed(encoder: "Encoder", value: object, depth: int) -> None:
    """Take apart a program that has ended."""
    encoder.parts(tags.COMPLETED, value, depth, ("args", "returncode", "stdout", "stderr"))


def read_completed(parts: list[Any]) -> object:
    """Put together a program that has ended."""
    args, code, output, errors = parts
    return import_module("subprocess").CompletedProcess(args, code, output, errors)


def _place(value: object, rows: Iterable[object]) -> int:
    place = read_int(value)
    if not 0 <= place < len(tuple(rows)):
        raise ProtocolError("a value is of a type that is not in the list")
    return place


def _zone(value: object) -> object:
    """Let through what is a time zone: a datetime with another tzinfo would call it."""
    known = [import_module("datetime").timezone]
    if "zoneinfo" in sys.modules:
        known.append(sys.modules["zoneinfo"].ZoneInfo)
    if value is not None and type(value) not in known:
        raise ProtocolError("a time zone is none")
    return value


#: By the name of their class: their modules are not loaded for capsafe's sake, and a value of a class is there only
#: when its module is.
WRITERS: Final[tuple[tuple[str, str, Callable[["Encoder", Any, int], None]], ...]] = (
    ("datetime", "datetime", write_datetime),
    ("datetime", "date", write_date),
    ("datetime", "time", write_time),
    ("datetime", "timedelta", write_timedelta),
    ("datetime", "timezone", write_timezone),
    ("zoneinfo", "ZoneInfo", write_zoneinfo),
    ("decimal", "Decimal", write_decimal),
    ("fractions", "Fraction", write_fraction),
    ("uuid", "UUID", write_uuid),
    ("subprocess", "CompletedProcess", write_completed),
    *(("pathlib", name, write_path) for name in tags.PATHS),
    *(("ipaddress", name, write_address) for name in tags.ADDRESSES),
    *((module, name, write_record) for module, name in tags.RECORDS),
)

READERS: Final[dict[int, Callable[[list[Any]], object]]] = {
    tags.DATETIME: read_datetime,
    tags.DATE: read_date,
    tags.TIME: read_time,
    tags.TIMEDELTA: read_timedelta,
    tags.TIMEZONE: read_timezone,
    tags.ZONEINFO: read_zoneinfo,
    tags.DECIMAL: read_decimal,
    tags.FRACTION: read_fraction,
    tags.UUID: read_uuid,
    tags.PATH: read_path,
    tags.ADDRESS: read_address,
    tags.RECORD: read_record,
    tags.COMPLETED: read_completed,
}
