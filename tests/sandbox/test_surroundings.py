"""Streams, environment, signals, threads: nothing of the parent's is there, and nothing happens to the parent."""

import io
import os
import signal
import subprocess
import sys
import threading
import time
from multiprocessing.pool import ThreadPool
from pathlib import Path
from typing import Any, Never

import pytest

from capsafe import (
    Environ,
    Sandbox,
    SandboxKilledError,
    Stderr,
    Stdin,
    Stdout,
    Threads,
)
from tests.sandbox.boxes import PURE, caught, children, descriptors, is_running, sandbox_of

pytestmark = pytest.mark.kernel


def test_granted_streams_reach_the_parents(capfd: pytest.CaptureFixture[str]) -> None:
    def closure(b: Any) -> None:
        b.print("through the broker")
        sys.stdout.write("direct\n")
        os.write(1, b"raw\n")
        sys.stderr.write("err")

    sys.stdout.write("")
    sandbox_of(Stdout | Stderr).execute(closure)
    found = capfd.readouterr()
    assert sorted(found.out.splitlines()) == ["direct", "raw", "through the broker"]
    assert found.err == "err"


def test_what_the_parent_has_buffered_is_written_once_and_first() -> None:
    program = """
import sys
from typing import Never
from capsafe import Sandbox, Stdout
sys.stdout.write("before;")
sys.stderr.write("buffered;")
Sandbox[Never]().execute(lambda b: None)
Sandbox[Stdout]().execute(lambda b: b.print("child", end=";"))
sys.stdout.write("after;")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "before;child;after;"
    assert done.stderr == "buffered;"


def test_standard_input_is_read_where_it_is_granted() -> None:
    program = "from capsafe import *; print(Sandbox[Stdin]().execute(lambda b: b.input()))"
    done = subprocess.run([sys.executable, "-c", program], input="line\n", capture_output=True, text=True, check=True)
    assert done.stdout == "line\n"
    assert Stdin is not None


def test_a_parent_without_standard_streams_can_use_a_sandbox(tmp_path: Path) -> None:
    out = tmp_path / "out"
    program = f"""
import os
from typing import Never
from capsafe import Sandbox
for fd in (0, 1, 2): os.close(fd)
found = Sandbox[Never]().execute(lambda b: [1])
open({str(out)!r}, "w").write(repr(found))
"""
    subprocess.run([sys.executable, "-c", program], check=True)
    assert out.read_text() == "[1]"


def test_the_environment_is_empty_unless_it_is_granted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAPSAFE_TEST", "secret")
    assert PURE.execute(lambda _: dict(os.environ)) == {}
    assert sandbox_of(Environ).execute(lambda b: b.env["CAPSAFE_TEST"]) == "secret"
    assert os.environ["CAPSAFE_TEST"] == "secret"


def test_the_parents_signal_handlers_do_not_run_in_the_child(tmp_path: Path) -> None:
    from capsafe import Signal

    ran = tmp_path / "ran"
    old = signal.signal(signal.SIGUSR1, lambda *_: ran.write_text("x"))
    try:
        error: Any = caught(lambda _: os.kill(os.getpid(), signal.SIGUSR1), Sandbox[Signal]())
    finally:
        signal.signal(signal.SIGUSR1, old)
    assert error.signal == "SIGUSR1"
    assert not ran.exists()


def test_the_parents_exit_handlers_do_not_run_in_the_child() -> None:
    program = """
import atexit, sys
from typing import Never
from capsafe import Sandbox
atexit.register(lambda: print("exit handler", flush=True))
print(Sandbox[Never]().execute(lambda b: 1), flush=True)
try:
    Sandbox[Never]().execute(lambda b: sys.exit(1))
except RuntimeError:
    print("caught", flush=True)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["1", "caught", "exit handler"]


def test_the_interrupt_of_the_parent_ends_the_child() -> None:
    program = """
import os, signal, threading, time
from typing import Never
from capsafe import Sandbox
signal.signal(signal.SIGINT, signal.default_int_handler)  # a script in the background is started with it ignored
Sandbox[Never]().execute(lambda b: 1)
before = sorted(os.listdir("/proc/self/fd"))
threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
try:
    Sandbox[Never]().execute(lambda b: time.sleep(100))
except KeyboardInterrupt:
    print("interrupted")
try:
    os.waitpid(-1, os.WNOHANG)
except ChildProcessError:
    print("no child")
print(before == sorted(os.listdir("/proc/self/fd")))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=20, check=True)
    assert done.stdout.split("\n") == ["interrupted", "no child", "True", ""]


def test_the_child_ends_with_its_parent() -> None:
    program = """
import os, sys, time
from capsafe import Sandbox, Stdout
def closure(b):
    os.write(1, str(os.getpid()).encode())
    time.sleep(100)
