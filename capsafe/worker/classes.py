"""Which class a value has, by name, and whether values of it can be rebuilt without running its code.

This module knows dataclasses, enums and named tuples, and where a class may be found: in modules that are loaded, or
among what the closure itself refers to. It refuses to import anything, and to run a class's own ``__new__``,
``__init__``, ``__post_init__`` or ``__setattr__``: the fields come from a child that is not trusted.
"""

import enum
import functools
import sys
import types
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

ClassKey = tuple[str, str, int]
LocalClasses = Mapping[tuple[str, str], list[type]]

ENUM: Final = "enum"
DATACLASS: Final = "dataclass"
NAMEDTUPLE: Final = "named tuple"

#: Enough for the objects that a closure refers to; a search that takes more is not for a local class.
_MOST_VISITED: Final = 20_000


@dataclass(frozen=True, slots=True)
class Shape:
    """A class whose values can be rebuilt. ``fields``: in order; empty for an enum."""

    cls: type
    kind: str
    fields: tuple[str, ...]


class UnfitClassError(Exception):
    """Values of a class can't be rebuilt; the message says why."""


def read_shape(cls: type) -> Shape | None:
    """Return the shape of a class, None where it is no dataclass, enum or named tuple. Raises ``UnfitClassError``."""
    if isinstance(cls, enum.EnumMeta):
        return Shape(cls, ENUM, ())
    if issubclass(cls, tuple):
        fields = _look_up(cls, "_fields")
        if type(fields) is not tuple or not all(type(name) is str for name in fields):
            return None
        _check_instances(cls, lambda: tuple.__new__(cls, (None,) * len(fields)))
        return Shape(cls, NAMEDTUPLE, fields)
    described = _look_up(cls, "__dataclass_fields__")
    if type(described) is not dict:
        return None
    _check_instances(cls, lambda: object.__new__(cls))
    fields = tuple(name for name, field in described.items() if field._field_type.name == "_FIELD")  # noqa: SLF001 - dataclasses.fields does the same, on an attribute that a metaclass may fake
    for name in fields:
        _check_field(cls, name)
    return Shape(cls, DATACLASS, fields)


def _bases(cls: type) -> tuple[type, ...]:
    # Past whatever a metaclass makes of attributes.
    found: tuple[type, ...] = type.__getattribute__(cls, "__mro__")
    return found


def _own(cls: type) -> Mapping[str, Any]:
    found: Mapping[str, Any] = type.__getattribute__(cls, "__dict__")
    return found


def _look_up(cls: type, name: str) -> Any:  # noqa: ANN401 - an attribute of any class
    return next((_own(base)[name] for base in _bases(cls) if name in _own(base)), None)


def _check_instances(cls: type, make: Any) -> None:  # noqa: ANN401 - a callable without arguments
    if _look_up(cls, "__del__") is not None:
        raise UnfitClassError("it has a __del__, which would run on what the sandbox sent")
    try:
        make()
    except TypeError as error:
        raise UnfitClassError(f"it can't be made without its own __new__ ({error})") from error


def _check_field(cls: type, name: str) -> None:
    attribute = _look_up(cls, name)
    if type(attribute) is types.MemberDescriptorType:
        return
    if _look_up(type(attribute), "__set__") or _look_up(type(attribute), "__delete__"):
        raise UnfitClassError(f"its field {name} is a {type(attribute).__name__}, which runs code when it is set")
    if not cls.__dictoffset__:
        raise UnfitClassError(f"it has no place for its field {name}")


