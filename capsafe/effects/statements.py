"""Statements: what running a body does, one event after another, and which names it leaves behind.

Knows every kind of statement there is; one that it does not know is an event that can't be seen. Names are joined over
all assignments, so that the order of loops and branches does not matter; effects are what any run may do.
"""

import ast
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from capsafe.effects.annotations import annotated
from capsafe.effects.binding import is_static
from capsafe.effects.engine import Engine, Scope
from capsafe.effects.expressions import awaited, evaluate, held, item_of, iterate, join, operate, truth
from capsafe.effects.members import emit, implicit
from capsafe.effects.model import (
    EMPTY,
    NOTHING,
    Argument,
    Bound,
    Definition,
    Event,
    Facts,
    Local,
    Module,
    Opaque,
    Parameter,
    Value,
)
from capsafe.effects.source import absolute


def interpret(engine: Engine, scope: Scope) -> None:
    """Fill in the names and the facts of a freshly made scope."""
    node = scope.function.node
    if not isinstance(node, ast.Module | ast.ClassDef):
        _parameters(engine, scope, node.args)
    body: Sequence[ast.stmt] = [ast.Expr(node.body)] if isinstance(node, ast.Lambda) else node.body
    # Twice: what a loop assigns at its end is seen at its beginning.
    run(engine, scope, body)
    scope.facts = Facts(returns=scope.facts.returns)
    scope.recording = True
    run(engine, scope, body)
    if isinstance(node, ast.Lambda):
        scope.recording = False
        scope.facts.returns = evaluate(engine, scope, node.body)


def run(engine: Engine, scope: Scope, body: Sequence[ast.stmt]) -> None:
    """Run statements in a scope."""
    for statement in body:
        handler = HANDLERS.get(type(statement))
        if handler is None:
            reason = Opaque(f"syntax that is not understood: {type(statement).__name__}")
            emit(scope, Event("*", Value(None, frozenset({reason})), (), statement, type(statement).__name__))
        else:
            handler(engine, scope, statement)


def _parameters(engine: Engine, scope: Scope, arguments: ast.arguments) -> None:
    function = scope.function
    declared = engine.types.parameters(f"{function.module}.{function.qualname}")
    positional = [*arguments.posonlyargs, *arguments.args]
    for position, argument in enumerate((*positional, *arguments.kwonlyargs)):
        type_ = declared.get(argument.arg)
        if not engine.types.is_known(type_):
            type_ = annotated(engine, _outside(engine, scope), argument.annotation)
        first = position == 0 and bool(positional) and function.owner is not None and not is_static(function)
        if first and function.owner is not None:
            type_ = None if _is_class_method(function.node) else engine.types.instance(function.owner)
        scope.env[argument.arg] = Value(type_, frozenset({Parameter(function.key, argument.arg)}))
    for variadic, container in ((arguments.vararg, "builtins.tuple"), (arguments.kwarg, "builtins.dict")):
        if variadic is None:
            continue
        item = annotated(engine, _outside(engine, scope), variadic.annotation)
        parameter = frozenset({Parameter(function.key, variadic.arg)})
        kinds = [item] if container == "builtins.tuple" else [engine.types.instance("builtins.str"), item]
        type_ = (
            engine.types.sequence(item) if container == "builtins.tuple" else engine.types.instance(container, kinds)
        )
        scope.env[variadic.arg] = Value(type_, EMPTY, parameter)


def _outside(engine: Engine, scope: Scope) -> Scope:
    return scope.parent or engine.module_scope(scope.source)


def _is_class_method(node: ast.AST) -> bool:
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return False
    names = {d.id for d in node.decorator_list if isinstance(d, ast.Name)}
    return "classmethod" in names or node.name in {"__new__", "__init_subclass__", "__class_getitem__"}


def assign(engine: Engine, scope: Scope, target: ast.expr, value: Value) -> None:
    """Bind a target to a value, joined with whatever it was bound to before."""
    match target:
        case ast.Name():
            _bind(engine, scope, target.id, value)
        case ast.Tuple() | ast.List():
            _unpack(engine, scope, target, value)
        case ast.Starred():
            kind = engine.types.instance("builtins.list", [value.type])
            assign(engine, scope, target.value, Value(kind, EMPTY, held([value])))
        case ast.Attribute():
            _assign_attribute(engine, scope, target, value)
        case ast.Subscript():
            evaluate(engine, scope, target)
            if isinstance(target.value, ast.Name):
                known = scope.env.get(target.value.id)
                if known is not None:
                    kept = Value(known.type, known.targets, known.contents | held([value]))
                    scope.env[target.value.id] = kept
        case _:
            evaluate(engine, scope, target)


