"""Each benchmark runs and gives the figures that are promised, with their bounds. Nothing is timed here."""

import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from bench.__main__ import NAMES
from bench.figures import Figure, main, ratio, take_turns

ROOT = Path(__file__).parent.parent

#: By benchmark and figure: the unit and the most that it may be, None for what is told for information.
BOUNDS: dict[str, dict[str, tuple[str, float | None]]] = {
    "execute": {
        "execute in Sandbox[Never]": ("x", 1.5),
        "execute in Sandbox[ReadFile]": ("x", None),
        "first execute of a process": ("ms", None),
    },
    "filters": {
        "longest filter, Sandbox[Never]": ("instructions", 150),
        "longest filter, a single capability": ("instructions", 150),
        "longest filter, everything granted": ("instructions", None),
        "compiled, the same filter": ("times", 1),
    },
    "calls": {
        "open and close in Sandbox[ReadFile]": ("x", 1.5),
        "getppid in Sandbox[Never]": ("x", 1.1),
    },
    "denial": {
        "a denied call with its report": ("us", 200),
        "a denied call, by the filter alone": ("us", None),
    },
    "hosts": {
        "a connect by the supervisor, in all": ("us", None),
        "a connect by the supervisor": ("x", None),
        "a connect that Landlock holds": ("x", None),
    },
    "observe": {"open and close, observed": ("x", None), "a run, observed": ("x", None)},
    "transfer": {
        "an array of 80 MB back": ("x", 1.2),
        "bytes of 80 MB back": ("x", None),
        "80 MB through a bare pipe": ("x", None),
    },
}


def test_every_benchmark_is_collected() -> None:
    files = {path.stem for path in (ROOT / "bench").glob("*.py")}
    assert set(NAMES) == files - {"__main__", "figures"} == set(BOUNDS)


@pytest.mark.parametrize("name", NAMES)
def test_a_benchmark_gives_its_figures_with_their_bounds(name: str) -> None:
    found: list[Figure] = import_module(f"bench.{name}").figures(2)
    assert {one.name: (one.unit, one.bound) for one in found} == BOUNDS[name]
    assert all(one.value > 0 for one in found)


def test_it_runs_as_a_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench.filters", "2"],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": ""},
    )
    lines = done.stdout.splitlines()
    assert [line.split("  ")[0] for line in lines] == list(BOUNDS["filters"]), done.stderr
    assert done.returncode == (1 if any("MISSED" in line for line in lines) else 0)


@pytest.mark.parametrize(
    ("value", "bound", "code", "said"), [(1, 2, 0, "met"), (3, 2, 1, "MISSED"), (3, None, 0, "no")]
)
def test_a_bound_that_is_missed_is_said_and_fails(
    value: float, bound: float | None, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(lambda rounds=7: [Figure("one", value, "us", bound, f"{rounds} rounds")], ["5"]) == code
    line = capsys.readouterr().out
    assert said in line.split()
    assert "5 rounds" in line


def test_a_ratio_is_that_of_medians() -> None:
    figure = ratio("one", {"slow": [3.0, 9.0, 4.0], "fast": [2.0, 1.0, 2.0]}, "slow", "fast", 1.5)
    assert (figure.value, figure.is_met) == (2.0, False)


def test_a_wrong_result_is_no_figure() -> None:
    with pytest.raises(AssertionError, match="returned something else"):
        take_turns({"one": lambda: 2}, 1, lambda found: found == 1)
