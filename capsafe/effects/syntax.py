"""Small questions about syntax trees.

Knows ``ast`` alone.
"""

import ast
from typing import TypeGuard


def stores(method: ast.AST, me: str, name: str) -> list[ast.expr]:
    """Return what a method puts into the attribute ``name`` of its receiver ``me``."""
    found: list[ast.expr] = []
    for node in ast.walk(method):
        if isinstance(node, ast.Assign):
            targets, value = node.targets, node.value
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            targets, value = [node.target], node.value
        else:
            continue
        found += [value for target in targets if _is_store(target, me, name)]
    return found


def is_lookup(node: ast.AST) -> TypeGuard[ast.Subscript]:
    """Return whether a node reads an item of something."""
    return isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load)


def _is_store(target: ast.expr, me: str, name: str) -> bool:
    match target:
        case ast.Attribute(value=ast.Name(id=base), attr=attr):
            return base == me and attr == name
        case _:
            return False
