"""Edits far from the closure: a helper's body changes, its interface does not, and the verdict must follow."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.plugin.conftest import Prime
from tests.plugin.runner import Outcome, run_mypy

pytestmark = pytest.mark.checkers
Start = Callable[[Mapping[str, str], Sequence[str]], "Project"]
PARALLEL = pytest.param(["-n", "2"], id="parallel", marks=pytest.mark.any_python)
MODES = pytest.mark.parametrize("workers", [pytest.param([], id="sequential"), PARALLEL])

MAIN = """\
from typing import Never

from capsafe import Sandbox
{imports}

SANDBOX = Sandbox[Never]()


def task() -> None:
    SANDBOX.execute(lambda broker: {call})  # HERE
"""


@dataclass
class Project:
    """A folder with a project, its own cache, and one way to run mypy in it."""

    folder: Path
    arguments: Sequence[str]
    main: str = "main.py"

    def write(self, files: Mapping[str, str]) -> None:
        """Write files, as an editor would."""
        for path, text in files.items():
            target = self.folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")

    def check(self, *more: str) -> Outcome:
        """Run mypy with the project's own cache."""
        return run_mypy(["--output", "json", *self.arguments, *more], self.folder)

    def codes(self) -> list[str]:
        """Return the codes reported in the closure's line; there must be none elsewhere."""
        outcome = self.check()
        text = (self.folder / self.main).read_text(encoding="utf-8")
        line = next(n for n, row in enumerate(text.splitlines(), 1) if row.endswith("# HERE"))
        assert {(a.path, a.line) for a in outcome.alarms} <= {(self.main, line)}, outcome.output
        return sorted(a.code for a in outcome.alarms)


@pytest.fixture
def start(tmp_path: Path, prime: Prime) -> Start:
    def make(files: Mapping[str, str], workers: Sequence[str]) -> Project:
        project = Project(tmp_path, [*workers, "main.py"])
        prime(tmp_path)
        project.write({"mypy.ini": "[mypy]\nplugins = capsafe_mypy\n", **files})
        return project

    return make


PURE, OPENS = "    return path\n", "    return open(path).read()\n"
FAR = "def read(path: str) -> str:\n"
THREE = {
    "main.py": MAIN.format(imports="import near", call='near.fetch("notes.txt")'),
    "near.py": "import far\n\n\ndef fetch(path: str) -> str:\n    return far.read(path)\n",
    "far.py": FAR + OPENS,
}


@MODES
def test_three_modules_and_the_far_one_is_edited(start: Start, workers: list[str]) -> None:
    project = start(THREE, workers)
    outcome = project.check()
    assert [str(a) for a in outcome.alarms] == ["main.py:10 [capsafe-ambient]"]
    said = outcome.said("main.py", 10)
    assert "open() is ambient: it needs ReadFile" in said
    assert "near.fetch (near.py:5): far.read" in said
    assert "far.read (far.py:2): open" in said
    assert project.codes() == ["capsafe-ambient"], "warm"
    project.write({"far.py": FAR + PURE})
    assert project.codes() == [], "the open is gone from the far helper alone"
    assert project.codes() == [], "and once more, warm"
    project.write({"far.py": FAR + OPENS})
    assert project.codes() == ["capsafe-ambient"], "it is back"
    project.write({"far.py": FAR + "    print(path)\n    return path\n"})
    assert "Stdout" in project.check().said("main.py", 10), "another effect instead"


