"""The command line as a user meets it: in a process of its own, with its exit codes."""

import subprocess
import sys
from importlib.metadata import version

import pytest

from capsafe.cli.grant_text import read_text
from capsafe.grants import read_grant
from capsafe.policy import compile_policy


def capsafe(*arguments: str, before: str = "") -> subprocess.CompletedProcess[str]:
    """Run ``capsafe``; ``before`` is code that runs in its process first, and there what it does to itself stays."""
    start = f"{before}\nfrom capsafe.cli import main\nimport sys\nsys.argv[0] = 'capsafe'\nmain()\n"
    command = [sys.executable, "-c", start, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=60)


@pytest.mark.parametrize("text", ["Never", "ReadFile", 'ReadFile[L["/etc"]] | Connect[L["*:443"]]', "Sandbox[Stdout]"])
def test_explain_prints_the_policy_of_the_grant(text: str) -> None:
    done = capsafe("explain", text)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{compile_policy(read_grant(read_text(text)))}\n"
    assert len(done.stdout.splitlines()) > 5


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is no type"),
        ("ReadFiel", "there is no capability 'ReadFiel'"),
        ('ReadFile["/data"]', 'write ReadFile[L["/data"]]'),
        ('ReadFile[L["data"]]', "no absolute path"),
        ('Connect[L["example.com"]]', "host and port"),
        ("Capability", "Capability"),
        ("__import__('os').system('echo run')", "is no capability"),
    ],
)
def test_explain_refuses_what_is_no_grant(text: str, words: str) -> None:
    done = capsafe("explain", text)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("capsafe explain: ")


@pytest.mark.parametrize(
    "arguments", [["explain"], ["explain", "a", "b"], ["nonsense"], ["--nonsense"], ["doctor", "x"]]
)
def test_wrong_usage_is_exit_code_two(arguments: list[str]) -> None:
    done = capsafe(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Usage: capsafe" in done.stderr


def test_version() -> None:
    assert capsafe("--version").stdout == f"capsafe {version('capsafe')}\n"


def test_help_names_the_commands() -> None:
    done = capsafe("--help")
    assert done.returncode == 0
    assert {"explain", "doctor"} <= set(done.stdout.replace("│", " ").split())


def test_the_module_is_the_command() -> None:
    command = [sys.executable, "-m", "capsafe", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"capsafe {version('capsafe')}\n"


def test_importing_the_command_loads_no_command_line() -> None:
    """Typer and Rich take longer to load than all the rest."""
    code = "import sys, capsafe.cli; print(sorted({'typer', 'rich', 'click'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_a_closed_pipe_is_no_traceback() -> None:
    """As in ``capsafe explain FileSystem | head -1``."""
    command = f"{sys.executable} -m capsafe explain FileSystem | head -c 1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
