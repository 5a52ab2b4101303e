"""Expressions: what each may denote, and what evaluating it does.

Knows every kind of expression there is; one that it does not know is an event that can't be seen, never silence. It
refuses to know statements and what the things it meets do in turn.
"""

import ast
from collections.abc import Callable, Mapping
from typing import Any, Final

from capsafe.effects import displays, known, operators
from capsafe.effects.assignment import fill, set_attribute
from capsafe.effects.containers import awaited, held, item_of, iterate, join, starred
from capsafe.effects.engine import Engine
from capsafe.effects.members import attribute, emit, emit_held, emit_read, implicit
from capsafe.effects.model import EMPTY, NOTHING, Argument, Bound, Definition, Event, Local, Opaque, Value
from capsafe.effects.operators import is_users
from capsafe.effects.results import result_of
from capsafe.effects.scope import Scope


def evaluate(engine: Engine, scope: Scope, node: ast.expr) -> Value:
    """Return the value of an expression, and record in the scope what evaluating it does."""
    handler = HANDLERS.get(type(node))
    if handler is None:
        value = Value(None, frozenset({Opaque(f"syntax that is not understood: {type(node).__name__}")}))
        emit(scope, Event("*", value, (), node, ast.unparse(node)))
    else:
        value = handler(engine, scope, node)
    exact = engine.types.at(scope.source.path, node)
    if not engine.types.is_known(exact):
        return value
    if engine.types.is_precise(value.type) and (isinstance(node, DISPLAYS) or not engine.types.is_precise(exact)):
        # In a function without annotations the checker infers no more than the outermost type; and of a display it says
        # what is wanted of its items, where it is known what they are.
        return value
    return Value(exact, value.targets, value.contents, value.made)


DISPLAYS: Final = (ast.List, ast.Set, ast.Tuple, ast.Dict)
FILLING: Final = frozenset({"add", "append", "insert", "setdefault"})


def _constant(engine: Engine, scope: Scope, node: ast.Constant) -> Value:
    del scope
    name = "types.EllipsisType" if node.value is ... else f"builtins.{type(node.value).__name__}"
    return Value(engine.types.instance("types.NoneType" if node.value is None else name))


def _name(engine: Engine, scope: Scope, node: ast.Name) -> Value:
    value = engine.name(scope, node.id)
    if scope.find(node.id) is None:
        symbol = engine.types.symbol(scope.source.module, node.id)
        if symbol is not None and symbol.kind == "variable" and engine.stubs.find(symbol.fullname) is None:
            exact = engine.types.at(scope.source.path, node)
            emit_held(engine, scope, Value(exact) if engine.types.is_known(exact) else value, node)
        emit_read(engine, scope, value, node)
        value = without_reads(engine, value)
        if any(isinstance(t, Opaque) for t in value.targets):
            exact = engine.types.at(scope.source.path, node)
            if engine.types.is_known(exact):
                return Value(exact)  # a name of a comprehension around: the type checker knows it
    return value


def without_reads(engine: Engine, value: Value) -> Value:
    """Return a value as it is after reading: mere data where a stub speaks of the variable that it came from."""
    # A variable that a stub speaks of was read here; what it holds is an object like any other from now on.
    kept = frozenset(t for t in value.targets if not (isinstance(t, Definition) and engine.is_variable(t.fullname)))
    return Value(value.type, kept, value.contents, value.made)


def _attribute(engine: Engine, scope: Scope, node: ast.Attribute) -> Value:
    if isinstance(node.value, ast.Name):
        stored = scope.find(f"{node.value.id}.{node.attr}")
        if stored is not None:
            return stored
    base = _super(engine, scope, node.value) or engine.evaluate(scope, node.value)
    value = attribute(engine, scope, base, node.attr, node)
    emit_read(engine, scope, value, node)
    return without_reads(engine, value)


