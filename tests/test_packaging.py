"""The wheel and the source distribution hold what they should, and what is installed from the wheel works."""

import re
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# What a build takes from the tree; caches and environments lie beside it.
PARTS = ["capsafe", "mypy_plugin", "stubs", "tests", "examples", "docs", "bench", "README.md", "LICENSE"]
PACKAGES = {
    "capsafe": "capsafe",
    "capsafe_mypy": "mypy_plugin/capsafe_mypy",
    "capsafe_effects": "stubs/capsafe_effects",
}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the tree, so that a build writes nothing into it."""
    copy = tmp_path_factory.mktemp("tree")
    for part in [*PARTS, "pyproject.toml", ".gitignore"]:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, copy / part, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
        else:
            shutil.copy(source, copy / part)
    return copy


@pytest.fixture(scope="module")
def built(tree: Path) -> Path:
    """Return the folder with both distributions, built without a network."""
    run(sys.executable, "-m", "hatchling", "build", "-d", str(tree / "dist"), cwd=tree)
    return tree / "dist"


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    """Return the wheel's path."""
    (wheel,) = built.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the ``bin`` folder of a new environment that knows this tree only through the wheel."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder, with_pip=True)
    run(str(folder / "bin/python"), "-m", "pip", "install", "--quiet", f"{wheel}[mypy]", cwd=folder)
    return folder / "bin"


def run(*command: str, cwd: Path) -> str:
    """Run a command that must succeed; return what it printed."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def sources(package: str) -> set[str]:
    """Return the files of a package in the tree, by the paths that they have when installed."""
    folder = ROOT / PACKAGES[package]
    files = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {f"{package}/{path.relative_to(folder)}" for path in files}


def test_the_top_levels_are_the_three_packages(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == set(PACKAGES)


@pytest.mark.parametrize("package", PACKAGES)
def test_the_wheel_holds_every_file_of_a_package(wheel: Path, package: str) -> None:
    """Data as well: the effect stubs and the py.typed markers."""
    inside = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith(f"{package}/")}
    assert inside == sources(package)


def test_the_wheel_holds_types_stubs_and_licence(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {"capsafe/py.typed", "capsafe_mypy/py.typed"} <= set(names)
    assert [name for name in names if re.fullmatch(r"capsafe_effects/.+\.pyi", name)]
    assert [name for name in names if name.endswith(".dist-info/licenses/LICENSE")]


def test_the_source_distribution_builds_the_same_wheel(built: Path, wheel: Path, tmp_path: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        # The first releases of 3.11 know no filter; the archive is our own.
        if hasattr(tarfile, "data_filter"):
            archive.extractall(tmp_path, filter="data")
        else:
            archive.extractall(tmp_path)
    (source,) = tmp_path.iterdir()
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / "dist"), cwd=source)
    again = zipfile.ZipFile(tmp_path / "dist" / wheel.name)
    first = zipfile.ZipFile(wheel)
    assert {i.filename: i.CRC for i in again.infolist()} == {i.filename: i.CRC for i in first.infolist()}


def test_the_source_distribution_holds_what_the_tests_need(built: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        inside = {name.split("/", 1)[1] for name in archive.getnames()}
    assert {"README.md", "pyproject.toml", "tests/test_packaging.py", "docs/capabilities.md"} <= inside
    assert not [name for name in inside if name.startswith((".venv", "dist", ".mypy_cache"))]


PROGRAM = """
import sys
from typing import Never
import capsafe
from capsafe import Sandbox

def job(broker: capsafe.Broker, number: int) -> list[str]:
    refused = []
    for attempt in (lambda: open("/etc/hostname"), lambda: __import__("socket").socket()):
        try:
            attempt()
        except PermissionError:
            refused.append("refused")
    return [*refused, str(number)]

import socket
print(capsafe.__file__)
print(Sandbox[Never]().execute(job, 7))
"""


@pytest.mark.kernel
def test_the_installed_wheel_imports_and_runs_a_sandbox(installed: Path, tmp_path: Path) -> None:
    python = str(installed / "python")
    (tmp_path / "program.py").write_text(PROGRAM)
    place, result = run(python, "-I", "program.py", cwd=tmp_path).splitlines()
    assert Path(place).is_relative_to(installed.parent)
    assert result == "['refused', 'refused', '7']"
    assert run(str(installed / "capsafe"), "--version", cwd=tmp_path) == "capsafe 0.1.0\n"
    assert "ReadFile" in run(python, "-m", "capsafe", "explain", "ReadFile", cwd=tmp_path)


@pytest.mark.checkers
def test_mypy_finds_types_and_plugin_in_the_installed_wheel(installed: Path, tmp_path: Path) -> None:
    """What a user has: the wheel and the one plugin line."""
    python = str(installed / "python")
    (tmp_path / "mypy.ini").write_text("[mypy]\nplugins = capsafe_mypy\nstrict = True\n")
    (tmp_path / "program.py").write_text(
        "from capsafe import ReadFile, Sandbox\n"
        "sandbox = Sandbox[ReadFile]()\n"
        "sandbox.execute(lambda broker: broker.read_text('a'))\n"
        "sandbox.execute(lambda broker: open('a').read())\n"
    )
    done = subprocess.run(
        [python, "-m", "mypy", "program.py"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    errors = re.findall(r"program\.py:(\d+): error: .*\[([\w-]+)\]", done.stdout)
    assert errors == [("4", "capsafe-ambient")], done.stdout + done.stderr
