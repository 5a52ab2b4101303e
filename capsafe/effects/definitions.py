"""Definitions: what defining a function, a class or an imported name does, and the parameters a body begins with.

Knows decorators, defaults, class bodies and imports. It refuses to know what the defined bodies do.
"""

import ast
from collections.abc import Callable, Sequence

from capsafe.effects.annotations import annotated
from capsafe.effects.binding import is_static
from capsafe.effects.engine import Engine
from capsafe.effects.members import emit
from capsafe.effects.model import EMPTY, NOTHING, Argument, Bound, Definition, Event, Local, Module, Parameter, Value
from capsafe.effects.scope import Scope
from capsafe.effects.source import absolute

Run = Callable[[Engine, Scope, Sequence[ast.stmt]], None]


def parameters(engine: Engine, scope: Scope, arguments: ast.arguments) -> None:
    """Bind the parameters of a body: each stands for whatever a caller passes."""
    function = scope.function
    declared = engine.types.parameters(f"{function.module}.{function.qualname}")
    positional = [*arguments.posonlyargs, *arguments.args]
    for position, argument in enumerate((*positional, *arguments.kwonlyargs)):
        type_ = declared.get(argument.arg)
        if not engine.types.is_known(type_):
            type_ = engine.hints.get(function.key, {}).get(argument.arg)
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


def import_module(engine: Engine, scope: Scope, node: ast.Import) -> None:
    """Record ``import a.b``, and bind its name."""
    for alias in node.names:
        emit(scope, _importing(scope, alias.name, node))
        bound = alias.asname or alias.name.partition(".")[0]
        scope.env[bound] = Value(None, frozenset({Module(alias.name if alias.asname else bound)}))
    del engine


def _importing(scope: Scope, module: str, node: ast.stmt) -> Event:
    how = "import" if scope.function.qualname == "<module>" else "import late"
    return Event(how, Value(None, frozenset({Module(module)})), (), node, f"import {module}")


def import_from(engine: Engine, scope: Scope, node: ast.ImportFrom) -> None:
    """Record ``from a import b``, and bind its names."""
    origin = absolute(scope.source, node)
    emit(scope, _importing(scope, origin, node))
    for alias in node.names:
        submodule = f"{origin}.{alias.name}"
        if alias.name != "*" and engine.is_module(submodule):
            emit(scope, _importing(scope, submodule, node))
    if scope.function.qualname == "<module>":
        return  # a module's own names are resolved where they are used
    for alias in node.names:
        scope.env[alias.asname or alias.name] = engine.module_attribute(origin, alias.name)


def define_function(engine: Engine, scope: Scope, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    """Record what defining a function does, and bind its name."""
    define(engine, scope, node)
    if scope.function.qualname != "<module>":
        function = engine.nested(scope, node, node.name)
        replaced = engine.decorated(function)
        scope.env[node.name] = replaced or Value(None, frozenset({Local(function.key)}))


def define(engine: Engine, scope: Scope, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    """Record what defining a function does: its defaults and its decorators are evaluated then."""
    for default in (*node.args.defaults, *node.args.kw_defaults):
        if default is not None:
            engine.evaluate(scope, default)
    for decorator in node.decorator_list:
        if not engine.is_transparent(scope, decorator):
            maker = engine.evaluate(scope, decorator)
            emit(scope, Event("()", maker, (Argument(NOTHING),), decorator, ast.unparse(decorator)))


def _subclass(engine: Engine, scope: Scope, base: Value, node: ast.expr) -> None:
    for target in base.targets:
        if isinstance(target, Definition):
            member = engine.types.class_member(target.fullname, "__init_subclass__")
            if member is not None and engine.has_source(member.fullname):
                hook = Value(None, frozenset({Bound(member.fullname, base)}))
                emit(scope, Event("()", hook, (), node, ast.unparse(node)))


def define_class(engine: Engine, scope: Scope, node: ast.ClassDef, run: Run) -> None:
    """Record what defining a class does: its decorators, its bases and its body run then."""
    for decorator in node.decorator_list:
        if not engine.is_transparent(scope, decorator):
            maker = engine.evaluate(scope, decorator)
            emit(scope, Event("()", maker, (Argument(NOTHING),), decorator, ast.unparse(decorator)))
    for part in node.bases:
        _subclass(engine, scope, engine.evaluate(scope, part), part)
    for keyword in node.keywords:
        engine.evaluate(scope, keyword.value)
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
