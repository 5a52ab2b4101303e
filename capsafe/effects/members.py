"""Attributes and implicit methods: what ``value.name`` and an operator on ``value`` lead to.

Knows receivers, properties and ``__getattr__``. It refuses to know what the methods it finds do.
"""

import ast
from typing import Final

from capsafe.effects import known
from capsafe.effects.authority import held_by
from capsafe.effects.engine import Engine
from capsafe.effects.model import (
    EMPTY,
    NOTHING,
    Argument,
    Bound,
    Data,
    Definition,
    Event,
    Item,
    Local,
    Module,
    Object,
    Opaque,
    Parameter,
    Super,
    Value,
)
from capsafe.effects.scope import Scope
from capsafe.effects.types import Member

#: Attributes that lead out of what can be seen, on whatever they are read.
REFLECTION: Final = frozenset(
    {
        "__builtins__",
        "__closure__",
        "__globals__",
        "__loader__",
        "__spec__",
        "__subclasses__",
        "cr_frame",
        "f_back",
        "f_builtins",
        "f_globals",
        "f_locals",
        "gi_frame",
        "tb_frame",
    }
)
UNRESOLVED: Final = "?"


def emit(scope: Scope, event: Event) -> None:
    """Record an event, once the body's names are settled."""
    if scope.recording:
        scope.facts.events.append(event)


def emit_read(engine: Engine, scope: Scope, value: Value, node: ast.expr) -> None:
    """Record the reading of variables that a stub speaks of, and of module variables that hold authority."""
    for target in value.targets:
        if isinstance(target, Definition) and engine.is_variable(target.fullname):
            emit(scope, Event("read", Value(value.type, frozenset({target})), (), node, ast.unparse(node)))


def emit_held(engine: Engine, scope: Scope, value: Value, node: ast.expr) -> None:
    """Record that a variable of a module holds an object with authority, when it does."""
    held = held_by(engine.types, value.type)
    if held is not None and held not in known.SHARED:
        emit(scope, Event("hold", value, (), node, ast.unparse(node)))


def attribute(engine: Engine, scope: Scope, base: Value, name: str, node: ast.expr) -> Value:
    """Return the value of ``base.name`` and record what reading it does."""
    if name in REFLECTION:
        return _unseen(scope, f"the attribute {name}, which leads out of what can be seen", node)
    found: list[Value] = []
    by_type = True
    for target in base.targets:
        if isinstance(target, Module):
            by_type = False
            found.append(_of_module(engine, scope, target, name, node))
        elif isinstance(target, Definition) and engine.is_class(target.fullname):
            by_type = False
            found.append(_of_class(engine, scope, target.fullname, base, name, node))
        elif isinstance(target, Super):
            by_type = False
            found.append(_of_super(engine, scope, target, name, node))
        elif isinstance(target, Data):
            by_type = False
            found.append(Value(None, frozenset({target})))
        elif isinstance(target, Opaque):
            by_type = False
            found.append(base)
        elif isinstance(target, Local | Bound | Definition) and not engine.types.is_known(base.type):
            by_type = False  # an attribute of a function: ``__name__`` and the like
            found.append(NOTHING)
    made = [t.fullname for t in base.targets if isinstance(t, Object)]
    if made and not engine.types.is_known(base.type):
        base = Value(engine.types.instance(made[0]), base.targets, base.contents, base.made)
    type_ = engine.types.attribute(base.type, name)
    if by_type:
        found.append(_of_instance(engine, scope, base, name, node))
    targets, contents = EMPTY, EMPTY
    for value in found:
        targets, contents = targets | value.targets, contents | value.contents
        if not engine.types.is_known(type_):
            type_ = value.type
    return Value(type_, targets, contents)


def _unseen(scope: Scope, reason: str, node: ast.AST) -> Value:
    value = Value(None, frozenset({Opaque(reason)}))
    emit(scope, Event("*", value, (), node, ast.unparse(node)))
    return value


def _of_module(engine: Engine, scope: Scope, module: Module, name: str, node: ast.expr) -> Value:
    if name == "__dict__":
        return _unseen(scope, f"the dictionary of the module {module.fullname}", node)
    value = engine.module_attribute(module.fullname, name)
    symbol = engine.types.symbol(module.fullname, name)
    if symbol is not None and symbol.kind == "variable" and engine.stubs.find(symbol.fullname) is None:
        emit_held(engine, scope, value, node)
    return value


def _of_class(engine: Engine, scope: Scope, class_: str, base: Value, name: str, node: ast.expr) -> Value:
    member = engine.types.class_member(class_, name)
    if member is None:
        member = engine.types.class_member("builtins.type", name)
        if member is None:
            if engine.types.class_facts(class_) is None:
                return Value(None, frozenset({Definition(f"{class_}.{name}")}))
            return NOTHING
        return _bound(engine, scope, member, base, node) if member.kind != "variable" else NOTHING
    if member.kind in {"method", "staticmethod", "class"}:
        return Value(None, frozenset({Definition(member.fullname)}))
    if member.kind == "classmethod":
        return Value(None, frozenset({Bound(member.fullname, Value(base.type, frozenset({Definition(class_)})))}))
    if member.kind == "property":
        return NOTHING
    return engine.attribute_value(member.fullname.rpartition(".")[0], name)


