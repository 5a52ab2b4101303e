"""A run that tested nothing against a kernel is not green."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

CI = Path(__file__).parent.parent / ".ci"
CONFIGURATION = "[pytest]\nmarkers =\n    kernel: needs the kernel\n"
RUNS = "import pytest\n@pytest.mark.kernel\ndef test_runs(): pass\n"
SKIPS = "import pytest\n@pytest.mark.kernel\ndef test_skips(): pytest.skip('no Landlock')\n"
SKIPPED = "import pytest\n@pytest.mark.kernel\n@pytest.mark.skipif(True, reason='x')\ndef test_skipped(): pass\n"
OTHER = "def test_other(): pass\n"


def suite(folder: Path, *tests: str) -> subprocess.CompletedProcess[str]:
    """Run a small suite of its own with the plugin that .ci/run loads."""
    (folder / "pytest.ini").write_text(CONFIGURATION)
    for number, text in enumerate(tests):
        (folder / f"test_{number}.py").write_text(text)
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST")}
    command = [sys.executable, "-m", "pytest", "-p", "kernel_tests_ran", "-p", "no:cacheprovider"]
    return subprocess.run(
        command, cwd=folder, env=environment | {"PYTHONPATH": str(CI)}, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("tests", [[SKIPS, OTHER], [SKIPPED, OTHER], [OTHER], [SKIPS, SKIPPED, OTHER]])
def test_a_suite_whose_kernel_tests_all_skip_fails(tmp_path: Path, tests: list[str]) -> None:
    done = suite(tmp_path, *tests)
    assert done.returncode == 1
    assert "nothing was tested against a kernel" in done.stdout


@pytest.mark.parametrize("tests", [[RUNS], [RUNS, SKIPS, SKIPPED, OTHER]])
def test_a_suite_with_a_kernel_test_that_ran_passes(tmp_path: Path, tests: list[str]) -> None:
    done = suite(tmp_path, *tests)
    assert done.returncode == 0, done.stdout
    assert "kernel tests: 1 ran" in done.stdout


def test_the_closing_line_stays_the_last(tmp_path: Path) -> None:
    assert "1 passed, 1 skipped in" in suite(tmp_path, OTHER, SKIPS).stdout.splitlines()[-1]
