"""Arguments to parameters: what a body's parameters stand for in one call, and values rewritten accordingly.

Knows Python's rules for passing arguments. It refuses to know effects.
"""

import ast
from collections.abc import Iterator, Mapping
from typing import Final

from capsafe.effects.engine import Engine
from capsafe.effects.model import EMPTY, Argument, Bound, Item, Local, Object, Opaque, Parameter, Target, Value
from capsafe.effects.source import Function

DEEPEST: Final = 4  # closures over closures: past this an analysis of recursion would not end


def parameters_of(function: Function) -> list[ast.arg]:
    """Return the positional parameters of a function, the receiver's included."""
    node = function.node
    return [] if isinstance(node, ast.Module | ast.ClassDef) else [*node.args.posonlyargs, *node.args.args]


def is_static(function: Function) -> bool:
    """Return whether a method takes no receiver."""
    node = function.node
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and any(
        isinstance(d, ast.Name) and d.id == "staticmethod" for d in node.decorator_list
    )


def bind(
    engine: Engine, function: Function, receiver: Value | None, arguments: tuple[Argument, ...]
) -> dict[Parameter, Value]:
    """Return what each parameter of ``function`` stands for; one that takes its default stands for that."""
    node = function.node
    if isinstance(node, ast.Module | ast.ClassDef):
        return {}
    bound: dict[Parameter, Value] = {}
    names = [a.arg for a in parameters_of(function)]
    if receiver is not None and names and not is_static(function):
        bound[Parameter(function.key, names.pop(0))] = receiver
    spread: list[Value] = []
    rest: list[Value] = []
    position = 0
    for argument in arguments:
        if argument.star:
            spread.append(argument.value)
        elif argument.name is None:
            if position < len(names):
                bound[Parameter(function.key, names[position])] = argument.value
                position += 1
            else:
                rest.append(argument.value)
        elif argument.name in names or any(a.arg == argument.name for a in node.args.kwonlyargs):
            bound[Parameter(function.key, argument.name)] = argument.value
        else:
            rest.append(argument.value)
    _bind_rest(function, node.args, bound, rest, spread)
    _bind_defaults(engine, function, node.args, bound, spread)
    return bound


def defaulted(
    function: Function, receiver: Value | None, arguments: tuple[Argument, ...]
) -> Iterator[tuple[str, ast.expr]]:
    """Yield the parameters that are surely left to their defaults in a call, each with its default."""
    node = function.node
    if isinstance(node, ast.Module | ast.ClassDef) or any(a.star for a in arguments):
        return
    positional = [*node.args.posonlyargs, *node.args.args]
    named = {a.name for a in arguments if a.name is not None}
    filled = sum(a.name is None for a in arguments) + (receiver is not None and not is_static(function))
    first = len(positional) - len(node.args.defaults)
    for index, default in enumerate(node.args.defaults, first):
        if index >= filled and positional[index].arg not in named:
            yield positional[index].arg, default
    for parameter, kw_default in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True):
        if kw_default is not None and parameter.arg not in named:
            yield parameter.arg, kw_default


def bind_call(
    engine: Engine, function: Function, receiver: Value | None, arguments: tuple[Argument, ...]
) -> tuple[Function, dict[Parameter, Value]]:
    """Return the body as it is for a call with these arguments, and what each of its parameters stands for."""
    bound = bind(engine, function, receiver, arguments)
    instance = {p: v for value in bound.values() for p, v in value.made}
    variant = engine.specialized(function, bound)
    if variant.key == function.key:
        return function, {**instance, **bound}
    return variant, {**instance, **{Parameter(variant.key, p.name): value for p, value in bound.items()}}


def _bind_rest(
    function: Function,
    arguments: ast.arguments,
    bound: dict[Parameter, Value],
    rest: list[Value],
    spread: list[Value],
) -> None:
    held: frozenset[Target] = EMPTY
    for value in (*rest, *spread):
        held |= value.targets | value.contents
    for variadic in (arguments.vararg, arguments.kwarg):
        if variadic is not None:
            bound[Parameter(function.key, variadic.arg)] = Value(None, EMPTY, held)


