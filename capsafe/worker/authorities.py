"""Values that hold authority: refused as arguments, and named in what is said about a result.

This module knows how they are recognised among a call's arguments. It refuses to know what the sandbox grants: an
open descriptor is closed in the child whatever it grants, so what holds one is an error and not a surprise inside.
"""

import dataclasses
import io
import sys
from collections.abc import Iterable, Mapping
from typing import Final

from capsafe.errors import TransferError
from capsafe.worker import tags
from capsafe.worker.protocol import MAXIMUM_DEPTH

_PLAIN: Final = frozenset({type(None), bool, int, float, complex, str, bytes, bytearray, range})
#: The check is a courtesy, since descriptors are closed whatever is passed; it must not cost more than the call.
_MOST_VISITED: Final = 10_000
#: Files in memory; and the layers around them.
_IN_MEMORY: Final = (io.BytesIO, io.StringIO)


def describe(value: object) -> str:
    """Return why a value can't cross, to follow its name: what it is, and what to send instead."""
    if isinstance(value, _IN_MEMORY):
        return "is a file in memory and can't cross; send .getvalue() of it"
    row = _find(value, tags.AUTHORITIES) or _find(value, tags.CODE)
    if row is not None:
        _, _, what, instead = row
        return f"is {what} and can't cross; send {instead}"
    for base in (int, float, str, bytes, bytearray, list, tuple, dict, set, frozenset):
        if isinstance(value, base):
            return f"is a subclass of {base.__name__} and would come back as less; send {base.__name__}(...) of it"
    return "is no plain data and can't cross; send its parts, or make it a dataclass"


def _find(value: object, rows: Iterable[tuple[str, str, str, str]]) -> tuple[str, str, str, str] | None:
    for row in rows:
        cls = getattr(sys.modules.get(row[0]), row[1], None)
        if isinstance(cls, type) and isinstance(value, cls) and not _is_in_memory(value):
            return row
    return None


def _is_in_memory(value: object) -> bool:
    if isinstance(value, io.TextIOWrapper | io.BufferedReader | io.BufferedWriter | io.BufferedRandom):
        inner = value.buffer if isinstance(value, io.TextIOWrapper) else value.raw
        return _is_in_memory(inner)
    return isinstance(value, _IN_MEMORY)


def check_arguments(args: tuple[object, ...], kwargs: Mapping[str, object]) -> None:
    """Raise ``TransferError`` for an argument that holds authority, at any depth of containers and dataclasses.

    ``args``, ``kwargs``: of ``execute``, without the function. They are inherited by the fork as they are; but
    descriptors are closed in the child, and a lock or a thread of the parent means nothing there. In large
    arguments the first ten thousand objects are looked at.
    """
    for place, value in enumerate(args):
        if type(value) not in _PLAIN:
            _check(value, f"args[{place}]")
    for name, value in kwargs.items():
        if type(value) not in _PLAIN:
            _check(value, f"kwargs[{name!r}]")


def _check(value: object, name: str) -> None:
    """Go through a value breadth first, by a list and not by calls: arguments may be nested deeper than those go."""
    seen: set[int] = set()
    harmless: set[type] = {list, tuple, dict, set, frozenset}
    waiting: list[tuple[object, str, int]] = [(value, name, 0)]
    for one, path, depth in waiting:
        if type(one) in _PLAIN or id(one) in seen:
            continue
        seen.add(id(one))
        if len(seen) > _MOST_VISITED:
            return
        row = None if type(one) in harmless else _find(one, tags.AUTHORITIES)
        if row is None and not isinstance(one, io.IOBase):
            harmless.add(type(one))
        if row is not None:
            _, _, what, instead = row
            cls = type(one)
            raise TransferError(
                f"{path} is {what} ({cls.__module__}.{cls.__qualname__}), which is not there inside the sandbox; "
                f"pass {instead}"
            )
        if depth < MAXIMUM_DEPTH:
            waiting += ((part, f"{path}{step}", depth + 1) for step, part in _parts(one))


def _parts(one: object) -> Iterable[tuple[str, object]]:
    if isinstance(one, dict):
        values = [(f"[{_short(key)}]", part) for key, part in one.items() if type(part) not in _PLAIN]
        return values + [(" (a key)", key) for key in one if type(key) not in _PLAIN]
    if isinstance(one, list | tuple):
        if set(map(type, one)) <= _PLAIN:
            return ()
        names = getattr(one, "_fields", None)
        steps = [f".{name}" for name in names] if names else [f"[{place}]" for place in range(len(one))]
        return zip(steps, one, strict=False)
    if isinstance(one, set | frozenset):
        return [(" (an element)", part) for part in one if type(part) not in _PLAIN]
    if dataclasses.is_dataclass(one) and not isinstance(one, type):
        return [(f".{field.name}", getattr(one, field.name, None)) for field in dataclasses.fields(one)]
    return ()


def _short(key: object) -> str:
    if type(key) is str and key.isidentifier():
        return f'"{key}"'
    return repr(key) if type(key) in _PLAIN else f"<{type(key).__name__}>"