def undeclared(value: object, shape: Shape) -> list[str]:
    """Return the attributes of a value that are no fields of its class, and so would be lost."""
    cls = shape.cls
    try:
        held = set(object.__getattribute__(value, "__dict__"))
    except AttributeError:
        held = set()
    for base in _bases(cls):
        for name, attribute in _own(base).items():
            # The namespace's name, since __slots__ mangles private ones.
            if type(attribute) is types.MemberDescriptorType and attribute.__name__ == name:
                try:
                    attribute.__get__(value)
                except AttributeError:
                    continue
                held.add(name)
    # What ``typing`` notes on an instance of ``Class[int]`` says nothing that the class does not know.
    held.discard("__orig_class__")
    caches = {name for name in held if isinstance(_look_up(cls, name), functools.cached_property)}
    return sorted(held - caches - set(shape.fields))


def name_class(cls: type, local: LocalClasses) -> ClassKey | None:
    """Return what ``find_class`` finds ``cls`` by, None where it would not."""
    module, name = str(_own(cls).get("__module__", "")), type.__getattribute__(cls, "__qualname__")
    for place in range(1 + len(local.get((module, name), ()))):
        if find_class((module, name, place), local) is cls:
            return (module, name, place)
    return None


def find_class(key: ClassKey, local: LocalClasses) -> type | None:
    """Look a class up: place 0 in its module, the others among the classes that the closure refers to.

    Nothing is imported, and no ``__getattr__`` of a module or class is asked.
    """
    module, name, place = key
    if place:
        known = local.get((module, name), [])
        return known[place - 1] if 0 < place <= len(known) else None
    found: object = sys.modules.get(module)
    for part in name.split("."):
        if isinstance(found, types.ModuleType):
            # A lazily loaded module would load itself on the plain access.
            found = object.__getattribute__(found, "__dict__").get(part)
        elif isinstance(found, type):
            found = _own(found).get(part)
        else:
            return None
    return found if isinstance(found, type) else None


def find_local_classes(roots: Iterable[object]) -> LocalClasses:
    """Collect the classes defined in functions that ``roots`` (the closure and its arguments) refer to.

    They are in no module's namespace. Both sides search the same objects in the same order, so that a class's place
    in its list means the same to both.
    """
    found: defaultdict[tuple[str, str], list[type]] = defaultdict(list)
    waiting = deque(roots)
    seen: set[int] = set()
    while waiting and len(seen) < _MOST_VISITED:
        one = waiting.popleft()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, type):
            if "<locals>" in one.__qualname__:
                found[_own(one).get("__module__", ""), one.__qualname__].append(one)
                waiting += [*_bases(one)[1:], *_own(one).values()]
        else:
            waiting += _referred_to(one)
    return found


def _referred_to(one: object) -> list[object]:
    if isinstance(one, types.FunctionType):
        cells = [cell.cell_contents for cell in one.__closure__ or () if _is_filled(cell)]
        names = _names_in(one.__code__)
        found = [one.__globals__[name] for name in names if name in one.__globals__]
        functions = [value for value in found if isinstance(value, types.FunctionType | type)]
        annotated = [value for value in one.__annotations__.values() if not isinstance(value, str)]
        return [*cells, *(one.__defaults__ or ()), *(one.__kwdefaults__ or {}).values(), *annotated, *functions]
    if isinstance(one, types.MethodType):
        return [one.__func__, one.__self__]
    if isinstance(one, functools.partial):
        return [one.func, *one.args, *one.keywords.values()]
    if isinstance(one, staticmethod | classmethod):
        return [one.__func__]
    if isinstance(one, dict):
        return [*one.keys(), *one.values(), type(one)]
    if isinstance(one, list | tuple | set | frozenset):
        return [*one, type(one)]
    if isinstance(one, types.GenericAlias | types.UnionType) or type(one).__module__ == "typing":
        return list(getattr(one, "__args__", ()))
    return [] if isinstance(one, types.ModuleType) else [type(one)]


def _is_filled(cell: types.CellType) -> bool:
    try:
        cell.cell_contents  # noqa: B018 - the access is the question
    except ValueError:
        return False
    return True


def _names_in(code: types.CodeType) -> list[str]:
    inner = [name for one in code.co_consts if isinstance(one, types.CodeType) for name in _names_in(one)]
    return [*code.co_names, *inner]
