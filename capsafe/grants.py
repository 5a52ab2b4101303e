"""Reading a sandbox's type argument back at run time: ``Sandbox[ReadFile | Connect]`` to a ``Grant``.

This module knows the forms in which a type argument can be written, and the syntax of scopes. It refuses to know what
a capability allows (``capsafe.policy``), and it never guesses: what can't be read is a ``GrantError``.

A ``Grant`` is a plain value: two grants that say the same are equal, whatever the order and repetition they were
written in.
"""

import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, NoReturn

import typing_extensions

from capsafe import capabilities as caps
from capsafe.capabilities import Ambient, Capability
from capsafe.errors import GrantError
from capsafe.scopes import parse_scope

#: The capabilities that can be granted, in the order in which a grant lists them. A class that is not here is refused:
#: no table says what it would allow.
TAXONOMY: Final[tuple[type[Capability], ...]] = (
    caps.FileSystem,
    caps.ReadFile,
    caps.StatFile,
    caps.WriteFile,
    caps.Network,
    caps.Connect,
    caps.Listen,
    caps.Resolve,
    caps.Datagram,
    caps.UnixSocket,
    caps.Process,
    caps.Spawn,
    caps.Signal,
    caps.Stdio,
    caps.Stdin,
    caps.Stdout,
    caps.Stderr,
    caps.Environ,
    caps.Clock,
    caps.Random,
    caps.Threads,
    caps.Import,
    caps.SystemInfo,
    caps.NativeCode,
)

#: The same by their names, as they cross a border: what was said by a child, or saved, may be anything.
BY_NAME: Final = {capability.__name__: capability for capability in TAXONOMY}

_ORDER: Final = {capability: position for position, capability in enumerate(TAXONOMY)}

_WAY_OUT: Final = "write the capabilities themselves, as in Sandbox[ReadFile | Connect](), or Sandbox[Never]() for none"


@dataclass(frozen=True, slots=True)
class Granted:
    """One capability of a grant, with the scopes it holds in.

    ``scopes``: the normalised scopes, None for anywhere. ``ambient``: the closure may also use it without the broker.
    """

    capability: type[Capability]
    scopes: frozenset[str] | None = None
    ambient: bool = False

    def __str__(self) -> str:
        """Return the type as a user writes it: ``ReadFile[L["/data"]]``."""
        text = self.capability.__name__
        if self.scopes is not None:
            text += f"[L[{', '.join(_quote(scope) for scope in sorted(self.scopes))}]]"
        return f"Ambient[{text}]" if self.ambient else text


@dataclass(frozen=True, slots=True, init=False)
class Grant:
    """What a sandbox grants: at most one ``Granted`` per capability and way of use, in the taxonomy's order."""

    granted: tuple[Granted, ...]

    def __init__(self, granted: Iterable[Granted] = ()) -> None:
        """Merge what is granted twice: scopes add up, and anywhere covers them all."""
        merged: dict[tuple[bool, type[Capability]], frozenset[str] | None] = {}
        for one in granted:
            key = (one.ambient, one.capability)
            known = merged.get(key, frozenset())
            merged[key] = None if known is None or one.scopes is None else known | one.scopes
        rows = [Granted(capability, scopes, ambient) for (ambient, capability), scopes in merged.items()]
        rows.sort(key=lambda one: (one.ambient, _ORDER[one.capability]))
        object.__setattr__(self, "granted", tuple(rows))

    def __iter__(self) -> Iterator[Granted]:
        """Go through the capabilities in a stable order."""
        return iter(self.granted)

    def __len__(self) -> int:
        """Count the rows; an empty grant is ``Never``."""
        return len(self.granted)

    def __or__(self, other: "Grant") -> "Grant":
        """Return the grant of both."""
        return Grant((*self.granted, *other.granted))

    def __str__(self) -> str:
        """Return the type argument as a user writes it: ``ReadFile[L["/data"]] | Connect``, ``Never`` when empty."""
        return " | ".join(map(str, self.granted)) or "Never"

    def _rows(self, capability: type[Capability], *, ambient: bool | None) -> list[Granted]:
        return [
            one
            for one in self.granted
            if issubclass(capability, one.capability) and (ambient is None or one.ambient is ambient)
        ]

    def has(self, capability: type[Capability], *, ambient: bool | None = None) -> bool:
        """Say whether ``capability`` is granted, itself or through a stronger one, in any scope.

        ``ambient``: count only what is (True) or is not (False) granted as ``Ambient``; both by default.
        """
        return bool(self._rows(capability, ambient=ambient))

    def scopes_of(self, capability: type[Capability], *, ambient: bool | None = None) -> frozenset[str] | None:
        """Return the scopes in which ``capability`` holds: None for anywhere, empty where it is not granted."""
        scopes: frozenset[str] = frozenset()
        for one in self._rows(capability, ambient=ambient):
            if one.scopes is None:
                return None
            scopes |= one.scopes
        return scopes

    def wider(self, capability: type[Capability], scope: str | None = None) -> str:
        """Return the type to write where ``capability`` was missing, as in ``Sandbox[ReadFile | WriteFile]``.

        ``scope``: where it was missing; it is added to the scopes that are granted. None adds it anywhere.
        """
        return self.wider_by([(capability, scope)])

    def wider_by(self, missing: Iterable[tuple[type[Capability], str | None]]) -> str:
        """Return the type to write where all of these were missing, each with its scope as in ``wider``."""
        more = [
            Granted(capability, None if scope is None else frozenset({parse_scope(capability, scope)}))
            for capability, scope in missing
        ]
        return f"Sandbox[{self | Grant(more)}]"


