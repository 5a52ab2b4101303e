"""Values of classes: enums, dataclasses, named tuples, built-in exceptions; taken apart and put together again.

This module knows how each is written and read, side by side. It refuses to run a class's own code on what is read:
fields are set past ``__init__``, ``__post_init__``, ``__new__`` and ``__setattr__``.
"""

import builtins
import enum
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, cast

from capsafe.worker import tags
from capsafe.worker.authorities import describe
from capsafe.worker.classes import (
    DATACLASS,
    ENUM,
    NAMEDTUPLE,
    ClassKey,
    LocalClasses,
    Shape,
    UnfitClassError,
    name_class,
    read_shape,
    undeclared,
)
from capsafe.worker.modules import is_known
from capsafe.worker.protocol import ProtocolError, Refusal
from capsafe.worker.values import read_int, read_str

if TYPE_CHECKING:
    from capsafe.worker.decode import Decoder
    from capsafe.worker.encode import Encoder

#: A Flag's class keeps each combination that it has seen, for ever: an answer must not fill it.
_MOST_COMBINATIONS: Final = 4096


def find_shape(value: object, local: LocalClasses) -> tuple[ClassKey, Shape]:
    """Return where the class of a value is found, and what it looks like. Raises ``Refusal`` for what can't cross."""
    cls = type(value)
    try:
        shape = read_shape(cls)
    except UnfitClassError as error:
        raise Refusal(value, f"can't be rebuilt outside: {error}; send its parts") from None
    if shape is None:
        raise Refusal(value, describe(value))
    key = name_class(cls, local)
    if key is None:
        where = "inside the closure" if "<locals>" in cls.__qualname__ else "where its name does not lead"
        raise Refusal(value, f"is of a class defined {where}; define it in a module, outside the closure")
    if not key[2] and not is_known(key[0]):
        raise Refusal(value, f"is of a class that only the sandbox has imported; import {key[0]} before execute")
    return key, shape


def write_object(encoder: "Encoder", value: object, depth: int) -> None:
    """Take apart a value whose type is not in the list by itself. Raises ``Refusal`` for what can't cross."""
    if isinstance(value, BaseException):
        _write_exception(encoder, value, depth)
        return
    index, shape = encoder.shape(value)
    if shape.kind == ENUM:
        _write_enum(encoder, value, index, depth)
        return
    lost = undeclared(value, shape)
    if lost:
        way_out = "declare them as fields" if shape.kind == DATACLASS else "make a dataclass of it"
        raise Refusal(value, f"has attributes that are no fields ({', '.join(lost)}); {way_out}")
    items, unset = _fields_of(value, shape)
    encoder.begin(tags.DATACLASS if shape.kind == DATACLASS else tags.NAMEDTUPLE, 2 + len(items), value)
    encoder.enter(value, depth)
    encoder.encode(index, depth)
    encoder.encode(unset, depth + 1)
    for name, item in zip(shape.fields, items, strict=True):
        try:
            encoder.encode(item, depth + 1)
        except Refusal as refusal:
            refusal.path.append(f".{name}")
            raise
    encoder.leave(value)


def _fields_of(value: object, shape: Shape) -> tuple[list[object], tuple[int, ...]]:
    """Return the fields' values, and the places of those that nobody has set, which have no default."""
    if shape.kind == NAMEDTUPLE:
        return list(tuple.__iter__(cast("tuple[object, ...]", value))), ()
    items: list[object] = []
    unset: list[int] = []
    for place, name in enumerate(shape.fields):
        try:
            items.append(object.__getattribute__(value, name))
        except AttributeError:
            unset.append(place)
            items.append(None)
    return items, tuple(unset)


