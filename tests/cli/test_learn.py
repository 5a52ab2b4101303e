"""``capsafe learn``: a script runs as python runs it, and what it used is said."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from capsafe import Observation
from tests.escapes.arena import NOBODY

pytestmark = pytest.mark.kernel

ROOT = os.geteuid() == 0


def learn(
    *arguments: str | Path, text: str = "", before: str = "", cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the command; ``before`` is code that runs in its process first, and there what it does to itself stays."""
    start = f"{before}\nfrom capsafe.cli import main\nimport sys\nsys.argv[0] = 'capsafe'\nmain()\n"
    command = [sys.executable, "-c", start, "learn", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, input=text, timeout=60, cwd=cwd)


def write(folder: Path, text: str, name: str = "script.py") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_a_script_runs_as_python_runs_it(tmp_path: Path) -> None:
    write(tmp_path, "VALUE = 7\n", "beside.py")
    script = write(
        tmp_path,
        """
import atexit, os, sys, threading
import beside
class Mine: pass
atexit.register(print, "at the end")
print(__name__, __file__ == sys.argv[0], sys.argv[1:], sys.path[0], beside.VALUE, Mine.__module__)
print(sys.stdin.readline().strip(), sys.modules["__main__"].Mine is Mine)
print("an error", file=sys.stderr)
threading.Timer(0.2, print, ["a thread that is waited for"]).start()
sys.exit(3)
""",
    )
    arguments = ["--json", "x", "-c", "two words"]
    plain = subprocess.run(
        [sys.executable, script, *arguments], input="a line\nmore\n", capture_output=True, text=True, check=False
    )
    done = learn(script, *arguments, text="a line\nmore\n")
    assert plain.returncode == 3
    assert (done.returncode, done.stdout) == (3, plain.stdout)
    assert "a thread that is waited for\nat the end" in done.stdout
    assert "an error\n" in done.stderr


def test_it_says_what_was_used_and_beforehand_that_nothing_confines_it(tmp_path: Path) -> None:
    script = write(tmp_path, "import sys\nprint(open(sys.argv[1]).read())\n")
    data = write(tmp_path, "content", "data")
    record = tmp_path / "record.json"
    done = learn("--json", record, script, data)
    assert (done.returncode, done.stdout) == (0, "content\n")
    head, *page = done.stderr.splitlines()
    assert head.startswith(f"capsafe learn: {script} runs with every capability")
    assert "no protection" in head
    assert f'  Sandbox[ReadFile[L["{data}"]] | Stdout]' in page
    observation = Observation.from_json(record.read_text())
    assert observation.write == f'Sandbox[ReadFile[L["{data}"]] | Stdout]'
    # What was asked for on the way is not the script's: it was read and compiled before.
    assert str(script) not in record.read_text()


def test_json_on_the_output(tmp_path: Path) -> None:
    done = learn("--json", "-", write(tmp_path, "x = 1\n"))
    assert json.loads(done.stdout)["write"] == "Sandbox[Never]"


def test_a_script_with_programs(tmp_path: Path) -> None:
    script = write(
        tmp_path, 'import subprocess\nprint(subprocess.run(["/bin/echo", "hi"], capture_output=True).stdout)\n'
    )
    done = learn(script)
    assert done.stdout == "b'hi\\n'\n"
    assert f'Spawn[L["{os.path.realpath("/bin/echo")}"]]' in done.stderr


