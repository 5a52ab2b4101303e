"""Displays: lists, dictionaries, comprehensions, subscripts and f-strings.

Knows what building and indexing containers do. It refuses to know what is done with them.
"""

import ast
from collections.abc import Callable, Mapping
from typing import Any, Final

from capsafe.effects.assignment import assign
from capsafe.effects.containers import held, item_of, iterate, join, starred
from capsafe.effects.engine import Engine
from capsafe.effects.members import emit, implicit
from capsafe.effects.model import EMPTY, Argument, Definition, Event, Item, Parameter, Value
from capsafe.effects.operators import is_users, truth
from capsafe.effects.scope import Scope


def _sequence(engine: Engine, scope: Scope, node: ast.List | ast.Tuple | ast.Set) -> Value:
    values = []
    for element in node.elts:
        if isinstance(element, ast.Starred):
            values.append(starred(engine, scope, engine.evaluate(scope, element.value), element.value))
        else:
            values.append(engine.evaluate(scope, element))
    if isinstance(node, ast.Set):
        for value in values:
            _hash(engine, scope, value, node)
    if isinstance(node, ast.Tuple):
        type_ = engine.types.instance("builtins.tuple", [v.type for v in values])
    else:
        name = "builtins.list" if isinstance(node, ast.List) else "builtins.set"
        type_ = engine.types.instance(name, [join(engine, values).type])
    return Value(type_, EMPTY, held(engine, values))


def _hash(engine: Engine, scope: Scope, value: Value, node: ast.expr) -> None:
    for name in ("__hash__", "__eq__"):
        if is_users(engine, value, name):
            implicit(engine, scope, value, name, node)


def _dict(engine: Engine, scope: Scope, node: ast.Dict) -> Value:
    keys, values = [], []
    for key, value in zip(node.keys, node.values, strict=True):
        found = engine.evaluate(scope, value)
        if key is None:
            values.append(item_of(engine, found))
        else:
            keys.append(engine.evaluate(scope, key))
            _hash(engine, scope, keys[-1], key)
            values.append(found)
    kinds = [join(engine, keys).type, join(engine, values).type]
    return Value(engine.types.instance("builtins.dict", kinds), EMPTY, held(engine, [*keys, *values]))


def _comprehension(
    engine: Engine, scope: Scope, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp
) -> Value:
    inner = Scope(scope.function, scope.source, scope)
    inner.facts, inner.recording = scope.facts, scope.recording
    for generator in node.generators:
        source = engine.evaluate(inner, generator.iter)
        item = iterate(engine, inner, source, generator.iter, asynchronous=bool(generator.is_async))
        assign(engine, inner, generator.target, item)
        for condition in generator.ifs:
            truth(engine, inner, engine.evaluate(inner, condition), condition)
    if isinstance(node, ast.DictComp):
        key, value = engine.evaluate(inner, node.key), engine.evaluate(inner, node.value)
        return Value(engine.types.instance("builtins.dict", [key.type, value.type]), EMPTY, held(engine, [key, value]))
    element = engine.evaluate(inner, node.elt)
    name = {ast.ListComp: "builtins.list", ast.SetComp: "builtins.set"}.get(type(node))
    if name is None:
        none = engine.types.instance("types.NoneType")
        type_ = engine.types.instance("typing.Generator", [element.type, none, none])
    else:
        type_ = engine.types.instance(name, [element.type])
    return Value(type_, EMPTY, held(engine, [element]))


def _subscript(engine: Engine, scope: Scope, node: ast.Subscript) -> Value:
    row = _row(engine, scope, node)
    if row is not None:
        return engine.evaluate(scope, row)
    base = engine.evaluate(scope, node.value)
    if any(isinstance(t, Definition) and engine.is_class(t.fullname) for t in base.targets):
        return base  # ``list[int]``, ``Sandbox[ReadFile]``: a class given arguments is that class
    index = engine.evaluate(scope, node.slice)
    if isinstance(node.ctx, ast.Load):
        result = implicit(engine, scope, base, "__getitem__", node, (Argument(index, node=node.slice),))
        several = engine.types.items(base.type)
        constant = node.slice
        if several and isinstance(constant, ast.Constant) and isinstance(constant.value, int):
            if -len(several) <= constant.value < len(several):
                result = Value(several[constant.value], result.targets, result.contents)
        elif several and not isinstance(constant, ast.Slice):
            result = Value(engine.types.union(several), result.targets, result.contents)
    else:
        method = "__setitem__" if isinstance(node.ctx, ast.Store) else "__delitem__"
        result = implicit(engine, scope, base, method, node, (Argument(index),))
    inner = item_of(engine, base)
    return Value(result.type, result.targets | inner.targets, result.contents | inner.contents)


def _row(engine: Engine, scope: Scope, node: ast.Subscript) -> ast.expr | None:
    """Return the row of a table that a literal key picks, where the table is written once and never stored into."""
    if not (isinstance(node.value, ast.Name) and isinstance(node.slice, ast.Constant)) or scope.find(node.value.id):
        return None
    tables = scope.source.assigned.get(node.value.id, [])
    if len(tables) != 1 or not isinstance(tables[0], ast.Dict) or engine.is_stored_into(scope.source, node.value.id):
        return None
    for key, value in zip(tables[0].keys, tables[0].values, strict=True):
        if isinstance(key, ast.Constant) and key.value == node.slice.value:
            return value
    return None


def _slice(engine: Engine, scope: Scope, node: ast.Slice) -> Value:
    for part in (node.lower, node.upper, node.step):
        if part is not None:
            engine.evaluate(scope, part)
    return Value(engine.types.instance("builtins.slice"))


def _fstring(engine: Engine, scope: Scope, node: ast.JoinedStr) -> Value:
    for part in node.values:
        engine.evaluate(scope, part)
    return Value(engine.types.instance("builtins.str"))


def _formatted(engine: Engine, scope: Scope, node: ast.FormattedValue) -> Value:
    value = engine.evaluate(scope, node.value)
    names = {ord("r"): ("__repr__",), ord("a"): ("__repr__",), ord("s"): ("__str__", "__repr__")}
    for name in names.get(node.conversion, ("__format__", "__str__", "__repr__")):
        if is_users(engine, value, name):
            implicit(engine, scope, value, name, node.value)
    for target in value.targets:
        if isinstance(target, Parameter | Item):
            emit(scope, Event("*", Value(value.type, frozenset({target})), (), node.value, ast.unparse(node.value)))
    if node.format_spec is not None:
        engine.evaluate(scope, node.format_spec)
    return Value(engine.types.instance("builtins.str"))


HANDLERS: Final[Mapping[type[ast.AST], Callable[[Engine, Scope, Any], Value]]] = {
    ast.Dict: _dict,
    ast.DictComp: _comprehension,
    ast.FormattedValue: _formatted,
    ast.GeneratorExp: _comprehension,
    ast.JoinedStr: _fstring,
    ast.List: _sequence,
    ast.ListComp: _comprehension,
    ast.Set: _sequence,
    ast.SetComp: _comprehension,
    ast.Slice: _slice,
    ast.Subscript: _subscript,
    ast.Tuple: _sequence,
}
