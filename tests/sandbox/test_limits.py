"""How much a sandbox may take."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Never

import pytest

from capsafe import (
    Sandbox,
    SandboxKilledError,
    SandboxTimeoutError,
    Spawn,
    Threads,
    TransferError,
    WriteFile,
)
from tests.escapes.arena import become
from tests.escapes.pairs import USERS
from tests.kernel.confined import forked
from tests.sandbox.boxes import CHANNEL, caught, sandbox_of, scoped

if TYPE_CHECKING:
    from collections.abc import Callable

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


NUMERIC = """
import os, numpy as np
from typing import Never
from capsafe import Sandbox, SandboxKilledError, SandboxTimeoutError, Threads
from capsafe.kernel import pools
many = np.ones((300, 300))
many @ many
pools.find_pools()
told = len(pools._numbers) > 0 or len(os.listdir("/proc/self/task")) == 1
def attempt(box, closure=lambda _: float((many @ many)[0, 0])):
    try:
        return box.execute(closure)
    except (MemoryError, SandboxKilledError) as error:
        return str(error)
"""


def numeric(program: str, **environment: str) -> list[str]:
    """Run a program in a process that has computed with NumPy; returns its lines."""
    done = subprocess.run(
        [sys.executable, "-c", NUMERIC + program],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
        env={**os.environ, **environment},
    )
    return done.stdout.splitlines()


def test_memory_is_counted_on_top_of_what_numeric_libraries_take() -> None:
    program = """
box = Sandbox[Never](memory="64M", timeout=60)
print(box.execute(lambda _: float(np.ones(1000).sum())))
print(attempt(box))
print(attempt(box, lambda _: np.ones(10**8)))
print(attempt(box, lambda _: bytes(10**8)))
"""
    said = "the closure ran out of memory (memory=64M)"
    assert numeric(program, OPENBLAS_NUM_THREADS="1") == ["1000.0", "300.0", said, said]


def test_a_numeric_library_uses_one_thread_or_says_that_it_can_not() -> None:
    """In the parent it has several, where there are processors for them. With Threads it has them inside, too."""
    told, without, granted = numeric(
        "print(told, attempt(Sandbox[Never](timeout=60)), attempt(Sandbox[Threads](timeout=60)), sep='\\n')"
    )
    assert granted == "300.0"
    if told == "True":
        assert without == "300.0"
    else:
        assert "OpenBLAS does where it may start no threads; grant Threads" in without


def test_without_being_told_it_gives_up() -> None:
    """The control: it is the library's own doing. Where it has one processor, it never has threads."""
    program = """
pools.use_one_thread = lambda: None
print(len(os.listdir("/proc/self/task")), attempt(Sandbox[Never](timeout=60)), sep="\\n")
"""
    threads, said = numeric(program)
    assert (said == "300.0") is (threads == "1")


