"""Imports go one way: a module knows what lies below it, and nothing above or beside its own column."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CODE = sorted([*(ROOT / "capsafe").rglob("*.py"), *(ROOT / "mypy_plugin").rglob("*.py")])

#: What each part may import of the other parts. DESIGN: capabilities, errors <- grants <- policy <- kernel <- worker
#: <- broker <- sandbox <- cli, and capabilities, errors <- effects <- {cli, capsafe_mypy}.
BASE = {"capabilities", "errors"}
RUN_TIME = ["scopes", "grants", "policy", "kernel", "worker", "broker", "sandbox"]
ALLOWED: dict[str, set[str]] = {
    "capabilities": set(),
    "errors": {"capabilities"},
    **{part: BASE | set(RUN_TIME[:place]) for place, part in enumerate(RUN_TIME)},
    # Pure text and types: it may read scopes and grants as data, but knows nothing that acts.
    "effects": BASE | {"scopes", "grants"},
    "cli": BASE | set(RUN_TIME) | {"effects"},
    "__main__": {"cli"},
    # The front door re-exports.
    "__init__": BASE | {"broker", "sandbox", "policy"},
    "capsafe_mypy": BASE | {"effects", "scopes", "grants"},
}

#: What only some files may import, and why.
RESERVED = {
    "pyseccomp": {"capsafe/kernel"},
    "landlockpy": {"capsafe/kernel"},
    # The broker hands a closure with NativeCode a ctypes.CDLL.
    "ctypes": {"capsafe/kernel", "capsafe/broker/native.py"},
    "mypy": {"mypy_plugin", "capsafe/cli"},
    "typer": {"capsafe/cli"},
    "rich": {"capsafe/cli"},
    "msgspec": {"capsafe/worker"},
}


def part_of(file: Path) -> str:
    """Name the part of the project that a file belongs to: the name below its package."""
    top, *rest = file.relative_to(ROOT).parts
    return "capsafe_mypy" if top == "mypy_plugin" else rest[0].removesuffix(".py")


def module_of(file: Path) -> list[str]:
    """Name the package that a file's relative imports start from."""
    parts = list(file.relative_to(ROOT).parent.parts)
    return parts[1:] if parts[0] == "mypy_plugin" else parts


def imports(file: Path) -> Iterator[tuple[int, str]]:
    """List every name that a file imports anywhere: late, for the checker alone, relative, or by import_module."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = module_of(file)
            prefix = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*prefix, *([node.module] if node.module else [])])
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in {"import_module", "__import__"}:
            first = node.args[0] if node.args else None
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield node.lineno, first.value


def imported_part(name: str) -> str | None:
    """Name the part that a dotted name belongs to, None for what is not ours."""
    top, *rest = name.split(".")
    if top == "capsafe_mypy":
        return "capsafe_mypy"
    if top != "capsafe":
        return None
    # ``from capsafe import Sandbox`` and ``import capsafe`` are the front door.
    return rest[0] if rest and rest[0] in ALLOWED else "__init__"


def offences(file: Path) -> list[str]:
    """List what a file imports that it must not."""
    part = part_of(file)
    place = str(file.relative_to(ROOT))
    found = []
    for line, name in imports(file):
        other = imported_part(name)
        if other is not None and other != part and other not in ALLOWED[part]:
            found.append(f"{place}:{line}: {part} imports {name}")
        homes = RESERVED.get(name.split(".")[0])
        if homes is not None and not any(place == home or place.startswith(home + "/") for home in homes):
            found.append(f"{place}:{line}: only {', '.join(sorted(homes))} may import {name}")
    return found


@pytest.mark.parametrize("file", CODE, ids=lambda file: str(file.relative_to(ROOT)))
def test_imports_go_one_way(file: Path) -> None:
    assert offences(file) == []


def test_every_part_has_its_place() -> None:
    """A new part must be put into the order before it is used."""
    assert {part_of(file) for file in CODE} <= set(ALLOWED)
    assert len(CODE) > 20


@pytest.mark.parametrize(
    ("place", "source"),
    [
        ("capsafe/policy/bad.py", "from capsafe.kernel import prepare"),
        ("capsafe/policy/bad.py", "if TYPE_CHECKING:\n    from capsafe.worker import run"),
        ("capsafe/policy/bad.py", "def late():\n    import capsafe.sandbox"),
        ("capsafe/policy/bad.py", "from ..sandbox import Sandbox"),
        ("capsafe/policy/bad.py", "from .. import sandbox"),
        ("capsafe/policy/bad.py", "from capsafe import Sandbox"),
        ("capsafe/policy/bad.py", "import_module('pyseccomp')"),
        ("capsafe/worker/bad.py", "import ctypes"),
        ("capsafe/worker/bad.py", "from ctypes import CDLL"),
        ("capsafe/broker/bad.py", "import ctypes.util"),
        ("capsafe/effects/bad.py", "import mypy.api"),
        ("capsafe/effects/bad.py", "from capsafe.kernel.support import probe"),
        ("mypy_plugin/capsafe_mypy/bad.py", "from capsafe.sandbox import Sandbox"),
        ("capsafe/capabilities.py", "from capsafe.errors import GrantError"),
    ],
)
def test_a_wrong_import_is_seen(place: str, source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "read_text", lambda _self: source)
    assert offences(ROOT / place)


def test_a_right_import_is_not() -> None:
    assert offences(ROOT / "capsafe/broker/surface.py") == []
    assert any(name.startswith("capsafe.grants") for _, name in imports(ROOT / "capsafe/broker/surface.py"))
