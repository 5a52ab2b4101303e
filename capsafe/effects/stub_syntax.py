"""The grammar of the effect stubs: the text of one file to a table of declarations, or an error with file and line.

Knows syntax, and the names of the capabilities. It refuses to know which files there are and how a call chooses. The
grammar is written down in ``capsafe_effects/README.md``.
"""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Final

from capsafe import capabilities
from capsafe.effects.declared import PURE, Clause, Condition, Declaration, First, Parameter, Signature

CAPABILITIES: Final = frozenset(
    name
    for name, value in vars(capabilities).items()
    if isinstance(value, type) and issubclass(value, capabilities.Capability) and value is not capabilities.Ambient
)
DECORATORS: Final = frozenset({"overload", "property", "staticmethod", "classmethod"})
NO_REASON: Final = "what it does is not known"


class StubError(ValueError):
    """A stub file is wrong; the message is ``file:line: what is wrong and what to write``."""


@dataclass(slots=True)
class ClassTable:
    """The rows of one class of a stub, with the names of the classes that it takes further rows from."""

    name: str
    line: int
    bases: tuple[str, ...] = ()
    default: Declaration | None = None
    rows: dict[str, Declaration] = field(default_factory=dict)


@dataclass(slots=True)
class Table:
    """The rows of one stub file; ``classes`` by qualified name, nested ones too."""

    path: str
    place: str
    default: Declaration | None = None
    imported: Clause = PURE
    rows: dict[str, Declaration] = field(default_factory=dict)
    classes: dict[str, ClassTable] = field(default_factory=dict)


@cache  # bounded by the stub files there are; keyed by content, so an edited file is read again
def parse(text: str, path: str, place: str) -> Table:
    """Return the table of a stub's text.

    ``path`` names the file in errors, ``place`` in ``Declaration.place``. Raise StubError.
    """
    try:
        tree = ast.parse(text)
    except SyntaxError as error:
        raise StubError(f"{path}:{error.lineno or 1}: no Python syntax: {error.msg}") from error
    table = Table(path, place)
    _Reader(table).module(tree)
    return table


