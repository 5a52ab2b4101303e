"""Expressions: what each may denote, and what evaluating it does.

Knows every kind of expression there is; one that it does not know is an event that can't be seen, never silence. It
refuses to know statements and what the things it meets do in turn.
"""

import ast
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from capsafe.effects import known
from capsafe.effects.engine import Engine, Scope
from capsafe.effects.members import attribute, emit, emit_held, emit_read, implicit
from capsafe.effects.model import (
    EMPTY,
    NOTHING,
    Argument,
    Bound,
    Data,
    Definition,
    Event,
    Local,
    Opaque,
    Parameter,
    Target,
    Value,
)
from capsafe.effects.results import result_of

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


def evaluate(engine: Engine, scope: Scope, node: ast.expr) -> Value:
    """Return the value of an expression, and record in the scope what evaluating it does."""
    handler = HANDLERS.get(type(node))
    if handler is None:
        value = Value(None, frozenset({Opaque(f"syntax that is not understood: {type(node).__name__}")}))
        emit(scope, Event("*", value, (), node, ast.unparse(node)))
    else:
        value = handler(engine, scope, node)
    exact = engine.types.at(scope.source.path, node)
    return Value(exact, value.targets, value.contents) if engine.types.is_known(exact) else value


def join(engine: Engine, values: Iterable[Value]) -> Value:
    """Return a value that may be any of the given ones."""
    targets: frozenset[Target] = EMPTY
    contents: frozenset[Target] = EMPTY
    types: list[object] = []
    for value in values:
        targets |= value.targets
        contents |= value.contents
        if engine.types.is_known(value.type) and value.type not in types:
            types.append(value.type)
    type_ = None if not types else types[0] if len(types) == 1 else engine.types.union(types)
    return Value(type_, targets, contents)


def held(values: Iterable[Value]) -> frozenset[Target]:
    """Return all that a container of these values holds."""
    found: frozenset[Target] = EMPTY
    for value in values:
        found |= frozenset(t for t in value.targets if not isinstance(t, Data)) | value.contents
    return found


def item_of(engine: Engine, value: Value) -> Value:
    """Return what iterating (or indexing) a value gives, without its type."""
    del engine
    plain: frozenset[Target] = frozenset(t for t in value.targets if isinstance(t, Data))
    return Value(None, value.contents | plain, value.contents)


def iterate(engine: Engine, scope: Scope, value: Value, node: ast.expr, *, asynchronous: bool = False) -> Value:
    """Record an iteration over ``value`` and return what each step gives."""
    first, second = ("__aiter__", "__anext__") if asynchronous else ("__iter__", "__next__")
    iterator = implicit(engine, scope, value, first, node)
    item = implicit(engine, scope, iterator, second, node) if engine.types.is_known(iterator.type) else NOTHING
    kind = item.type
    if asynchronous:
        kind = awaited(engine, kind)
    several = engine.types.items(value.type)
    if several:
        kind = engine.types.union(several)
    return Value(kind, item_of(engine, value).targets | item.targets, value.contents)


def awaited(engine: Engine, type_: object) -> object:
    """Return the type that awaiting gives: what the generator behind ``__await__`` returns."""
    generator = engine.types.call(engine.types.attribute(type_, "__await__"), ())
    parts = engine.types.items(generator)
    return parts[-1] if parts else None


def _constant(engine: Engine, scope: Scope, node: ast.Constant) -> Value:
    del scope
    name = "types.EllipsisType" if node.value is ... else f"builtins.{type(node.value).__name__}"
    return Value(engine.types.instance("types.NoneType" if node.value is None else name))


def _name(engine: Engine, scope: Scope, node: ast.Name) -> Value:
    value = engine.name(scope, node.id)
    if scope.find(node.id) is None:
        symbol = engine.types.symbol(scope.source.module, node.id)
        if symbol is not None and symbol.kind == "variable" and engine.stubs.find(symbol.fullname) is None:
            exact = engine.types.at(scope.source.path, node)
            emit_held(engine, scope, Value(exact) if engine.types.is_known(exact) else value, node)
        emit_read(engine, scope, value, node)
        value = _without_reads(engine, value)
    return value


def _without_reads(engine: Engine, value: Value) -> Value:
    # A variable that a stub speaks of was read here; what it holds is an object like any other from now on.
    kept = frozenset(t for t in value.targets if not (isinstance(t, Definition) and engine.is_variable(t.fullname)))
    return Value(value.type, kept, value.contents)


