"""Asking the grant before an operation, and naming the capability when one is refused.

This module knows that an operation needs capabilities and reads which from the ``self`` type of the method, so that
what the checker asks for and what is asked for at run time are one text. It refuses to know what an operation does.

The check here is a courtesy: it names the missing capability at the call. The kernel's filter is what confines.
"""

import errno
import functools
import os
import sys
from collections.abc import Callable, Generator
from types import FunctionType, GeneratorType
from typing import TYPE_CHECKING, Final, NamedTuple, NoReturn, TypeVar, cast

from capsafe import capabilities
from capsafe.capabilities import Capability
from capsafe.errors import CapabilityError

if TYPE_CHECKING:
    from capsafe.grants import Grant

R = TypeVar("R")
T = TypeVar("T")

#: Those who are told of each operation that is granted: its name, the capability and what it is about. Empty but in the
#: child of a run that is observed.
LISTENERS: Final[list[Callable[[str, str, str | None], object]]] = []

#: The attribute of a PermissionError that says what was tried: ``(operation, capability name, target or None)``.
NEEDS_ATTRIBUTE = "_capsafe_needs"


class Attempt(NamedTuple):
    """One operation that a closure asks for: what it is called, what it needs and what it is about."""

    grant: "Grant"
    operation: str
    needs: tuple[type[Capability], ...]
    target: str | None = None

    def ask(self) -> None:
        """Raise PermissionError (EPERM) for the first need that is not granted."""
        for need in self.needs:
            # What is ambient is used without the broker, so it does not open one.
            if not self.grant.has(need, ambient=False):
                self.refuse(need)
        for tell in LISTENERS:
            for need in self.needs:
                tell(self.operation, need.__name__, self.target)

    def refuse(self, need: type[Capability], scope: str | None = None) -> NoReturn:
        """Raise PermissionError (EPERM) for a need. ``scope``: where it was not granted, None for anywhere."""
        write = self.grant.wider(need, scope)
        text = CapabilityError(self.operation, target=self.target, capability=need.__name__, write=write)
        error = PermissionError(errno.EPERM, str(text))
        self._note(error, need)
        # No system call is made, so that the kernel tells nobody; the worker listens.
        sys.audit("capsafe.refused", self.operation, need.__name__, self.target)
        raise error

    def perform(self, call: Callable[[], R]) -> R:
        """Ask, then call; what the kernel refuses is noted on its error."""
        self.ask()
        try:
            result = call()
        except PermissionError as error:
            self._explain(error)
            raise
        if isinstance(result, GeneratorType):
            # A generator's work, and so its refusal, comes only when it is asked for items.
            return cast("R", self._explained(result))
        return result

    def _explained(self, items: Generator[T, None, None]) -> Generator[T, None, None]:
        try:
            yield from items
        except PermissionError as error:
            self._explain(error)
            raise

    def _explain(self, error: PermissionError) -> None:
        # An inner operation that has noted its need knows better than this one.
        if self.needs and not hasattr(error, NEEDS_ATTRIBUTE):
            # Of several, the one with a scope: what is granted anywhere is not what was missing.
            scoped = (need for need in self.needs if self.grant.scopes_of(need, ambient=False) is not None)
            self._note(error, next(scoped, self.needs[0]))

    def _note(self, error: PermissionError, need: type[Capability]) -> None:
        setattr(error, NEEDS_ATTRIBUTE, (self.operation, need.__name__, self.target))


def needs_of(annotation: str) -> tuple[type[Capability], ...]:
    """Read the capabilities from a ``self`` type such as ``Broker[ReadFile[Never] | WriteFile[Never]]``."""
    inside = annotation[annotation.index("[") + 1 : -1].replace("[Never]", "")
    return tuple(getattr(capabilities, name) for name in inside.split(" | ") if name != "Never")


def target_of(arguments: dict[str, object]) -> str | None:
    """Name what an operation is about: its path, ``host:port``, program, module or process."""
    if "host" in arguments:
        host = str(arguments["host"])
        return f"[{host}]:{arguments.get('port', 0)}" if ":" in host else f"{host}:{arguments.get('port', 0)}"
    for name in ("path", "src", "dst", "top", "pattern", "name", "pid", "args"):
        value = arguments.get(name)
        if isinstance(value, list | tuple):
            value = next(iter(value), None)
        if value is not None:
            return os.fsdecode(value) if isinstance(value, str | bytes | os.PathLike) else str(value)
    return None


def checked(*, calls_back: tuple[str, ...] = ()) -> Callable[[type[T]], type[T]]:
    """Wrap each public method and property of a class so that it asks ``self._grant`` for what its ``self`` type says.

    A ``self`` type of ``[Never]`` needs nothing at the door: the method asks by itself, for what its arguments need.
    ``calls_back`` names the methods that run the caller's code: an error of that code is not the method's refusal.
    """

    def decorate(cls: type[T]) -> type[T]:
        for name, value in list(vars(cls).items()):
            if name.startswith("_"):
                continue
            if isinstance(value, property) and isinstance(value.fget, FunctionType):
                setattr(cls, name, property(_guarded(value.fget, explains=True), doc=value.__doc__))
            elif isinstance(value, FunctionType):
                setattr(cls, name, _guarded(value, explains=name not in calls_back))
        return cls

    return decorate


def _guarded(function: FunctionType, *, explains: bool) -> Callable[..., object]:
    operation = function.__name__
    needs = needs_of(function.__annotations__["self"])
    code = function.__code__
    positional = code.co_varnames[1 : code.co_argcount]

    @functools.wraps(function)
    def guarded(self: object, /, *args: object, **kwargs: object) -> object:
        if not needs:
            return function(self, *args, **kwargs)
        grant: Grant = self._grant  # type: ignore[attr-defined]  # only classes that hold a grant are decorated
        about: dict[str, object] = dict(zip(positional, args, strict=False)) | kwargs
        if operation == "symlink":
            # What it says is no path that is touched.
            about.pop("src", None)
        attempt = Attempt(grant, operation, needs, target_of(about))
        if explains:
            return attempt.perform(lambda: function(self, *args, **kwargs))
        attempt.ask()
        return function(self, *args, **kwargs)

    return guarded
