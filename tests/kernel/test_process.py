"""The steps of a child that are no rule: fork, descriptors, environment, the parent's end."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import warnings
from pathlib import Path
from typing import Any

import pytest

from capsafe.kernel import probe, process
from capsafe.policy.numbers import NUMBERS
from tests.kernel.confined import NOBODY, become, forked

pytestmark = pytest.mark.kernel

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root has privileges to drop")


def test_fork_runs_the_hooks_of_both_sides() -> None:
    """In a fresh interpreter: hooks can't be taken off again."""
    program = textwrap.dedent(
        """
        import os
        from capsafe.kernel import probe, process
        seen = []
        os.register_at_fork(
            before=lambda: seen.append("before"),
            after_in_parent=lambda: seen.append("parent"),
            after_in_child=lambda: seen.append("child"),
        )
        pid = process.fork()
        if pid == 0:
            os._exit(0 if seen == ["before", "child"] else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        assert seen == ["before", "parent"], seen
        """
    )
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True)


def test_fork_beside_threads_neither_warns_nor_hangs() -> None:
    """Threads import, start other threads and log meanwhile; the locks they hold are the danger."""
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            inner = threading.Thread(target=sys._current_frames)
            inner.start()
            inner.join()

    threads = [threading.Thread(target=work) for _ in range(4)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    for thread in threads:
        thread.start()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert [forked(threading.active_count) for _ in range(50)] == [1] * 50
    finally:
        sys.setswitchinterval(interval)
        stop.set()
        for thread in threads:
            thread.join()


def test_fork_says_when_there_can_be_no_more() -> None:
    import resource

    def child() -> Any:
        become(NOBODY - 1)
        resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
        pid = process.fork()
        if pid == 0:
            os._exit(0)
        return pid

    if os.geteuid() != 0:
        pytest.skip("the limit is counted per user, so another one is needed")
    assert forked(child) == "EAGAIN"


def test_a_child_ends_with_its_parent() -> None:
    reader, writer = os.pipe()

    def middle() -> int:
        own = os.getpid()
        pid = process.fork()
        if pid == 0:
            process.die_with_parent(own)
            os.write(3, b"")  # the outcome pipe is there
            time.sleep(60)
            os._exit(0)
        return pid

    # The middle process ends as soon as it has answered; its child would sleep on.
    pid = forked(middle)
    os.close(reader)
    os.close(writer)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and _runs(pid):
        time.sleep(0.01)
    assert not _runs(pid)


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]
    except FileNotFoundError:
        return False
    return state not in "ZX"


def test_a_child_whose_parent_is_gone_already_ends() -> None:
    pid = os.fork()
    if pid == 0:
        process.die_with_parent(os.getpid())  # that is not the parent
        os._exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 1


def test_descriptors_are_closed_but_for_those_kept() -> None:
    def child() -> Any:
        secret = os.open("/etc/hostname", os.O_RDONLY)
        kept = os.dup2(secret, 200)
        os.dup2(secret, 900)
        before = [_is_open(number) for number in (secret, 200, 900)]
        process.close_descriptors({0, 1, 2, 3, kept})
        return [before, [number for number in range(1024) if _is_open(number)]]

    assert forked(child) == [[True, True, True], [0, 1, 2, 3, 200]]


def test_descriptors_are_closed_where_close_range_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before Linux 5.9 there is no such call, as there is none with this number."""
    monkeypatch.setattr(process, "NUMBERS", {probe().machine: {"close_range": 9999}})

    def child() -> Any:
        os.dup2(os.open("/etc/hostname", os.O_RDONLY), 200)
        process.close_descriptors({0, 1, 2, 3})
        return [number for number in range(1024) if _is_open(number)]

    assert forked(child) == [0, 1, 2, 3]


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def test_the_environment_is_empty_for_python_and_for_c() -> None:
    from capsafe.kernel.libc import LIBC

    def child() -> Any:
        before = LIBC.getenv(b"PATH") != 0
        process.clear_environment()
        return [before, LIBC.getenv(b"PATH"), dict(os.environ)]

    assert os.environ["PATH"]
    assert forked(child) == [True, 0, {}]


@AS_ROOT
def test_others_of_the_same_user_can_not_look_inside() -> None:
    """The control is a process that can be looked into by the same user."""

    def child(*, forbid: bool) -> Any:
        become(NOBODY)
        # Changing the user has taken dumpability away already.
        from capsafe.kernel.libc import prctl

        prctl(4, 1)
        if forbid:
            process.forbid_dumping()
        own = os.getpid()
        pid = process.fork()
        if pid == 0:
            try:
                os.close(os.open(f"/proc/{own}/environ", os.O_RDONLY))
            except PermissionError:
                os._exit(1)
            os._exit(0)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    assert forked(lambda: child(forbid=False)) == 0
    assert forked(lambda: child(forbid=True)) == 1


def test_orphans_are_adopted() -> None:
    def child() -> Any:
        process.adopt_orphans()
        reader, writer = os.pipe()
        if os.fork() == 0:
            if os.fork() == 0:
                time.sleep(0.05)
                os.write(writer, str(os.getppid()).encode())
                os._exit(0)
            os._exit(0)
        os.wait()
        return int(os.read(reader, 20)) == os.getpid()

    assert forked(child) is True


def test_one_thread_is_seen_and_so_are_two() -> None:
    def child(*, threads: int) -> Any:
        stop = threading.Event()
        for _ in range(threads):
            threading.Thread(target=stop.wait, daemon=True).start()
        process.check_alone()
        return "alone"

    assert forked(lambda: child(threads=0)) == "alone"
    assert forked(lambda: child(threads=1)) == "EINVAL"


def test_it_is_seen_where_the_question_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in containers: there is no such call, as there is none with this number."""
    monkeypatch.setattr(process, "NUMBERS", {probe().machine: {**NUMBERS[probe().machine], "unshare": 9999}})
    test_one_thread_is_seen_and_so_are_two()


def test_signals_between_runs_leave_nothing_behind() -> None:
    """A hundred children later there is no zombie and no descriptor more."""
    before = sorted(os.listdir("/proc/self/fd"))
    for _ in range(100):
        assert forked(lambda: 1) == 1
    assert sorted(os.listdir("/proc/self/fd")) == before
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)
    assert signal.getsignal(signal.SIGCHLD) is signal.SIG_DFL