# Each: the files, then the one file to edit with its pure text and its impure text.
ROUTES: dict[str, tuple[dict[str, str], str, str, str]] = {
    "method": (
        {
            "main.py": MAIN.format(imports="from box import Box", call="Box().take(1)"),
            "box.py": "import base\n\n\nclass Box(base.Base):\n    pass\n",
        },
        "base.py",
        "class Base:\n    def take(self, n: int) -> int:\n        return n\n",
        "class Base:\n    def take(self, n: int) -> int:\n        print(n)\n        return n\n",
    ),
    "property": (
        {"main.py": MAIN.format(imports="from box import BOX", call="BOX.size")},
        "box.py",
        "class Box:\n    @property\n    def size(self) -> int:\n        return 1\n\n\nBOX = Box()\n",
        "class Box:\n    @property\n    def size(self) -> int:\n        return len(input())\n\n\nBOX = Box()\n",
    ),
    "module alias": (
        {
            "main.py": MAIN.format(imports="import near as n", call="n.f.read('x')"),
            "near.py": "import far as f\n\n__all__ = ['f']\n",
        },
        "far.py",
        FAR + PURE,
        FAR + OPENS,
    ),
    "relative import in a package": (
        {
            "main.py": MAIN.format(imports="from pkg.near import fetch", call="fetch('x')"),
            "pkg/__init__.py": "",
            "pkg/near.py": "from .inner import far\n\n\ndef fetch(path: str) -> str:\n    return far.read(path)\n",
            "pkg/inner/__init__.py": "",
        },
        "pkg/inner/far.py",
        FAR + PURE,
        FAR + OPENS,
    ),
    "relative import from the parent": (
        {
            "main.py": MAIN.format(imports="from pkg.sub.near import fetch", call="fetch('x')"),
            "pkg/__init__.py": "",
            "pkg/sub/__init__.py": "",
            "pkg/sub/near.py": "from ..far import read\n\n\ndef fetch(path: str) -> str:\n    return read(path)\n",
        },
        "pkg/far.py",
        FAR + PURE,
        FAR + OPENS,
    ),
    "package init": (
        {"main.py": MAIN.format(imports="import pkg", call="pkg.read('x')")},
        "pkg/__init__.py",
        FAR + PURE,
        FAR + OPENS,
    ),
    "package init that re-exports with a star": (
        {
            "main.py": MAIN.format(imports="from pkg import read", call="read('x')"),
            "pkg/__init__.py": "from pkg.far import *\n",
        },
        "pkg/far.py",
        "__all__ = ['read']\n" + FAR + PURE,
        "__all__ = ['read']\n" + FAR + OPENS,
    ),
    "namespace package": (
        {
            "main.py": MAIN.format(imports="from space.near import fetch", call="fetch('x')"),
            "space/near.py": "from space import far\n\n\ndef fetch(path: str) -> str:\n    return far.read(path)\n",
        },
        "space/far.py",
        FAR + PURE,
        FAR + OPENS,
    ),
    "conditional import": (
        {
            "main.py": MAIN.format(imports="import near", call="near.fetch('x')"),
            "near.py": (
                "try:\n    from fast import read\nexcept ImportError:\n    from slow import read\n\n\n"
                "def fetch(path: str) -> str:\n    return read(path)\n"
            ),
            "fast.py": FAR + PURE,
        },
        "slow.py",
        FAR + PURE,
        FAR + OPENS,
    ),
    "import inside a function": (
        {
            "main.py": MAIN.format(imports="import near", call="near.fetch('x')"),
            "near.py": "import far\n\n\ndef fetch(p: str) -> str:\n    from far import read\n\n    return read(p)\n",
        },
        "far.py",
        FAR + PURE,
        FAR + OPENS,
    ),
    "decorator": (
        {
            "main.py": MAIN.format(imports="from near import double", call="double(2)"),
            "near.py": "from deco import traced\n\n\n@traced\ndef double(n: int) -> int:\n    return n * 2\n",
        },
        "deco.py",
        (
            "from collections.abc import Callable\n\n\ndef traced(f: Callable[[int], int]) -> Callable[[int], int]:\n"
            "    def wrapper(n: int) -> int:\n        return f(n)\n\n    return wrapper\n"
        ),
        (
            "from collections.abc import Callable\n\n\ndef traced(f: Callable[[int], int]) -> Callable[[int], int]:\n"
            "    def wrapper(n: int) -> int:\n        print(n)\n        return f(n)\n\n    return wrapper\n"
        ),
    ),
    "table of functions": (
        {
            "main.py": MAIN.format(imports="from near import TABLE", call="TABLE['read']('x')"),
            "near.py": "from far import read\n\nTABLE = {'read': read}\n",
        },
        "far.py",
        FAR + PURE,
        FAR + OPENS,
    ),
    "default factory": (
        {"main.py": MAIN.format(imports="from box import Box", call="Box().name")},
        "box.py",
        (
            "from dataclasses import dataclass, field\n\n\ndef name() -> str:\n    return ''\n\n\n"
            "@dataclass\nclass Box:\n    name: str = field(default_factory=name)\n"
        ),
        (
            "from dataclasses import dataclass, field\n\n\ndef name() -> str:\n    return input()\n\n\n"
            "@dataclass\nclass Box:\n    name: str = field(default_factory=name)\n"
        ),
    ),
    "closure of another module": (
        {
            "main.py": MAIN.replace("lambda broker: {call}", "{call}").format(imports="import jobs", call="jobs.run"),
            "jobs.py": (
                "from typing import Never\n\nfrom capsafe import Broker\nimport far\n\n\n"
                "def run(broker: Broker[Never]) -> str:\n    return far.read('x')\n"
            ),
        },
        "far.py",
        FAR + PURE,
        FAR + OPENS,
    ),
}


