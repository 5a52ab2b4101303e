"""Four type checkers, without a plugin, see the same errors in the same lines of ``cases/``: those marked ``# E``."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import FunctionType

import pytest

from capsafe import Broker
from capsafe.broker import BrokerPath

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CASES = sorted((HERE / "cases").glob("*.py"))

Lines = set[tuple[str, int]]
Parser = Callable[[str], Lines]


def marked() -> Lines:
    return {
        (case.name, number)
        for case in CASES
        for number, line in enumerate(case.read_text().splitlines(), 1)
        if line.endswith("  # E")
    }


def text_lines(output: str) -> Lines:
    """Lines such as ``path:3: error: ...`` (mypy) and ``path:3:7: error[...]`` (ty)."""
    found = re.findall(r"^(\S+\.py):(\d+):(?:\d+:)? error\b", output, re.MULTILINE)
    return {(Path(path).name, int(line)) for path, line in found}


def pyright_lines(output: str) -> Lines:
    rows = json.loads(output)["generalDiagnostics"]
    return {(Path(row["file"]).name, row["range"]["start"]["line"] + 1) for row in rows if row["severity"] == "error"}


def pyrefly_lines(output: str) -> Lines:
    rows = json.loads(output)["errors"]
    return {(Path(row["path"]).name, row["line"]) for row in rows if row["severity"] == "error"}


def command(checker: str, cache: Path) -> tuple[list[str], Parser]:
    cases = [str(case.relative_to(ROOT)) for case in CASES]
    tool = [sys.executable, "-m", checker]
    match checker:
        case "mypy":
            config = ["--config-file", "tests/typing/mypy.ini", "--cache-dir", str(cache), "--no-pretty"]
            return [*tool, *config, *cases], text_lines
        case "pyright":
            return [*tool, "-p", "tests/typing", "--pythonpath", sys.executable, "--outputjson"], pyright_lines
        case "ty":
            config = ["--config-file", "tests/typing/ty.toml", "--python", sys.prefix, "--extra-search-path", "."]
            return [*tool, "check", *config, "--output-format", "concise", *cases], text_lines
        case _:
            config = ["--config", "tests/typing/pyrefly.toml", "--python-interpreter-path", sys.executable]
            options = ["--search-path", ".", "--output-format", "json"]
            return [*tool, "check", *config, *options, *cases], pyrefly_lines


@pytest.mark.any_python
@pytest.mark.checkers
@pytest.mark.parametrize("checker", ["mypy", "pyright", "ty", "pyrefly"])
def test_the_marked_lines_are_the_errors(checker: str, tmp_path: Path) -> None:
    arguments, lines = command(checker, tmp_path)
    done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, check=False)
    found, wanted = lines(done.stdout), marked()
    problems = [f"missed alarm: {name}:{line}" for name, line in sorted(wanted - found)]
    problems += [f"false alarm: {name}:{line}" for name, line in sorted(found - wanted)]
    assert not problems, "\n".join([*problems, done.stdout, done.stderr])


def test_the_cases_are_many() -> None:
    """A glob that finds nothing would make every checker right."""
    assert len(marked()) >= 200


@pytest.mark.parametrize("cls", [Broker, BrokerPath])
def test_every_operation_has_a_clean_line_and_one_in_error(cls: type) -> None:
    used: dict[bool, set[str]] = {False: set(), True: set()}
    for case in CASES:
        for line in case.read_text().splitlines():
            used[line.endswith("  # E")].update(re.findall(r"\.(\w+)", line))
    operations = {
        name: vars(cls)[name].fget if isinstance(vars(cls)[name], property) else vars(cls)[name]
        for name in vars(cls)
        if not name.startswith("_") and isinstance(vars(cls)[name], FunctionType | property)
    }
    assert set(operations) <= used[False]
    needing = {name for name, function in operations.items() if not function.__doc__.startswith("Needs nothing")}
    assert len(needing) > 20
    assert needing <= used[True]