def _super(engine: Engine, scope: Scope, node: ast.expr) -> Value | None:
    """Return ``super()`` as a value: the bases after the class that the method stands in."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "super"):
        return None
    current: Scope | None = scope
    while current is not None and current.function.owner is None:
        current = current.parent
    if current is None or current.function.owner is None:
        return None
    for argument in node.args:
        engine.evaluate(scope, argument)
    return engine.after(current)


def _call(engine: Engine, scope: Scope, node: ast.Call) -> Value:
    callee = engine.evaluate(scope, node.func)
    arguments: list[Argument] = []
    _hint_lambdas(engine, scope, callee, node)
    for item in node.args:
        spread = isinstance(item, ast.Starred)
        inner = item.value if isinstance(item, ast.Starred) else item
        value = engine.evaluate(scope, inner)
        if spread:
            value = starred(engine, scope, value, inner)
        arguments.append(Argument(value, None, spread, node=inner))
    for keyword in node.keywords:
        value = engine.evaluate(scope, keyword.value)
        if keyword.arg is None:
            value = item_of(engine, value)
        spread = keyword.arg is None
        arguments.append(Argument(value, keyword.arg, spread, spread, keyword.value))
    if isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name) and node.func.attr in FILLING:
        fill(engine, scope, node.func.value.id, [a.value for a in arguments])
    special = _special(engine, scope, callee, arguments, node)
    if special is not None:
        return special
    emit(scope, Event("()", callee, tuple(arguments), node, ast.unparse(node.func)))
    return result_of(engine, callee, tuple(arguments))


def _hint_lambdas(engine: Engine, scope: Scope, callee: Value, node: ast.Call) -> None:
    """Note what a lambda is called with, where the function that it is given to calls it with the items of another."""
    names = [t.fullname for t in callee.targets if isinstance(t, Definition | Bound)]
    if len(names) != 1 or names[0] not in known.ELEMENTWISE:
        return
    place, items = known.ELEMENTWISE[names[0]]
    given = (
        [k.value for k in node.keywords if k.arg == place] if isinstance(place, str) else node.args[place : place + 1]
    )
    if not given or not isinstance(given[0], ast.Lambda):
        return
    quiet = Scope(scope.function, scope.source, scope)
    receivers = [t.receiver for t in callee.targets if isinstance(t, Bound)]
    sources = receivers or [engine.evaluate(quiet, n) for n in node.args[items:] if not isinstance(n, ast.Starred)]
    kinds = [iterate(engine, quiet, source, node).type for source in sources]
    function = engine.nested(scope, given[0], "<lambda>")
    parameters = given[0].args.args
    if names[0] == known.REDUCE and len(node.args) == len(parameters):
        kinds *= len(parameters)  # without a first value both are items
    if len(kinds) == 1 or len(parameters) == len(kinds):
        engine.hints.setdefault(function.key, {p.arg: k for p, k in zip(parameters, kinds, strict=False)})


def _special(engine: Engine, scope: Scope, callee: Value, arguments: list[Argument], node: ast.Call) -> Value | None:
    names = {t.fullname for t in callee.targets if isinstance(t, Definition)}
    if names & known.GETATTR and len(arguments) > 1:
        wanted = arguments[1].node
        if isinstance(wanted, ast.Constant) and isinstance(wanted.value, str) and "builtins.getattr" not in names:
            if "builtins.hasattr" in names:
                attribute(engine, scope, arguments[0].value, wanted.value, node)
            else:
                set_attribute(engine, scope, arguments[0].value, wanted.value, arguments[-1].value, node)
            return None  # what remains is what the stub says
        if isinstance(wanted, ast.Constant) and isinstance(wanted.value, str):
            found = attribute(engine, scope, arguments[0].value, wanted.value, node)
            emit_read(engine, scope, found, node)
            return join(engine, [without_reads(engine, found), *(a.value for a in arguments[2:])])
        reason = Opaque(f"getattr() with a name that is computed: {ast.unparse(node)}")
        value = Value(None, frozenset({reason}))
        emit(scope, Event("*", value, (), node, ast.unparse(node)))
        return value
    if names == {"builtins.type"} and len(arguments) == 1:
        classes = engine.types.classes(arguments[0].value.type)
        return Value(None, frozenset({Definition(classes[0])}) if classes else EMPTY)
    return None


def _lambda(engine: Engine, scope: Scope, node: ast.Lambda) -> Value:
    _defaults(engine, scope, node.args)
    function = engine.nested(scope, node, "<lambda>")
    return Value(None, frozenset({Local(function.key)}))


def _defaults(engine: Engine, scope: Scope, arguments: ast.arguments) -> None:
    for default in (*arguments.defaults, *arguments.kw_defaults):
        if default is not None:
            engine.evaluate(scope, default)


def _await(engine: Engine, scope: Scope, node: ast.Await) -> Value:
    value = engine.evaluate(scope, node.value)
    if is_users(engine, value, "__await__"):
        implicit(engine, scope, value, "__await__", node)
    return Value(awaited(engine, value.type), value.targets, value.contents)


def _yield(engine: Engine, scope: Scope, node: ast.Yield) -> Value:
    if node.value is not None:
        value = engine.evaluate(scope, node.value)
        returns = scope.facts.returns
        scope.facts.returns = Value(returns.type, returns.targets, returns.contents | held(engine, [value]))
    return NOTHING


def _yield_from(engine: Engine, scope: Scope, node: ast.YieldFrom) -> Value:
    value = engine.evaluate(scope, node.value)
    iterate(engine, scope, value, node.value)
    returns = scope.facts.returns
    scope.facts.returns = Value(returns.type, returns.targets, returns.contents | value.contents)
    return NOTHING


def _walrus(engine: Engine, scope: Scope, node: ast.NamedExpr) -> Value:
    value = engine.evaluate(scope, node.value)
    scope.env[node.target.id] = value
    return value


def _star(engine: Engine, scope: Scope, node: ast.Starred) -> Value:
    return engine.evaluate(scope, node.value)


HANDLERS: Final[Mapping[type[ast.AST], Callable[[Engine, Scope, Any], Value]]] = {
    **displays.HANDLERS,
    **operators.HANDLERS,
    ast.Attribute: _attribute,
    ast.Await: _await,
    ast.Call: _call,
    ast.Constant: _constant,
    ast.Lambda: _lambda,
    ast.Name: _name,
    ast.NamedExpr: _walrus,
    ast.Starred: _star,
    ast.Yield: _yield,
    ast.YieldFrom: _yield_from,
}
