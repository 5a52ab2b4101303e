"""The ways in which users start mypy: configurations, working directories, layouts of their code."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.plugin.conftest import Prime
from tests.plugin.runner import Outcome, run_mypy

pytestmark = pytest.mark.checkers


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, prime: Prime, monkeypatch: pytest.MonkeyPatch) -> None:
    prime(tmp_path)
    monkeypatch.setenv("MYPY_CACHE_DIR", str(tmp_path / ".mypy_cache"))


CLOSURE = """\
from typing import Never

from capsafe import Sandbox
from {package} import near


def task() -> None:
    Sandbox[Never]().execute(lambda broker: near.fetch("notes.txt"))  # HERE
"""
NEAR = "from {package} import far\n\n\ndef fetch(path: str) -> str:\n    return far.read(path)\n"
FAR = "def read(path: str) -> str:\n    return open(path).read()\n"
PURE = "def read(path: str) -> str:\n    return path\n"
INI = "[mypy]\nplugins = capsafe_mypy\n"
TOML = '[tool.mypy]\nplugins = ["capsafe_mypy"]\n'


def write(folder: Path, files: dict[str, str]) -> None:
    for path, text in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")


def package(name: str, *, regular: bool = True) -> dict[str, str]:
    """Return a package whose main module has a closure that opens a file two modules away."""
    inner = name.rpartition("/")[2]
    files = {
        f"{name}/main.py": CLOSURE.format(package=inner),
        f"{name}/near.py": NEAR.format(package=inner),
        f"{name}/far.py": FAR,
    }
    return {**files, f"{name}/__init__.py": ""} if regular else files


def flagged(outcome: Outcome) -> list[str]:
    """Return the last parts of the flagged paths, with lines and codes; the path of the effect must be in a note."""
    for alarm in outcome.alarms:
        assert "far.py:2): open" in outcome.said(alarm.path, alarm.line), outcome.output
    return [f"{os.path.basename(a.path)}:{a.line} {a.code}" for a in sorted(outcome.alarms)]


WANTED = ["main.py:8 capsafe-ambient"]
JSON = ["--output", "json"]


def check_edits(arguments: list[str], cwd: Path, far: Path, environment: dict[str, str] | None = None) -> None:
    """Check cold, warm, without the open in the far helper, and with it again."""

    def run() -> list[str]:
        return flagged(run_mypy([*JSON, *arguments], cwd, environment=environment))

    assert run() == WANTED
    assert run() == WANTED
    far.write_text(PURE, encoding="utf-8")
    assert run() == []
    far.write_text(FAR, encoding="utf-8")
    assert run() == WANTED


@pytest.mark.parametrize(("config", "text"), [("mypy.ini", INI), ("pyproject.toml", TOML), ("setup.cfg", INI)])
def test_configurations(tmp_path: Path, config: str, text: str) -> None:
    write(tmp_path, {config: text, **package("app")})
    assert flagged(run_mypy([*JSON, "app"], tmp_path)) == WANTED


def test_without_the_plugin_nothing_is_said(tmp_path: Path) -> None:
    """The alarms of the other tests are the plugin's."""
    write(tmp_path, {"mypy.ini": "[mypy]\n", **package("app")})
    assert flagged(run_mypy([*JSON, "app"], tmp_path)) == []


def test_from_another_working_directory(tmp_path: Path) -> None:
    write(tmp_path / "project", {"mypy.ini": INI, **package("app")})
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    check_edits(
        ["--config-file", str(tmp_path / "project/mypy.ini"), str(tmp_path / "project/app")],
        elsewhere,
        tmp_path / "project/app/far.py",
    )


def test_a_file_given_by_its_path_in_a_subfolder(tmp_path: Path) -> None:
    write(tmp_path, {"mypy.ini": INI, **package("code/python/app")})
    check_edits(["code/python/app/main.py"], tmp_path, tmp_path / "code/python/app/far.py")


def test_sources_in_src_by_mypy_path(tmp_path: Path) -> None:
    write(tmp_path, {"mypy.ini": f"{INI}mypy_path = $MYPY_CONFIG_FILE_DIR/src\n", **package("src/app")})
    check_edits(["-p", "app"], tmp_path, tmp_path / "src/app/far.py")


def test_sources_in_src_by_the_environment(tmp_path: Path) -> None:
    write(tmp_path, {"mypy.ini": INI, **package("src/app")})
    paths = [str(tmp_path / "src"), *filter(None, [os.environ.get("MYPYPATH")])]
    check_edits(["-m", "app.main"], tmp_path, tmp_path / "src/app/far.py", {"MYPYPATH": os.pathsep.join(paths)})


def test_namespace_packages(tmp_path: Path) -> None:
    config = f"{INI}mypy_path = src\nexplicit_package_bases = True\nnamespace_packages = True\n"
    write(tmp_path, {"mypy.ini": config, **package("src/app", regular=False)})
    check_edits(["src/app"], tmp_path, tmp_path / "src/app/far.py")


def test_a_helper_in_another_source_root(tmp_path: Path) -> None:
    """The far helper lies in a second folder of mypy_path, as in a repository with several projects."""
    files = package("one/app")
    files["one/app/near.py"] = NEAR.replace("from {package} import far", "import far")
    files["two/far.py"] = files.pop("one/app/far.py")
    write(tmp_path, {"mypy.ini": f"{INI}mypy_path = one:two\n", **files})
    check_edits(["-p", "app"], tmp_path, tmp_path / "two/far.py")


def test_a_program_on_the_command_line(tmp_path: Path) -> None:
    write(tmp_path, {"mypy.ini": INI})
    program = "from typing import Never\nfrom capsafe import Sandbox\nSandbox[Never]().execute(lambda b: open('x'))"
    outcome = run_mypy([*JSON, "-c", program], tmp_path)
    assert [(a.line, a.code) for a in outcome.alarms] == [(3, "capsafe-ambient")], outcome.output


def test_suppressions(tmp_path: Path) -> None:
    text = CLOSURE.format(package="app").replace("# HERE", "# type: ignore[capsafe-ambient]")
    write(tmp_path, {"mypy.ini": f"{INI}warn_unused_ignores = True\n", **package("app"), "app/main.py": text})
    assert run_mypy([*JSON, "app"], tmp_path).alarms == set()
    write(tmp_path, {"app/far.py": PURE})
    assert [a.code for a in run_mypy([*JSON, "app"], tmp_path).alarms] == ["unused-ignore"], "a stale suppression"


def test_a_disabled_code(tmp_path: Path) -> None:
    write(tmp_path, {"mypy.ini": f"{INI}disable_error_code = capsafe-ambient\n", **package("app")})
    assert run_mypy([*JSON, "app"], tmp_path).alarms == set()


def test_the_plugin_is_light() -> None:
    """Each of mypy's workers imports it: over three seconds would break ``-n``."""
    heavy = "capsafe.kernel", "capsafe.effects", "asyncio", "subprocess"
    code = f"import sys, capsafe_mypy; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_twice_in_one_process(tmp_path: Path) -> None:
    """As the daemon does: mypy calls the plugin's entry point once more, and must find it there."""
    write(tmp_path, {"mypy.ini": INI, **package("app")})
    runs = "first, second = (api.run(['app'])[0] for _ in range(2))"
    program = f"from mypy import api\n{runs}\nassert first == second\nprint(first)"
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "capsafe-ambient" in done.stdout, done.stderr
