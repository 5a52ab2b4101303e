"""docs/threats.md: none of the 52 rows is missing, each names tests that exist, and the page is what is written."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
TOOL = ROOT / "tools" / "threats.py"


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    """Load the generator by its path: it is in no package, and the suite may run beside an installed wheel."""
    spec = importlib.util.spec_from_file_location("threats", TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def rows(tool: Any) -> list[Any]:
    """Read the rows as they are committed."""
    found: list[Any] = tool.read_rows(tool.DATA.read_text())
    return found


def test_the_page_is_what_the_generator_writes(tool: Any, rows: list[Any]) -> None:
    assert tool.PAGE.read_text() == tool.write_page(rows), "run python tools/threats.py"


def test_no_row_is_missing(rows: list[Any]) -> None:
    assert [row.number for row in rows] == list(range(1, 53))


def test_every_named_test_exists(tool: Any, rows: list[Any]) -> None:
    assert [fault for row in rows for node in row.tests if (fault := tool.find_test(node))] == []


def test_nothing_else_is_wrong(tool: Any, rows: list[Any]) -> None:
    assert tool.find_faults(rows) == []


def test_the_page_says_what_is_left_and_names_every_test(tool: Any, rows: list[Any]) -> None:
    page = tool.PAGE.read_text()
    plain = page.partition("## All of them")[0]
    for row in rows:
        assert f"### {row.number} {row.title}\n" in page
        assert row.left in plain
        for node in row.tests:
            file, _, test = node.partition("::")
            assert f"`{file}`" in page
            assert f"`{test}`" in page


def test_every_file_of_attacks_is_named(rows: list[Any]) -> None:
    """A file of attacks that no row is about would be about no threat that is known."""
    named = {node.partition("::")[0] for row in rows for node in row.tests}
    files = {str(path.relative_to(ROOT)) for path in (ROOT / "tests" / "escapes").glob("test_*.py")}
    # The traces of many runs are no way out.
    assert files - named <= {"tests/escapes/test_hygiene.py"}


def test_the_command_says_that_all_is_well() -> None:
    done = subprocess.run([sys.executable, str(TOOL), "--check"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


# --- the checks themselves ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda rows: rows[:-1], "row 52 is missing"),
        (lambda rows: [*rows, rows[3]], "row 4 is there 2 times"),
        (lambda rows: [*rows, rows[0]._replace(number=53)], "row 53 is none of 1 to 52"),
        (lambda rows: [rows[0]._replace(verdict="surely"), *rows[1:]], "row 1: the verdict 'surely' is none of"),
        (lambda rows: [rows[0]._replace(verdict="partly"), *rows[1:]], "row 1 is partly and does not say what is left"),
        (lambda rows: [rows[0]._replace(tests=()), *rows[1:]], "row 1 has no test"),
        (lambda rows: [rows[0]._replace(answer=""), *rows[1:]], "row 1 says nothing"),
        (lambda rows: [rows[0]._replace(tests=("tests/gone.py::test_x",)), *rows[1:]], "tests/gone.py is not there"),
        (lambda rows: [rows[0]._replace(tests=("test_x",)), *rows[1:]], "test_x is no node id"),
        (
            lambda rows: [rows[0]._replace(tests=("tests/test_threats.py::test_gone",)), *rows[1:]],
            "tests/test_threats.py has no test_gone",
        ),
        (
            lambda rows: [rows[0]._replace(tests=("tests/escapes/test_doors.py::test_a_door_is_shut[gone]",))],
            "tests/escapes/test_doors.py has no gone among its parameters",
        ),
    ],
)
def test_what_is_wrong_is_said(tool: Any, rows: list[Any], change: Any, says: str) -> None:
    assert any(says in fault for fault in tool.find_faults(change(rows)))


def test_a_page_that_was_edited_by_hand_is_found(tool: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tool, "PAGE", tmp_path / "threats.md")
    assert tool.main(["--check"]) == 1
    assert tool.main([]) == 0
    assert tool.main(["--check"]) == 0
    tool.PAGE.write_text(tool.PAGE.read_text() + "by hand")
    assert tool.main(["--check"]) == 1
    assert tool.main(["--no-such-option"]) == 1
