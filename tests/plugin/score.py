"""How good the checker is on the cases: ``python tests/plugin/score.py`` prints recall and precision by kind.

A case that must be flagged is *found* when each of its lines is flagged, and *exact* when each has the right code too:
"can't be seen" where an effect could have been named is found, not exact. Recall is the share of those that are found;
precision is the share of the flagged lines that should be. All differences follow, by file and line.
"""

import sys
import tempfile
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.plugin.runner import LAX, Alarm, Case, Marks, case_files, copy_cases, read_cases, read_marks, run_mypy


@dataclass(frozen=True, slots=True)
class Score:
    """The figures of one kind of case, or of all: numbers of cases, and of lines for ``right`` and ``false``."""

    name: str
    flagged: int
    found: int
    exact: int
    clean: int
    right: int
    false: int

    @property
    def recall(self) -> float:
        """The share of the cases with effects that are found."""
        return self.found / self.flagged if self.flagged else 1.0

    @property
    def precision(self) -> float:
        """The share of the flagged lines that are right."""
        return self.right / (self.right + self.false) if self.right + self.false else 1.0

    def row(self) -> str:
        """Return the figures as one line of the table."""
        counts = "".join(f"{n:>8}" for n in (self.flagged, self.found, self.exact, self.clean, self.right, self.false))
        return f"{self.name:<14}{counts}{self.recall:>9.1%}{self.precision:>11.1%}"


def score(name: str, cases: Sequence[Case], marks: Marks, said: Collection[Alarm]) -> Score:
    """Return the figures of some cases."""
    marked = [{a for a in marks.right if case.holds(a)} for case in cases]
    wanted = [alarms for alarms in marked if alarms]
    paths = {case.path for case in cases}
    lines = {(a.path, a.line) for a in said if a.path in paths}
    right = {(a.path, a.line) for a in marks.right}
    return Score(
        name=name,
        flagged=len(wanted),
        found=sum(lines.issuperset((a.path, a.line) for a in alarms) for alarms in wanted),
        exact=sum(alarms.issubset(said) for alarms in wanted),
        clean=len(marked) - len(wanted),
        right=len(lines & right),
        false=len(lines - right),
    )


def measure(folder: Path) -> set[Alarm]:
    """Run mypy over copies of all cases: with strict options, and the kind for lax ones with those."""
    copy_cases(folder)
    lax = [p for p in case_files(lax=True) if p.startswith(f"{LAX}/")]
    strict = run_mypy(["--strict", "--output", "json", *case_files(lax=False)], folder)
    return strict.alarms | run_mypy(["--output", "json", *lax], folder).alarms


def main() -> int:
    """Print the table; the status is 1 when recall is below 98 % or precision below 97 %."""
    with tempfile.TemporaryDirectory() as folder:
        said = measure(Path(folder) / "cases")
    paths = case_files(lax=True)
    marks, cases = read_marks(paths), read_cases(paths)
    titles = ("effect", "found", "exact", "clean", "lines", "false")
    print(f"{'kind':<14}{''.join(f'{t:>8}' for t in titles)}{'recall':>9}{'precision':>11}")
    for kind in sorted({case.kind for case in cases}):
        print(score(kind, [case for case in cases if case.kind == kind], marks, said).row())
    total = score("all", cases, marks, said)
    print(total.row())
    for title, alarms in (("missed alarms", marks.right - said), ("false alarms", said - marks.right)):
        print(f"\n{title}: {len(alarms)}")
        for alarm in sorted(alarms):
            print(f"  tests/plugin/cases/{alarm}")
    return 0 if total.recall >= 0.98 and total.precision >= 0.97 else 1


if __name__ == "__main__":
    sys.exit(main())
