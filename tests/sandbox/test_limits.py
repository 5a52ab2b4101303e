"""How much a sandbox may take."""

import contextlib
import os
import signal
import time
from pathlib import Path
from typing import Any, Never

import pytest

from capsafe import (
    Sandbox,
    SandboxKilledError,
    SandboxTimeoutError,
    TransferError,
    WriteFile,
)
from tests.sandbox.boxes import CHANNEL, caught, sandbox_of, scoped

pytestmark = pytest.mark.kernel


def test_a_timeout_ends_the_child() -> None:
    start = time.monotonic()
    with pytest.raises(SandboxTimeoutError, match=r"timeout=0\.3 s"):
        Sandbox[Never](timeout=0.3).execute(lambda _: time.sleep(60))
    assert time.monotonic() - start < 3


def stubborn(_: object) -> None:
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        with contextlib.suppress(OSError, ValueError):
            signal.signal(number, signal.SIG_IGN)
    with contextlib.suppress(OSError):
        signal.setitimer(signal.ITIMER_PROF, 0)
    while True:
        pass


def test_what_ignores_every_signal_is_ended_all_the_same() -> None:
    with pytest.raises(SandboxTimeoutError):
        Sandbox[Never](timeout=0.3).execute(stubborn)
    error: Any = caught(stubborn, Sandbox[Never](cpu_time=0.5, timeout=60))
    assert (type(error), error.limit, error.signal) == (SandboxKilledError, "cpu_time", "SIGKILL")


def spin(_: object) -> None:
    while True:
        pass


def test_processor_time_is_limited() -> None:
    error: Any = caught(spin, Sandbox[Never](cpu_time=0.2))
    assert (type(error), error.limit) == (SandboxKilledError, "cpu_time")
    assert "cpu_time=0.2 s" in str(error)


def test_memory_is_limited() -> None:
    with pytest.raises(MemoryError, match="64M"):
        Sandbox[Never](memory="64M").execute(lambda _: len(bytearray(10**9)))
    assert Sandbox[Never](memory="64M").execute(lambda _: len(bytearray(10**7))) == 10**7

    def hoard(_: object) -> object:
        found: list[object] = []
        while True:
            found.append([0] * 1000)

    with pytest.raises(MemoryError):
        Sandbox[Never](memory="64M").execute(hoard)


def test_open_files_are_limited() -> None:
    def closure(_: object) -> int:
        held = []
        try:
            while True:
                held.append(os.dup(CHANNEL))
        except OSError:
            return len(held)

    assert Sandbox[Never](open_files=5).execute(closure) == 5


def test_the_length_of_files_is_limited(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.touch()
    box = sandbox_of(scoped(WriteFile, tmp_path), file_size="1K")
    with pytest.raises(OSError, match="too large"):
        box.execute(lambda b: b.write_bytes(str(path), b"x" * 2000))


def test_the_length_of_results_is_limited() -> None:
    with pytest.raises(TransferError, match="raise result_size"):
        Sandbox[Never](result_size="1M").execute(lambda _: b"x" * 2**20)


@pytest.mark.parametrize(
    ("limits", "error", "says"),
    [
        ({"timeout": 0}, ValueError, "timeout is a positive number of seconds"),
        ({"timeout": float("nan")}, ValueError, "timeout"),
        ({"timeout": float("inf")}, ValueError, "timeout"),
        ({"timeout": "3"}, TypeError, "timeout is a number of seconds"),
        ({"timeout": True}, TypeError, "timeout"),
        ({"cpu_time": -1}, ValueError, "cpu_time"),
        ({"memory": "lots"}, ValueError, 'memory is a number of bytes or a text such as "256M"'),
        ({"memory": "-1M"}, ValueError, "memory"),
        ({"memory": 10}, ValueError, "memory is at least 1048576 bytes"),
        ({"memory": 1.5}, TypeError, "memory"),
        ({"open_files": -1}, ValueError, "open_files"),
        ({"open_files": "3"}, TypeError, "open_files"),
        ({"result_size": 5}, ValueError, "result_size"),
        ({"memroy": "1G"}, TypeError, "memroy"),
    ],
)
def test_limits_that_make_no_sense_say_so(limits: dict[str, Any], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        Sandbox[Never](**limits)


@pytest.mark.parametrize(
    ("text", "size"), [("256M", 2**28), ("1g", 2**30), (" 2 MiB", 2**21), ("2048KB", 2**21), (2**25, 2**25)]
)
def test_sizes_can_be_written_as_text(text: str | int, size: int) -> None:
    assert f"memory={size}" in repr(Sandbox[Never](memory=text))