@pytest.mark.network
def test_a_script_with_sockets(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        script = write(tmp_path, f'import socket\nsocket.create_connection(("127.0.0.1", {port})).close()\n')
        done = learn(script)
    assert done.returncode == 0
    assert f'Connect[L["127.0.0.1:{port}"]]' in done.stderr


def test_a_script_that_fails(tmp_path: Path) -> None:
    script = write(tmp_path, 'open("/etc/hostname").close()\nraise KeyError("lost")\n')
    done = learn(script)
    assert done.returncode == 1
    assert "KeyError: 'lost'" in done.stderr
    assert f'File "{script}", line 2, in <module>\n    raise KeyError("lost")' in done.stderr
    assert "capsafe/cli" not in done.stderr
    assert "ended in an error: what would have come after it was not seen" in done.stderr
    assert 'ReadFile[L["/etc/hostname"]]' in done.stderr


def test_a_script_held_to_a_grant(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    script = write(
        tmp_path,
        f"""
try:
    open({str(marker)!r}, "w").write("x")
except PermissionError as error:
    print(error.errno)
""",
    )
    assert learn(script).returncode == 0
    assert marker.exists()
    marker.unlink()
    done = learn("--grant", "ReadFile | Stdout", script)
    assert (done.returncode, done.stdout) == (0, "1\n")
    assert not marker.exists()
    assert f"capsafe learn: {script} runs confined to ReadFile | Stdout: the rest is refused" in done.stderr
    said = f"open for writing '{marker}' needs WriteFile; write Sandbox[ReadFile | WriteFile | Stdout] ({script}:3)"
    assert done.stderr.count(said) == 1
    assert "  Sandbox[Stdout]" in done.stderr


def test_an_uncaught_denial_is_an_exit_code_of_one(tmp_path: Path) -> None:
    done = learn("--grant", "Never", write(tmp_path, 'open("/etc/hostname")\n'))
    assert done.returncode == 1
    assert "open for reading '/etc/hostname' needs ReadFile; write Sandbox[ReadFile]" in done.stderr


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("sys.exit()", 0),
        ("sys.exit('sorry')", 1),
        ("sys.exit(258)", 2),
        ("os._exit(5)", 5),
        ("os.kill(os.getpid(), 9)", 128 + signal.SIGKILL),
        ("raise SystemExit(4)", 4),
    ],
)
def test_the_exit_code_is_the_scripts(line: str, code: int, tmp_path: Path) -> None:
    assert learn(write(tmp_path, f"import os, sys\n{line}\n")).returncode == code


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--grant", "ReadFiel", "script.py"], 2, "there is no capability 'ReadFiel'"),
        (["none.py"], 2, "none.py can't be run: No such file"),
        (["bad.py"], 1, "SyntaxError"),
        (["zero.py"], 1, "null bytes"),
        (["--grant", 'StatFile[L["/etc"]]', "script.py"], 125, "can't be enforced exactly"),
        (["--grant", 'ReadFile[L["/no/such/place"]]', "script.py"], 2, "can't be opened"),
        (["--json", "/no/such/place", "script.py"], 125, "can't be written"),
        ([], 2, "Missing argument"),
    ],
)
def test_what_can_not_be_learned(arguments: list[str], code: int, says: str, tmp_path: Path) -> None:
    write(tmp_path, "x = 1\n")
    write(tmp_path, "x = = 1\n", "bad.py")
    (tmp_path / "zero.py").write_bytes(b"x\0")
    done = learn(*arguments, cwd=tmp_path)
    assert done.returncode == code
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_where_nothing_can_be_observed_nothing_runs(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    script = write(tmp_path, f'open({str(marker)!r}, "w")\n')
    before = """
import dataclasses
from capsafe.kernel import restrict, support
without = dataclasses.replace(support.probe(), notifications=False)
restrict.probe = lambda: without
"""
    done = learn(script, before=before)
    assert (done.returncode, marker.exists()) == (125, False)
    # With every capability, names and scopes are the supervisor's, too.
    assert "lets none answer in its place" in done.stderr


@pytest.mark.skipif(not ROOT, reason="only root can become another user")
def test_as_another_user(tmp_path: Path) -> None:
    script = write(tmp_path, 'print(open("/etc/hostname").read() != "")\n')
    for path in (script, *script.parents):
        if path not in (Path("/"), Path("/tmp")):
            path.chmod(0o755)
    before = f"""
import os, sys
from typer.testing import CliRunner
from capsafe.cli.commands import app
# What is loaded once, the other user may not read.
arguments = sys.argv
assert CliRunner().invoke(app, ["learn", {str(script)!r}]).exit_code == 0
sys.argv = arguments
os.setgroups([]); os.setresgid({NOBODY}, {NOBODY}, {NOBODY}); os.setresuid({NOBODY}, {NOBODY}, {NOBODY})
import ctypes
ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)
"""
    done = learn(script, before=before)
    # The first is of the one before.
    assert (done.returncode, done.stdout) == (0, "True\n" * 2), done.stderr
    assert 'Sandbox[ReadFile[L["/etc/hostname"]] | Stdout]' in done.stderr