Sandbox[Stdout]().execute(closure)
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(os.read(parent.stdout.fileno(), 20))
        assert is_running(pid)
        parent.kill()
        parent.wait()
        time.sleep(0.1)
        assert not is_running(pid)


@pytest.mark.parametrize("handler", ["lambda *_: os.waitpid(-1, os.WNOHANG)", "signal.SIG_IGN"])
def test_other_waiters_do_no_harm(handler: str) -> None:
    program = f"""
import os, signal
from typing import Never
from capsafe import Sandbox, SandboxKilledError
def reap(*_):
    try:
        while os.waitpid(-1, os.WNOHANG)[0]: pass
    except ChildProcessError: pass
signal.signal(signal.SIGCHLD, {handler if "SIG_IGN" in handler else "reap"})
for i in range(20):
    assert Sandbox[Never]().execute(lambda b: i) == i
try:
    Sandbox[Never]().execute(lambda b: os._exit(1))
except SandboxKilledError:
    print("fine")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "fine\n"


def test_no_more_processes_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    from capsafe.kernel import process

    def fail() -> int:
        raise BlockingIOError(11, "fork: Resource temporarily unavailable")

    monkeypatch.setattr(process, "fork", fail)
    with pytest.raises(OSError, match="no process could be started for the sandbox"):
        PURE.execute(lambda _: 1)


def test_two_hundred_calls_leave_nothing_behind() -> None:
    before = descriptors()
    for number in range(200):
        assert PURE.execute(lambda _, n: n, number) == number
    assert descriptors() == before
    assert children() == ""


def test_it_works_from_threads_while_others_are_busy() -> None:
    """Locks that other threads hold at the fork stay locked in the child: it must not want them."""
    import logging

    stop = threading.Event()
    logger = logging.getLogger("capsafe-test")
    logger.addHandler(logging.StreamHandler(io.StringIO()))

    def busy() -> None:
        while not stop.is_set():
            logger.warning("busy")
            sys.stdout.write("")
            sys.stdout.flush()
            __import__("json").dumps(list(range(100)))

    threads = [threading.Thread(target=busy) for _ in range(8)]
    for thread in threads:
        thread.start()
    box = Sandbox[Never](timeout=60)
    try:
        with ThreadPool(4) as pool:
            assert pool.map(lambda n: box.execute(lambda _: n), range(40)) == list(range(40))
            pool.close()
            pool.join()
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_threads_can_be_granted() -> None:
    def closure(b: Any) -> list[int]:
        found: list[int] = b.run_in_threads(lambda x: x * 2, [1, 2, 3])
        return found

    assert sandbox_of(Threads).execute(closure) == [2, 4, 6]


def test_what_a_closure_does_not_read_is_left_for_the_next() -> None:
    """A pipe is shared: a buffer that reads ahead in one child would swallow the rest."""
    program = """
from capsafe import Sandbox, Stdin
sandbox = Sandbox[Stdin]()
print(sandbox.execute(lambda b: b.input()), sandbox.execute(lambda b: b.input()), input())
"""
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, input="one\ntwo\nthree\n", capture_output=True, text=True, timeout=20, check=True)
    assert done.stdout == "one two three\n"


def test_a_handler_that_raises_leaves_nothing_behind() -> None:
    """At whatever moment of a call a signal comes: no child and no descriptor stays."""
    program = """
import os, random, signal
from typing import Never
from capsafe import Sandbox
box = Sandbox[Never]()
box.execute(lambda b: 1)
def stop(number, frame):
    raise InterruptedError
signal.signal(signal.SIGALRM, stop)
before = sorted(os.listdir("/proc/self/fd"))
chance, stopped = random.Random(7), 0
for _ in range(150):
    try:
        signal.setitimer(signal.ITIMER_REAL, chance.uniform(0.0002, 0.006))
        box.execute(lambda b: 1)
        signal.setitimer(signal.ITIMER_REAL, 0)
    except Exception:
        stopped += 1
signal.setitimer(signal.ITIMER_REAL, 0)
try:
    print("child", os.waitpid(-1, os.WNOHANG))
except ChildProcessError:
    print("no child")
print(before == sorted(os.listdir("/proc/self/fd")), stopped > 10)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split("\n") == ["no child", "True True", ""], done.stderr


def test_a_child_that_is_gone_before_it_is_watched_has_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the program ignores SIGCHLD, so that children go by themselves."""

    def late(_: int) -> int:
        time.sleep(0.05)
        raise ProcessLookupError(3, "No such process")

    monkeypatch.setattr(os, "pidfd_open", late)
    box = Sandbox[Never]()
    assert [box.execute(lambda _: i) for i in range(3)] == [0, 1, 2]  # noqa: B023 - it runs at once
    with pytest.raises(SandboxKilledError):
        box.execute(lambda _: os._exit(1))
