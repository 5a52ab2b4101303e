"""What a fork would inherit and a sandbox does not: timers, masks, the group, core files, the C library's variables."""

import asyncio
import ctypes
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any, Never

import pytest

from capsafe import FileSystem, Sandbox, Spawn
from tests.escapes.test_hygiene import RUNS, surroundings
from tests.sandbox.boxes import PURE

pytestmark = pytest.mark.kernel

LIBC = ctypes.CDLL(None)
LIBC.getenv.restype = ctypes.c_char_p


@pytest.fixture
def timers() -> Iterator[None]:
    """Set each of the parent's timers that the suite does not need."""
    old = signal.signal(signal.SIGVTALRM, signal.SIG_IGN)
    signal.setitimer(signal.ITIMER_VIRTUAL, 1000)
    yield
    signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    signal.signal(signal.SIGVTALRM, old)


@pytest.mark.usefixtures("timers")
def test_no_timer_of_the_parents_runs() -> None:
    assert signal.getitimer(signal.ITIMER_VIRTUAL)[0] > 0
    timers = (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)
    assert PURE.execute(lambda _: [signal.getitimer(one) for one in timers]) == [(0.0, 0.0)] * 3


def test_no_signal_is_held_back_and_none_is_caught() -> None:
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
    old = signal.signal(signal.SIGUSR1, lambda *_: None)
    try:
        blocked, caught = PURE.execute(
            lambda _: (
                len(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
                [int(one) for one in signal.valid_signals() if callable(signal.getsignal(one))],
            )
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        signal.signal(signal.SIGUSR1, old)
    assert (blocked, [one for one in caught if one != signal.SIGINT]) == (0, [])


def test_it_has_a_group_of_its_own_and_no_core_file() -> None:
    def closure(_: object) -> Any:
        return os.getpgrp() == os.getpid(), resource.getrlimit(resource.RLIMIT_CORE)

    assert PURE.execute(closure) == (True, (0, 0))
    assert Sandbox[Spawn]().execute(lambda _: os.getsid(0) == os.getpid())


def test_the_c_librarys_environment_is_empty_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAPSAFE_TEST", "secret")
    assert LIBC.getenv(b"CAPSAFE_TEST") == b"secret"
    assert PURE.execute(lambda _: LIBC.getenv(b"CAPSAFE_TEST")) is None
    for path in ("/proc/self/environ", f"/proc/{os.getpid()}/environ", "/proc/self/mem", "/proc/self/fd"):
        with pytest.raises(PermissionError):
            Sandbox[FileSystem]().execute(lambda _, path: os.open(path, os.O_RDONLY), path)


async def run_beside_each_other(times: int) -> None:
    box = Sandbox[Never](timeout=60)
    for _ in range(times // 8):
        found = await asyncio.gather(*(box.execute_async(lambda _, n: n, number) for number in range(8)))
        assert found == list(range(8))


def run_from_threads(times: int) -> None:
    """Share the runs out to eight threads that are busy with them."""

    def work() -> None:
        for number in range(times // 8):
            RUNS[number % len(RUNS)]()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def compare_surroundings(times: int) -> None:
    """Run from threads and from an event loop, and look at what is left."""
    run_from_threads(8)
    asyncio.run(run_beside_each_other(8))
    before = surroundings()
    run_from_threads(times)
    asyncio.run(run_beside_each_other(times))
    after = surroundings()
    for name, value in before.items():
        if name not in ("threads", "collector"):
            assert after[name] == value, name
    assert threading.active_count() == before["threads"][0]


@pytest.mark.parametrize("times", [200, pytest.param(1000, marks=pytest.mark.slow)])
def test_runs_beside_each_other_leave_nothing_behind(times: int) -> None:
    """In a process of its own: with all that a suite has in memory, forks of eight threads take five times as long."""
    program = (
        f"from tests.sandbox.test_inherited import compare_surroundings\ncompare_surroundings({times})\nprint('same')"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", program],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "same\n", done.stderr
