"""Every block of README.md is what really happens."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
BLOCKS: list[tuple[str, str, str]] = re.findall(
    r"^(?:<!-- (?P<marker>[a-z ]+) -->\n)?```(?P<language>\w+)\n(?P<text>.*?)^```$", README, re.MULTILINE | re.DOTALL
)


def only(language: str, marker: str = "") -> str:
    """Return the one block in the language and with the marker."""
    (block,) = [text for mark, lang, text in BLOCKS if (mark, lang) == (marker, language)]
    return block


def console(command: str) -> list[str]:
    """Return the lines that README.md shows below a command."""
    (shown,) = [text for _, lang, text in BLOCKS if lang == "console" and text.startswith(f"$ {command}\n")]
    return shown.splitlines()[1:]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder as a user has it: the program, its file, and the configuration that README.md asks for."""
    (tmp_path / "notes.py").write_text(only("python"))
    (tmp_path / "notes.txt").write_text("buy milk\n")
    (tmp_path / "pyproject.toml").write_text(only("toml"))
    return tmp_path


def test_every_block_is_known_here() -> None:
    """A block that this file does not run is a block that may be wrong."""
    kinds = [(marker, language) for marker, language, _ in BLOCKS]
    assert sorted(kinds) == sorted(
        [
            ("", "python"),
            ("", "console"),
            ("", "console"),
            ("", "sh"),
            ("", "toml"),
            ("main command", "sh"),
            ("test command", "sh"),
        ]
    )


def test_the_program_has_twelve_lines() -> None:
    assert len(only("python").splitlines()) <= 12


@pytest.mark.checkers
def test_mypy_prints_what_the_readme_shows(folder: Path) -> None:
    command = [sys.executable, "-m", "mypy", "notes.py"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == console("mypy notes.py"), done.stderr
    assert done.returncode == 1


@pytest.mark.checkers
def test_mypy_is_content_without_the_last_lines(folder: Path) -> None:
    """The error is the spoiler's: what comes before it is clean under --strict as well."""
    program = only("python")
    (folder / "notes.py").write_text(program[: program.index("def spoil")])
    command = [sys.executable, "-m", "mypy", "--strict", "notes.py"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.kernel
def test_the_kernel_refuses_as_the_readme_shows(folder: Path) -> None:
    """``...`` stands for the lines of the traceback."""
    done = subprocess.run([sys.executable, "notes.py"], cwd=folder, capture_output=True, text=True, check=False)
    shown = console("python notes.py")
    before, after = shown[: shown.index("...")], shown[shown.index("...") + 1 :]
    assert done.stdout.rstrip().splitlines() == before
    # The child names files in full, and each Python underlines other parts of a line.
    lines = [line.replace(f"{folder}/", "") for line in done.stderr.splitlines() if not set(line) <= set(" ~^")]
    assert lines[-len(after) :] == after
    assert done.returncode == 1
    assert (folder / "notes.txt").read_text() == "buy milk\n"


def test_without_a_sandbox_the_file_is_spoilt(folder: Path) -> None:
    """The other half of the pair: the attack works where nothing refuses it."""
    program = only("python").replace("sandbox.execute(spoil)", "spoil(None)")
    subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=True)
    assert (folder / "notes.txt").read_text() == "gone"


def test_the_plugin_line_is_the_whole_configuration() -> None:
    assert tomllib.loads(only("toml")) == {"tool": {"mypy": {"plugins": ["capsafe_mypy"]}}}


def test_the_commands_are_one_line_each_and_chained() -> None:
    for marker in ("main command", "test command"):
        assert len(only("sh", marker).splitlines()) == 1
        assert ";" not in only("sh", marker)


@pytest.mark.parametrize("name", ["main", "test"])
def test_ci_runs_the_command(name: str) -> None:
    """As .ci/run finds it: with its own sed expression."""
    script = (ROOT / ".ci/run").read_text()
    (expression,) = re.findall(rf"^{name}_command=\$\(sed -n '(.*)' README\.md\)$", script, re.MULTILINE)
    found = subprocess.run(["sed", "-n", expression, "README.md"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout == only("sh", f"{name} command")
    assert f'bash -euo pipefail -c "${name}_command"' in script


def test_the_install_command_names_what_there_is() -> None:
    extra = re.findall(r"pip install '\.\[(\w+)\]'", only("sh"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert extra == list(project["optional-dependencies"])
    assert "libseccomp2" in only("sh")