def _attribute(engine: Engine, scope: Scope, node: ast.Attribute) -> Value:
    if isinstance(node.value, ast.Name):
        stored = scope.find(f"{node.value.id}.{node.attr}")
        if stored is not None:
            return stored
    base = _super(engine, scope, node.value) or evaluate(engine, scope, node.value)
    value = attribute(engine, scope, base, node.attr, node)
    emit_read(engine, scope, value, node)
    return _without_reads(engine, value)


def _super(engine: Engine, scope: Scope, node: ast.expr) -> Value | None:
    """Return ``super()`` as a value: the bases after the class that the method stands in."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "super"):
        return None
    current: Scope | None = scope
    while current is not None and current.function.owner is None:
        current = current.parent
    if current is None or current.function.owner is None:
        return None
    for argument in node.args:
        evaluate(engine, scope, argument)
    return engine.after(current)


def _call(engine: Engine, scope: Scope, node: ast.Call) -> Value:
    callee = evaluate(engine, scope, node.func)
    arguments: list[Argument] = []
    for item in node.args:
        starred = isinstance(item, ast.Starred)
        inner = item.value if isinstance(item, ast.Starred) else item
        value = evaluate(engine, scope, inner)
        if starred:
            value = _starred(engine, scope, value, inner)
        arguments.append(Argument(value, None, starred, node=inner))
    for keyword in node.keywords:
        value = evaluate(engine, scope, keyword.value)
        if keyword.arg is None:
            value = item_of(engine, value)
        spread = keyword.arg is None
        arguments.append(Argument(value, keyword.arg, spread, spread, keyword.value))
    special = _special(engine, scope, callee, arguments, node)
    if special is not None:
        return special
    emit(scope, Event("()", callee, tuple(arguments), node, ast.unparse(node.func)))
    return result_of(engine, callee, tuple(arguments), node)


def _starred(engine: Engine, scope: Scope, value: Value, node: ast.expr) -> Value:
    item = iterate(engine, scope, value, node)
    return Value(item.type, item.targets, item.contents)


def _special(engine: Engine, scope: Scope, callee: Value, arguments: list[Argument], node: ast.Call) -> Value | None:
    names = {t.fullname for t in callee.targets if isinstance(t, Definition)}
    if names & known.GETATTR and len(arguments) > 1:
        wanted = arguments[1].node
        if isinstance(wanted, ast.Constant) and isinstance(wanted.value, str):
            found = attribute(engine, scope, arguments[0].value, wanted.value, node)
            emit_read(engine, scope, found, node)
            return join(engine, [_without_reads(engine, found), *(a.value for a in arguments[2:])])
        reason = Opaque(f"getattr() with a name that is computed: {ast.unparse(node)}")
        value = Value(None, frozenset({reason}))
        emit(scope, Event("*", value, (), node, ast.unparse(node)))
        return value
    if names == {"builtins.type"} and len(arguments) == 1:
        classes = engine.types.classes(arguments[0].value.type)
        return Value(None, frozenset({Definition(classes[0])}) if classes else EMPTY)
    return None


def _lambda(engine: Engine, scope: Scope, node: ast.Lambda) -> Value:
    _defaults(engine, scope, node.args)
    function = engine.nested(scope, node, "<lambda>")
    return Value(None, frozenset({Local(function.key)}))


def _defaults(engine: Engine, scope: Scope, arguments: ast.arguments) -> None:
    for default in (*arguments.defaults, *arguments.kw_defaults):
        if default is not None:
            evaluate(engine, scope, default)


def _binary(engine: Engine, scope: Scope, node: ast.BinOp) -> Value:
    left, right = evaluate(engine, scope, node.left), evaluate(engine, scope, node.right)
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
        if _is_users(engine, right, f"__r{name}__"):
            implicit(engine, scope, right, f"__r{name}__", node, (Argument(left),))
    return Value(result.type, result.targets, left.contents | right.contents)


def _is_users(engine: Engine, value: Value, name: str) -> bool:
    return any(engine.has_source(m.fullname) for m in engine.types.members(value.type, name))


def _unary(engine: Engine, scope: Scope, node: ast.UnaryOp) -> Value:
    operand = evaluate(engine, scope, node.operand)
    if isinstance(node.op, ast.Not):
        truth(engine, scope, operand, node)
        return Value(engine.types.instance("builtins.bool"))
    return implicit(engine, scope, operand, UNARY[type(node.op)], node)


def truth(engine: Engine, scope: Scope, value: Value, node: ast.AST) -> None:
    """Record that a value is asked whether it is true: only a class of the user's runs code for that."""
    for name in ("__bool__", "__len__"):
        if _is_users(engine, value, name):
            implicit(engine, scope, value, name, node)
            return


