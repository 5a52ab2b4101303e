"""The attacks of this folder say something: with any of the parts left out, they work."""

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Never

import pytest

from capsafe import Environ, ReadFile, SandboxKilledError, Stdio, UnsupportedError
from capsafe.kernel import process
from capsafe.kernel.calls import Call
from capsafe.worker import hygiene
from tests.escapes.pairs import (
    FAILED,
    WORKED,
    Row,
    Stage,
    as_parent,
    sandbox,
    stage,
    try_inside,
)
from tests.escapes.test_leftovers import keep_a_password, read_the_environment, read_what_the_parent_has_open
from tests.escapes.test_metadata import change_the_mode, in_the_folder
from tests.kernel.exchanged import FAILURE, exchange

pytestmark = pytest.mark.kernel
__all__ = ["stage"]


def read_the_secret(stage: Stage) -> object:
    return stage.secret.read_text() != ""


def inside(attack: Callable[[Stage], object], grant: Any, stage: Stage, **more: Any) -> str:
    return as_parent(try_inside, Row(attack, grant, frozenset(), **more), stage, None)


# --- with a part left out, an attack works ---------------------------------------------------------------------------


def nothing(*_: object) -> None:
    """Stand in for a part that was never called: another project shipped a filter that was not loaded."""


def is_landlock(call: Call) -> bool:
    return call.name.startswith("landlock")


def is_filter(call: Call) -> bool:
    return call.name == "seccomp"