def _bind(engine: Engine, scope: Scope, name: str, value: Value) -> None:
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
    base = evaluate(engine, scope, target.value)
    if isinstance(target.value, ast.Name):
        _bind(engine, scope, f"{target.value.id}.{target.attr}", value)
    for member in engine.types.members(base.type, target.attr):
        if member.kind == "property":
            setter = Value(None, frozenset({Bound(member.fullname, base)}))
            emit(scope, Event("()", setter, (Argument(value),), target, ast.unparse(target)))
    for member in engine.types.members(base.type, "__setattr__"):
        if engine.has_source(member.fullname):
            implicit(engine, scope, base, "__setattr__", target, (Argument(NOTHING), Argument(value)))


def _expression(engine: Engine, scope: Scope, node: ast.Expr) -> None:
    evaluate(engine, scope, node.value)


def _assignment(engine: Engine, scope: Scope, node: ast.Assign) -> None:
    value = evaluate(engine, scope, node.value)
    for target in node.targets:
        assign(engine, scope, target, value)


def _annotated_assignment(engine: Engine, scope: Scope, node: ast.AnnAssign) -> None:
    declared = annotated(engine, scope, node.annotation)
    if node.value is not None:
        value = evaluate(engine, scope, node.value)
        type_ = declared if engine.types.is_known(declared) and not engine.types.is_known(value.type) else value.type
        assign(engine, scope, node.target, Value(type_, value.targets, value.contents))


def _augmented(engine: Engine, scope: Scope, node: ast.AugAssign) -> None:
    load = _as_load(node.target)
    left, right = evaluate(engine, scope, load), evaluate(engine, scope, node.value)
    assign(engine, scope, node.target, operate(engine, scope, type(node.op), left, right, node))


def _as_load(target: ast.expr) -> ast.expr:
    loaded = ast.parse(ast.unparse(target), mode="eval").body
    return ast.copy_location(loaded, target)


def _for(engine: Engine, scope: Scope, node: ast.For | ast.AsyncFor) -> None:
    source = evaluate(engine, scope, node.iter)
    item = iterate(engine, scope, source, node.iter, asynchronous=isinstance(node, ast.AsyncFor))
    assign(engine, scope, node.target, item)
    run(engine, scope, node.body)
    run(engine, scope, node.orelse)


def _while(engine: Engine, scope: Scope, node: ast.While) -> None:
    truth(engine, scope, evaluate(engine, scope, node.test), node.test)
    run(engine, scope, node.body)
    run(engine, scope, node.orelse)


def _if(engine: Engine, scope: Scope, node: ast.If) -> None:
    if _is_type_checking(node.test):
        run(engine, scope, node.orelse)
        return
    truth(engine, scope, evaluate(engine, scope, node.test), node.test)
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
        context = evaluate(engine, scope, item.context_expr)
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
            evaluate(engine, scope, handler.type)
            if handler.name is not None:
                nodes = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
                kinds = [annotated(engine, scope, n) for n in nodes]
                kind = engine.types.union(kinds) if all(engine.types.is_known(k) for k in kinds) else None
                _bind(engine, scope, handler.name, Value(kind or engine.types.instance("builtins.BaseException")))
        run(engine, scope, handler.body)
    run(engine, scope, node.orelse)
    run(engine, scope, node.finalbody)


def _return(engine: Engine, scope: Scope, node: ast.Return) -> None:
    if node.value is not None:
        value = evaluate(engine, scope, node.value)
        scope.facts.returns = join(engine, [scope.facts.returns, value])


def _raise(engine: Engine, scope: Scope, node: ast.Raise) -> None:
    for part in (node.exc, node.cause):
        if part is None:
            continue
        value = evaluate(engine, scope, part)
        if any(isinstance(t, Definition) and engine.is_class(t.fullname) for t in value.targets):
            emit(scope, Event("()", value, (), part, ast.unparse(part)))  # a class that is raised is constructed


def _assert(engine: Engine, scope: Scope, node: ast.Assert) -> None:
    truth(engine, scope, evaluate(engine, scope, node.test), node.test)
    scope.env.update(narrow(engine, scope, node.test))
    if node.msg is not None:
        evaluate(engine, scope, node.msg)


def _delete(engine: Engine, scope: Scope, node: ast.Delete) -> None:
    for target in node.targets:
        if not isinstance(target, ast.Name):
            evaluate(engine, scope, target)


def _nothing(engine: Engine, scope: Scope, node: ast.stmt) -> None:
    del engine, scope, node


def _import(engine: Engine, scope: Scope, node: ast.Import) -> None:
    for alias in node.names:
        emit(scope, Event("import", Value(None, frozenset({Module(alias.name)})), (), node, f"import {alias.name}"))
        bound = alias.asname or alias.name.partition(".")[0]
        scope.env[bound] = Value(None, frozenset({Module(alias.name if alias.asname else bound)}))
    del engine


