"""The port through which the engine asks about types; ``capsafe_mypy`` fills it.

Knows the questions. It refuses to know who answers them. Types are opaque: None means that nothing is known.
"""

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

SymbolKind = Literal["function", "class", "module", "variable", "alias"]
MemberKind = Literal["method", "classmethod", "staticmethod", "property", "variable", "class"]


@dataclass(frozen=True, slots=True)
class Symbol:
    """A name of a module: what it is, its canonical name wherever it is really defined, and its type."""

    kind: SymbolKind
    fullname: str
    type: object


@dataclass(frozen=True, slots=True)
class Member:
    """A name of a class: ``fullname`` is that of the class that defines it, then the name."""

    kind: MemberKind
    fullname: str


@dataclass(frozen=True, slots=True)
class ClassFacts:
    """What constructing a class depends on. ``family`` are canonical names, bases too, its own first."""

    family: tuple[str, ...]
    dataclass: bool
    enum: bool
    record: bool  # a named tuple or a typed dictionary: constructing it runs no code of its own
    metaclass: str | None


class Types(Protocol):
    """What the engine needs to know about types. No method raises: what can't be said is None or empty."""

    def symbol(self, module: str, name: str) -> Symbol | None:
        """Return what ``name`` is in ``module``, followed to where it is defined."""

    def members(self, of: object, name: str) -> tuple[Member, ...]:
        """Return the member ``name`` of each class that a value of type ``of`` may have; empty when there is none."""

    def class_member(self, fullname: str, name: str) -> Member | None:
        """Return the member ``name`` of the class ``fullname``, found along its bases."""

    def class_facts(self, fullname: str) -> ClassFacts | None:
        """Return what constructing the class depends on."""

    def classes(self, of: object) -> tuple[str, ...]:
        """Return the canonical names of all classes (bases too) that a value of type ``of`` is an instance of."""

    def is_known(self, of: object) -> bool:
        """Return whether the type says anything: False for None and ``Any``."""

    def is_precise(self, of: object) -> bool:
        """Return whether the type is known in all its parts: no ``Any`` inside either."""

    def is_data(self, of: object) -> bool:
        """Return whether a value of the type holds no function and no object of a class that is read from source."""

    def may_be_none(self, of: object) -> bool:
        """Return whether a value of the type may be None."""

    def is_callable(self, of: object) -> bool:
        """Return whether the type is that of a function: ``Callable[...]`` and the like, not an instance."""

    def is_abstract(self, fullname: str) -> bool:
        """Return whether a method is one that only subclasses implement: abstract, or without a body in a protocol."""

    def attribute(self, of: object, name: str) -> object:
        """Return the type of ``value.name``."""

    def declared(self, of: object, name: str) -> object:
        """Return the type of the class variable ``name`` as it is declared, before any descriptor is applied."""

    def call(self, callee: object, arguments: Sequence[tuple[object, str | None, bool]]) -> object:
        """Return the type of a call; an argument is its type, its name or None, and whether it is starred."""

    def at(self, path: str, node: ast.expr) -> object:
        """Return the type that the checker itself gave to an expression of the file under check."""

    def instance(self, fullname: str, arguments: Sequence[object] = ()) -> object:
        """Return the type of an instance of the class."""

    def sequence(self, item: object) -> object:
        """Return the type of a tuple of any length that holds ``item``: what ``*args`` is."""

    def alias(self, fullname: str) -> object:
        """Return the type that a type alias or a type variable stands for; None when the name is neither."""

    def union(self, items: Sequence[object]) -> object:
        """Return the union of the types."""

    def items(self, of: object) -> Sequence[object]:
        """Return the types that a fixed-length tuple holds; empty for every other type."""

    def parameters(self, fullname: str) -> Mapping[str, object]:
        """Return the declared types of the parameters of a function, by name; empty when they are not known."""

    def path(self, module: str) -> str | None:
        """Return the file in which the checker found the module (a ``.py`` or a ``.pyi``)."""

    def parts(self, of: object) -> Sequence[object]:
        """Return the types of what a value holds: type arguments, a tuple's items, the items of a union."""

    def fields(self, of: object) -> Mapping[str, object]:
        """Return the types of the attributes of an instance, by name, as far as its classes declare them."""

    def show(self, of: object) -> str:
        """Return the type as a person would write it."""
