"""Many runs leave nothing behind: no descriptor, process, thread, signal's setting, limit or memory."""

import gc
import locale
import os
import resource
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Never

import pytest

from capsafe import CapabilityError, ReadFile, Sandbox, SandboxKilledError, SandboxTimeoutError, Spawn, TransferError

pytestmark = pytest.mark.kernel

PURE = Sandbox[Never]()
SHORT = Sandbox[Never](timeout=0.02)
READING = Sandbox[ReadFile]()
SPAWNING = Sandbox[Spawn]()


def children() -> list[str]:
    """Return what this process has started and not waited for, zombies too."""
    folder = Path("/proc/self/task")
    return [pid for task in folder.iterdir() for pid in (task / "children").read_text().split()]


def surroundings() -> dict[str, Any]:
    """Return what a run may not change."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return {
        "descriptors": {name: link(name) for name in os.listdir("/proc/self/fd")},
        "children": children(),
        "threads": (threading.active_count(), status["Threads"].strip()),
        "handlers": {number: signal.getsignal(number) for number in signal.valid_signals()},
        "mask": signal.pthread_sigmask(signal.SIG_BLOCK, []),
        "kernel's view": {name: status[name] for name in ("SigBlk", "SigIgn", "SigCgt", "Seccomp", "NoNewPrivs")},
        # Whether they run: one of this suite's own may.
        "timers": [signal.getitimer(which)[0] > 0 for which in (0, 1, 2)],
        "limits": [resource.getrlimit(kind) for kind in range(16)],
        "environment": dict(os.environ),
        "folder": os.getcwd(),
        "group": (os.getpgrp(), os.getsid(0)),
        "priority": os.getpriority(os.PRIO_PROCESS, 0),
        "processors": os.sched_getaffinity(0),
        "user": (os.getresuid(), os.getresgid(), os.getgroups()),
        "collector": (gc.isenabled(), gc.get_freeze_count()),
        "locale": locale.setlocale(locale.LC_ALL),
    }


def link(name: str) -> str:
    """Return where a descriptor leads; the listing's own is gone by then."""
    try:
        return os.readlink(f"/proc/self/fd/{name}")
    except FileNotFoundError:
        return ""


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def fails(box: Any, closure: Callable[..., object], error: type[BaseException]) -> None:
    with pytest.raises(error):
        box.execute(closure)


#: Each ending that a run can have.
RUNS: list[Callable[[], object]] = [
    lambda: PURE.execute(lambda _, n: n, 1),
    lambda: PURE.execute(lambda _: b"x" * 100_000),
    lambda: READING.execute(lambda b: b.exists("/etc/hostname")),
    lambda: fails(PURE, lambda _: 1 / 0, ZeroDivisionError),
    lambda: fails(PURE, lambda _: os.listdir("/"), CapabilityError),
    lambda: fails(PURE, lambda _: os._exit(1), SandboxKilledError),
    lambda: fails(PURE, lambda _: object(), TransferError),
    lambda: fails(PURE, lambda _: os.write(3, b"garbage" * 10), SandboxKilledError),
]
RARE: list[Callable[[], object]] = [
    lambda: fails(SHORT, lambda _: time.sleep(60), SandboxTimeoutError),
    lambda: SPAWNING.execute(lambda b: b.run(["/bin/true"]).returncode),
    lambda: SPAWNING.execute(lambda b: b.popen(["/bin/sleep", "60"]) is None),
]


def run(times: int) -> None:
    """Go round the endings; those that wait come every fiftieth time."""
    for number in range(times):
        RUNS[number % len(RUNS)]()
        if number % 50 == 0:
            RARE[number // 50 % len(RARE)]()


@pytest.mark.parametrize("times", [300, pytest.param(1000, marks=pytest.mark.slow)])
def test_many_runs_leave_nothing_behind(times: int) -> None:
    run(60)
    before, memory = surroundings(), resident()
    run(times)
    # One by one, so that a failure says which.
    after = surroundings()
    for name, value in before.items():
        assert after[name] == value, name
    # What runs is kept nowhere; the allowance is the allocator's.
    assert resident() - memory < 8 * 2**20


def test_the_look_at_it_sees_what_is_left_behind() -> None:
    """The control: each of these is a trace."""
    # With the first of all, the C library starts to catch a signal of its own.
    first = threading.Thread(target=gc.isenabled)
    first.start()
    first.join()
    while len(os.listdir("/proc/self/task")) > 1:
        time.sleep(0.001)
    before = surroundings()
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    thread = threading.Thread(target=os.read, args=(reading, 1))
    thread.start()
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
    after = surroundings()
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    os.write(writing, b"x")
    thread.join()
    os.waitpid(pid, 0)
    os.close(reading)
    os.close(writing)
    changed = {name for name, value in before.items() if after[name] != value}
    assert {"descriptors", "children", "threads", "mask", "kernel's view"} <= changed
    assert surroundings() == before
