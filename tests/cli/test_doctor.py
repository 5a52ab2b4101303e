"""``capsafe doctor`` says what is true of this system, and finds out when something really is missing.

What is missing is taken away for real: by a seccomp filter over the command's process that answers ENOSYS, and by
libraries that can't be found.
"""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from capsafe.cli.grant_text import read_text
from capsafe.errors import UnsupportedError
from capsafe.grants import read_grant
from capsafe.kernel import prepare, probe
from capsafe.policy import compile_policy

#: What stands on the checker alone, as the documentation says it.
CHECKER_ONLY = set(
    re.findall(
        r"^\| (\w+) \|.*\| the checker: ",
        (Path(__file__).parents[2] / "docs/capabilities.md").read_text(),
        re.MULTILINE,
    )
)
# The calls to deny are those that capsafe itself would have to make.
WITHOUT = """
import errno, pyseccomp
outer = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
outer.add_rule(pyseccomp.ERRNO(errno.ENOSYS), {call!r})
outer.load()
"""
WITHOUT_LIBSECCOMP = """
import ctypes.util
find = ctypes.util.find_library
ctypes.util.find_library = lambda name: None if name == "seccomp" else find(name)
"""


def doctor(before: str = "") -> tuple[int, dict[str, tuple[str, str]], str]:
    """Run the command; return its exit code, the rows of its second table by grant, and all it printed."""
    start = f"{before}\nimport sys\nfrom capsafe.cli import main\nsys.argv[1:] = ['doctor']\nmain()\n"
    done = subprocess.run(
        [sys.executable, "-c", start], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=60
    )
    assert done.stderr == ""
    table = done.stdout.partition("What can be enforced")[2]
    rows = re.findall(r"^│ (\S.*?) +│ (.*?) +│ (\S+) +│$", table, re.MULTILINE)
    return done.returncode, {grant: (needs, here) for grant, needs, here in rows}, done.stdout


def enforced(grant: str) -> bool:
    """Ask the kernel part itself."""
    try:
        prepare(compile_policy(read_grant(read_text(grant))))
    except UnsupportedError:
        return False
    return True


def test_the_verdicts_are_those_of_execute() -> None:
    code, rows, printed = doctor()
    verdicts = {grant: "-" if grant in CHECKER_ONLY else "yes" if enforced(grant) else "no" for grant in rows}
    assert {grant: here for grant, (_, here) in rows.items()} == verdicts
    assert len(rows) > 25
    assert code == (1 if "no" in verdicts.values() else 0)
    assert ("nothing is missing" in printed) == (code == 0)


def test_the_facts_are_those_that_were_probed() -> None:
    support = probe()
    printed = doctor()[2]
    for fact in (support.kernel, support.machine, f"ABI {support.landlock_abi}", str(support.libseccomp)):
        assert fact in printed


@pytest.mark.kernel
def test_a_kernel_without_landlock_is_found_out() -> None:
    code, rows, printed = doctor(WITHOUT.format(call="landlock_create_ruleset"))
    assert code == 1
    assert re.search(r"Landlock +│ no ", printed)
    for grant, (needs, here) in rows.items():
        assert here == ("-" if grant in CHECKER_ONLY else "no" if "Landlock" in needs else "yes")
    assert "missing for FileSystem, WriteFile" in printed
    assert "needs Landlock 3 (Linux 6.2)" in printed


@pytest.mark.kernel
def test_a_kernel_without_seccomp_is_found_out() -> None:
    """The filter that takes it away is the last that can be loaded."""
    code, rows, printed = doctor(WITHOUT.format(call="seccomp"))
    assert code == 1
    assert re.search(r"seccomp +│ no ", printed)
    assert {here for grant, (_, here) in rows.items() if grant not in CHECKER_ONLY} == {"no"}
    assert "takes no seccomp filters" in printed


def test_a_missing_library_is_found_out() -> None:
    code, rows, printed = doctor(WITHOUT_LIBSECCOMP)
    assert code == 1
    assert re.search(r"libseccomp +│ no ", printed)
    assert {here for grant, (_, here) in rows.items() if grant not in CHECKER_ONLY} == {"no"}
    assert "apt install libseccomp2" in printed


def test_what_stands_on_the_checker_alone_is_not_called_enforced() -> None:
    rows = doctor()[1]
    assert {grant for grant, (_, here) in rows.items() if here == "-"} == CHECKER_ONLY == {"Clock", "Random"}
    assert {rows[grant] for grant in CHECKER_ONLY} == {("the checker alone", "-")}
