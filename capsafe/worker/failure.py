"""What ended the closure, as plain data, in the child.

This module knows how to take an exception apart. It refuses to read files for it: lines of source are added in the
parent, and to fail: whatever a class's own ``__str__`` does, there is an answer.
"""

import builtins
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Final

from capsafe.worker.denial import Denial

_LONGEST_TEXT: Final = 64 * 2**10
#: Of a traceback that is longer, the beginning and the end are kept.
_MOST_FRAMES: Final = 100
_DEEPEST: Final = 10

#: Attributes that are not among ``args``, by the built-in class that has them.
_ATTRIBUTES: Final = (
    (OSError, ("errno", "strerror", "filename", "filename2")),
    (ImportError, ("name", "path")),
    (NameError, ("name",)),
    (AttributeError, ("name",)),
)

Frame = tuple[str, int, str]


def describe_failure(error: BaseException, find: Callable[[BaseException], Denial | None]) -> dict[str, object]:
    """Return an exception as a dict of plain values, which ``capsafe.worker.outcome`` makes one of again.

    ``find``: says what was refused, where the error is a denial that the closure did not catch.
    """
    described = _describe(error, 0)
    try:
        denial = find(error)
    except Exception:  # noqa: BLE001 - it is about messages: better none than none at all
        denial = None
    described["denial"] = None if denial is None else tuple(denial)
    described["chain"] = [list(part) for part in _chain(error)]
    return described


def _describe(error: BaseException, depth: int) -> dict[str, object]:
    cls = type(error)
    base = next(one for one in cls.__mro__ if one.__module__ == "builtins" and vars(builtins).get(one.__name__) is one)
    described: dict[str, object] = {
        "name": name_of(cls),
        "base": base.__name__,
        "own": cls is not base,
        "text": text_of(error),
        "args": tuple(map(_plain, error.args)) if cls is base else None,
        "attributes": _attributes(error),
        "notes": [_cut(str(note)) for note in getattr(error, "__notes__", ())],
        "parts": [],
    }
    if isinstance(error, BaseExceptionGroup) and depth < _DEEPEST:
        described["args"] = None
        described["text"] = _cut(str(error.message))
        described["parts"] = [_describe(one, depth + 1) for one in error.exceptions]
    return described


def name_of(cls: type) -> str:
    """Return a class's name as a traceback shows it."""
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"


def text_of(error: BaseException) -> str:
    """Return ``str(error)``, and something in its place where that fails."""
    try:
        return _cut(str(error))
    except Exception as problem:  # noqa: BLE001 - whatever a class's own __str__ raises
        return f"<its __str__ raised {type(problem).__name__}>"


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}..."


#: Types whose values cross as an exception's argument; what else is there goes as its repr.
_CROSSING: Final = frozenset({type(None), bool, int, float, complex, str, bytes})


def _plain(value: Any, depth: int = 0) -> object:  # noqa: ANN401 - an argument of any exception
    cls = type(value)
    if cls in (str, bytes) and len(value) > _LONGEST_TEXT:
        return value[:_LONGEST_TEXT]
    if cls in _CROSSING:
        return value
    if cls in (tuple, list) and depth < _DEEPEST and len(value) <= _MOST_FRAMES:
        return cls(_plain(item, depth + 1) for item in value)
    try:
        return _cut(repr(value))
    except Exception:  # noqa: BLE001 - whatever a class's own __repr__ raises
        return f"<{name_of(cls)}>"


def _attributes(error: BaseException) -> dict[str, object]:
    found: dict[str, object] = {}
    for cls, names in _ATTRIBUTES:
        if isinstance(error, cls):
            for name in names:
                value = getattr(error, name, None)
                found[name] = value if isinstance(value, int | str | bytes | None) else str(value)
    return found


def _chain(error: BaseException) -> Iterator[tuple[str, list[Frame], str]]:
    """Go through an exception and those before it, first to last: how the next came of it, frames, last line."""
    links: list[tuple[str, list[Frame], str]] = []
    one: BaseException | None = error
    relation = ""
    seen: set[int] = set()
    while one is not None and id(one) not in seen and len(links) < _DEEPEST:
        seen.add(id(one))
        text = text_of(one)
        links.append((relation, list(_frames(one.__traceback__)), name_of(type(one)) + (f": {text}" if text else "")))
        if one.__cause__ is not None:
            one, relation = one.__cause__, "cause"
        elif one.__context__ is not None and not one.__suppress_context__:
            one, relation = one.__context__, "context"
        else:
            one = None
    return reversed(links)


def _frames(traceback: TracebackType | None) -> Iterator[Frame]:
    found: list[Frame] = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        # The worker's own frames at the top are no part of the closure.
        if found or not traceback.tb_frame.f_globals.get("__name__", "").startswith(
            ("capsafe.worker", "capsafe.sandbox", "capsafe.cli")
        ):
            found.append((code.co_filename, traceback.tb_lineno or 0, code.co_qualname))
        traceback = traceback.tb_next
    if len(found) > _MOST_FRAMES:
        left_out = len(found) - _MOST_FRAMES
        half = _MOST_FRAMES // 2
        found = [*found[:half], ("", left_out, ""), *found[-half:]]
    return iter(found)
