"""Text as users write it in a program, ``ReadFile[L["/data"]] | Connect``, to the type it means.

This module knows the grammar: capabilities by name, ``Literal`` scopes, unions, ``Ambient``, ``Never``, with
``Sandbox[...]`` around it or not. It evaluates nothing, so that text from anywhere may be explained. It refuses to
know whether the type is a grant: that is ``capsafe.grants``.
"""

import ast
from functools import reduce
from operator import or_
from typing import Any, Final, Literal, Never, TypeAlias

from capsafe import capabilities
from capsafe.errors import GrantError

#: A type as the running program sees one: a class, a subscripted generic or a union. ``typing`` has no name for it.
TypeForm: TypeAlias = Any
#: The capabilities by the name that users import.
NAMES: Final[dict[str, TypeForm]] = {
    name: value
    for name, value in vars(capabilities).items()
    if isinstance(value, type) and issubclass(value, capabilities.Capability)
}
#: ``Literal`` and its usual short name.
LITERALS: Final = frozenset({"L", "Literal"})
#: Longer text is no grant that a person wrote; the parser's time grows with it.
LONGEST: Final = 10_000


def read_text(text: str) -> TypeForm:
    """Return the type that ``text`` stands for, as if it had been written between the brackets of ``Sandbox[...]``.

    Raises ``GrantError`` where the text is not of the grammar; the message names the part and the way out.
    """
    if len(text) > LONGEST:
        raise GrantError(f"a grant of {len(text)} characters is refused: write one of {LONGEST} at most")
    try:
        return _read(ast.parse(text.strip(), mode="eval").body)
    except SyntaxError as error:
        raise GrantError(
            f'{text[:60]!r} is no type: {error.msg}; write one such as ReadFile[L["/data"]] | Connect'
        ) from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise GrantError(f"{text[:60]!r} can't be parsed: {str(error) or type(error).__name__}") from None


def _read(node: ast.expr) -> TypeForm:
    match node:
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return _read(left) | _read(right)
        case ast.Subscript(value=value, slice=argument):
            return _subscript(_name(value), argument)
        case ast.Constant(value=None):
            raise GrantError("None is no capability: write Never for the grant of nothing")
        case _:
            return _capability(_name(node))


def _name(node: ast.expr) -> str:
    """Return the name: ``ReadFile``, ``capsafe.ReadFile`` and ``capsafe.capabilities.ReadFile`` are all ReadFile."""
    match node:
        case ast.Name(id=name):
            return name
        case (
            ast.Attribute(value=ast.Name(), attr=name) | ast.Attribute(value=ast.Attribute(value=ast.Name()), attr=name)
        ):
            return name
        case _:
            raise GrantError(f"{ast.unparse(node)} is no capability: write names such as ReadFile, joined with |")


def _capability(name: str) -> TypeForm:
    if name == "Never":
        return Never
    try:
        return NAMES[name]
    except KeyError:
        raise GrantError(
            f"there is no capability {name!r}: there are {', '.join(sorted(NAMES.keys() - {'Capability'}))}"
        ) from None


def _subscript(name: str, argument: ast.expr) -> TypeForm:
    arguments = argument.elts if isinstance(argument, ast.Tuple) else [argument]
    if name == "Sandbox" and len(arguments) == 1:
        return _read(arguments[0])
    if name == "Union" and arguments:
        return reduce(or_, map(_read, arguments))
    if name in LITERALS:
        raise GrantError(f"a scope stands in a capability: write ReadFile[L[{ast.unparse(argument)}]]")
    capability = _capability(name)
    if name == "Ambient" and len(arguments) == 1:
        return capability[_read(arguments[0])]
    if len(arguments) != 1:
        raise GrantError(f'{name} takes one scope: write {name}[L["...", "..."]] for several places')
    scope = _scope(name, arguments[0])
    try:
        return capability[scope]
    except TypeError:
        raise GrantError(f"{name} takes no scope: write {name}") from None


def _scope(name: str, node: ast.expr) -> TypeForm:
    match node:
        case ast.Subscript(value=value, slice=argument) if _name(value) in LITERALS:
            places = argument.elts if isinstance(argument, ast.Tuple) else [argument]
            texts = [
                place.value for place in places if isinstance(place, ast.Constant) and isinstance(place.value, str)
            ]
            if len(texts) == len(places) > 0:
                return Literal[tuple(texts)]
        case ast.Constant(value=str(place)):
            raise GrantError(f'{name}["{place}"] lacks the L: write {name}[L["{place}"]]')
        case ast.Name(id="str"):
            return str
        case _:
            pass
    raise GrantError(f'{ast.unparse(node)} is no scope: write texts, as in {name}[L["..."]]')
