"""Expressions of the file under check, by where they stand: from a node of ``ast`` to the type that mypy gave it.

Knows how both of mypy's parsers count columns. It refuses to know what the types mean.
"""

import ast
from collections.abc import Iterable, Mapping

from mypy.nodes import Expression, TempNode
from mypy.types import Type

Place = tuple[int, int, int, int]


class Positions:
    """The types of a file's expressions by place. A place of two expressions that are not the same has no answer."""

    def __init__(self, maps: Iterable[Mapping[Expression, Type]], text: str, *, characters: bool) -> None:
        """Take mypy's type maps, and whether its parser counts columns in characters instead of bytes."""
        self._types: dict[Place, Type] = {}
        self._lines = text.splitlines() if characters and not text.isascii() else None
        for types in maps:
            for node, type_ in types.items():
                if isinstance(node, TempNode) or node.end_line is None or node.end_column is None:
                    continue
                self._types[node.line, node.column, node.end_line, node.end_column] = type_

    def type_of(self, node: ast.expr) -> Type | None:
        """Return the type at the place of ``node``, None when there is none."""
        if node.end_lineno is None or node.end_col_offset is None:
            return None
        start = self.column(node.lineno, node.col_offset)
        end = self.column(node.end_lineno, node.end_col_offset)
        return self._types.get((node.lineno, start, node.end_lineno, end))

    def column(self, line: int, offset: int) -> int:
        """Return a column of ``ast``, which counts bytes, as mypy counts it."""
        if self._lines is None or line > len(self._lines):
            return offset
        return len(self._lines[line - 1].encode()[:offset].decode(errors="replace"))