MISSED: frozenset[str] = frozenset()  # routes that are known not to be followed
_MODULES = re.compile(r"\b(main|near|far|pkg|space|box|base|deco|slow|fast|jobs)\b(?![\"'(])")


def renamed(text: str, number: int) -> str:
    """Return a route's text or path with module names of its own, so that all routes fit in one project."""
    return _MODULES.sub(rf"\1_{number}", text)


@MODES
def test_an_edit_reaches_the_closure(start: Start, workers: list[str]) -> None:
    def edited(version: int) -> dict[str, str]:
        routes = enumerate((r[1], (r[2], r[3])[version]) for r in ROUTES.values())
        return {renamed(path, n): renamed(text, n) for n, (path, text) in routes}

    fixed = {renamed(p, n): renamed(t, n) for n, r in enumerate(ROUTES.values()) for p, t in r[0].items()}
    mains = [f"main_{n}.py" for n in range(len(ROUTES))]
    project = start({**fixed, **edited(0)}, workers)
    project.arguments = [*workers, *mains]

    def flagged() -> dict[str, list[str]]:
        outcome = project.check()
        assert {a.path for a in outcome.alarms} <= set(mains), outcome.output
        alarms = sorted(outcome.alarms)
        return {r: [a.code for a in alarms if a.path == f"main_{n}.py"] for n, r in enumerate(ROUTES)}

    pure: dict[str, list[str]] = {route: [] for route in ROUTES}
    impure = {route: [] if route in MISSED else ["capsafe-ambient"] for route in ROUTES}
    assert flagged() == pure
    project.write(edited(1))
    assert flagged() == impure
    project.write(edited(0))
    assert flagged() == pure


@MODES
def test_a_module_is_added(start: Start, workers: list[str]) -> None:
    files = {**THREE, "far.py": FAR + PURE}
    project = start(files, workers)
    assert project.codes() == []
    project.write(
        {"farther.py": FAR + OPENS, "far.py": "import farther\n\n\n" + FAR + "    return farther.read(path)\n"}
    )
    outcome = project.check()
    assert "farther.read (farther.py:2): open" in outcome.said("main.py", 10), outcome.output
    project.write({"farther.py": FAR + PURE})
    assert project.codes() == []


def test_a_module_is_replaced_by_a_package(
    start: Start,
) -> None:
    project = start({**THREE, "far.py": FAR + PURE}, [])
    assert project.codes() == []
    (project.folder / "far.py").unlink()
    project.write({"far/__init__.py": FAR + OPENS})
    assert project.codes() == ["capsafe-ambient"]


def rechecked(project: Project) -> set[str]:
    """Return the modules that one more run checks again, by mypy's own log."""
    log = project.check("-v").output
    assert "Build finished" in log
    return set(re.findall(r"Writing (\S+) \S+\.py ", log)) | set(re.findall(r"SCC singleton \((\S+)\) as .*stale", log))


@MODES
def test_only_what_an_edit_concerns_is_checked_again(start: Start, workers: list[str]) -> None:
    project = start({**THREE, "other.py": MAIN.format(imports="", call="1")}, [*workers, "other.py"])
    project.check()
    assert rechecked(project) == set()
    project.write({"far.py": FAR + PURE})
    assert rechecked(project) == {"far", "main"}, "near has the same text and the same interface; other reaches neither"
    assert rechecked(project) == set()
    (project.folder / "unrelated.txt").write_text("x", encoding="utf-8")
    (project.folder / "far.py").touch()
    assert rechecked(project) == set(), "a new time stamp is no change"
