"""Write docs/threats.md: every known way out of such a sandbox, what capsafe does about it, and the tests that show it.

This module knows the page and how a test's name is found in its file. It refuses to know what the rows say: that is
``tools/threats.toml``. Run it after a change there; the suite compares the page with what it writes.

    python tools/threats.py          # write the page
    python tools/threats.py --check  # say what is wrong, and whether the page is out of date; exit code 1 then
"""

import ast
import re
import sys
import tomllib
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).resolve().parent.parent
DATA: Final = ROOT / "tools" / "threats.toml"
PAGE: Final = ROOT / "docs" / "threats.md"
ROWS: Final = 52
VERDICTS: Final = ("stopped", "partly", "not stopped", "not needed")
#: Who claims less than everything says what is left.
NEED_LEFT: Final = frozenset({"partly", "not stopped"})
#: A matter of speed, where no test could tell right from wrong.
NEED_NO_TEST: Final = frozenset({31})

#: Where attacks are kept that a test file takes its parameters from.
BESIDE: Final = {"tests/escapes/test_escapes.py": "tests/escapes/attacks/closures.py"}

_NODE: Final = re.compile(r"(?P<file>tests/[\w/]+\.py)::(?P<test>test_\w+)(?:\[(?P<part>[^\]]+)\])?")


class Threat(NamedTuple):
    """One row: what goes wrong elsewhere, what is done here, what stays open, and the tests that show it."""

    number: int
    title: str
    verdict: str
    pitfall: str
    answer: str
    left: str
    tests: tuple[str, ...]


def read_rows(text: str) -> list[Threat]:
    """Read the rows of ``threats.toml``, by number. Raises ``TypeError`` for a row of another shape."""
    rows = tomllib.loads(text)["row"]
    found = [Threat(**{"left": "", **row, "tests": tuple(row["tests"])}) for row in rows]
    return sorted(found, key=lambda row: row.number)


def find_faults(rows: list[Threat], root: Path = ROOT) -> list[str]:
    """Say what is wrong with the rows: missing or double numbers, nothing said, tests that are not there."""
    faults = []
    numbers = Counter(row.number for row in rows)
    faults += [f"row {number} is missing" for number in range(1, ROWS + 1) if not numbers[number]]
    faults += [f"row {number} is there {count} times" for number, count in numbers.items() if count > 1]
    faults += [f"row {number} is none of 1 to {ROWS}" for number in numbers if not 1 <= number <= ROWS]
    for row in rows:
        name = f"row {row.number}"
        if row.verdict not in VERDICTS:
            faults.append(f"{name}: the verdict {row.verdict!r} is none of {', '.join(VERDICTS)}")
        if row.verdict in NEED_LEFT and not row.left:
            faults.append(f"{name} is {row.verdict} and does not say what is left")
        if not (row.title and row.pitfall and row.answer):
            faults.append(f"{name} says nothing")
        if not row.tests and row.number not in NEED_NO_TEST:
            faults.append(f"{name} has no test")
        faults += [f"{name}: {fault}" for node in row.tests if (fault := find_test(node, root))]
    return faults


def find_test(node: str, root: Path = ROOT) -> str:
    """Return why a node id is of no test, empty where it is of one. Nothing is run or imported."""
    match = _NODE.fullmatch(node)
    if match is None:
        return f"{node} is no node id"
    file, test, part = match["file"], match["test"], match["part"]
    if not (root / file).is_file():
        return f"{file} is not there"
    tests, words = names_in(root / file)
    if test not in tests:
        return f"{file} has no {test}"
    beside = BESIDE.get(file)
    known = words | tests | (frozenset[str]().union(*names_in(root / beside)) if beside else frozenset())
    return "" if part is None or part in known else f"{file} has no {part} among its parameters"


@cache
def names_in(file: Path) -> tuple[frozenset[str], frozenset[str]]:
    """Return the names of a file's functions, and its texts, of which some are the ids of parameters."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    functions = frozenset(one.name for one in ast.walk(tree) if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef))
    texts = frozenset(
        one.value for one in ast.walk(tree) if isinstance(one, ast.Constant) and isinstance(one.value, str)
    )
    return functions, texts


HEAD: Final = """\
# Threats: the known ways out, and what capsafe does about each

<!-- Written by tools/threats.py from tools/threats.toml; edit that. -->

Each row is something that has gone wrong in a sandbox of this kind. The attacks come in pairs: each works where nothing
stops it and fails in the sandbox, as root and as another user, and
`tests/escapes/test_enforced.py` shows that they work again with a part left out. What is not stopped is tested, too
(`tests/escapes/test_not_stopped.py`), so that this page can't promise less than is true without anybody noticing.
"""


def write_page(rows: list[Threat]) -> str:
    """Return the page as Markdown."""
    counts = Counter(row.verdict for row in rows)
    tests = {node for row in rows for node in row.tests}
    verdicts = ", ".join(f"{counts[verdict]} {verdict}" for verdict in VERDICTS)
    lines = [
        HEAD,
        f"{len(rows)} rows: {verdicts}. {len(tests)} tests and attacks are named.",
        "",
        "## What is not stopped, in plain words",
        "",
        *(f"- **{row.title}** ({row.number}). {row.left}" for row in rows if row.left),
        "",
        "More of this, with causes, is in [caveats.md](caveats.md).",
        "",
        "## All of them",
        "",
        "| # | what | verdict |",
        "| --- | --- | --- |",
        *(f"| [{row.number}](#{anchor(row)}) | {row.title} | {row.verdict} |" for row in rows),
        "",
        "*Not needed*: what could go wrong is not there to begin with.",
        "",
    ]
    for row in rows:
        lines += section(row)
    return "\n".join(lines)


def section(row: Threat) -> list[str]:
    """Return the lines about one row."""
    lines = [f"### {row.number} {row.title}", "", row.pitfall, "", f"**{row.verdict.capitalize()}.** {row.answer}", ""]
    if row.left:
        lines += [f"*Left:* {row.left}", ""]
    if row.tests:
        by_file: dict[str, list[str]] = {}
        for node in row.tests:
            file, _, test = node.partition("::")
            by_file.setdefault(file, []).append(f"`{test}`")
        lines += [*(f"- `{file}`: {', '.join(names)}" for file, names in by_file.items()), ""]
    return lines


def anchor(row: Threat) -> str:
    """Return the name that Markdown gives to a row's heading."""
    kept = re.sub(r"[^\w\s-]", "", f"{row.number} {row.title}".lower())
    return re.sub(r"\s", "-", kept)


def main(arguments: list[str]) -> int:
    """Write the page, or with ``--check`` compare it. Returns the exit code."""
    rows = read_rows(DATA.read_text(encoding="utf-8"))
    faults = find_faults(rows)
    page = write_page(rows)
    if arguments == ["--check"]:
        if not PAGE.exists() or PAGE.read_text(encoding="utf-8") != page:
            faults.append("docs/threats.md is out of date: run python tools/threats.py")
    elif not arguments and not faults:
        PAGE.write_text(page, encoding="utf-8")
    elif arguments:
        faults.append(f"unknown arguments {arguments}; there is --check and nothing else")
    for fault in faults:
        sys.stderr.write(f"threats: {fault}\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
