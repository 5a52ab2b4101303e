"""Operators: the implicit methods behind them.

Knows which method an operator, a comparison or a condition calls, and on which operand. It refuses to know what that
method does.
"""

import ast
from collections.abc import Callable, Mapping
from typing import Any, Final

from capsafe.effects.containers import join
from capsafe.effects.engine import Engine
from capsafe.effects.members import implicit
from capsafe.effects.model import Argument, Object, Value
from capsafe.effects.scope import Scope

OPERATORS: Final = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.MatMult: "matmul",
    ast.Div: "truediv",
    ast.Mod: "mod",
    ast.Pow: "pow",
    ast.LShift: "lshift",
    ast.RShift: "rshift",
    ast.BitOr: "or",
    ast.BitXor: "xor",
    ast.BitAnd: "and",
    ast.FloorDiv: "floordiv",
}
UNARY: Final = {ast.Invert: "__invert__", ast.UAdd: "__pos__", ast.USub: "__neg__", ast.Not: "__bool__"}
REFLECTED: Final = {"__lt__": "__gt__", "__le__": "__ge__", "__gt__": "__lt__", "__ge__": "__le__", "__ne__": "__ne__"}
COMPARE: Final = {
    ast.Eq: "__eq__",
    ast.NotEq: "__ne__",
    ast.Lt: "__lt__",
    ast.LtE: "__le__",
    ast.Gt: "__gt__",
    ast.GtE: "__ge__",
    ast.In: "__contains__",
    ast.NotIn: "__contains__",
}


def _binary(engine: Engine, scope: Scope, node: ast.BinOp) -> Value:
    left, right = engine.evaluate(scope, node.left), engine.evaluate(scope, node.right)
    return operate(engine, scope, type(node.op), left, right, node)


def operate(
    engine: Engine, scope: Scope, operator: type[ast.operator], left: Value, right: Value, node: ast.AST
) -> Value:
    """Record ``left OP right`` and return its value: the method of the left operand, or the reflected one."""
    name = OPERATORS[operator]
    if engine.types.is_known(left.type) and not engine.types.members(left.type, f"__{name}__"):
        result = implicit(engine, scope, right, f"__r{name}__", node, (Argument(left),))
    else:
        result = implicit(engine, scope, left, f"__{name}__", node, (Argument(right),))
        if is_users(engine, right, f"__r{name}__"):
            implicit(engine, scope, right, f"__r{name}__", node, (Argument(left),))
    return Value(result.type, result.targets, left.contents | right.contents)


def is_users(engine: Engine, value: Value, name: str) -> bool:
    """Return whether a method of the value is written in source that can be read: only then it may do anything."""
    members = [*engine.types.members(value.type, name)]
    for target in value.targets:
        if isinstance(target, Object):
            own = engine.types.class_member(target.fullname, name)
            members += [own] if own is not None else []
    return any(engine.has_source(m.fullname) for m in members)


def _unary(engine: Engine, scope: Scope, node: ast.UnaryOp) -> Value:
    operand = engine.evaluate(scope, node.operand)
    if isinstance(node.op, ast.Not):
        truth(engine, scope, operand, node)
        return Value(engine.types.instance("builtins.bool"))
    return implicit(engine, scope, operand, UNARY[type(node.op)], node)


def truth(engine: Engine, scope: Scope, value: Value, node: ast.AST) -> None:
    """Record that a value is asked whether it is true: only a class of the user's runs code for that."""
    for name in ("__bool__", "__len__"):
        if is_users(engine, value, name):
            implicit(engine, scope, value, name, node)
            return


def _compare(engine: Engine, scope: Scope, node: ast.Compare) -> Value:
    left = engine.evaluate(scope, node.left)
    for operator, right_node in zip(node.ops, node.comparators, strict=True):
        right = engine.evaluate(scope, right_node)
        method = COMPARE.get(type(operator))
        if method is not None:
            receiver, other = (right, left) if method == "__contains__" else (left, right)
            # Every object compares; only a class of the user's runs code of its own for that.
            for value, name in ((receiver, method), (other, REFLECTED.get(method, "__eq__"))):
                if is_users(engine, value, name):
                    implicit(engine, scope, value, name, node, (Argument(other),))
        left = right
    return Value(engine.types.instance("builtins.bool"))


def _boolean(engine: Engine, scope: Scope, node: ast.BoolOp) -> Value:
    values = [engine.evaluate(scope, v) for v in node.values]
    for value in values[:-1]:
        truth(engine, scope, value, node)
    return join(engine, values)


def _conditional(engine: Engine, scope: Scope, node: ast.IfExp) -> Value:
    truth(engine, scope, engine.evaluate(scope, node.test), node.test)
    return join(engine, [engine.evaluate(scope, node.body), engine.evaluate(scope, node.orelse)])


HANDLERS: Final[Mapping[type[ast.AST], Callable[[Engine, Scope, Any], Value]]] = {
    ast.BinOp: _binary,
    ast.BoolOp: _boolean,
    ast.Compare: _compare,
    ast.IfExp: _conditional,
    ast.UnaryOp: _unary,
}
