"""Statements: what running a body does, one event after another, and which names it leaves behind.

Knows every kind of statement there is; one that it does not know is an event that can't be seen. Names are joined over
all assignments, so that the order of loops and branches does not matter; effects are what any run may do.
"""

import ast
from collections.abc import Callable, Sequence
from typing import Any, Final

from capsafe.effects.annotations import annotated
from capsafe.effects.assignment import assign, bind_name, delete_attribute
from capsafe.effects.containers import awaited, item_of, iterate, join
from capsafe.effects.definitions import define_class, define_function, import_from, import_module, parameters
from capsafe.effects.engine import Engine
from capsafe.effects.members import emit, implicit
from capsafe.effects.model import NOTHING, Argument, Definition, Event, Facts, Opaque, Value
from capsafe.effects.operators import OPERATORS, operate, truth
from capsafe.effects.patterns import match
from capsafe.effects.scope import Scope


def interpret(engine: Engine, scope: Scope) -> None:
    """Fill in the names and the facts of a freshly made scope."""
    node = scope.function.node
    if not isinstance(node, ast.Module | ast.ClassDef):
        parameters(engine, scope, node.args)
    body: Sequence[ast.stmt] = [ast.Expr(node.body)] if isinstance(node, ast.Lambda) else node.body
    # Twice: what a loop assigns at its end is seen at its beginning.
    run(engine, scope, body)
    scope.facts = Facts(returns=scope.facts.returns)
    scope.recording = True
    run(engine, scope, body)
    if isinstance(node, ast.Lambda):
        scope.recording = False
        scope.facts.returns = engine.evaluate(scope, node.body)


def run(engine: Engine, scope: Scope, body: Sequence[ast.stmt]) -> None:
    """Run statements in a scope."""
    for statement in body:
        handler = HANDLERS.get(type(statement))
        if handler is None:
            reason = Opaque(f"syntax that is not understood: {type(statement).__name__}")
            emit(scope, Event("*", Value(None, frozenset({reason})), (), statement, type(statement).__name__))
        else:
            handler(engine, scope, statement)


def _expression(engine: Engine, scope: Scope, node: ast.Expr) -> None:
    engine.evaluate(scope, node.value)


def _assignment(engine: Engine, scope: Scope, node: ast.Assign) -> None:
    value = engine.evaluate(scope, node.value)
    for target in node.targets:
        match target, node.value:
            case ast.Tuple(elts=names), ast.Tuple(elts=parts) if len(names) == len(parts) and not _has_star(node):
                for name, part in zip(names, parts, strict=True):
                    assign(engine, scope, name, engine.evaluate(Scope(scope.function, scope.source, scope), part))
            case _:
                assign(engine, scope, target, value)


def _has_star(node: ast.AST) -> bool:
    return any(isinstance(n, ast.Starred) for n in ast.walk(node))


def _annotated_assignment(engine: Engine, scope: Scope, node: ast.AnnAssign) -> None:
    declared = annotated(engine, scope, node.annotation)
    if node.value is not None:
        value = engine.evaluate(scope, node.value)
        type_ = declared if engine.types.is_known(declared) and not engine.types.is_known(value.type) else value.type
        assign(engine, scope, node.target, Value(type_, value.targets, value.contents))


def _augmented(engine: Engine, scope: Scope, node: ast.AugAssign) -> None:
    load = _as_load(node.target)
    left, right = engine.evaluate(scope, load), engine.evaluate(scope, node.value)
    in_place = f"__i{OPERATORS[type(node.op)]}__"
    if engine.types.members(left.type, in_place):
        value = implicit(engine, scope, left, in_place, node, (Argument(right),))
        value = Value(value.type, value.targets, left.contents | right.contents)
    else:
        value = operate(engine, scope, type(node.op), left, right, node)
    assign(engine, scope, node.target, value)


def _as_load(target: ast.expr) -> ast.expr:
    loaded = ast.parse(ast.unparse(target), mode="eval").body
    return ast.copy_location(loaded, target)


def _for(engine: Engine, scope: Scope, node: ast.For | ast.AsyncFor) -> None:
    source = engine.evaluate(scope, node.iter)
    item = iterate(engine, scope, source, node.iter, asynchronous=isinstance(node, ast.AsyncFor))
    assign(engine, scope, node.target, item)
    run(engine, scope, node.body)
    run(engine, scope, node.orelse)


def _while(engine: Engine, scope: Scope, node: ast.While) -> None:
    truth(engine, scope, engine.evaluate(scope, node.test), node.test)
    run(engine, scope, node.body)
    run(engine, scope, node.orelse)


def _if(engine: Engine, scope: Scope, node: ast.If) -> None:
    if _is_type_checking(node.test):
        run(engine, scope, node.orelse)
        return
    truth(engine, scope, engine.evaluate(scope, node.test), node.test)
    narrowed = narrow(engine, scope, node.test)
    before = {name: scope.env.get(name) for name in narrowed}
    scope.env.update(narrowed)
    run(engine, scope, node.body)
    for name, value in before.items():
        if value is None:
            scope.env.pop(name, None)
        else:
            scope.env[name] = value
    run(engine, scope, node.orelse)


def _is_type_checking(test: ast.expr) -> bool:
    return (isinstance(test, ast.Name) and test.id == "TYPE_CHECKING") or (
        isinstance(test, ast.Attribute) and test.attr == "TYPE_CHECKING"
    )