def _bind_defaults(
    engine: Engine,
    function: Function,
    arguments: ast.arguments,
    bound: dict[Parameter, Value],
    spread: list[Value],
) -> None:
    positional = [*arguments.posonlyargs, *arguments.args]
    pairs: list[tuple[ast.arg, ast.expr | None]] = [
        *zip(positional[len(positional) - len(arguments.defaults) :], arguments.defaults, strict=True),
        *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
    ]
    defaults = {a.arg: default for a, default in pairs}
    for parameter in (*positional, *arguments.kwonlyargs):
        key = Parameter(function.key, parameter.arg)
        if key in bound:
            continue
        values = list(spread)
        default = defaults.get(parameter.arg)
        if default is not None:
            values.append(engine.default(function, default))
        if values:
            targets, contents = EMPTY, EMPTY
            for value in values:
                targets, contents = targets | value.targets, contents | value.contents
            bound[key] = Value(values[-1].type, targets, contents)


def substitute(engine: Engine, value: Value, bindings: Mapping[Parameter, Value], depth: int = 0) -> Value:
    """Return ``value`` with each parameter replaced by what it stands for."""
    if not bindings:
        return value
    type_, made = value.type, dict(value.made)
    targets, contents = EMPTY, EMPTY
    for target in value.targets:
        match target:
            case Parameter() if target in bindings:
                actual = bindings[target]
                targets |= actual.targets
                contents |= actual.contents
                made.update(actual.made)
                if engine.types.is_known(actual.type):
                    type_ = actual.type
            case Item() if target.parameter in bindings:
                actual = bindings[target.parameter]
                targets |= actual.contents | {Item(t) for t in actual.targets if isinstance(t, Parameter)}
                contents |= actual.contents
                if not engine.types.is_known(type_):
                    type_ = item_type(engine, actual)
            case _:
                targets |= {_rewrite(engine, target, bindings, depth)}
    for target in value.contents:
        match target:
            case Parameter() if target in bindings:
                contents |= bindings[target].targets | bindings[target].contents
            case _:
                contents |= {_rewrite(engine, target, bindings, depth)}
    kept = tuple((p, substitute(engine, v, bindings, depth + 1)) for p, v in made.items()) if depth < DEEPEST else ()
    return Value(type_, targets, contents, kept)


def item_type(engine: Engine, value: Value) -> object:
    """Return the type of a container's items, as its type arguments or its iteration say; None for no container."""
    parts = engine.types.parts(value.type)
    if parts:
        return parts[-1]
    iterator = engine.types.call(engine.types.attribute(value.type, "__iter__"), ())
    return engine.types.call(engine.types.attribute(iterator, "__next__"), ())


def _rewrite(engine: Engine, target: Target, bindings: Mapping[Parameter, Value], depth: int) -> Target:
    if depth >= DEEPEST:
        return Opaque("a closure over closures, nested too deeply to follow")
    match target:
        case Local():
            return close(engine, target, bindings, depth)
        case Object():
            kept = tuple((p, substitute(engine, v, bindings, depth + 1)) for p, v in target.made)
            return Object(target.fullname, kept)
        case Bound():
            return Bound(target.fullname, substitute(engine, target.receiver, bindings, depth + 1), target.exact)
        case _:
            return target


def close(engine: Engine, target: Local, bindings: Mapping[Parameter, Value], depth: int = 0) -> Local:
    """Return a nested function that remembers what the parameters of the functions around it stand for."""
    around: set[str] = set()
    function = engine.function(target.key).parent
    while function is not None:
        around.add(function.key)
        function = function.parent
    kept = {p: substitute(engine, v, bindings, depth + 1) for p, v in target.bindings}
    kept.update({p: v for p, v in bindings.items() if p.owner in around and p not in kept})
    return Local(target.key, tuple(sorted(kept.items(), key=lambda pair: (pair[0].owner, pair[0].name))))
