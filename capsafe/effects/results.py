"""Results: what a call may give back.

Knows returned closures, partial application and decorators. It refuses to know what the call does.
"""

from capsafe.effects import known
from capsafe.effects.binding import bind_call, substitute
from capsafe.effects.construct import made
from capsafe.effects.engine import Engine
from capsafe.effects.model import (
    EMPTY,
    NOTHING,
    Argument,
    Bound,
    Data,
    Definition,
    Item,
    Local,
    Object,
    Opaque,
    Parameter,
    Target,
    Value,
)
from capsafe.effects.source import Function


def result_of(engine: Engine, callee: Value, arguments: tuple[Argument, ...]) -> Value:
    """Return what calling ``callee`` may give."""
    passed = [(a.value.type, a.name, a.star) for a in arguments]
    type_ = engine.types.call(callee.type, passed)
    if engine.types.is_data(type_):
        return Value(type_)  # what it holds is in its type: no body has to be read for it
    targets, contents = EMPTY, EMPTY
    instance: dict[Parameter, Value] = {}
    for target in callee.targets:
        part = _result(engine, target, arguments)
        if isinstance(target, Parameter | Item) and engine.types.is_known(type_):
            part = NOTHING  # its declared type says what it gives
        targets, contents = targets | part.targets, contents | part.contents
        instance.update(part.made)
        if not engine.types.is_known(type_):
            type_ = part.type
    if not engine.types.is_known(type_) and not targets and _is_pure(engine, callee):
        # A function that a stub vouches for and that gives ``Any`` decodes data: json.loads, tomllib.load, ...
        targets = frozenset({Data()})
    return Value(type_, targets, contents, tuple(instance.items()))


def _result(engine: Engine, target: Target, arguments: tuple[Argument, ...]) -> Value:
    match target:
        case Data():
            return Value(None, frozenset({target}))
        case Definition():
            return _of_definition(engine, target.fullname, arguments)
        case Local():
            function = engine.function(target.key)
            function, bound = bind_call(engine, function, None, arguments)
            return substitute(engine, engine.facts(function).returns, {**dict(target.bindings), **bound})
        case Bound():
            return _of_bound(engine, target, arguments)
        case Parameter() | Item():
            name = target.name if isinstance(target, Parameter) else target.parameter.name
            return Value(None, frozenset({Opaque(f"what calling {name!r} gives")}))
        case _:
            return NOTHING


def _of_definition(engine: Engine, fullname: str, arguments: tuple[Argument, ...]) -> Value:
    first = next((a.value for a in arguments if a.name is None), NOTHING)
    if fullname in known.PARTIAL:
        return Value(None, first.targets, first.contents)
    if fullname in known.FACTORIES:
        return Value(None, frozenset({Definition(known.IDENTITY)}))
    if fullname in known.TRANSPARENT:
        return first if first.targets else Value(None, frozenset({Definition(known.IDENTITY)}))
    if engine.is_class(fullname):
        kind = engine.types.instance(fullname)
        if not engine.has_source(fullname):
            return Value(kind, EMPTY, _held(arguments))
        instance = tuple(made(engine, fullname, arguments).items())
        return Value(kind, frozenset({Object(fullname, instance)}), EMPTY, instance)
    if not engine.has_source(fullname):
        return Value(None, EMPTY, _held(arguments))
    value = NOTHING
    for function in engine.sources.functions(fullname):
        value = _merge(engine, value, _returned(engine, function, None, arguments))
    return value


def _returned(engine: Engine, function: Function, receiver: Value | None, arguments: tuple[Argument, ...]) -> Value:
    replaced = engine.decorated(function)
    if replaced is not None:
        return result_of(engine, replaced, arguments)
    variant, bindings = bind_call(engine, function, receiver, arguments)
    return substitute(engine, engine.facts(variant).returns, bindings)


def _of_bound(engine: Engine, target: Bound, arguments: tuple[Argument, ...]) -> Value:
    if not engine.has_source(target.fullname):
        return Value(None, target.receiver.contents, target.receiver.contents | _held(arguments))
    value = NOTHING
    for function in engine.sources.functions(target.fullname):
        value = _merge(engine, value, _returned(engine, function, target.receiver, arguments))
    return value


def _merge(engine: Engine, left: Value, right: Value) -> Value:
    kind = left.type if engine.types.is_known(left.type) else right.type
    return Value(kind, left.targets | right.targets, left.contents | right.contents, (*left.made, *right.made))


def _held(arguments: tuple[Argument, ...]) -> frozenset[Target]:
    held: frozenset[Target] = EMPTY
    for argument in arguments:
        held |= argument.value.targets | argument.value.contents
    return held


def _is_pure(engine: Engine, callee: Value) -> bool:
    names = [t.fullname for t in callee.targets if isinstance(t, Definition | Bound)]
    if not names or len(names) != len(callee.targets):
        return False
    for name in names:
        declaration = engine.stubs.find(name)
        if declaration is None:
            return False
        clause = declaration.whole()
        if clause.unknown is not None or clause.performs:
            return False
    return True
