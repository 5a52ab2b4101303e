"""Patterns of ``match``: what matching them evaluates, and which names they bind.

Knows patterns. It refuses to know the statements of the cases.
"""

import ast

from capsafe.effects.annotations import annotated
from capsafe.effects.assignment import bind_name
from capsafe.effects.containers import item_of
from capsafe.effects.engine import Engine
from capsafe.effects.members import attribute
from capsafe.effects.model import Definition, Value
from capsafe.effects.scope import Scope


def _positional(engine: Engine, scope: Scope, node: ast.expr) -> list[str]:
    """Return the attributes that positional patterns of a class read: its ``__match_args__``, or its fields."""
    names = [t.fullname for t in engine.evaluate(scope, node).targets if isinstance(t, Definition)]
    found = engine.sources.find(names[0]) if len(names) == 1 else None
    if found is None:
        return []
    written = found[0].assigned.get(f"{found[1]}.__match_args__", [])
    if written and isinstance(written[0], ast.Tuple):
        return [e.value for e in written[0].elts if isinstance(e, ast.Constant) and isinstance(e.value, str)]
    return engine.fields(names[0])


def _captured(engine: Engine, value: Value) -> Value:
    if engine.types.is_known(value.type) or value.targets or value.contents:
        return value
    return Value(engine.types.instance("builtins.object"))


def _match_class(engine: Engine, scope: Scope, pattern: ast.MatchClass, subject: Value) -> None:
    engine.evaluate(scope, pattern.cls)
    kind = annotated(engine, scope, pattern.cls)
    inner = Value(kind, subject.targets, subject.contents)
    for name, part in zip(pattern.kwd_attrs, pattern.kwd_patterns, strict=True):
        match(engine, scope, part, attribute(engine, scope, inner, name, pattern.cls))
    for position, part in enumerate(pattern.patterns):
        names = _positional(engine, scope, pattern.cls)
        if position < len(names):
            match(engine, scope, part, attribute(engine, scope, inner, names[position], pattern.cls))
        else:
            match(engine, scope, part, inner)


def match(engine: Engine, scope: Scope, pattern: ast.pattern, subject: Value) -> None:
    """Record what matching ``subject`` against a pattern does, and bind the pattern's names."""
    match pattern:
        case ast.MatchValue():
            engine.evaluate(scope, pattern.value)
        case ast.MatchClass():
            _match_class(engine, scope, pattern, subject)
        case ast.MatchAs():
            if pattern.pattern is not None:
                match(engine, scope, pattern.pattern, subject)
                kind = (
                    annotated(engine, scope, pattern.pattern.cls)
                    if isinstance(pattern.pattern, ast.MatchClass)
                    else None
                )
                subject = Value(kind or subject.type, subject.targets, subject.contents)
            if pattern.name is not None:
                bind_name(engine, scope, pattern.name, _captured(engine, subject))
        case ast.MatchOr() | ast.MatchSequence():
            inner = subject if isinstance(pattern, ast.MatchOr) else item_of(engine, subject)
            for part in pattern.patterns:
                match(engine, scope, part, inner)
        case ast.MatchMapping():
            for part in pattern.patterns:
                match(engine, scope, part, item_of(engine, subject))
            if pattern.rest is not None:
                bind_name(engine, scope, pattern.rest, subject)
        case ast.MatchStar():
            if pattern.name is not None:
                kind = engine.types.instance("builtins.list", [_captured(engine, subject).type])
                bind_name(engine, scope, pattern.name, Value(kind, subject.targets, subject.contents))
        case _:
            pass
