"""Patterns of ``match``: what matching them evaluates, and which names they bind.

Knows patterns. It refuses to know the statements of the cases.
"""

import ast

from capsafe.effects.annotations import annotated
from capsafe.effects.assignment import bind_name
from capsafe.effects.containers import item_of
from capsafe.effects.engine import Engine, Scope
from capsafe.effects.model import Value


def match(engine: Engine, scope: Scope, pattern: ast.pattern, subject: Value) -> None:
    """Record what matching ``subject`` against a pattern does, and bind the pattern's names."""
    match pattern:
        case ast.MatchValue():
            engine.evaluate(scope, pattern.value)
        case ast.MatchClass():
            engine.evaluate(scope, pattern.cls)
            kind = annotated(engine, scope, pattern.cls)
            inner = Value(kind, subject.targets, subject.contents)
            for name, part in zip(pattern.kwd_attrs, pattern.kwd_patterns, strict=True):
                match(engine, scope, part, Value(engine.types.attribute(kind, name)))
            for part in pattern.patterns:
                match(engine, scope, part, inner)
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
                bind_name(engine, scope, pattern.name, subject)
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
                bind_name(engine, scope, pattern.name, subject)
        case _:
            pass
