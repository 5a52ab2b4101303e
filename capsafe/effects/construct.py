"""Construction: the calls that making an instance of a class comes to.

Knows metaclasses, ``__new__``, ``__init__``, and what dataclasses and attrs generate. It refuses to know what those do.
"""

import ast
from collections.abc import Iterator
from typing import Final

from capsafe.effects.binding import bind
from capsafe.effects.engine import Engine
from capsafe.effects.model import NOTHING, Argument, Bound, Definition, Parameter, Value
from capsafe.effects.scope import Scope

#: Keywords of a field's definition whose value makes the default, called where no argument is passed.
FACTORIES: Final = frozenset({"default_factory", "factory"})
#: Keywords of a field's definition whose value is called with what is passed.
CONVERTERS: Final = frozenset({"converter", "validator"})
INHERITED: Final = ("builtins.", "typing.", "_typeshed.", "types.", "abc.", "enum.")

Calls = Iterator[tuple[Value, tuple[Argument, ...]]]


def constructed(engine: Engine, fullname: str, arguments: tuple[Argument, ...]) -> Calls:
    """Yield each call, as a value and its arguments, that constructing the class makes."""
    facts = engine.types.class_facts(fullname)
    receiver = Value(engine.types.instance(fullname))
    if facts is None:
        # A private class of a library: it is in the source alone, so its bases can't be asked.
        for name in ("__new__", "__init__", "__post_init__"):
            if engine.sources.functions(f"{fullname}.{name}"):
                yield Value(None, frozenset({Bound(f"{fullname}.{name}", receiver, exact=True)})), arguments
        return
    if facts.metaclass is not None and facts.metaclass != "abc.ABCMeta":
        member = engine.types.class_member(facts.metaclass, "__call__")
        if member is not None and engine.has_source(member.fullname):
            yield _method(member.fullname, Value(None, frozenset({Definition(fullname)}))), arguments
    if facts.enum:
        member = engine.types.class_member(fullname, "_missing_")
        if member is not None and engine.has_source(member.fullname):
            yield _method(member.fullname, Value(None, frozenset({Definition(fullname)}))), arguments
    if facts.enum or facts.record:
        return
    for name in ("__new__", "__init__"):
        member = engine.types.class_member(fullname, name)
        if member is None or member.fullname.startswith(INHERITED):
            continue
        owner = member.fullname.rpartition(".")[0]
        if engine.has_source(owner) and not engine.sources.functions(member.fullname):
            continue  # generated: the fields say what it does
        yield _method(member.fullname, receiver), arguments
    yield from _fields(engine, facts.family, arguments)
    for name in ("__post_init__", "__attrs_pre_init__", "__attrs_post_init__"):
        member = engine.types.class_member(fullname, name)
        if member is not None:
            yield _method(member.fullname, receiver), ()


def made(engine: Engine, fullname: str, arguments: tuple[Argument, ...]) -> dict[Parameter, Value]:
    """Return what the parameters of a class's constructor stand for in an instance made with these arguments.

    The fields of a dataclass are parameters of the class itself: its constructor is generated and has no body.
    """
    found: dict[Parameter, Value] = {}
    receiver = Value(engine.types.instance(fullname))
    member = engine.types.class_member(fullname, "__init__")
    for function in engine.sources.functions(member.fullname if member is not None else f"{fullname}.__init__"):
        found.update((p, v) for p, v in bind(engine, function, receiver, arguments).items() if v.targets or v.contents)
    facts = engine.types.class_facts(fullname)
    if facts is None or not (facts.dataclass or facts.record):
        return found
    fields = [(class_, name) for class_ in reversed(facts.family) for name in engine.fields(class_)]
    positional = [a.value for a in arguments if a.name is None and not a.star]
    named = {a.name: a.value for a in arguments if a.name is not None}
    for (class_, name), value in zip(fields, positional, strict=False):
        found[Parameter(class_, name)] = value
    for class_, name in fields:
        if name in named:
            found[Parameter(class_, name)] = named[name]
    return found


def _method(fullname: str, receiver: Value) -> Value:
    return Value(None, frozenset({Bound(fullname, receiver)}))


def _fields(engine: Engine, family: tuple[str, ...], arguments: tuple[Argument, ...]) -> Calls:
    given = {a.name for a in arguments if a.name is not None}
    positional = sum(a.name is None and not a.star for a in arguments)
    for class_ in family:
        found = engine.sources.find(class_) if engine.has_source(class_) else None
        if found is None:
            continue
        source, qualname = found
        for node in source.classes.get(qualname, []):
            fields = [s for s in node.body if isinstance(s, ast.AnnAssign | ast.Assign)]
            # Positions count from the first field of all; only of a class with no fields above it are they these.
            passed = fields[:positional] if class_ == family[0] and not node.bases else []
            for statement in fields:
                name = ast.unparse(statement.target if isinstance(statement, ast.AnnAssign) else statement.targets[0])
                filled = statement in passed or name in given
                yield from _called(engine, engine.module_scope(source), statement.value, filled=filled)


def _called(engine: Engine, scope: Scope, value: ast.expr | None, *, filled: bool) -> Calls:
    for keyword in value.keywords if isinstance(value, ast.Call) else ():
        if keyword.arg in FACTORIES and not filled:
            yield engine.evaluate(scope, keyword.value), ()
        elif keyword.arg in CONVERTERS:
            yield engine.evaluate(scope, keyword.value), (Argument(NOTHING),)