def test_without_confinement_the_attack_works(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    assert inside(read_the_secret, in_the_folder(ReadFile), stage) == "EACCES"
    assert inside(change_the_mode, in_the_folder(ReadFile), stage) == "EPERM"
    exchange(monkeypatch, lambda call: is_landlock(call) or is_filter(call))
    assert inside(read_the_secret, in_the_folder(ReadFile), stage) == WORKED
    assert inside(change_the_mode, in_the_folder(ReadFile), stage) == WORKED


def test_without_the_filters_landlock_alone_lets_modes_be_changed(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert inside(change_the_mode, in_the_folder(ReadFile), stage) == "EPERM"
    exchange(monkeypatch, is_filter)
    assert inside(change_the_mode, in_the_folder(ReadFile), stage) == WORKED
    assert inside(read_the_secret, in_the_folder(ReadFile), stage) == "EACCES"


def test_without_landlock_the_filters_alone_let_other_files_be_read(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    exchange(monkeypatch, is_landlock)
    assert inside(read_the_secret, in_the_folder(ReadFile), stage) == WORKED
    assert inside(change_the_mode, in_the_folder(ReadFile), stage) == "EPERM"


def test_without_closing_the_parents_files_are_there(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    assert inside(read_what_the_parent_has_open, in_the_folder(ReadFile), stage) == "EBADF"
    exchange(monkeypatch, lambda call: call.name == "close_range")
    assert inside(read_what_the_parent_has_open, in_the_folder(ReadFile), stage) == WORKED


def test_without_emptying_the_environment_is_there(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    assert inside(read_the_environment, Never, stage, prepare=keep_a_password) == FAILED
    monkeypatch.setattr(hygiene, "_environments", lambda: ())
    monkeypatch.setattr(hygiene, "_kept_settings", {})
    monkeypatch.setattr(process, "clear_environment", nothing)
    assert inside(read_the_environment, Never, stage, prepare=keep_a_password) == WORKED


def test_without_a_session_of_its_own_the_group_is_the_parents(monkeypatch: pytest.MonkeyPatch) -> None:
    assert sandbox(Never).execute(lambda _: os.getpgrp()) != os.getpgrp()
    exchange(monkeypatch, lambda call: call.name == "setsid")
    box = sandbox(Never)
    assert box.execute(lambda _: os.getpgrp()) == os.getpgrp()


# --- seen from outside ----------------------------------------------------------------------------------------------


def status_of(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def watch(box: Any, look: Callable[[int], Any]) -> Any:
    """Run a closure that waits, and look at its process meanwhile."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    found: list[Any] = []

    def run() -> None:
        box.execute(lambda _: time.sleep(20))

    thread = threading.Thread(target=lambda: suppressed(run))
    thread.start()
    deadline = time.monotonic() + 15
    try:
        while not found and time.monotonic() < deadline:
            for pid in children():
                status = status_of(pid)
                # It is confined last of all, and by two filters of its own.
                if int(status.get("Seccomp_filters", "0")) >= int(status_of(os.getpid())["Seccomp_filters"]) + 2:
                    found.append(look(pid))
            time.sleep(0.005)
    finally:
        for pid in children():
            os.kill(pid, signal.SIGKILL)
        thread.join()
        os.close(reading)
        os.close(writing)
    assert found, "no child was ever confined"
    return found[0]


def suppressed(function: Callable[[], None]) -> None:
    from capsafe import SandboxKilledError

    try:
        function()
    except SandboxKilledError:
        return


def children() -> list[int]:
    return [
        int(pid)
        for task in os.listdir("/proc/self/task")
        for pid in Path(f"/proc/self/task/{task}/children").read_text().split()
    ]


#: SIGWINCH, which readline takes without Python knowing of it, and the two that the C library keeps for itself.
OF_LIBRARIES = 1 << 27 | 1 << 31 | 1 << 32


def test_the_kernel_says_that_it_is_confined() -> None:
    status = watch(sandbox(ReadFile), status_of)
    assert status["Seccomp"] == "2"
    assert status["NoNewPrivs"] == "1"
    # No handler of the parent's, and nothing held back.
    assert int(status["SigBlk"], 16) == 0
    assert int(status["SigCgt"], 16) & ~OF_LIBRARIES == 0
    assert status["Threads"] == "1"


def test_it_leads_a_session_of_its_own_without_a_terminal() -> None:
    def look(pid: int) -> tuple[int, int, int]:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[2]) - pid, int(fields[3]) - pid, int(fields[4])

    assert watch(sandbox(Never), look) == (0, 0, 0)


def test_only_the_channel_and_the_null_device_are_open() -> None:
    def look(pid: int) -> dict[str, str]:
        return {name: os.readlink(f"/proc/{pid}/fd/{name}").split(":")[0] for name in os.listdir(f"/proc/{pid}/fd")}

    try:
        found = watch(sandbox(Never), look)
    except PermissionError:
        pytest.skip("it can't be looked into, which another user than root may not")
    assert found == {"0": "/dev/null", "1": "/dev/null", "2": "/dev/null", "3": "pipe"}


def test_it_can_not_be_looked_into_by_its_own_user() -> None:
    """It is not dumpable: its files in /proc belong to root."""
    if os.geteuid() != 0:
        with pytest.raises(PermissionError):
            watch(sandbox(Never), lambda pid: Path(f"/proc/{pid}/environ").read_bytes())
        return
    pytest.skip("root looks everywhere")


# --- where a part can't be had, nothing runs --------------------------------------------------------------------------


PARTS: dict[str, Callable[[Call], bool]] = {
    "no_new_privs": lambda call: call.name == "prctl" and call.arguments[:1] == (38,),
    "landlock": is_landlock,
    "filters": is_filter,
    "filter after the listener": lambda call: is_filter(call) and not call.may_fail,
    "descriptors": lambda call: call.name == "dup3",
    "dumping": lambda call: call.name == "prctl" and call.arguments[:1] == (4,),
    "session": lambda call: call.name == "setsid",
    "folder": lambda call: call.name == "chdir",
}


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("grant", [Never, Environ | Stdio, ReadFile])
def test_a_part_that_fails_is_an_error_and_nothing_runs(
    part: str, grant: Any, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What must not fail is no descriptor, and the kernel says so."""
    if part == "folder" and grant is ReadFile:
        pytest.skip("under a grant of files the folder stays")
    exchanged = exchange(monkeypatch, PARTS[part], FAILURE)
    marker = stage.marker
    with pytest.raises(UnsupportedError if part != "descriptors" else SandboxKilledError):
        sandbox(grant).execute(lambda _: marker.write_text("it ran"))
    assert not marker.exists()
    assert exchanged


def test_without_a_listener_the_filters_that_answer_alone_are_installed(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    failure = FAILURE._replace(may_fail=True)
    exchanged = exchange(monkeypatch, lambda call: is_filter(call) and call.may_fail, failure)
    with pytest.raises(PermissionError):
        sandbox(Never).execute(lambda _: os.open("/", os.O_RDONLY))
    assert exchanged
    assert inside(read_the_secret, Never, stage) == "EPERM"
