"""Assignment: what binding a target does, and which names it leaves.

Knows targets. It refuses to know where the value came from.
"""

import ast
from collections.abc import Sequence
from typing import Final

from capsafe.effects.containers import held, item_of, iterate, join
from capsafe.effects.engine import Engine
from capsafe.effects.members import emit, implicit
from capsafe.effects.model import EMPTY, NOTHING, Argument, Bound, Event, Value
from capsafe.effects.scope import Scope

CONTAINERS: Final = frozenset({"builtins.dict", "builtins.list", "builtins.set"})


def assign(engine: Engine, scope: Scope, target: ast.expr, value: Value) -> None:
    """Bind a target to a value, joined with whatever it was bound to before."""
    match target:
        case ast.Name():
            bind_name(engine, scope, target.id, value)
        case ast.Tuple() | ast.List():
            _unpack(engine, scope, target, value)
        case ast.Starred():
            kind = engine.types.instance("builtins.list", [value.type])
            assign(engine, scope, target.value, Value(kind, EMPTY, held(engine, [value])))
        case ast.Attribute():
            _assign_attribute(engine, scope, target, value)
        case ast.Subscript():
            engine.evaluate(scope, target)
            if isinstance(target.value, ast.Name):
                key = engine.evaluate(Scope(scope.function, scope.source, scope), target.slice)
                fill(engine, scope, target.value.id, [key, value])
        case _:
            engine.evaluate(scope, target)


def fill(engine: Engine, scope: Scope, name: str, parts: Sequence[Value]) -> None:
    """Note that the container of a name is given items, which say what it holds where it was made empty."""
    known = scope.env.get(name)
    if known is None:
        return
    kind = known.type
    classes = engine.types.classes(kind)
    if classes and classes[0] in CONTAINERS and not engine.types.is_precise(kind):
        wanted = parts if classes[0] == "builtins.dict" else parts[-1:]
        kind = engine.types.instance(classes[0], [p.type for p in wanted])
    scope.env[name] = Value(kind, known.targets, known.contents | held(engine, parts))


def bind_name(engine: Engine, scope: Scope, name: str, value: Value) -> None:
    """Bind one name, joined with whatever it was bound to before."""
    before = scope.env.get(name)
    scope.env[name] = value if before is None else join(engine, [before, value])


def _unpack(engine: Engine, scope: Scope, target: ast.Tuple | ast.List, value: Value) -> None:
    several = engine.types.items(value.type)
    if len(several) == len(target.elts):
        kinds = list(several)
    else:
        kinds = [iterate(engine, scope, value, target).type] * len(target.elts)
    plain = item_of(engine, value)
    for item, kind in zip(target.elts, kinds, strict=True):
        assign(engine, scope, item, Value(kind, plain.targets, plain.contents))


def _assign_attribute(engine: Engine, scope: Scope, target: ast.Attribute, value: Value) -> None:
    base = engine.evaluate(scope, target.value)
    if isinstance(target.value, ast.Name):
        bind_name(engine, scope, f"{target.value.id}.{target.attr}", value)
    set_attribute(engine, scope, base, target.attr, value, target)


def delete_attribute(engine: Engine, scope: Scope, base: Value, target: ast.Attribute) -> None:
    """Record what deleting an attribute runs: a property's deleter, or ``__delattr__``."""
    names = [f"{m.fullname}.deleter" for m in engine.types.members(base.type, target.attr) if m.kind == "property"]
    names += [m.fullname for m in engine.types.members(base.type, "__delattr__")]
    for name in names:
        if engine.has_source(name):
            deleter = Value(None, frozenset({Bound(name, base, exact=True)}))
            emit(scope, Event("()", deleter, (), target, ast.unparse(target)))


def set_attribute(engine: Engine, scope: Scope, base: Value, name: str, value: Value, target: ast.expr) -> None:
    """Record what setting an attribute runs: a property's setter, or ``__setattr__``."""
    for member in engine.types.members(base.type, name):
        if member.kind == "property":
            fullname = f"{member.fullname}.setter" if engine.has_source(member.fullname) else member.fullname
            setter = Value(None, frozenset({Bound(fullname, base, exact=True)}))
            emit(scope, Event("()", setter, (Argument(value),), target, ast.unparse(target)))
    for member in engine.types.members(engine.types.declared(base.type, name), "__set__"):
        if engine.has_source(member.fullname):
            setter = Value(None, frozenset({Bound(member.fullname, Value(engine.types.declared(base.type, name)))}))
            emit(scope, Event("()", setter, (Argument(base), Argument(value)), target, ast.unparse(target)))
    for member in engine.types.members(base.type, "__setattr__"):
        if engine.has_source(member.fullname):
            implicit(engine, scope, base, "__setattr__", target, (Argument(NOTHING), Argument(value)))
