"""The suite against the built wheel, on every supported Python that is there.

This file knows which Pythons capsafe supports and where they may be installed. It refuses to know what the tests
are: it runs the same suite as README.md's test command, but for what is marked as the same on every Python.
"""

import os
import sys
from pathlib import Path
from shutil import which

import nox

PYTHONS = ("3.11", "3.12", "3.13")
OWN = f"{sys.version_info.major}.{sys.version_info.minor}"


def pyenv_folders() -> list[str]:
    """Return the ``bin`` folders of the Pythons that pyenv has installed, whichever of them it has switched on.

    Its shims alone do not do: the shim of a Python that is installed but not switched on is there and fails.
    """
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    return [str(folder) for python in PYTHONS for folder in sorted(root.glob(f"{python}.*/bin"))]


def found() -> list[str]:
    """Put pyenv's Pythons first on PATH; return the supported versions of which there is an interpreter."""
    os.environ["PATH"] = os.pathsep.join([*pyenv_folders(), os.environ["PATH"]])
    return [python for python in PYTHONS if python == OWN or which(f"python{python}")]


FOUND = found()
for absent in sorted(set(PYTHONS) - set(FOUND)):
    print(f"nox: Python {absent} is not here, so its tests are left out", file=sys.stderr)  # noqa: T201 - it is said once

nox.options.sessions = ["tests"]
nox.options.default_venv_backend = "virtualenv"


@nox.session(python=FOUND)
def tests(session: nox.Session) -> None:
    """Install the wheel (not editable: what users get) and run the suite; arguments go to pytest.

    What is marked ``any_python`` only runs on the Python that runs nox. It is about the commands of the checkers, which
    take most of the suite's time: mypy's other ways to drive the plugin (workers, the daemon, check_untyped_defs) on
    cases and edits that every Python checks once, and the types in four checkers, configured for Python 3.11 always.
    What the engine finds does depend on the Python, since it parses with ``ast`` and reads the standard library, and
    so may everything at run time: no such test has the mark.
    """
    session.install("--upgrade", "pip>=25.1")
    session.install(".", "--group", "dev")
    # pyproject.toml puts this folder on the path, for what tests share; that would hide the wheel behind the sources.
    # Not nox's own create_tmp(): it moves TMPDIR to where the paths of sockets get too long.
    path = Path(session.virtualenv.location) / "path"
    path.mkdir(exist_ok=True)
    (path / "tests").unlink(missing_ok=True)
    (path / "tests").symlink_to(Path("tests").resolve())
    chosen = [] if session.python == OWN else ["-m", "not any_python"]
    session.run("pytest", "-o", f"pythonpath={path}", *chosen, *session.posargs)
