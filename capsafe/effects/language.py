"""Python, as the engine reads it: expressions, statements and results, put together.

Knows only where the three live.
"""

import ast

from capsafe.effects import expressions, results, statements
from capsafe.effects.engine import Engine
from capsafe.effects.model import Argument, Value
from capsafe.effects.scope import Scope


class Python:
    """The rules of the language (``capsafe.effects.engine.Language``)."""

    def evaluate(self, engine: Engine, scope: Scope, node: ast.expr) -> Value:
        """Return the value of an expression, and record in the scope what evaluating it does."""
        return expressions.evaluate(engine, scope, node)

    def interpret(self, engine: Engine, scope: Scope) -> None:
        """Fill in the names and the facts of a freshly made scope."""
        statements.interpret(engine, scope)

    def result_of(self, engine: Engine, callee: Value, arguments: tuple[Argument, ...]) -> Value:
        """Return what a call may give."""
        return results.result_of(engine, callee, arguments)