def _of_super(engine: Engine, scope: Scope, target: Super, name: str, node: ast.expr) -> Value:
    for class_ in target.classes:
        member = engine.types.class_member(class_, name)
        if member is not None:
            # The receiver's class is not asked again: ``super()`` means just this method.
            if member.kind in {"method", "classmethod", "staticmethod"}:
                return Value(None, frozenset({Bound(member.fullname, target.receiver, exact=True)}))
            return _bound(engine, scope, member, target.receiver, node)
    return Value(None, frozenset({Opaque(f"super().{name}")}))


def _of_instance(engine: Engine, scope: Scope, base: Value, name: str, node: ast.expr) -> Value:
    members = engine.types.members(base.type, name)
    symbolic = any(isinstance(t, Parameter | Item) for t in base.targets)
    if not members:
        if engine.types.is_known(base.type):
            getters = engine.types.members(base.type, "__getattr__")
            if getters:
                return implicit(engine, scope, base, "__getattr__", node)
        if symbolic:
            return Value(None, frozenset({Bound(f"{UNRESOLVED}.{name}", base)}))
        if base.contents and not engine.types.is_known(base.type):
            return Value(None, base.contents, base.contents)
        kind = engine.types.show(base.type) if engine.types.is_known(base.type) else "a value whose type is not known"
        return Value(None, frozenset({Opaque(f"the attribute {name!r} of {kind}")}))
    targets, contents = EMPTY, EMPTY
    for member in members:
        value = _bound(engine, scope, member, base, node)
        targets, contents = targets | value.targets, contents | value.contents
    return Value(None, targets, contents)


def _bound(engine: Engine, scope: Scope, member: Member, base: Value, node: ast.AST) -> Value:
    match member.kind:
        case "method" | "classmethod":
            return Value(None, frozenset({Bound(member.fullname, base)}))
        case "staticmethod" | "class":
            return Value(None, frozenset({Definition(member.fullname)}))
        case "property":
            getter = Value(None, frozenset({Bound(member.fullname, base)}))
            emit(scope, Event("()", getter, (), node, ast.unparse(node)))
            return engine.property_value(member.fullname)
        case _:
            owner, _, name = member.fullname.rpartition(".")
            descriptor = engine.types.members(engine.types.declared(base.type, name), "__get__")
            for get in descriptor:
                if engine.has_source(get.fullname):
                    emit(scope, Event("()", Value(None, frozenset({Bound(get.fullname, NOTHING)})), (), node))
            if engine.types.is_data(engine.types.attribute(base.type, name)):
                return NOTHING
            return engine.attribute_value(owner, name)


def implicit(
    engine: Engine, scope: Scope, value: Value, name: str, node: ast.AST, arguments: tuple[Argument, ...] = ()
) -> Value:
    """Record the call of an implicit method (``__iter__``, ``__add__``, ...) and return its result."""
    if any(isinstance(t, Data) for t in value.targets):
        return Value(None, frozenset({Data()}))
    if any(isinstance(t, Opaque) for t in value.targets):
        emit(scope, Event("*", value, (), node, _text(node)))
        return value
    members = engine.types.members(value.type, name)
    targets = [Bound(m.fullname, value) for m in members]
    for made in value.targets if not members else ():
        own = engine.types.class_member(made.fullname, name) if isinstance(made, Object) else None
        targets += [Bound(own.fullname, value)] if own is not None else []
    if not members:
        if any(isinstance(t, Parameter | Item) for t in value.targets):
            targets = [Bound(f"{UNRESOLVED}.{name}", value)]
        elif not engine.types.is_known(value.type) and not value.contents and not value.targets:
            reason = Opaque(f"{name} of a value whose type is not known")
            emit(scope, Event("*", Value(None, frozenset({reason})), (), node, _text(node)))
            return Value(None, frozenset({reason}))
    if name == "__getitem__":
        targets += [Bound(m.fullname, value) for m in engine.types.members(value.type, "__missing__")]
    users = any(_has_users_class(engine, a.value.type) for a in arguments)
    visible = [t for t in targets if users or not _is_plain(engine, t, value)]
    if visible:
        emit(scope, Event("()", Value(None, frozenset(visible)), arguments, node, _text(node)))
    passed = [(a.value.type, a.name, a.star) for a in arguments]
    return Value(engine.types.call(engine.types.attribute(value.type, name), passed))


def _is_plain(engine: Engine, target: Bound, value: Value) -> bool:
    # The builtin containers' and numbers' own operators run nothing of anybody's; asking the stubs would be slow.
    if any(isinstance(t, Parameter | Item) for t in value.targets) and not engine.is_final(value.type):
        return False
    return target.fullname.startswith("builtins.")


def _has_users_class(engine: Engine, type_: object, depth: int = 2) -> bool:
    classes = engine.types.classes(type_)
    if classes and engine.has_source(classes[0]):
        return True
    return depth > 0 and any(_has_users_class(engine, part, depth - 1) for part in engine.types.parts(type_))


def _text(node: ast.AST) -> str:
    return ast.unparse(node)
