"""Source text as the engine reads it: modules, and where in them each function and class is defined.

Knows syntax trees and names. It refuses to know types and effects.
"""

import ast
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TypeAlias

FunctionNode: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
Body: TypeAlias = FunctionNode | ast.Module | ast.ClassDef


@dataclass(frozen=True, slots=True)
class Function:
    """One body: a function, a lambda, or a module's own. ``key`` is unique; ``parent`` is the function around it."""

    key: str
    module: str
    qualname: str
    path: str
    node: Body = field(compare=False, hash=False)
    parent: "Function | None" = field(default=None, compare=False, hash=False)
    owner: str | None = field(default=None, compare=False, hash=False)  # the class that it is a method of

    @property
    def name(self) -> str:
        """The name for people: ``module.Class.method``."""
        return self.module if self.qualname == "<module>" else f"{self.module}.{self.qualname}"

    @property
    def node_name(self) -> str:
        """The function's own name, without its module."""
        return self.qualname.rpartition(".")[2]


@dataclass(slots=True)
class Source:
    """A parsed module: its tree, and its definitions and assignments by qualified name."""

    module: str
    path: str
    text: str
    tree: ast.Module
    functions: dict[str, list[Function]] = field(default_factory=dict)
    classes: dict[str, list[ast.ClassDef]] = field(default_factory=dict)
    assigned: dict[str, list[ast.expr]] = field(default_factory=dict)
    imported: dict[str, list[tuple[str, str | None]]] = field(default_factory=dict)

    @property
    def body(self) -> Function:
        """The module's own body, which runs when it is imported."""
        return Function(f"{self.module}:<module>", self.module, "<module>", self.path, self.tree)


def make_function(
    source: Source, node: FunctionNode, qualname: str, parent: Function | None, owner: str | None = None
) -> Function:
    """Return the body of ``node`` with a key that no other body has."""
    around = parent.key.partition("#")[2] if parent is not None else ""
    return Function(
        f"{source.module}:{qualname}@{node.lineno}:{node.col_offset}{'#' if around else ''}{around}",
        source.module,
        qualname,
        source.path,
        node,
        parent,
        owner,
    )


def statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements of a scope: those inside ``if``, ``try``, ``with`` and loops too, none of inner scopes."""
    for statement in body:
        yield statement
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        for name in ("body", "orelse", "finalbody"):
            yield from statements(getattr(statement, name, []))
        for handler in getattr(statement, "handlers", []):
            yield from statements(handler.body)
        for case in getattr(statement, "cases", []):
            yield from statements(case.body)


def index(source: Source) -> None:
    """Fill in the definitions of a freshly parsed module."""
    _index_scope(source, source.tree.body, "", None)
    # A class inside a function has no dotted name of its own; the type checker calls it ``Name@line``.
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ClassDef):
            name = f"{node.name}@{node.lineno}"
            source.classes.setdefault(name, []).append(node)
            _index_scope(source, node.body, f"{name}.", f"{source.module}.{name}")


def _index_scope(source: Source, body: list[ast.stmt], prefix: str, owner: str | None) -> None:
    for statement in statements(body):
        match statement:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                if not _is_overload(statement):
                    qualname = prefix + statement.name + _accessor(statement)
                    found = make_function(source, statement, qualname, None, owner)
                    source.functions.setdefault(qualname, []).append(found)
            case ast.ClassDef():
                qualname = prefix + statement.name
                source.classes.setdefault(qualname, []).append(statement)
                _index_scope(source, statement.body, f"{qualname}.", f"{source.module}.{qualname}")
            case ast.Assign():
                for target in statement.targets:
                    _index_target(source, prefix, target, statement.value)
            case ast.AnnAssign() if statement.value is not None:
                _index_target(source, prefix, statement.target, statement.value)
            case ast.Import() if not prefix:
                for alias in statement.names:
                    bound = alias.asname or alias.name.partition(".")[0]
                    full = alias.name if alias.asname else bound
                    source.imported.setdefault(bound, []).append((full, None))
            case ast.ImportFrom() if not prefix:
                origin = absolute(source, statement)
                for alias in statement.names:
                    source.imported.setdefault(alias.asname or alias.name, []).append((origin, alias.name))
            case _:
                pass


def _index_target(source: Source, prefix: str, target: ast.expr, value: ast.expr) -> None:
    match target:
        case ast.Name():
            source.assigned.setdefault(prefix + target.id, []).append(value)
        case ast.Tuple() | ast.List() if isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(
            target.elts
        ):
            for item, part in zip(target.elts, value.elts, strict=True):
                _index_target(source, prefix, item, part)
        case ast.Tuple() | ast.List():
            for item in target.elts:
                _index_target(source, prefix, item, value)
        case _:
            pass


def _accessor(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    """Return what tells a property's setter and deleter, which have its name, from the property itself."""
    for decorator in node.decorator_list:
        if isinstance(decorator, ast.Attribute) and decorator.attr in {"setter", "deleter"}:
            return f".{decorator.attr}"
    return ""


def _is_overload(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(
        (isinstance(d, ast.Name) and d.id == "overload") or (isinstance(d, ast.Attribute) and d.attr == "overload")
        for d in node.decorator_list
    )


def absolute(source: Source, node: ast.ImportFrom) -> str:
    """Return the absolute name of the module that ``node`` imports from."""
    if not node.level:
        return node.module or ""
    package = source.module.split(".")
    if Path(source.path).stem != "__init__":
        package = package[:-1]
    package = package[: len(package) - (node.level - 1)]
    return ".".join([*package, *([node.module] if node.module else [])])


class Sources:
    """The modules whose source can be read, each parsed once."""

    def __init__(self, locate: Callable[[str], str | None], given: Mapping[str, str] = MappingProxyType({})) -> None:
        """Take ``locate``, which gives the file of a module by its name or None, and texts that lie in no file."""
        self._locate = locate
        self._given = given
        self._modules: dict[str, Source | None] = {}

    def get(self, module: str) -> Source | None:
        """Return the module's source, or None where there is none to read (native, a stub alone, a syntax error)."""
        if module not in self._modules:
            self._modules[module] = self._load(module)
        return self._modules[module]

    def _load(self, module: str) -> Source | None:
        path = self._locate(module)
        if path is None or (module not in self._given and not path.endswith(".py")):
            return None
        try:
            text = self._given[module].encode() if module in self._given else Path(path).read_bytes()
            tree = ast.parse(text, filename=path)
            decoded = text.decode("utf-8", "replace")
        except (OSError, SyntaxError, ValueError, RecursionError):
            return None
        source = Source(module, path, decoded, tree)
        index(source)
        return source

    def find(self, fullname: str) -> tuple[Source, str] | None:
        """Split a canonical name into its module's source and the name inside it."""
        module = fullname
        while "." in module:
            module, _, _ = module.rpartition(".")
            source = self.get(module)
            if source is not None:
                return source, fullname[len(module) + 1 :]
            if self._locate(module) is not None:
                return None
        return None

    def functions(self, fullname: str) -> list[Function]:
        """Return every body that the name may have (a definition in each branch of an ``if`` is one)."""
        found = self.find(fullname)
        return found[0].functions.get(found[1], []) if found else []

    def classes(self, fullname: str) -> list[ast.ClassDef]:
        """Return every definition that the class may have."""
        found = self.find(fullname)
        return found[0].classes.get(found[1], []) if found else []
