"""Root's Linux capabilities are gone: what a file's mode does not let user 0 do, no grant does."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Never

import pytest

from capsafe import FileSystem, ReadFile, Sandbox, Spawn, WriteFile
from capsafe.kernel import credentials
from tests.escapes.arena import NOBODY, SECRET
from tests.escapes.pairs import PRIVILEGED, Family, Row, Stage, duel, sandbox, stage
from tests.escapes.test_enforced import status_of, watch
from tests.sandbox.boxes import caught

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.skipif(not PRIVILEGED, reason="only root has powers to lose"),
]
__all__ = ["stage"]

attacks = Family()


def of_another_user(stage: Stage) -> None:
    """Make the secret private to somebody else."""
    stage.secret.chmod(0o600)
    os.chown(stage.secret, NOBODY, NOBODY)
    stage.folder.chmod(0o700)
    os.chown(stage.folder, NOBODY, NOBODY)


@pytest.mark.parametrize("row", attacks)
def test_a_mode_is_a_mode(row: Row, stage: Stage) -> None:
    duel(row, stage, None)


@attacks.attack(FileSystem, "EACCES", prepare=of_another_user)
def read_a_private_file(stage: Stage) -> object:
    return stage.secret.read_text() == SECRET


@attacks.attack(FileSystem, "EACCES", prepare=of_another_user)
def write_a_private_file(stage: Stage) -> object:
    return stage.secret.write_text("x") == 1


@attacks.attack(FileSystem, "EACCES", prepare=of_another_user)
def list_a_private_folder(stage: Stage) -> object:
    return os.listdir(stage.folder) == ["own"]


@attacks.attack(FileSystem, prepare=of_another_user)
def change_the_mode_of_what_is_anothers(stage: Stage) -> object:
    os.chmod(stage.secret, 0o666)
    return True


@attacks.attack(FileSystem, prepare=of_another_user)
def change_the_times_of_what_is_anothers(stage: Stage) -> object:
    os.utime(stage.secret, (1, 1))
    return True


@attacks.attack(FileSystem | Spawn, prepare=of_another_user)
def have_a_program_read_it(stage: Stage) -> object:
    done = subprocess.run(["/bin/cat", stage.secret], capture_output=True, text=True, check=False)
    if done.stdout != SECRET:
        raise PermissionError(1, done.stderr)
    return True


def test_no_set_has_any_as_seen_from_outside() -> None:
    for grant in (Never, ReadFile, FileSystem | Spawn):
        box: Any = sandbox(grant)
        status = watch(box, status_of)
        assert {name: int(status[name], 16) for name in status if name.startswith("Cap")} == dict.fromkeys(
            ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"), 0
        )
        assert status["NoNewPrivs"] == "1"


def test_what_root_owns_is_still_roots(stage: Stage) -> None:
    own = stage.base / "own"
    own.write_text("x")
    own.chmod(0o600)
    assert Sandbox[ReadFile | WriteFile]().execute(lambda b: (b.read_text(own), b.write_text(own, "y"))[0]) == "x"
    assert own.read_text() == "y"


def test_the_error_says_why(stage: Stage) -> None:
    private = stage.base / "private"
    private.write_text("x")
    private.chmod(0o600)
    os.chown(private, NOBODY, NOBODY)
    error = caught(lambda b: b.read_text(private), Sandbox[ReadFile]())
    assert type(error) is PermissionError
    assert any("root is a user like others" in note for note in error.__notes__)


def test_a_process_that_enters_gives_them_up(tmp_path: Path) -> None:
    private = tmp_path / "private"
    private.write_text("x")
    private.chmod(0o600)
    os.chown(private, NOBODY, NOBODY)
    program = f"""
from capsafe import ReadFile, Sandbox, Stdout
print(open({str(private)!r}).read())
broker = Sandbox[ReadFile | Stdout]().enter()
try:
    broker.read_text({str(private)!r})
except PermissionError:
    broker.print("refused")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["x", "refused"]


def test_without_the_drop_the_attack_works(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    private = stage.base / "private"
    private.write_text(SECRET)
    private.chmod(0o600)
    os.chown(private, NOBODY, NOBODY)
    with monkeypatch.context() as patch:
        patch.setattr(credentials, "calls", lambda _: [])
        assert Sandbox[ReadFile]().execute(lambda b: b.read_text(private)) == SECRET
    # What was laid out without them is that sandbox's own.
    assert isinstance(caught(lambda b: b.read_text(private), Sandbox[ReadFile]()), PermissionError)
