"""The cases, in every mode that mypy has: what is marked in them is what is said, and nothing else."""

from pathlib import Path

import pytest

from tests.plugin.runner import (
    CLOSURE_METHODS,
    LAX,
    SLOW,
    Outcome,
    case_files,
    copy_cases,
    differences,
    kinds,
    read_cases,
    read_marks,
    run_mypy,
)
from tests.plugin.score import score

pytestmark = pytest.mark.checkers
JSON = ("--output", "json")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return copy_cases(tmp_path / "cases")


def files(*, strict: bool) -> list[str]:
    return [p for p in case_files(lax=not strict) if p.partition("/")[0] not in SLOW]


def agrees(outcome: Outcome, paths: list[str], step: str) -> None:
    problems = differences(read_marks(paths), outcome)
    assert not problems, "\n".join([f"{step}: {len(problems)} differences", *problems])


def touch_closures(folder: Path, paths: list[str]) -> None:
    """Change each module that runs closures and no helper: then helpers come out of the cache, without bodies."""
    for path in sorted({case.path for case in read_cases(paths)}):
        with (folder / path).open("a", encoding="utf-8") as file:
            file.write("\n# changed\n")


PARALLEL = pytest.param(["-n", "2"], id="parallel", marks=pytest.mark.any_python)


@pytest.mark.parametrize("workers", [pytest.param([], id="sequential"), PARALLEL])
def test_cold_warm_and_with_helpers_from_the_cache(folder: Path, workers: list[str]) -> None:
    paths = files(strict=True)
    command = ["--strict", *JSON, *workers, *paths]
    agrees(run_mypy(command, folder), paths, "cold")
    agrees(run_mypy(command, folder), paths, "warm")
    touch_closures(folder, paths)
    agrees(run_mypy(command, folder), paths, "closures changed, helpers cached")


def test_with_mypys_own_parser(folder: Path) -> None:
    paths = files(strict=True)
    agrees(run_mypy(["--strict", "--no-native-parser", *JSON, *paths], folder), paths, "cold")


def test_with_lax_options(folder: Path) -> None:
    paths = files(strict=False)
    agrees(run_mypy([*JSON, *paths], folder), paths, "lax")
    agrees(run_mypy([*JSON, *paths], folder), paths, "lax, warm")


@pytest.mark.any_python
def test_untyped_bodies_checked_by_mypy_too(folder: Path) -> None:
    paths = [p for p in files(strict=False) if p.startswith(f"{LAX}/")]
    agrees(run_mypy(["--check-untyped-defs", *JSON, *paths], folder), paths, "check_untyped_defs")


@pytest.mark.any_python
def test_in_the_daemon(folder: Path) -> None:
    paths = files(strict=True)
    status = ["--status-file", str(folder / "daemon.json")]
    try:
        outcome = run_mypy([*status, "run", "--", "--strict", *JSON, *paths], folder, daemon=True)
        agrees(outcome, paths, "daemon")
    finally:
        run_mypy([*status, "kill"], folder, daemon=True)


@pytest.mark.parametrize("kind", sorted(SLOW))
def test_packages_of_others(folder: Path, kind: str) -> None:
    paths = [p for p in case_files(lax=False) if p.startswith(f"{kind}/")]
    agrees(run_mypy(["--strict", *JSON, *paths], folder), paths, "cold")
    agrees(run_mypy(["--strict", *JSON, *paths], folder), paths, "warm")


def test_the_cases_are_many_and_a_third_of_them_clean() -> None:
    """A glob that finds nothing would make every checker right."""
    paths = case_files(lax=True)
    marks, cases = read_marks(paths), read_cases(paths)
    total = score("all", cases, marks, marks.right)
    assert len(cases) >= 300
    assert total.clean >= len(cases) / 3
    assert all(any(case.kind == kind for case in cases) for kind in kinds(lax=True))
    assert total.found == total.exact == total.flagged > 0
    assert total.false == 0


def test_every_mark_is_in_a_case() -> None:
    """A mark outside of a case would be counted for nothing."""
    paths = case_files(lax=True)
    marks, cases = read_marks(paths), read_cases(paths)
    stray = [str(a) for a in sorted(marks.right | marks.false) if not any(c.holds(a) for c in cases)]
    assert not stray
    assert {"execute", "execute_async", "bind", "observe"} == CLOSURE_METHODS


def test_names_of_cases_are_unique() -> None:
    for path in case_files(lax=True):
        names = [case.name for case in read_cases([path])]
        assert len(names) == len(set(names)), path