def test_a_library_that_starts_a_thread_after_the_fork_stops_the_sandbox() -> None:
    """That thread would not be confined. The library's own setter does it."""
    program = """
import os, threading
from typing import Never
from capsafe import Sandbox, UnsupportedError
stop = threading.Event()
os.register_at_fork(after_in_child=lambda: threading.Thread(target=stop.wait, daemon=True).start())
try:
    print(Sandbox[Never](timeout=20).execute(lambda _: "it ran"))
except UnsupportedError as error:
    print("more than one thread runs" in str(error))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "True\n"


def start_threads(_: object) -> int:
    stop, started = threading.Event(), []
    try:
        for _ in range(30):
            thread = threading.Thread(target=stop.wait)
            thread.start()
            started.append(thread)
    finally:
        stop.set()
        for thread in started:
            thread.join()
    return len(started)


def test_stacks_of_threads_are_memory_and_said_to_be() -> None:
    error = caught(start_threads, sandbox_of(Threads, memory="64M", timeout=30))
    assert type(error) is RuntimeError
    assert any("memory=64M may be reached" in note for note in error.__notes__)
    assert sandbox_of(Threads, memory="8G", timeout=30).execute(start_threads) == 30


def open_many(_: object) -> None:
    held = []
    while True:
        held.append(os.dup(CHANNEL))


@pytest.mark.parametrize("user", USERS)
def test_each_limit_is_named_by_what_it_ends(user: int | None, tmp_path: Path) -> None:
    """Whoever reads the error knows which one to raise."""
    path = tmp_path / "f"
    path.touch()
    path.chmod(0o666)
    for folder in (tmp_path, *tmp_path.parents):
        if user is not None and folder.stat().st_uid == os.geteuid() and folder != Path("/tmp"):
            folder.chmod(folder.stat().st_mode | 0o711)
    cases: list[tuple[Any, Callable[..., object], str]] = [
        (Sandbox[Never](timeout=0.2), lambda _: time.sleep(60), "timeout=0.2"),
        (Sandbox[Never](cpu_time=0.2), spin, "cpu_time=0.2"),
        (Sandbox[Never](memory="16M"), lambda _: bytes(2**28), "memory=16M"),
        (Sandbox[Never](open_files=5), open_many, "open_files=5"),
        (
            sandbox_of(scoped(WriteFile, tmp_path), file_size="1K"),
            lambda b: b.write_bytes(str(path), b"x" * 2000),
            "file_size=1024",
        ),
        (sandbox_of(Spawn, processes=1), lambda _: os.fork(), "processes=1"),
        (Sandbox[Never](result_size="1M"), lambda _: b"x" * 2**20, "result_size"),
    ]
    for box, _, _ in cases:
        caught(lambda _: 1 / 0, box)

    def child() -> list[str]:
        if user is not None:
            become(user)
        found = []
        for box, closure, says in cases:
            error = caught(closure, box)
            lines = [str(error), *getattr(error, "__notes__", ())]
            found += [] if any(says in line for line in lines) else [f"{says}: {lines}"]
        return found

    assert forked(child) == []


@pytest.mark.parametrize(
    ("limits", "error", "says"),
    [
        ({"timeout": 0}, ValueError, "timeout is a positive number of seconds"),
        ({"timeout": float("nan")}, ValueError, "timeout"),
        ({"timeout": float("inf")}, ValueError, "timeout"),
        ({"timeout": 1e10}, ValueError, "timeout is a positive number of seconds, 1000000000 at most"),
        ({"timeout": 10**400}, ValueError, "timeout"),
        ({"cpu_time": 1e300}, ValueError, "cpu_time"),
        ({"memory": 2**70}, ValueError, "memory"),
        ({"memory": True}, TypeError, "memory"),
        ({"file_size": -1}, ValueError, "file_size"),
        ({"open_files": True}, TypeError, "open_files"),
        ({"open_files": 2**40}, ValueError, "open_files"),
        ({"processes": 0}, ValueError, "processes is a number from 1 on"),
        ({"processes": True}, TypeError, "processes is a whole number"),
        ({"processes": 2.0}, TypeError, "processes"),
        ({"processes": 2**31}, ValueError, "processes"),
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


def test_the_largest_limits_are_no_limits() -> None:
    box = sandbox_of(
        Spawn,
        timeout=10**9,
        cpu_time=10**9,
        memory=2**62,
        open_files=2**31 - 1,
        file_size=2**62,
        processes=2**31 - 1,
        result_size=2**62,
    )
    assert box.execute(lambda _: 1) == 1


@pytest.mark.parametrize(
    ("text", "size"), [("256M", 2**28), ("1g", 2**30), (" 2 MiB", 2**21), ("2048KB", 2**21), (2**25, 2**25)]
)
def test_sizes_can_be_written_as_text(text: str | int, size: int) -> None:
    assert f"memory={size}" in repr(Sandbox[Never](memory=text))
