"""Scopes: the names of one body while and after it is interpreted.

Knows names and their values. It refuses to know how they get them.
"""

from capsafe.effects.model import Facts, Value
from capsafe.effects.source import Function, Source


class Scope:
    """The names of one body while and after it is interpreted, and what it does."""

    __slots__ = ("env", "facts", "function", "parent", "recording", "source")

    def __init__(self, function: Function, source: Source, parent: "Scope | None") -> None:
        """Start empty; ``parent`` is the scope of the function around."""
        self.function = function
        self.source = source
        self.parent = parent
        self.env: dict[str, Value] = {}
        self.facts = Facts()
        self.recording = False

    def find(self, name: str) -> Value | None:
        """Return the local value of a name, here or in the functions around."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.env:
                return scope.env[name]
            scope = scope.parent
        return None
