"""From what the child sent to a result or an exception, in the parent.

This module knows which exception stands for which failure. It refuses to trust what it is told: an exception is made of
a built-in class and plain values, and source is read only of files that this program runs anyway.
"""

import linecache
import sys
from collections.abc import Callable
from typing import Any, Final, cast

from capsafe import errors
from capsafe.capabilities import Capability
from capsafe.errors import CapabilityError, Denial, GrantError, UnsupportedError
from capsafe.grants import BY_NAME, Grant
from capsafe.worker.classes import LocalClasses
from capsafe.worker.decode import decode
from capsafe.worker.objects import builtin_exception
from capsafe.worker.protocol import VALUE, Frame, ProtocolError

#: How the child says that it could not confine itself; no closure ran.
SETUP_FAILED: Final = "setup failed"

#: What ends a program when it is raised. The closure is not the program.
_ENDS_PROGRAMS: Final = (SystemExit, KeyboardInterrupt, GeneratorExit)

_MOST_WANTED: Final = 16

_LINKS: Final = {
    "cause": "The above exception was the direct cause of the following exception:",
    "context": "During handling of the above exception, another exception occurred:",
}


def read_outcome(  # noqa: PLR0913 - each has its name
    frame: Frame,
    grant: Grant,
    *,
    cap: int,
    local: Callable[[], LocalClasses],
    sources: Callable[[], frozenset[str]],
    look: Callable[[], None] = lambda: None,
    refused: Callable[[], Denial | None] = lambda: None,
) -> object:
    """Return the closure's result, or raise what it raised.

    ``grant``: of the sandbox, for what a denial should have had. ``cap``, ``look``: see ``decode``. ``local``: finds
    classes that are in no module. ``sources``: gives files whose lines may be shown, besides those of loaded modules.
    ``refused``: gives what the kernel told of last, for an error that has no name of its own. Raises ``ProtocolError``
    where the frame is no answer.
    """
    value: Any = decode(frame, local=local, cap=cap, look=look)
    if frame.kind == VALUE:
        return value
    try:
        error = _rebuild(value, grant, refused)
        if isinstance(error, CapabilityError) and value["denial"] is not None:
            file, line = _place(value, sources())
            error.denials = (
                Denial(error.operation, None, error.target, error.capability, error.write, file=file, line=line),
            )
            error.denied = 1
        error.add_note(_traceback(value, sources()))
    except ProtocolError:
        raise
    except Exception as problem:
        raise ProtocolError(f"it describes no exception ({type(problem).__name__})") from problem
    raise error


def _rebuild(told: Any, grant: Grant, refused: Callable[[], Denial | None]) -> BaseException:  # noqa: ANN401 - what the child says, looked at step by step
    if told["name"] == SETUP_FAILED:
        return UnsupportedError(f"the kernel refused to confine the child, so nothing was run: {told['text']}")
    if told["denial"] is not None and told["denial"][0]:
        error: BaseException = _denied(grant, *told["denial"])
    elif told["denial"] is not None and (last := refused()) is not None:
        error = CapabilityError(last.operation, target=last.target, capability=last.capability, write=last.write)
        error.filename = last.target
    else:
        error = _exception(told)
    for note in told["notes"]:
        error.add_note(str(note))
    return error


def _denied(
    grant: Grant, operation: str, target: str | None, name: str | None, wanted: object, code: int
) -> CapabilityError:
    missing = [
        (found, scope) for name_, scope in _pairs(wanted) if isinstance(name_, str) and (found := BY_NAME.get(name_))
    ]
    write = write_wider(grant, missing) if missing else None
    if not isinstance(name, str) or name not in BY_NAME:
        name = None
    error = CapabilityError(str(operation), target=target, capability=name, write=write, code=int(code))
    error.filename = target
    return error


def _place(told: Any, sources: frozenset[str]) -> tuple[str | None, int | None]:  # noqa: ANN401 - what the child says
    """Return file and line of the innermost frame that is the closure's own, or else of the outermost one."""
    _, frames, _ = told["chain"][-1]
    shown = [(str(file), int(line)) for file, line, _ in frames if file]
    own = [place for place in shown if place[0] in sources]
    return own[-1] if own else shown[0] if shown else (None, None)


