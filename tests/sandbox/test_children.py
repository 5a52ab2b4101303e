"""Children that die, lie or stay, and what they have started."""

import os
import pickle
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Never

import pytest

from capsafe import (
    Sandbox,
    SandboxKilledError,
    SandboxTimeoutError,
    Spawn,
    WriteFile,
)
from tests.sandbox.boxes import CHANNEL, caught, is_running, sandbox_of, scoped

pytestmark = pytest.mark.kernel


def test_a_child_that_dies_says_how() -> None:
    error: Any = caught(lambda _: os._exit(3))
    assert type(error) is SandboxKilledError
    assert (error.exit_code, error.signal) == (3, None)
    error = caught(lambda _: os._exit(0))
    assert (type(error), error.exit_code) == (SandboxKilledError, 0)


def crash(_: object) -> None:
    import ctypes

    ctypes.string_at(0)


@pytest.mark.parametrize(
    ("closure", "names"),
    [
        (crash, {"SIGSEGV"}),
        (lambda _: os.abort(), {"SIGABRT"}),
        (lambda _: signal.raise_signal(signal.SIGABRT), {"SIGABRT"}),
    ],
)
def test_a_child_that_is_killed_names_the_signal(closure: Callable[..., object], names: set[str]) -> None:
    error: Any = caught(closure)
    assert type(error) is SandboxKilledError
    assert error.signal in names
    assert error.signal in str(error)


def test_a_child_that_kills_itself_names_the_signal() -> None:
    from capsafe import Signal

    error: Any = caught(lambda _: os.kill(os.getpid(), signal.SIGKILL), Sandbox[Signal]())
    assert (type(error), error.signal) == (SandboxKilledError, "SIGKILL")


def flood(_: object) -> None:
    os.write(CHANNEL, b"capsafe\x01" + b"\0" * 8 + (2**62).to_bytes(8, "little"))
    while True:
        os.write(CHANNEL, b"x" * 65536)


def endless(_: object) -> None:
    while True:
        os.write(CHANNEL, b"x" * 65536)


def half(_: object) -> None:
    os.write(CHANNEL, b"capsafe\x01")
    os._exit(0)


def pickled(_: object) -> None:
    class Attack:
        def __reduce__(self) -> tuple[Any, tuple[str]]:
            return os.system, ("touch /tmp/capsafe-was-here",)

    os.write(CHANNEL, pickle.dumps(Attack()))


@pytest.mark.parametrize("closure", [flood, endless, half, pickled, lambda _: os.write(CHANNEL, b"\0")])
def test_a_child_that_writes_garbage_is_ended(closure: Callable[..., object]) -> None:
    start = time.monotonic()
    error = caught(closure)
    assert type(error) is SandboxKilledError
    assert "no answer" in str(error)
    assert time.monotonic() - start < 5
    assert not Path("/tmp/capsafe-was-here").exists()


def test_a_child_that_floods_names_the_limit() -> None:
    error: Any = caught(flood)
    assert error.limit == "result_size"


def test_a_child_that_closes_the_channel_is_no_riddle() -> None:
    error: Any = caught(lambda _: os.close(CHANNEL))
    assert type(error) is SandboxKilledError
    start = time.monotonic()
    box = Sandbox[Never](timeout=0.5)

    def closure(_: object) -> None:
        os.close(CHANNEL)
        time.sleep(60)

    error = caught(closure, box)
    assert type(error) is SandboxTimeoutError
    assert time.monotonic() - start < 5


def test_what_the_closure_started_ends_with_it() -> None:
    def closure(b: Any) -> list[int]:
        return [b.popen(["sleep", "100"]).pid for _ in range(3)]

    box = sandbox_of(Spawn)
    pids = box.execute(closure)
    time.sleep(0.05)
    assert not [pid for pid in pids if is_running(pid)]


def test_what_the_closure_started_ends_with_a_timeout(tmp_path: Path) -> None:
    marker = tmp_path / "pids"
    marker.touch()

    def closure(b: Any) -> None:
        pids = [b.popen(["sleep", "100"]).pid for _ in range(3)]
        # A fork without exec holds the channel open.
        pid = os.fork()
        if pid == 0:
            time.sleep(100)
        b.write_text(str(marker), " ".join(map(str, [*pids, pid])))
        time.sleep(100)

    box = sandbox_of(Spawn | scoped(WriteFile, tmp_path), timeout=1)
    with pytest.raises(SandboxTimeoutError):
        box.execute(closure)
    time.sleep(0.05)
    pids = list(map(int, marker.read_text().split()))
    assert len(pids) == 4
    assert not [pid for pid in pids if is_running(pid)]


def test_a_child_that_is_gone_while_its_own_child_holds_the_channel_is_noticed() -> None:
    def closure(_: object) -> None:
        if os.fork() == 0:
            time.sleep(100)
        os._exit(7)

    start = time.monotonic()
    error: Any = caught(closure, sandbox_of(Spawn))
    assert (type(error), error.exit_code) == (SandboxKilledError, 7)
    assert time.monotonic() - start < 5