def _import_from(engine: Engine, scope: Scope, node: ast.ImportFrom) -> None:
    origin = absolute(scope.source, node)
    emit(scope, Event("import", Value(None, frozenset({Module(origin)})), (), node, f"import {origin}"))
    if scope.function.qualname == "<module>":
        return  # a module's own names are resolved where they are used
    for alias in node.names:
        scope.env[alias.asname or alias.name] = engine.module_attribute(origin, alias.name)


def _function(engine: Engine, scope: Scope, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    define(engine, scope, node)
    if scope.function.qualname != "<module>":
        function = engine.nested(scope, node, node.name)
        replaced = engine.decorated(function)
        scope.env[node.name] = replaced or Value(None, frozenset({Local(function.key)}))


def define(engine: Engine, scope: Scope, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    """Record what defining a function does: its defaults and its decorators are evaluated then."""
    for default in (*node.args.defaults, *node.args.kw_defaults):
        if default is not None:
            evaluate(engine, scope, default)
    for decorator in node.decorator_list:
        if not engine.is_transparent(scope, decorator):
            maker = evaluate(engine, scope, decorator)
            emit(scope, Event("()", maker, (Argument(NOTHING),), decorator, ast.unparse(decorator)))


def _class(engine: Engine, scope: Scope, node: ast.ClassDef) -> None:
    for decorator in node.decorator_list:
        if not engine.is_transparent(scope, decorator):
            maker = evaluate(engine, scope, decorator)
            emit(scope, Event("()", maker, (Argument(NOTHING),), decorator, ast.unparse(decorator)))
    for part in (*node.bases, *(k.value for k in node.keywords)):
        evaluate(engine, scope, part)
    inside = Scope(scope.function, scope.source, scope)
    inside.facts, inside.recording = scope.facts, scope.recording
    for statement in node.body:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            define(engine, inside, statement)
        else:
            run(engine, inside, [statement])
    if scope.function.qualname != "<module>":
        engine.enclose(scope, node)
        name = f"{scope.source.module}.{node.name}@{node.lineno}"
        scope.env[node.name] = Value(None, frozenset({Definition(name)}))


def _match(engine: Engine, scope: Scope, node: ast.Match) -> None:
    subject = evaluate(engine, scope, node.subject)
    for case in node.cases:
        _pattern(engine, scope, case.pattern, subject)
        if case.guard is not None:
            truth(engine, scope, evaluate(engine, scope, case.guard), case.guard)
        run(engine, scope, case.body)


def _pattern(engine: Engine, scope: Scope, pattern: ast.pattern, subject: Value) -> None:
    match pattern:
        case ast.MatchValue():
            evaluate(engine, scope, pattern.value)
        case ast.MatchClass():
            evaluate(engine, scope, pattern.cls)
            kind = annotated(engine, scope, pattern.cls)
            inner = Value(kind, subject.targets, subject.contents)
            for name, part in zip(pattern.kwd_attrs, pattern.kwd_patterns, strict=True):
                _pattern(engine, scope, part, Value(engine.types.attribute(kind, name)))
            for part in pattern.patterns:
                _pattern(engine, scope, part, inner)
        case ast.MatchAs():
            if pattern.pattern is not None:
                _pattern(engine, scope, pattern.pattern, subject)
                kind = (
                    annotated(engine, scope, pattern.pattern.cls)
                    if isinstance(pattern.pattern, ast.MatchClass)
                    else None
                )
                subject = Value(kind or subject.type, subject.targets, subject.contents)
            if pattern.name is not None:
                _bind(engine, scope, pattern.name, subject)
        case ast.MatchOr() | ast.MatchSequence():
            inner = subject if isinstance(pattern, ast.MatchOr) else item_of(engine, subject)
            for part in pattern.patterns:
                _pattern(engine, scope, part, inner)
        case ast.MatchMapping():
            for part in pattern.patterns:
                _pattern(engine, scope, part, item_of(engine, subject))
            if pattern.rest is not None:
                _bind(engine, scope, pattern.rest, subject)
        case ast.MatchStar():
            if pattern.name is not None:
                _bind(engine, scope, pattern.name, subject)
        case _:
            pass


HANDLERS: Final[Mapping[type[ast.stmt], Callable[[Engine, Scope, ast.stmt], None]]] = {  # type: ignore[assignment] # each takes the node it is listed for
    ast.AnnAssign: _annotated_assignment,
    ast.Assert: _assert,
    ast.Assign: _assignment,
    ast.AsyncFor: _for,
    ast.AsyncFunctionDef: _function,
    ast.AsyncWith: _with,
    ast.AugAssign: _augmented,
    ast.Break: _nothing,
    ast.ClassDef: _class,
    ast.Continue: _nothing,
    ast.Delete: _delete,
    ast.Expr: _expression,
    ast.For: _for,
    ast.FunctionDef: _function,
    ast.Global: _nothing,
    ast.If: _if,
    ast.Import: _import,
    ast.ImportFrom: _import_from,
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
    HANDLERS = {**HANDLERS, ast.TypeAlias: _nothing}
