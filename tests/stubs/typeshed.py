"""Typeshed as mypy ships it, read with ``ast``: which names a module, and its classes, define on Linux.

Knows syntax trees and the conditions on the version and the platform. It refuses to know effects.
"""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path

VERSIONS = ((3, 11), (3, 12), (3, 13))


@cache
def folder() -> Path:
    spec = find_spec("mypy")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "typeshed" / "stdlib"


@dataclass
class Name:
    """One definition: ``parameters`` of all overloads together, empty for what is no function."""

    kind: str
    parameters: set[str] = field(default_factory=set)
    anything: bool = False  # whether some overload takes *args or **kwargs


def file_of(module: str) -> Path | None:
    inside = module.replace(".", "/")
    return next((p for p in (folder() / f"{inside}.pyi", folder() / inside / "__init__.pyi") if p.is_file()), None)


@cache
def names(module: str) -> dict[str, Name]:
    """Return every definition of a module, by qualified name, on any of the supported Pythons."""
    path = file_of(module)
    assert path is not None, module
    tree = ast.parse(path.read_text())
    found: dict[str, Name] = {}
    for version in VERSIONS:
        _collect(tree.body, "", version, found)
    return found


def _collect(body: list[ast.stmt], prefix: str, version: tuple[int, int], found: dict[str, Name]) -> None:
    for node in live(body, version):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                name = found.setdefault(prefix + node.name, Name("function"))
                if any(
                    isinstance(d, ast.Name) and d.id in {"property", "cached_property"} for d in node.decorator_list
                ):
                    name.kind = "attribute"
                a = node.args
                name.parameters |= {x.arg for x in (*a.posonlyargs, *a.args, *a.kwonlyargs, a.vararg, a.kwarg) if x}
                name.anything |= bool(a.vararg or a.kwarg)
            case ast.ClassDef():
                found.setdefault(prefix + node.name, Name("class"))
                _collect(node.body, f"{prefix}{node.name}.", version, found)
            case ast.AnnAssign(target=ast.Name(id=target)):
                found.setdefault(prefix + target, Name("attribute"))
            case ast.Assign(targets=[ast.Name(id=target)]):
                found.setdefault(prefix + target, Name("attribute"))
            case _:
                pass


def live(body: list[ast.stmt], version: tuple[int, int]) -> Iterator[ast.stmt]:
    """Yield the statements that hold on a version, on Linux, those inside conditions too."""
    for node in body:
        if isinstance(node, ast.If):
            yield from live(node.body if _holds(node.test, version) else node.orelse, version)
        else:
            yield node


def _holds(test: ast.expr, version: tuple[int, int]) -> bool:
    """Evaluate a condition of typeshed's: comparisons of sys.version_info and sys.platform, and, or, not."""
    names_ = {"sys": type("sys", (), {"version_info": (*version, 0), "platform": "linux"}), "TYPE_CHECKING": True}
    return bool(eval(compile(ast.Expression(test), "<typeshed>", "eval"), names_))


def public(name: str) -> bool:
    """Return whether a qualified name is public: no part is private; a dunder is not private."""
    return all(not part.startswith("_") or (part.startswith("__") and part.endswith("__")) for part in name.split("."))


@cache
def modules() -> frozenset[str]:
    """Return all modules of the supported Pythons, by typeshed's VERSIONS."""
    ranges = {}
    for line in (folder() / "VERSIONS").read_text().splitlines():
        text = line.partition("#")[0].strip()
        if text:
            module, _, span = text.partition(":")
            first, _, last = span.strip().partition("-")
            ranges[module] = (_version(first), _version(last) if last else (9, 99))
    found = set()
    for path in folder().rglob("*.pyi"):
        parts = path.relative_to(folder()).with_suffix("").parts
        if parts[-1] == "__init__":
            parts = parts[:-1]
        module = ".".join(parts)
        spans = [ranges[".".join(parts[:n])] for n in range(1, len(parts) + 1) if ".".join(parts[:n]) in ranges]
        if all(any(low <= v <= high for v in VERSIONS) for low, high in spans):
            found.add(module)
    return frozenset(found)


def _version(text: str) -> tuple[int, int]:
    major, _, minor = text.partition(".")
    return int(major), int(minor)


if sys.version_info >= (3, 14):  # pragma: no cover - a reminder
    raise RuntimeError("add the new Python to VERSIONS")
