"""Case files, what is marked in them, and what mypy with the plugin says of them.

A *case* is a function at the top of a module in ``cases/<kind>/`` that runs a closure in a sandbox. Marks stand on the
line where mypy must report, and nothing else may be reported:

    # E: [code] fragment        must be reported; the fragment (optional) is a part of the message or of its notes
    # MISSED: [code]            must be reported one day and is not yet: a known missed alarm
    # FALSE: [code]             must not be reported and still is: a known false alarm

A line can carry several marks, and a mark several codes. The tests hold what is marked to be exactly what is said, so
that a mark which no longer holds is an error too. Knows marks, mypy's command line and its output; no effects.
"""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
CASES: Final = HERE / "cases"
#: The kind whose functions have no annotations: only lax options accept it.
LAX: Final = "lax"
#: The kinds that import large packages of others: run apart, since mypy itself takes seconds for those.
SLOW: Final = frozenset({"thirdparty"})
CLOSURE_METHODS: Final = frozenset({"execute", "execute_async", "bind", "observe"})

WORKER_LATE: Final = "Failed to establish connection with worker"
_MARK = re.compile(r"#\s*(E|MISSED|FALSE):\s*((?:\[[a-z-]+\]\s*)+)([^#]*)")
_CODE = re.compile(r"\[([a-z-]+)\]")
CONFIG: Final = """\
[mypy]
plugins = capsafe_mypy
mypy_path = .
explicit_package_bases = True
namespace_packages = True
"""


@dataclass(frozen=True, slots=True, order=True)
class Alarm:
    """One code reported, or to be reported, in one line of a file."""

    path: str
    line: int
    code: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line} [{self.code}]"


@dataclass(slots=True)
class Marks:
    """What the case files say: alarms that must come, with fragments of their text, and the known wrongs."""

    wanted: dict[Alarm, str] = field(default_factory=dict)
    missed: set[Alarm] = field(default_factory=set)
    false: set[Alarm] = field(default_factory=set)

    @property
    def right(self) -> set[Alarm]:
        """The alarms of a checker without faults."""
        return set(self.wanted) | self.missed