def _pairs(wanted: object) -> list[tuple[object, str | None]]:
    """Read what the child says it takes, which may be anything."""
    if not isinstance(wanted, tuple | list) or len(wanted) > _MOST_WANTED:
        return []
    pairs = [one for one in wanted if isinstance(one, tuple | list) and len(one) == 2]  # noqa: PLR2004 - a pair
    return [(name, scope if isinstance(scope, str) else None) for name, scope in pairs]


def write_wider(grant: Grant, missing: list[tuple[type[Capability], str | None]]) -> str:
    """Return the type to write where capabilities were missing, each with the scope, None for anywhere."""
    try:
        return grant.wider_by(missing)
    except GrantError:
        # What was tried can't be written as a scope.
        return grant.wider_by([(capability, None) for capability, _ in missing])


def _exception(told: Any) -> BaseException:  # noqa: ANN401 - as above
    name, text, attributes = str(told["name"]), str(told["text"]), told["attributes"]
    if told["parts"]:
        parts = [_exception(part) for part in told["parts"]]
        message = text if not told["own"] else f"{name}: {text}"
        # What would end the program has become a RuntimeError, so they are all exceptions.
        return ExceptionGroup(message, cast("list[Exception]", parts))
    base = builtin_exception(str(told["base"]))
    if base is None:
        raise ProtocolError("an exception is none of the built-in ones")
    if issubclass(base, _ENDS_PROGRAMS) or (base is BaseException and not told["own"]):
        return RuntimeError(f"the closure raised {name}({text}), which ends no more than the sandbox")
    if name.startswith("capsafe.errors."):
        own = getattr(errors, name.rpartition(".")[2], None)
        if isinstance(own, type) and issubclass(own, Exception):
            return own(text)
    if told["own"]:
        text = f"{name}: {text}" if text else name
    if issubclass(base, OSError) and isinstance(attributes["errno"], int):
        told_of = text if told["own"] else attributes["strerror"]
        if told["own"] and attributes["strerror"] is not None:
            told_of = f"{name}: {attributes['strerror']}"
        # BlockingIOError has something else in the third place, and args would show a name that is None.
        names = (attributes["filename"], None, attributes["filename2"])
        return base(attributes["errno"], told_of, *(names if attributes["filename"] is not None else ()))
    if not told["own"] and type(told["args"]) is tuple:
        try:
            return _set(base(*told["args"]), attributes)
        except TypeError:
            text = f"{base.__name__}: {text}"
    return _set(_from_text(base, text), attributes)


def _from_text(base: type[BaseException], text: str) -> BaseException:
    """Make the nearest class that takes a message: some built-in ones take other arguments."""
    if base in (Exception, BaseException):
        return RuntimeError(text)
    for cls in base.__mro__:
        try:
            made = cls(text)
        except TypeError:
            continue
        if isinstance(made, BaseException):
            return made
    return RuntimeError(text)


def _set(error: BaseException, attributes: dict[str, object]) -> BaseException:
    if isinstance(error, ImportError | NameError | AttributeError):
        for name in ("name", "path"):
            if isinstance(attributes.get(name), str):
                setattr(error, name, attributes[name])
    return error


def _traceback(told: Any, sources: frozenset[str]) -> str:  # noqa: ANN401 - as above
    shown = _Sources(sources)
    lines = ["In the sandbox:"]
    for position, (_, frames, last) in enumerate(told["chain"]):
        if position:
            # The relation is told of the earlier one of a pair.
            lines += ["", _LINKS.get(told["chain"][position - 1][0], ""), ""]
        lines.append("Traceback (most recent call last):")
        for file, number, function in frames:
            if not file:
                lines.append(f"  ... {int(number)} more frames ...")
                continue
            lines.append(f'  File "{file}", line {int(number)}, in {function}')
            source = shown.line(str(file), int(number))
            if source:
                lines.append(f"    {source}")
        lines.append(str(last))
    return "\n".join(lines)


class _Sources:
    """Lines of files that this program runs anyway: the child names a file, and must not have others read."""

    def __init__(self, more: frozenset[str]) -> None:
        self._known = more | {
            file for module in list(sys.modules.values()) if isinstance(file := _file_of(module), str)
        }

    def line(self, file: str, number: int) -> str:
        if file not in self._known and file not in linecache.cache:
            return ""
        return linecache.getline(file, number).strip()


def _file_of(module: object) -> object:
    try:
        return object.__getattribute__(module, "__dict__").get("__file__")
    except AttributeError:
        return None  # programs put other things than modules there
