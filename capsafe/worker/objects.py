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
from capsafe.worker.values import Node, read_int, read_str

if TYPE_CHECKING:
    from capsafe.worker.decode import Decoder
    from capsafe.worker.encode import Encoder


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


def write_object(encoder: "Encoder", value: object, depth: int) -> object:
    """Take apart a value whose type is not in the list by itself. Raises ``Refusal`` for what can't cross."""
    if isinstance(value, BaseException):
        return _write_exception(encoder, value, depth)
    index, shape = encoder.shape(value)
    if shape.kind == ENUM:
        return _write_enum(encoder, value, index)
    lost = undeclared(value, shape)
    if lost:
        way_out = "declare them as fields" if shape.kind == DATACLASS else "make a dataclass of it"
        raise Refusal(value, f"has attributes that are no fields ({', '.join(lost)}); {way_out}")
    encoder.enter(value, depth)
    node: list[object] = [tags.DATACLASS if shape.kind == DATACLASS else tags.NAMEDTUPLE, index]
    for place, name in enumerate(shape.fields):
        try:
            if shape.kind == DATACLASS:
                item = object.__getattribute__(value, name)
            else:
                item = tuple.__getitem__(cast("tuple[object, ...]", value), place)
            node.append(encoder.encode(item, depth + 1))
        except AttributeError:
            # A field without a default that nobody has set.
            node.append([tags.ABSENT])
        except Refusal as refusal:
            refusal.path.append(f".{name}")
            raise
    encoder.leave(value)
    return node


def _write_enum(encoder: "Encoder", value: Any, index: int) -> object:  # noqa: ANN401 - a member of any enum
    cls: Any = type(value)
    name = value._name_
    if cls._member_map_.get(name) is value:
        return [tags.ENUM, index, name]
    number = value._value_
    if type(number) is int:
        return [tags.FLAG, index, encoder.write_int(number, 0)]
    raise Refusal(value, "is no member of its enum by name; send its value")


def _write_exception(encoder: "Encoder", value: BaseException, depth: int) -> object:
    cls = type(value)
    if cls.__module__ != "builtins":
        raise Refusal(value, "is an exception of its own class; raise it, or send str(...) of it")
    return [tags.EXCEPTION, cls.__name__, encoder.items_of(tags.TUPLE, value.args, depth, ".args[{}]")]


def read_enum(decoder: "Decoder", node: list[Node], _depth: int) -> object:
    """Look up a member by its name."""
    _, index, name = node
    cls: Any = decoder.shape(index, ENUM).cls
    return type.__getattribute__(cls, "_member_map_")[read_str(name)]


def read_flag(decoder: "Decoder", node: list[Node], depth: int) -> object:
    """Put together members of a Flag."""
    index, value = decoder.items(node, depth)
    cls: Any = decoder.shape(index, ENUM).cls
    if not issubclass(cls, enum.Flag):
        raise ProtocolError("an enum that is no Flag has a value without a name")
    number = read_int(value)
    known = 0
    for member in type.__getattribute__(cls, "_member_map_").values():
        known |= int(member._value_)
    if number & ~known and type.__getattribute__(cls, "_boundary_") is not enum.KEEP:
        raise ProtocolError("a Flag has bits that none of its members has")  # the first releases of 3.11 take them
    # Flag's own, past what the class may have instead.
    return enum.Flag.__dict__["_missing_"].__func__(cls, number)


def read_dataclass(decoder: "Decoder", node: list[Node], depth: int) -> object:
    """Put together a dataclass, field by field."""
    shape = decoder.shape(node[1], DATACLASS)
    value: object = object.__new__(shape.cls)
    for name, item in zip(shape.fields, node[2:], strict=True):
        if item != [tags.ABSENT]:
            object.__setattr__(value, name, decoder.decode(item, depth + 1))
    return value


def read_namedtuple(decoder: "Decoder", node: list[Node], depth: int) -> object:
    """Put together a named tuple."""
    shape = decoder.shape(node[1], NAMEDTUPLE)
    items = [decoder.decode(item, depth + 1) for item in node[2:]]
    if len(items) != len(shape.fields):
        raise ProtocolError("a named tuple has another length")
    cls: Any = shape.cls
    return tuple.__new__(cls, items)


def read_exception(decoder: "Decoder", node: list[Node], depth: int) -> object:
    """Put together an exception that is a value, not raised."""
    _, name, args = node
    cls = builtin_exception(read_str(name))
    items = decoder.decode(args, depth + 1)
    if cls is None or type(items) is not tuple:
        raise ProtocolError("an exception is none of the built-in ones")
    return cls(*items)


def builtin_exception(name: str) -> type[BaseException] | None:
    """Return the built-in exception of a name, None where there is none."""
    found = vars(builtins).get(name)
    return found if isinstance(found, type) and issubclass(found, BaseException) else None


OBJECT_READERS: Final[dict[int, Callable[["Decoder", list[Node], int], object]]] = {
    tags.ENUM: read_enum,
    tags.FLAG: read_flag,
    tags.DATACLASS: read_dataclass,
    tags.NAMEDTUPLE: read_namedtuple,
    tags.EXCEPTION: read_exception,
}
