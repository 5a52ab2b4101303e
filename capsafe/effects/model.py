"""The values that the effect engine computes with: what an expression may denote, and what running code may do.

Knows shapes only. It refuses to know how they are found (``interpret``, ``infer``) and what is said of them
(``check``, ``messages``). A *type* here is whatever the port of ``types`` hands out: opaque, never looked into.
"""

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final, Literal, TypeAlias

EMPTY: Final[frozenset["Target"]] = frozenset()


@dataclass(frozen=True, slots=True)
class Definition:
    """Something defined somewhere, by its canonical name: a function, a class, a variable of a module."""

    fullname: str


@dataclass(frozen=True, slots=True)
class Module:
    """A module as a value."""

    fullname: str


@dataclass(frozen=True, slots=True)
class Parameter:
    """Whatever a caller passes: ``owner`` is the key of the function whose parameter it is."""

    owner: str
    name: str


@dataclass(frozen=True, slots=True)
class Item:
    """An item of whatever a caller passes: what iterating or indexing the parameter gives."""

    parameter: Parameter


@dataclass(frozen=True, slots=True)
class Object:
    """An instance of a class, as a container holds it: the container's type may say no more than a class above."""

    fullname: str
    made: "Bindings" = ()


@dataclass(frozen=True, slots=True)
class Bound:
    """A method with its receiver; ``exact`` when the receiver's own class must not be asked for an override."""

    fullname: str
    receiver: "Value"
    exact: bool = False


@dataclass(frozen=True, slots=True)
class Local:
    """A nested function or lambda, with what the parameters of the functions around it stand for."""

    key: str
    bindings: "Bindings" = ()


@dataclass(frozen=True, slots=True)
class Data:
    """Plain data out of a decoder: whatever its type, its operations run no code of anybody's."""


@dataclass(frozen=True, slots=True)
class Opaque:
    """Something that can't be seen; the reason is for the message."""

    reason: str


@dataclass(frozen=True, slots=True)
class Super:
    """``super()``: the classes to look in, in order, and the receiver."""

    classes: tuple[str, ...]
    receiver: "Value"


Target: TypeAlias = Definition | Super | Module | Parameter | Item | Object | Bound | Local | Data | Opaque


@dataclass(frozen=True, slots=True)
class Value:
    """What an expression may be: its static type, what it may denote, and what it may hold (a container's items).

    ``made`` is what the parameters of the constructor stood for when the instance was made.
    """

    type: object = field(default=None, compare=False, hash=False)
    targets: frozenset[Target] = EMPTY
    contents: frozenset[Target] = EMPTY
    made: "Bindings" = ()

    def of(self, *targets: Target) -> "Value":
        """Return the same value that denotes ``targets``."""
        return Value(self.type, frozenset(targets), self.contents, self.made)


Bindings: TypeAlias = tuple[tuple[Parameter, Value], ...]
NOTHING: Final = Value()


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a call: ``name`` is None for a positional one; ``node`` is its expression where there is one.

    ``star`` marks ``*args`` and ``**kwargs``, whose value stands for each of the items; ``mapping`` the latter.
    """

    value: Value
    name: str | None = None
    star: bool = False
    mapping: bool = False
    node: ast.expr | None = field(default=None, compare=False, hash=False)


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that a body does: ``how`` it uses a value, with which arguments, and where.

    ``how`` is ``"()"`` for a call, ``"*"`` for any use (passed on to code that may call it, iterate it, ...),
    ``"read"`` for reading a variable, ``"hold"`` for a captured value, ``"import"`` for one at the top of a module and
    ``"import late"`` for one in a function.
    """

    how: str
    value: Value
    arguments: tuple[Argument, ...] = ()
    node: ast.AST = field(default_factory=ast.Pass, compare=False, hash=False)
    text: str = field(default="", compare=False)


@dataclass(slots=True)
class Facts:
    """All that a body does and returns, before any other body was looked at."""

    events: list[Event] = field(default_factory=list)
    returns: Value = NOTHING


@dataclass(frozen=True, slots=True)
class Frame:
    """One step of a witness: the function it happens in, the file and the line, and what is used there."""

    function: str
    path: str
    line: int
    uses: str


Kind: TypeAlias = Literal["performs", "unknown", "holds", "uses"]


@dataclass(frozen=True, slots=True)
class Effect:
    """One thing that running a function may do, with the shortest witness found.

    ``performs``: the primitive ``what`` needs ``capabilities`` (``how`` is ``"read"`` for a variable). ``unknown``:
    ``what`` is the reason. ``holds``: ``what`` says which value that holds authority is used without having been
    passed. ``uses``: whatever the parameter stands for is used as ``how`` says (``"()"``, ``"*"`` or ``".name"``), and
    ``default`` is the method where nothing is known of it.
    """

    kind: Kind
    what: str
    capabilities: frozenset[str] = frozenset()
    parameter: Parameter | None = None
    how: str = ""
    default: str | None = None
    arguments: tuple[Argument, ...] = ()
    witness: tuple[Frame, ...] = field(default=(), compare=False, hash=False)

    def through(self, frame: Frame) -> "Effect":
        """Return the same effect as seen by a caller: ``frame`` is where the caller uses it."""
        return replace(self, witness=(frame, *self.witness))


class Summary(dict[Effect, Effect]):
    """The effects of a function, each with its shortest witness: a join-semilattice under ``add``."""

    def add(self, effect: Effect) -> bool:
        """Join one effect in; return whether anything new was learned."""
        known = self.get(effect)
        if known is None:
            self[effect] = effect
            return True
        if len(effect.witness) < len(known.witness):
            del self[effect]
            self[effect] = effect
        return False

    def update_from(self, effects: Iterable[Effect]) -> bool:
        """Join many effects in; return whether anything new was learned."""
        changed = False
        for effect in effects:
            changed |= self.add(effect)
        return changed