@dataclass(frozen=True, slots=True)
class Case:
    """One function (or class) of a case file that runs closures, and the lines where those may be flagged.

    The lines are its own, and those of the functions of the same file that it passes by name.
    """

    path: str
    name: str
    lines: frozenset[int]

    @property
    def kind(self) -> str:
        """The folder that it is in."""
        return self.path.partition("/")[0]

    def holds(self, alarm: Alarm) -> bool:
        """Return whether the alarm is in this case."""
        return alarm.path == self.path and alarm.line in self.lines


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run of mypy said."""

    status: int
    output: str
    reports: Mapping[Alarm, tuple[str, ...]]

    @property
    def alarms(self) -> set[Alarm]:
        """All that was reported, each line and code once."""
        return set(self.reports)

    def said(self, path: str, line: int) -> str:
        """Return the messages and notes of a line, joined."""
        found = [t for a, texts in self.reports.items() if (a.path, a.line) == (path, line) for t in texts]
        return "\n".join(found)


def kinds(*, lax: bool) -> list[str]:
    """Return the folders of cases that mypy accepts with strict options, or with lax ones."""
    found = sorted(p.name for p in CASES.iterdir() if p.is_dir() and p.name != "__pycache__")
    return [k for k in found if lax or k != LAX]


def case_files(*, lax: bool) -> list[str]:
    """Return the paths of all case modules and their helpers, relative to ``cases/``."""
    return sorted(p.relative_to(CASES).as_posix() for kind in kinds(lax=lax) for p in (CASES / kind).rglob("*.py"))


@lru_cache(maxsize=1)
def _texts() -> Mapping[str, str]:
    return {path: (CASES / path).read_text(encoding="utf-8") for path in case_files(lax=True)}


def read_marks(paths: Iterable[str]) -> Marks:
    """Return what the files say must be reported."""
    marks = Marks()
    for path in paths:
        for number, line in enumerate(_texts()[path].splitlines(), 1):
            for kind, codes, fragment in _MARK.findall(line):
                for code in _CODE.findall(codes):
                    alarm = Alarm(path, number, code)
                    if kind == "E":
                        marks.wanted[alarm] = fragment.strip()
                    else:
                        (marks.missed if kind == "MISSED" else marks.false).add(alarm)
    return marks


def read_cases(paths: Iterable[str]) -> list[Case]:
    """Return the cases of the files: the functions and classes at their top that run closures."""
    return [case for path in paths for case in _cases_of(path, _texts()[path])]


def _cases_of(path: str, text: str) -> Iterator[Case]:
    tree = ast.parse(text)
    named: dict[str, set[int]] = defaultdict(set)
    for node in (n for top in tree.body for n in ([top] if not isinstance(top, ast.ClassDef) else [top, *top.body])):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not _runs_closures(node):
            named[node.name] |= _lines(node)
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Lambda):
            named[ast.unparse(node.targets[0])] |= _lines(node)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and _runs_closures(node):
            passed = [lines for name in _passed_by_name(node) for lines in [named.get(name, set())]]
            yield Case(path, node.name, frozenset(_lines(node).union(*passed)))


def _runs_closures(node: ast.AST) -> bool:
    return any(isinstance(n, ast.Attribute | ast.Constant) and _name(n) in CLOSURE_METHODS for n in ast.walk(node))


def _name(node: ast.AST) -> object:
    match node:
        case ast.Name():
            return node.id
        case ast.Attribute():
            return node.attr
        case ast.Constant():  # the name in a getattr
            return node.value if isinstance(node.value, str) else None
        case _:
            return None


def _passed_by_name(node: ast.AST) -> set[str]:
    calls = [n for n in ast.walk(node) if isinstance(n, ast.Call) and _name(n.func) in CLOSURE_METHODS and n.args]
    return {str(_name(n)) for call in calls for n in ast.walk(call.args[0]) if isinstance(n, ast.Name | ast.Attribute)}


def _lines(node: ast.stmt) -> set[int]:
    return set(range(node.lineno, (node.end_lineno or node.lineno) + 1))


def copy_cases(to: Path) -> Path:
    """Copy the cases to a folder of their own, with a configuration, and return it."""
    shutil.copytree(CASES, to, ignore=shutil.ignore_patterns("__pycache__"))
    (to / "mypy.ini").write_text(CONFIG, encoding="utf-8")
    return to


def run_mypy(
    arguments: Sequence[str],
    cwd: Path,
    *,
    daemon: bool = False,
    python: Sequence[str] = (sys.executable,),
    environment: Mapping[str, str] | None = None,
) -> Outcome:
    """Run mypy (or one command of its daemon) as users do, and read what it says."""
    command = [*python, "-m", "mypy.dmypy" if daemon else "mypy", *arguments]
    variables = {**os.environ, "COLUMNS": "200", "MYPY_FORCE_COLOR": "0", **(environment or {})}
    for _ in range(3):
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, env=variables)
        output = done.stdout + done.stderr
        if WORKER_LATE not in output:
            break  # mypy gives its own workers a few seconds to start, which a loaded machine may not have
    reports: dict[Alarm, list[str]] = defaultdict(list)
    for row in filter(None, map(_json, done.stdout.splitlines())):
        if row["severity"] == "error":
            alarm = Alarm(str(row["file"]), int(str(row["line"])), str(row["code"] or "no-code"))
            reports[alarm] += [str(row["message"]), *str(row["hint"] or "").splitlines()]
    if done.returncode not in {0, 1} or "Traceback" in output:
        msg = f"{' '.join(command)}: status {done.returncode}\n{output}"
        raise RuntimeError(msg)
    return Outcome(done.returncode, output, {a: tuple(texts) for a, texts in reports.items()})


def _json(line: str) -> dict[str, object] | None:
    if not line.startswith("{"):
        return None
    found: dict[str, object] = json.loads(line)
    return found


def differences(marks: Marks, outcome: Outcome) -> list[str]:
    """Return what mypy said against the marks, one line a difference; none when they agree."""
    problems: list[str] = []
    said = outcome.alarms
    for alarm in sorted(set(marks.wanted) - said):
        others = sorted(a.code for a in said if (a.path, a.line) == (alarm.path, alarm.line))
        problems.append(f"missed alarm: {alarm}{f', reported is {others}' if others else ''}")
    for alarm in sorted(said - set(marks.wanted) - marks.false):
        kind = "MISSED is stale, now reported, write E" if alarm in marks.missed else "false alarm"
        problems.append(f"{kind}: {alarm}: {outcome.reports[alarm][0]}")
    problems += [f"FALSE is stale, no longer reported, remove it: {alarm}" for alarm in sorted(marks.false - said)]
    for alarm, fragment in sorted(marks.wanted.items()):
        if alarm in said and fragment not in "\n".join(outcome.reports[alarm]):
            problems.append(f"other text: {alarm}: {fragment!r} is not in {outcome.reports[alarm]}")
    return problems