def _write_enum(encoder: "Encoder", value: Any, index: int, depth: int) -> None:  # noqa: ANN401 - a member of any enum
    cls: Any = type(value)
    name = value._name_
    if cls._member_map_.get(name) is value:
        encoder.node(tags.ENUM, (index, name), depth)
        return
    number = value._value_
    if type(number) is not int:
        raise Refusal(value, "is no member of its enum by name; send its value")
    encoder.combinations.add((index, number))
    if len(encoder.combinations) > _MOST_COMBINATIONS:
        raise Refusal(value, f"is one of more than {_MOST_COMBINATIONS:,} combinations of flags; send its value")
    encoder.node(tags.FLAG, (index, number), depth)


def _write_exception(encoder: "Encoder", value: BaseException, depth: int) -> None:
    cls = type(value)
    if cls.__module__ != "builtins":
        raise Refusal(value, "is an exception of its own class; raise it, or send str(...) of it")
    encoder.begin(tags.EXCEPTION, 2, value)
    encoder.enter(value, depth)
    encoder.encode(cls.__name__, depth + 1)
    encoder.items_of(tags.TUPLE, value.args, depth + 1, ".args[{}]")
    encoder.leave(value)


def read_enum(decoder: "Decoder", parts: list[Any]) -> object:
    """Look up a member by its name."""
    index, name = parts
    cls: Any = decoder.shape(index, ENUM).cls
    return type.__getattribute__(cls, "_member_map_")[read_str(name)]


def read_flag(decoder: "Decoder", parts: list[Any]) -> object:
    """Put together members of a Flag."""
    index, value = parts
    cls: Any = decoder.shape(index, ENUM).cls
    if not issubclass(cls, enum.Flag):
        raise ProtocolError("an enum that is no Flag has a value without a name")
    number = read_int(value)
    decoder.combinations.add((index, number))
    if len(decoder.combinations) > _MOST_COMBINATIONS:
        raise ProtocolError("it holds too many combinations of flags")
    known = 0
    for member in type.__getattribute__(cls, "_member_map_").values():
        known |= int(member._value_)
    if number & ~known and type.__getattribute__(cls, "_boundary_") is not enum.KEEP:
        raise ProtocolError("a Flag has bits that none of its members has")  # the first releases of 3.11 take them
    # Flag's own, past what the class may have instead.
    return enum.Flag.__dict__["_missing_"].__func__(cls, number)


def read_dataclass(decoder: "Decoder", parts: list[Any]) -> object:
    """Put together a dataclass, field by field."""
    index, unset, *items = parts
    shape = decoder.shape(index, DATACLASS)
    if type(unset) is not tuple:
        raise ProtocolError("a dataclass does not say which of its fields are set")
    value: object = object.__new__(shape.cls)
    for place, (name, item) in enumerate(zip(shape.fields, items, strict=True)):
        if place not in unset:
            object.__setattr__(value, name, item)
    return value


def read_namedtuple(decoder: "Decoder", parts: list[Any]) -> object:
    """Put together a named tuple."""
    index, unset, *items = parts
    shape = decoder.shape(index, NAMEDTUPLE)
    if unset != () or len(items) != len(shape.fields):
        raise ProtocolError("a named tuple has another length")
    cls: Any = shape.cls
    return tuple.__new__(cls, items)


def read_exception(_decoder: "Decoder", parts: list[Any]) -> object:
    """Put together an exception that is a value, not raised."""
    name, args = parts
    cls = builtin_exception(read_str(name))
    if cls is None or type(args) is not tuple:
        raise ProtocolError("an exception is none of the built-in ones")
    return cls(*args)


def builtin_exception(name: str) -> type[BaseException] | None:
    """Return the built-in exception of a name, None where there is none."""
    found = vars(builtins).get(name)
    return found if isinstance(found, type) and issubclass(found, BaseException) else None


OBJECT_READERS: Final[dict[int, Callable[["Decoder", list[Any]], object]]] = {
    tags.ENUM: read_enum,
    tags.FLAG: read_flag,
    tags.DATACLASS: read_dataclass,
    tags.NAMEDTUPLE: read_namedtuple,
    tags.EXCEPTION: read_exception,
}