def read_grant(argument: object) -> Grant:
    """Read the type argument of a sandbox.

    ``argument``: what stands between the brackets: a capability, a union written either way, an alias (plain,
    ``type X = ...`` or ``TypeAliasType``, also generic and subscripted), ``Annotated``, ``Never``. Raises
    ``GrantError`` for everything else, with the part that can't be read and what to write instead.
    """
    return Grant(_read(argument, {}, ()))


def read_sandbox(instance: object, base: type) -> Grant:
    """Read the grant of a sandbox from the type it was made with.

    ``instance``: the sandbox; it carries ``__orig_class__`` where it was made as ``Sandbox[...]()``, but only after its
    ``__init__`` has run. ``base``: the generic class whose one parameter is the grant. Subclasses are read
    through their bases: ``class Reader(Sandbox[ReadFile])``, and ``class Box(Sandbox[C])`` as ``Box[ReadFile]()``.
    Raises ``GrantError`` where no grant can be read.
    """
    cls = type(instance)
    written = getattr(instance, "__dict__", {}).get("__orig_class__")
    env: _Env = {}
    if written is not None and typing_extensions.get_origin(written) is cls:
        env = _environment(cls, typing_extensions.get_args(written), {})
    found = _arguments_for(cls, base, env)
    grants = {Grant(_read(argument, where, seen)) for argument, where, seen in found}
    if not grants:
        raise GrantError(
            f"{cls.__name__}() says nothing about what it grants (an annotation beside it is not seen at run time); "
            f"write {base.__name__}[ReadFile](), or {base.__name__}[Never]() for nothing"
        )
    if len(grants) > 1:
        texts = " and ".join(sorted(map(str, grants)))
        raise GrantError(f"{cls.__name__} inherits from sandboxes with different grants ({texts}); inherit from one")
    return grants.pop()


# The aliases that a type argument stands in, from the outermost: none may come again.
_Seen = tuple[object, ...]
# A type argument together with what the type variables in it stand for.
_Bound = tuple[object, "_Env", _Seen]
_Env = Mapping[object, _Bound]


def _environment(origin: object, arguments: tuple[object, ...], outer: "_Env", seen: _Seen = ()) -> "_Env":
    """Bind the parameters of ``origin`` to ``arguments``, which are written in ``outer``."""
    parameters: tuple[object, ...] = getattr(origin, "__type_params__", ()) or getattr(origin, "__parameters__", ())
    return {parameter: (argument, outer, seen) for parameter, argument in zip(parameters, arguments, strict=False)}


def _arguments_for(cls: type, base: type, env: "_Env") -> list[_Bound]:
    """Find the argument that ``base`` gets through each of the bases of ``cls``."""
    if cls is base:
        parameter = getattr(base, "__parameters__", (None,))[0]
        return [env[parameter]] if parameter in env else []
    found: list[_Bound] = []
    # The class's own dictionary: a plain subclass would else inherit the __orig_bases__ of its parent.
    for written in cls.__dict__.get("__orig_bases__", cls.__bases__):
        origin = typing_extensions.get_origin(written) or written
        if isinstance(origin, type) and issubclass(origin, base):
            inner = _environment(origin, typing_extensions.get_args(written), env)
            found += _arguments_for(origin, base, inner)
    return found


def _is_alias(argument: object) -> bool:
    """Say whether this is ``type X = ...``; 3.11 has only the back-port, and later Pythons may have both."""
    kinds = {typing_extensions.TypeAliasType, getattr(typing, "TypeAliasType", typing_extensions.TypeAliasType)}
    return type(argument) in kinds