def _compare(engine: Engine, scope: Scope, node: ast.Compare) -> Value:
    left = evaluate(engine, scope, node.left)
    for operator, right_node in zip(node.ops, node.comparators, strict=True):
        right = evaluate(engine, scope, right_node)
        method = COMPARE.get(type(operator))
        if method is not None:
            receiver, other = (right, left) if method == "__contains__" else (left, right)
            # Every object compares; only a class of the user's runs code of its own for that.
            for value, name in ((receiver, method), (other, "__eq__")):
                if _is_users(engine, value, name):
                    implicit(engine, scope, value, name, node, (Argument(other),))
        left = right
    return Value(engine.types.instance("builtins.bool"))


def _boolean(engine: Engine, scope: Scope, node: ast.BoolOp) -> Value:
    values = [evaluate(engine, scope, v) for v in node.values]
    for value in values[:-1]:
        truth(engine, scope, value, node)
    return join(engine, values)


def _conditional(engine: Engine, scope: Scope, node: ast.IfExp) -> Value:
    truth(engine, scope, evaluate(engine, scope, node.test), node.test)
    return join(engine, [evaluate(engine, scope, node.body), evaluate(engine, scope, node.orelse)])


def _sequence(engine: Engine, scope: Scope, node: ast.List | ast.Tuple | ast.Set) -> Value:
    values = []
    for element in node.elts:
        if isinstance(element, ast.Starred):
            values.append(_starred(engine, scope, evaluate(engine, scope, element.value), element.value))
        else:
            values.append(evaluate(engine, scope, element))
    if isinstance(node, ast.Tuple):
        type_ = engine.types.instance("builtins.tuple", [v.type for v in values])
    else:
        name = "builtins.list" if isinstance(node, ast.List) else "builtins.set"
        type_ = engine.types.instance(name, [join(engine, values).type])
    return Value(type_, EMPTY, held(values))


def _dict(engine: Engine, scope: Scope, node: ast.Dict) -> Value:
    keys, values = [], []
    for key, value in zip(node.keys, node.values, strict=True):
        found = evaluate(engine, scope, value)
        if key is None:
            values.append(item_of(engine, found))
        else:
            keys.append(evaluate(engine, scope, key))
            values.append(found)
    kinds = [join(engine, keys).type, join(engine, values).type]
    return Value(engine.types.instance("builtins.dict", kinds), EMPTY, held([*keys, *values]))


def _comprehension(
    engine: Engine, scope: Scope, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp
) -> Value:
    from capsafe.effects.statements import assign  # noqa: PLC0415 - assigning evaluates targets: the other way round

    inner = Scope(scope.function, scope.source, scope)
    inner.facts, inner.recording = scope.facts, scope.recording
    for generator in node.generators:
        source = evaluate(engine, inner, generator.iter)
        item = iterate(engine, inner, source, generator.iter, asynchronous=bool(generator.is_async))
        assign(engine, inner, generator.target, item)
        for condition in generator.ifs:
            truth(engine, inner, evaluate(engine, inner, condition), condition)
    if isinstance(node, ast.DictComp):
        key, value = evaluate(engine, inner, node.key), evaluate(engine, inner, node.value)
        return Value(engine.types.instance("builtins.dict", [key.type, value.type]), EMPTY, held([key, value]))
    element = evaluate(engine, inner, node.elt)
    name = {ast.ListComp: "builtins.list", ast.SetComp: "builtins.set"}.get(type(node))
    if name is None:
        none = engine.types.instance("types.NoneType")
        type_ = engine.types.instance("typing.Generator", [element.type, none, none])
    else:
        type_ = engine.types.instance(name, [element.type])
    return Value(type_, EMPTY, held([element]))