def narrow(engine: Engine, scope: Scope, test: ast.expr) -> dict[str, Value]:
    """Return the names that ``isinstance`` in a condition says more about."""
    match test:
        case ast.BoolOp(op=ast.And()):
            found: dict[str, Value] = {}
            for part in test.values:
                found.update(narrow(engine, scope, part))
            return found
        case ast.Call(func=ast.Name(id="isinstance"), args=[ast.Name(id=name), classes]):
            nodes = classes.elts if isinstance(classes, ast.Tuple) else [classes]
            kinds = [annotated(engine, scope, n) for n in nodes]
            value = engine.name(scope, name)
            if all(engine.types.is_known(k) for k in kinds):
                return {name: Value(engine.types.union(kinds), value.targets, value.contents)}
        case _:
            pass
    return {}


def _with(engine: Engine, scope: Scope, node: ast.With | ast.AsyncWith) -> None:
    asynchronous = isinstance(node, ast.AsyncWith)
    enter, leave = ("__aenter__", "__aexit__") if asynchronous else ("__enter__", "__exit__")
    for item in node.items:
        context = engine.evaluate(scope, item.context_expr)
        entered = implicit(engine, scope, context, enter, item.context_expr)
        implicit(engine, scope, context, leave, item.context_expr, (Argument(NOTHING),) * 3)
        if item.optional_vars is not None:
            type_ = awaited(engine, entered.type) if asynchronous else entered.type
            held_ = item_of(engine, context)
            assign(engine, scope, item.optional_vars, Value(type_, held_.targets | entered.targets, held_.contents))
    run(engine, scope, node.body)


def _try(engine: Engine, scope: Scope, node: ast.Try | ast.TryStar) -> None:
    run(engine, scope, node.body)
    for handler in node.handlers:
        if handler.type is not None:
            engine.evaluate(scope, handler.type)
            if handler.name is not None:
                nodes = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
                kinds = [annotated(engine, scope, n) for n in nodes]
                kind = engine.types.union(kinds) if all(engine.types.is_known(k) for k in kinds) else None
                bind_name(engine, scope, handler.name, Value(kind or engine.types.instance("builtins.BaseException")))
        run(engine, scope, handler.body)
    run(engine, scope, node.orelse)
    run(engine, scope, node.finalbody)


def _return(engine: Engine, scope: Scope, node: ast.Return) -> None:
    if node.value is not None:
        value = engine.evaluate(scope, node.value)
        scope.facts.returns = join(engine, [scope.facts.returns, value])


def _raise(engine: Engine, scope: Scope, node: ast.Raise) -> None:
    for part in (node.exc, node.cause):
        if part is None:
            continue
        value = engine.evaluate(scope, part)
        if any(isinstance(t, Definition) and engine.is_class(t.fullname) for t in value.targets):
            emit(scope, Event("()", value, (), part, ast.unparse(part)))  # a class that is raised is constructed


def _assert(engine: Engine, scope: Scope, node: ast.Assert) -> None:
    truth(engine, scope, engine.evaluate(scope, node.test), node.test)
    scope.env.update(narrow(engine, scope, node.test))
    if node.msg is not None:
        engine.evaluate(scope, node.msg)


def _delete(engine: Engine, scope: Scope, node: ast.Delete) -> None:
    for target in node.targets:
        if isinstance(target, ast.Attribute):
            delete_attribute(engine, scope, engine.evaluate(scope, target.value), target)
        elif not isinstance(target, ast.Name):
            engine.evaluate(scope, target)


def _nothing(engine: Engine, scope: Scope, node: ast.stmt) -> None:
    del engine, scope, node


def _class(engine: Engine, scope: Scope, node: ast.ClassDef) -> None:
    define_class(engine, scope, node, run)


def _match(engine: Engine, scope: Scope, node: ast.Match) -> None:
    subject = engine.evaluate(scope, node.subject)
    for case in node.cases:
        match(engine, scope, case.pattern, subject)
        if case.guard is not None:
            truth(engine, scope, engine.evaluate(scope, case.guard), case.guard)
        run(engine, scope, case.body)


HANDLERS: Final[dict[type[ast.AST], Callable[[Engine, Scope, Any], None]]] = {
    ast.AnnAssign: _annotated_assignment,
    ast.Assert: _assert,
    ast.Assign: _assignment,
    ast.AsyncFor: _for,
    ast.AsyncFunctionDef: define_function,
    ast.AsyncWith: _with,
    ast.AugAssign: _augmented,
    ast.Break: _nothing,
    ast.ClassDef: _class,
    ast.Continue: _nothing,
    ast.Delete: _delete,
    ast.Expr: _expression,
    ast.For: _for,
    ast.FunctionDef: define_function,
    ast.Global: _nothing,
    ast.If: _if,
    ast.Import: import_module,
    ast.ImportFrom: import_from,
    ast.Match: _match,
    ast.Nonlocal: _nothing,
    ast.Pass: _nothing,
    ast.Raise: _raise,
    ast.Return: _return,
    ast.Try: _try,
    ast.TryStar: _try,
    ast.While: _while,
    ast.With: _with,
}
if hasattr(ast, "TypeAlias"):  # Python 3.12
    HANDLERS[ast.TypeAlias] = _nothing