def _unfold(argument: object, env: "_Env", seen: _Seen) -> tuple[object, "_Env", _Seen]:
    """Take off what only wraps a type: aliases, ``Annotated``, bound type variables."""
    while True:
        origin = typing_extensions.get_origin(argument)
        if origin is typing_extensions.Annotated:
            argument = typing_extensions.get_args(argument)[0]
        elif _is_alias(argument) or _is_alias(origin):
            alias: Any = argument if origin is None else origin
            if any(alias is one for one in seen):
                raise GrantError(f"{alias.__name__} is defined by itself; {_WAY_OUT}")
            env = _environment(alias, typing_extensions.get_args(argument), env, seen)
            seen = (*seen, alias)
            try:
                argument = alias.__value__
            except NameError as error:
                raise GrantError(f"{alias.__name__} can't be read ({error}); {_WAY_OUT}") from error
        elif isinstance(argument, typing.TypeVar) and argument in env:
            argument, env, seen = env[argument]
        else:
            return argument, env, seen


def _read(argument: object, env: "_Env", seen: _Seen) -> list[Granted]:
    argument, env, seen = _unfold(argument, env, seen)
    if argument in (typing_extensions.Never, NoReturn):
        return []
    origin = typing_extensions.get_origin(argument)
    arguments = typing_extensions.get_args(argument)
    if origin in (typing.Union, types.UnionType):
        return [one for part in arguments for one in _read(part, env, seen)]
    if origin is Ambient:
        return _read_ambient(arguments[0], env, seen)
    capability = argument if origin is None else origin
    if not (isinstance(capability, type) and issubclass(capability, Capability)):
        _refuse(argument)
    if capability not in _ORDER:
        _refuse_capability(capability)
    if not arguments:
        return [Granted(capability)]
    texts = _read_scope(capability, arguments[0], env, seen)
    return [Granted(capability, frozenset(parse_scope(capability, text) for text in texts))]


def _read_ambient(argument: object, env: "_Env", seen: _Seen) -> list[Granted]:
    inner = _read(argument, env, seen)
    if any(one.ambient for one in inner):
        raise GrantError("Ambient stands around a capability, not around another Ambient; write Ambient[ReadFile]")
    return [Granted(one.capability, one.scopes, ambient=True) for one in inner]


def _read_scope(capability: type[Capability], argument: object, env: "_Env", seen: _Seen) -> Iterator[str]:
    """Go through the texts of a scope: ``Literal``, nested, in unions and aliases."""
    argument, env, seen = _unfold(argument, env, seen)
    name = capability.__name__
    origin = typing_extensions.get_origin(argument)
    if origin in (typing.Union, types.UnionType):
        for part in typing_extensions.get_args(argument):
            yield from _read_scope(capability, part, env, seen)
    elif origin in (typing.Literal, typing_extensions.Literal):
        for text in typing_extensions.get_args(argument):
            if not isinstance(text, str):
                raise GrantError(f"the scope {text!r} of {name} is not a string")
            yield text
    elif argument is str:
        raise GrantError(f"{name}[str] leaves its scope open; write {name} to grant it anywhere")
    elif argument in (typing_extensions.Never, NoReturn):
        raise GrantError(f"{name}[Never] holds nowhere; leave it out, or name a scope")
    elif isinstance(argument, typing.TypeVar):
        raise GrantError(f"the scope {argument} of {name} is a free type variable; write a Literal in its place")
    else:
        raise GrantError(f"the scope {_describe(argument)} of {name} is no Literal; write {name}[Literal[...]]")


def _refuse_capability(capability: type[Capability]) -> NoReturn:
    name = capability.__name__
    if capability is Capability:
        raise GrantError(f"Capability would grant everything; {_WAY_OUT}")
    if capability is Ambient:
        raise GrantError("Ambient alone names no capability; write Ambient[ReadFile]")
    parents = [known.__name__ for known in TAXONOMY if issubclass(capability, known)]
    instead = f"write {parents[-1]}" if parents else "write one of capsafe.capabilities"
    raise GrantError(f"{name} is a capability of its own making, and no table says what it allows; {instead}")


def _refuse(argument: object) -> NoReturn:
    if argument is None or argument is type(None):
        raise GrantError(f"None in a grant means nothing, so Optional does not either; {_WAY_OUT}")
    if isinstance(argument, typing.TypeVar):
        raise GrantError(f"{argument} is a free type variable, so the grant can't be read at run time; {_WAY_OUT}")
    if isinstance(argument, str | typing.ForwardRef):
        text = argument if isinstance(argument, str) else argument.__forward_arg__
        raise GrantError(f"{text!r} is a forward reference, which can't be read at run time; write it without quotes")
    if argument is Any:
        raise GrantError(f"Any says nothing about what is granted; {_WAY_OUT}")
    raise GrantError(f"{_describe(argument)} is no capability; {_WAY_OUT}")


def _describe(argument: object) -> str:
    return argument.__name__ if isinstance(argument, type) else repr(argument)


def _quote(scope: str) -> str:
    return '"' + scope.replace("\\", "\\\\").replace('"', '\\"') + '"'