class _Reader:
    """Fills one table."""

    def __init__(self, table: Table) -> None:
        self.table = table

    def error(self, node: ast.AST, message: str) -> StubError:
        return StubError(f"{self.table.path}:{getattr(node, 'lineno', 1)}: {message}")

    def place(self, node: ast.AST) -> str:
        return f"{self.table.place}:{getattr(node, 'lineno', 1)}"

    # Scopes -----------------------------------------------------------------------------------------------------

    def module(self, tree: ast.Module) -> None:
        rows, classes = self.table.rows, self.table.classes
        imported = False
        for node in _rows(tree.body):
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == "__import__":
                if imported:
                    raise self.error(node, "__import__ is said twice")
                if rows or classes:
                    raise self.error(node, "__import__ must stand before the first row")
                self.table.imported = self.effect(node.annotation, ())
                imported = True
            else:
                self.table.default = self.row(node, rows, "", self.table.default)

    def row(
        self, node: ast.stmt, rows: dict[str, Declaration], owner: str, default: Declaration | None
    ) -> Declaration | None:
        """Read one row into ``rows``; return the default of its scope."""
        match node:
            case ast.AnnAssign(target=ast.Name(id=name), value=None):
                clause = self.effect(node.annotation, ("self",) if owner else ())
                said = Declaration("attribute", self.place(node), (Signature((), clause),))
                if name == "__default__":
                    return self.default(node, said, rows, owner, default)
                self.add(node, rows, owner, name, said)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self.function(node, rows, owner)
            case ast.ClassDef():
                self.class_(node, rows, owner)
            case _:
                raise self.error(
                    node,
                    f"{ast.unparse(node).splitlines()[0]!r} is no row: write `def f(...) -> EFFECT: ...`, "
                    "`name: EFFECT` or `class C: ...`",
                )
        return default

    def default(
        self,
        node: ast.stmt,
        said: Declaration,
        rows: Mapping[str, Declaration],
        owner: str,
        before: Declaration | None,
    ) -> Declaration:
        if before is not None:
            raise self.error(node, "__default__ is said twice")
        prefix = f"{owner}." if owner else ""
        if rows or any(name.startswith(prefix) for name in self.table.classes if name != owner):
            raise self.error(node, "__default__ must stand before the first row, where a reader looks for it")
        return Declaration("function", said.place, said.signatures, listed=False)

    def add(
        self, node: ast.stmt, rows: dict[str, Declaration], owner: str, name: str, declaration: Declaration
    ) -> None:
        qualname = f"{owner}.{name}" if owner else name
        if name in rows or qualname in self.table.classes:
            raise self.error(node, f"{qualname} is said twice: overloads are marked @overload and stand together")
        if name in {"__init__", "__new__"} and {"__init__", "__new__"} & rows.keys():
            raise self.error(node, f"{owner}.__init__ says what constructing does, __new__ included: write one of them")
        rows[name] = declaration

    def class_(self, node: ast.ClassDef, rows: Mapping[str, Declaration], owner: str) -> None:
        qualname = f"{owner}.{node.name}" if owner else node.name
        if node.name in rows or qualname in self.table.classes:
            raise self.error(node, f"class {qualname} is said twice")
        if node.keywords or node.decorator_list:
            raise self.error(node, f"class {qualname}: a stub's class takes bases alone, no keywords and no decorators")
        bases = tuple(self.dotted(base) for base in node.bases)
        table = ClassTable(qualname, node.lineno, bases)
        self.table.classes[qualname] = table
        for inner in _rows(node.body):
            table.default = self.row(inner, table.rows, qualname, table.default)

    def dotted(self, node: ast.expr) -> str:
        if isinstance(node, ast.Name):
            return node.id
        if isinstance(node, ast.Attribute):
            return f"{self.dotted(node.value)}.{node.attr}"
        raise self.error(node, f"{ast.unparse(node)!r} is no class name: a base is written as its canonical name")

    # Functions --------------------------------------------------------------------------------------------------

    def function(self, node: ast.FunctionDef | ast.AsyncFunctionDef, rows: dict[str, Declaration], owner: str) -> None:
        marks = {d.id for d in node.decorator_list if isinstance(d, ast.Name) and d.id in DECORATORS}
        if len(marks) != len(node.decorator_list):
            raise self.error(node, f"{node.name}: a row is decorated with {', '.join(sorted(DECORATORS))} alone")
        if not _is_empty(node.body):
            raise self.error(node, f"{node.name}: the body of a row is `...`")
        if node.returns is None:
            raise self.error(node, f"{node.name}: its effect is missing: write `-> Pure`, `-> Performs[...]`, ...")
        first = self.first(node, marks, owner)
        parameters = tuple(self.parameters(node, first))
        names = [p.name for p in parameters] + ([] if first == "none" else ["self"])
        signature = Signature(parameters, self.effect(node.returns, names), first)
        conditional = [p.name for p in parameters if p.condition is not None]
        last = "overload" not in marks or getattr(node, "last", False)
        if conditional and last:
            raise self.error(
                node,
                f"{node.name}: a condition on {conditional[0]!r} needs @overload, and a last overload that has none, "
                "which takes whatever is left",
            )
        if "property" in marks:
            self.add(node, rows, owner, node.name, Declaration("attribute", self.place(node), (signature,)))
        elif "overload" in marks:
            self.overload(node, rows, owner, signature)
        else:
            self.add(node, rows, owner, node.name, Declaration("function", self.place(node), (signature,)))

    def overload(self, node: ast.stmt, rows: dict[str, Declaration], owner: str, signature: Signature) -> None:
        name = getattr(node, "name", "")
        if not getattr(node, "goes_on", False):
            self.add(node, rows, owner, name, Declaration("function", self.place(node), (signature,)))
            return
        before = rows[name]
        rows[name] = Declaration("function", before.place, (*before.signatures, signature))

    def first(self, node: ast.FunctionDef | ast.AsyncFunctionDef, marks: set[str], owner: str) -> First:
        if not owner or "staticmethod" in marks:
            return "none"
        names = [a.arg for a in (*node.args.posonlyargs, *node.args.args)]
        if not names or names[0] not in {"self", "cls"}:
            raise self.error(node, f"{owner}.{node.name}: the first parameter of a method is self (or cls)")
        return "drop" if names[0] == "cls" or "classmethod" in marks else "self"

    def parameters(self, node: ast.FunctionDef | ast.AsyncFunctionDef, first: First) -> Iterator[Parameter]:
        given = node.args
        ordered = [*given.posonlyargs, *given.args]
        optional = len(ordered) - len(given.defaults)
        for index, argument in enumerate(ordered):
            mine = index == 0 and first != "none"
            passing = "positional" if index < len(given.posonlyargs) or mine else "either"
            yield self.parameter(argument, passing, default=index >= optional)
        if given.vararg is not None:
            yield self.parameter(given.vararg, "star", default=True)
        for argument, default in zip(given.kwonlyargs, given.kw_defaults, strict=True):
            yield self.parameter(argument, "keyword", default=default is not None)
        if given.kwarg is not None:
            yield self.parameter(given.kwarg, "kwstar", default=True)

    def parameter(self, argument: ast.arg, passing: str, *, default: bool) -> Parameter:
        condition = None if argument.annotation is None else self.condition(argument.annotation)
        return Parameter(argument.arg, passing, default, condition)  # type: ignore[arg-type] # one of Passing

    def condition(self, node: ast.expr) -> Condition:
        match node:
            case ast.Constant(value=None):
                return Condition("none")
            case ast.Name(id="Absent"):
                return Condition("absent")
            case ast.Name(id="Given"):
                return Condition("given")
            case ast.Name(id="Literal"):
                return Condition("written")
            case ast.Subscript(value=ast.Name(id="Literal"), slice=inner):
                return Condition("literal", tuple(self.literal(item) for item in _items(inner)))
            case ast.Subscript(value=ast.Name(id="Instance"), slice=inner):
                return Condition("instance", tuple(self.text(item, "Instance") for item in _items(inner)))
            case _:
                raise self.error(
                    node,
                    f"{ast.unparse(node)!r} is no condition: write None, Literal, Literal[...], Absent, Given or "
                    'Instance["module.Class"]; a parameter that does not select has no annotation',
                )

    def literal(self, node: ast.expr) -> object:
        try:
            value: object = ast.literal_eval(node)
        except ValueError:
            value = ...
        if value is not None and not isinstance(value, str | bytes | int | bool):
            raise self.error(node, f"{ast.unparse(node)!r} is no literal")
        return value

    def text(self, node: ast.expr, form: str) -> str:
        if not (isinstance(node, ast.Constant) and isinstance(node.value, str)):
            raise self.error(node, f"{form} takes names in quotes, not {ast.unparse(node)}")
        return node.value

    # Effects ----------------------------------------------------------------------------------------------------

    def effect(self, node: ast.expr, parameters: list[str] | tuple[str, ...]) -> Clause:
        match node:
            case ast.BinOp(left=left, op=ast.BitOr(), right=right):
                return self.effect(left, parameters) | self.effect(right, parameters)
            case ast.Name(id="Pure"):
                return PURE
            case ast.Name(id="Unknown"):
                return Clause(unknown=NO_REASON)
            case ast.Subscript(value=ast.Name(id="Unknown"), slice=reason):
                return Clause(unknown=self.text(reason, "Unknown"))
            case ast.Subscript(value=ast.Name(id="Performs"), slice=inner):
                return Clause(frozenset(self.capabilities(inner)))
            case ast.Subscript(value=ast.Name(id="EffectsOf"), slice=inner):
                return Clause(of=tuple(self.of(item, parameters) for item in _items(inner)))
            case _:
                raise self.error(
                    node,
                    f"{ast.unparse(node)!r} is no effect: write Pure, Performs[...], EffectsOf[...], Unknown or "
                    'Unknown["reason"], joined by |',
                )

    def capabilities(self, node: ast.expr) -> Iterator[str]:
        match node:
            case ast.BinOp(left=left, op=ast.BitOr(), right=right):
                yield from self.capabilities(left)
                yield from self.capabilities(right)
            case ast.Name(id=name) if name in CAPABILITIES:
                yield name
            case _:
                raise self.error(node, f"{ast.unparse(node)!r} is no capability: {', '.join(sorted(CAPABILITIES))}")

    def of(self, node: ast.expr, parameters: list[str] | tuple[str, ...]) -> str:
        text = self.text(node, "EffectsOf")
        name, dot, member = text.partition(".")
        if name not in parameters:
            known = ", ".join(dict.fromkeys(parameters)) or "none here"
            raise self.error(node, f"EffectsOf[{text!r}]: there is no parameter {name!r} (there are: {known})")
        if dot and not member.isidentifier():
            raise self.error(node, f"EffectsOf[{text!r}]: after the parameter stands one name, such as {name}.__str__")
        return text


def _items(node: ast.expr) -> list[ast.expr]:
    return node.elts if isinstance(node, ast.Tuple) else [node]


def _is_empty(body: list[ast.stmt]) -> bool:
    return len(body) == 1 and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant)


def _rows(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements that say something; mark in a run of overloads which go on and which is last."""
    said = [
        n
        for n in body
        if not (isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant)) and not isinstance(n, ast.Pass)
    ]
    for before, node, after in zip([None, *said], said, [*said[1:], None], strict=False):
        node.goes_on = _same_overload(before, node)  # type: ignore[attr-defined] # our own mark on the tree
        node.last = not _same_overload(node, after)  # type: ignore[attr-defined] # as above
        yield node


def _same_overload(one: ast.stmt | None, other: ast.stmt | None) -> bool:
    return (
        isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)
        and isinstance(other, ast.FunctionDef | ast.AsyncFunctionDef)
        and one.name == other.name
        and all(any(isinstance(d, ast.Name) and d.id == "overload" for d in n.decorator_list) for n in (one, other))
    )
