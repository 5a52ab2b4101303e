"""Classes as mypy has them: which class a type is of, and what its members are.

Knows mypy's symbol nodes. It refuses to know expressions.
"""

from mypy.nodes import Decorator, FuncDef, OverloadedFuncDef, SymbolNode, TypeAlias, TypeInfo, Var
from mypy.types import (
    CallableType,
    Instance,
    LiteralType,
    Overloaded,
    ProperType,
    TupleType,
    TypedDictType,
    TypeVarLikeType,
    get_proper_type,
)

from capsafe.effects.types import Member, MemberKind


def info_of(of: ProperType | None) -> TypeInfo | None:
    """Return the class that a value of a type is an instance of, None where there is no one class."""
    match of:
        case Instance():
            return of.type
        case TupleType():
            return of.partial_fallback.type
        case LiteralType() | TypedDictType():
            return of.fallback.type
        case CallableType() | Overloaded():
            return of.fallback.type
        case TypeVarLikeType():
            return info_of(get_proper_type(of.upper_bound))
        case _:
            return None


def member_of(info: TypeInfo, name: str) -> Member | None:
    """Return a member, from the first class of the family that has it."""
    for base in info.mro:
        found = base.names.get(name)
        if found is not None and found.node is not None:
            return Member(_kind(found.node), f"{base.fullname}.{name}")
    return None


def _kind(node: SymbolNode) -> MemberKind:
    match node:
        case TypeInfo() | TypeAlias():
            return "class"
        case Var():
            # Fields of named tuples and frozen dataclasses are marked as properties: reading them runs nothing.
            return "variable"
        case Decorator():
            function: FuncDef | OverloadedFuncDef = node.func
        case FuncDef() | OverloadedFuncDef():
            function = node
        case _:
            return "variable"
    if function.is_property:
        return "property"
    if function.is_static and node.name != "__new__":
        return "staticmethod"
    return "classmethod" if function.is_class else "method"


def unbound(members: tuple[Member, ...]) -> tuple[Member, ...]:
    """Return members as they are seen on the class itself: methods without a receiver."""
    kept = []
    for member in members:
        if member.kind == "method":
            kept.append(Member("staticmethod", member.fullname))
        elif member.kind != "property":
            kept.append(member)
    return tuple(kept)
