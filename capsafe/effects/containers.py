"""Containers: what holding, iterating and awaiting give.

Knows how values move into containers and out of them. It refuses to know syntax.
"""

import ast
from collections.abc import Iterable

from capsafe.effects.engine import Engine
from capsafe.effects.members import implicit
from capsafe.effects.model import EMPTY, NOTHING, Data, Item, Object, Parameter, Target, Value
from capsafe.effects.scope import Scope


def join(engine: Engine, values: Iterable[Value]) -> Value:
    """Return a value that may be any of the given ones."""
    targets: frozenset[Target] = EMPTY
    contents: frozenset[Target] = EMPTY
    types: list[object] = []
    made: dict[Parameter, Value] = {}
    for value in values:
        targets |= value.targets
        contents |= value.contents
        made.update(value.made)
        if engine.types.is_known(value.type) and value.type not in types:
            types.append(value.type)
    type_ = None if not types else types[0] if len(types) == 1 else engine.types.union(types)
    return Value(type_, targets, contents, tuple(made.items()))


def held(engine: Engine, values: Iterable[Value]) -> frozenset[Target]:
    """Return all that a container of these values holds."""
    found: frozenset[Target] = EMPTY
    for value in values:
        found |= frozenset(t for t in value.targets if not isinstance(t, Data)) | value.contents
        classes = engine.types.classes(value.type) if not value.targets else ()
        if classes and engine.has_source(classes[0]):
            found |= {Object(classes[0], value.made)}
    return found


def item_of(engine: Engine, value: Value) -> Value:
    """Return what iterating (or indexing) a value gives, without its type."""
    del engine
    inner: frozenset[Target] = EMPTY
    for target in value.targets:
        if isinstance(target, Data):
            inner |= {target}
        elif isinstance(target, Parameter):
            inner |= {Item(target)}
    return Value(None, value.contents | inner, value.contents)


def iterate(engine: Engine, scope: Scope, value: Value, node: ast.expr, *, asynchronous: bool = False) -> Value:
    """Record an iteration over ``value`` and return what each step gives."""
    first, second = ("__aiter__", "__anext__") if asynchronous else ("__iter__", "__next__")
    iterator = implicit(engine, scope, value, first, node)
    item = implicit(engine, scope, iterator, second, node) if engine.types.is_known(iterator.type) else NOTHING
    kind = item.type
    if asynchronous:
        kind = awaited(engine, kind)
    several = engine.types.items(value.type)
    if several:
        kind = engine.types.union(several)
    return Value(kind, item_of(engine, value).targets | item.targets, value.contents)


def awaited(engine: Engine, type_: object) -> object:
    """Return the type that awaiting gives: what the generator behind ``__await__`` returns."""
    generator = engine.types.call(engine.types.attribute(type_, "__await__"), ())
    parts = engine.types.items(generator)
    return parts[-1] if parts else None


def starred(engine: Engine, scope: Scope, value: Value, node: ast.expr) -> Value:
    """Record the unpacking of ``*value`` and return what stands for each of its items."""
    item = iterate(engine, scope, value, node)
    return Value(item.type, item.targets, item.contents)
