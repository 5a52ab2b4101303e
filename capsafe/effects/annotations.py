"""Annotations in source text as types, for what no symbol table holds: nested functions, private functions, locals.

Knows the forms of annotations. It refuses to guess: a form that it does not know says nothing about the type.
"""

import ast

from capsafe.effects.engine import Engine
from capsafe.effects.model import Definition
from capsafe.effects.scope import Scope


def annotated(engine: Engine, scope: Scope, node: ast.expr | None) -> object:
    """Return the type that an annotation says, None when it says none that is understood."""
    match node:
        case None:
            return None
        case ast.Constant(value=str() as text):
            try:
                return annotated(engine, scope, ast.parse(text, mode="eval").body)
            except SyntaxError:
                return None
        case ast.Constant(value=None):
            return engine.types.instance("types.NoneType")
        case ast.BinOp(op=ast.BitOr()):
            return _union(engine, [annotated(engine, scope, node.left), annotated(engine, scope, node.right)])
        case ast.Subscript():
            return _subscripted(engine, scope, node)
        case ast.Name() | ast.Attribute():
            return _named(engine, scope, node)
        case _:
            return None


def _union(engine: Engine, items: list[object]) -> object:
    return engine.types.union(items) if all(engine.types.is_known(i) for i in items) else None


def _fullname(engine: Engine, scope: Scope, node: ast.expr) -> str | None:
    match node:
        case ast.Name():
            value = engine.name(scope, node.id)
        case ast.Attribute(value=ast.Name() as base):
            modules = [getattr(t, "fullname", "") for t in engine.name(scope, base.id).targets]
            value = engine.module_attribute(modules[0], node.attr) if modules else engine.name(scope, base.id)
        case _:
            return None
    names = [t.fullname for t in value.targets if isinstance(t, Definition)]
    return names[0] if len(names) == 1 else None


def _named(engine: Engine, scope: Scope, node: ast.expr) -> object:
    name = _fullname(engine, scope, node)
    if name is None:
        return None
    alias = engine.types.alias(name)
    if engine.types.is_known(alias):
        return alias
    return engine.types.instance(name)


def _subscripted(engine: Engine, scope: Scope, node: ast.Subscript) -> object:
    name = _fullname(engine, scope, node.value)
    inner = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    match name:
        case None:
            return None
        case "typing.Optional":
            return _union(engine, [annotated(engine, scope, inner[0]), engine.types.instance("types.NoneType")])
        case "typing.Union":
            return _union(engine, [annotated(engine, scope, i) for i in inner])
        case "typing.Annotated" | "typing.Final" | "typing.ClassVar" | "typing.Required" | "typing.NotRequired":
            return annotated(engine, scope, inner[0])
        case "typing.Literal":
            kinds = [type(i.value).__name__ for i in inner if isinstance(i, ast.Constant)]
            return engine.types.instance(f"builtins.{kinds[0]}") if len(set(kinds)) == 1 else None
        case _:
            return engine.types.instance(name, [annotated(engine, scope, i) for i in inner])