def _subscript(engine: Engine, scope: Scope, node: ast.Subscript) -> Value:
    base = evaluate(engine, scope, node.value)
    if any(isinstance(t, Definition) and engine.is_class(t.fullname) for t in base.targets):
        return base  # ``list[int]``, ``Sandbox[ReadFile]``: a class given arguments is that class
    index = evaluate(engine, scope, node.slice)
    if isinstance(node.ctx, ast.Load):
        result = implicit(engine, scope, base, "__getitem__", node, (Argument(index, node=node.slice),))
        several = engine.types.items(base.type)
        constant = node.slice
        if several and isinstance(constant, ast.Constant) and isinstance(constant.value, int):
            try:
                result = Value(several[constant.value], result.targets, result.contents)
            except IndexError:
                pass
        elif several and not isinstance(constant, ast.Slice):
            result = Value(engine.types.union(several), result.targets, result.contents)
    else:
        method = "__setitem__" if isinstance(node.ctx, ast.Store) else "__delitem__"
        result = implicit(engine, scope, base, method, node, (Argument(index),))
    inner = item_of(engine, base)
    return Value(result.type, result.targets | inner.targets, result.contents | inner.contents)


def _slice(engine: Engine, scope: Scope, node: ast.Slice) -> Value:
    for part in (node.lower, node.upper, node.step):
        if part is not None:
            evaluate(engine, scope, part)
    return Value(engine.types.instance("builtins.slice"))


def _fstring(engine: Engine, scope: Scope, node: ast.JoinedStr) -> Value:
    for part in node.values:
        evaluate(engine, scope, part)
    return Value(engine.types.instance("builtins.str"))


def _formatted(engine: Engine, scope: Scope, node: ast.FormattedValue) -> Value:
    value = evaluate(engine, scope, node.value)
    names = {ord("r"): ("__repr__",), ord("a"): ("__repr__",), ord("s"): ("__str__", "__repr__")}
    for name in names.get(node.conversion, ("__format__", "__str__", "__repr__")):
        if _is_users(engine, value, name):
            implicit(engine, scope, value, name, node.value)
    for target in value.targets:
        if isinstance(target, Parameter):
            emit(scope, Event("*", Value(value.type, frozenset({target})), (), node.value, ast.unparse(node.value)))
    if node.format_spec is not None:
        evaluate(engine, scope, node.format_spec)
    return Value(engine.types.instance("builtins.str"))


def _await(engine: Engine, scope: Scope, node: ast.Await) -> Value:
    value = evaluate(engine, scope, node.value)
    if _is_users(engine, value, "__await__"):
        implicit(engine, scope, value, "__await__", node)
    return Value(awaited(engine, value.type), value.targets, value.contents)


def _yield(engine: Engine, scope: Scope, node: ast.Yield) -> Value:
    if node.value is not None:
        value = evaluate(engine, scope, node.value)
        returns = scope.facts.returns
        scope.facts.returns = Value(returns.type, returns.targets, returns.contents | held([value]))
    return NOTHING


def _yield_from(engine: Engine, scope: Scope, node: ast.YieldFrom) -> Value:
    value = evaluate(engine, scope, node.value)
    iterate(engine, scope, value, node.value)
    returns = scope.facts.returns
    scope.facts.returns = Value(returns.type, returns.targets, returns.contents | value.contents)
    return NOTHING


def _walrus(engine: Engine, scope: Scope, node: ast.NamedExpr) -> Value:
    value = evaluate(engine, scope, node.value)
    scope.env[node.target.id] = value
    return value


def _star(engine: Engine, scope: Scope, node: ast.Starred) -> Value:
    return evaluate(engine, scope, node.value)


HANDLERS: Final[Mapping[type[ast.AST], Callable[[Engine, Scope, ast.expr], Value]]] = {  # type: ignore[assignment] # each takes the node it is listed for
    ast.Attribute: _attribute,
    ast.Await: _await,
    ast.BinOp: _binary,
    ast.BoolOp: _boolean,
    ast.Call: _call,
    ast.Compare: _compare,
    ast.Constant: _constant,
    ast.Dict: _dict,
    ast.DictComp: _comprehension,
    ast.FormattedValue: _formatted,
    ast.GeneratorExp: _comprehension,
    ast.IfExp: _conditional,
    ast.JoinedStr: _fstring,
    ast.Lambda: _lambda,
    ast.List: _sequence,
    ast.ListComp: _comprehension,
    ast.Name: _name,
    ast.NamedExpr: _walrus,
    ast.Set: _sequence,
    ast.SetComp: _comprehension,
    ast.Slice: _slice,
    ast.Starred: _star,
    ast.Subscript: _subscript,
    ast.Tuple: _sequence,
    ast.UnaryOp: _unary,
    ast.Yield: _yield,
    ast.YieldFrom: _yield_from,
}
