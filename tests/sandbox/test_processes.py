"""How many processes and threads there may be, and that none outlives the sandbox, whoever is killed."""

import contextlib
import dataclasses
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, Never

import pytest

from capsafe import Sandbox, Signal, Spawn, Stdout, Threads, UnsupportedError
from capsafe.kernel import probe, process, restrict
from capsafe.policy import compile_policy
from capsafe.worker.tally import Tally
from tests.escapes.arena import become
from tests.escapes.pairs import USERS
from tests.kernel.confined import forked
from tests.kernel.exchanged import FAILURE, exchange
from tests.sandbox.boxes import caught, is_running, sandbox_of

pytestmark = pytest.mark.kernel


def as_user(user: int | None, function: Callable[[], Any]) -> Any:
    """Run a function in a process of its own, as another user where one is named."""

    def child() -> Any:
        if user is not None:
            become(user)
        return function()

    return forked(child)


def fork_until_refused(_: object, most: int = 20) -> int:
    """Start processes that wait; return how many there could be."""
    for number in range(most):
        try:
            if os.fork() == 0:
                time.sleep(30)
                os._exit(0)
        except BlockingIOError:
            return number
    return most


def thread_until_refused(_: object, most: int = 20) -> int:
    stop, started = threading.Event(), []
    try:
        for number in range(most):
            thread = threading.Thread(target=stop.wait)
            try:
                thread.start()
            except RuntimeError:
                return number
            started.append(thread)
        return most
    finally:
        stop.set()
        for thread in started:
            thread.join()


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize(("grant", "closure"), [(Spawn, fork_until_refused), (Threads, thread_until_refused)])
def test_there_are_never_more_than_the_limit(grant: Any, closure: Callable[..., int], user: int | None) -> None:
    """The control is the same closure without."""
    limited, free = (sandbox_of(grant, processes=4, timeout=30), sandbox_of(grant, timeout=30))
    limited.execute(lambda _: None)
    assert as_user(user, lambda: [limited.execute(closure), free.execute(closure)]) == [3, 20]


def test_those_that_have_ended_make_room() -> None:
    def closure(b: Any) -> int:
        for _ in range(25):
            b.run(["/bin/true"])
        thread = threading.Thread(target=b.run, args=(["/bin/true"],))
        thread.start()
        thread.join()
        return 26

    assert sandbox_of(Spawn | Threads, processes=3, timeout=60).execute(closure) == 26


def test_one_that_has_ended_and_is_not_reaped_counts() -> None:
    """As the kernel counts."""

    def closure(_: object) -> list[bool]:
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        time.sleep(0.05)
        found = [can_fork()]
        os.waitpid(pid, 0)
        return [*found, can_fork()]

    assert sandbox_of(Spawn, processes=2, timeout=30).execute(closure) == [False, True]


def can_fork() -> bool:
    try:
        pid = os.fork()
    except BlockingIOError:
        return False
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    return True


def members(group: int) -> int:
    """Count the processes of a group by other means than the tally: ``ps``."""
    shown = subprocess.run(["ps", "-eLo", "pgid="], capture_output=True, text=True, check=True).stdout
    return shown.split().count(str(group))


def fork_wildly(_: object) -> None:
    """All that are there start more, and those end at once or stay a while: at every moment several ask together."""
    end = time.monotonic() + 1.5
    while time.monotonic() < end:
        try:
            if os.fork() == 0 and time.monotonic_ns() % 3 == 0:
                os._exit(0)
        except BlockingIOError:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(-1, os.WNOHANG)
    os._exit(0)


@pytest.mark.slow
def test_many_that_ask_at_once_are_never_more(monkeypatch: pytest.MonkeyPatch) -> None:
    groups: list[int] = []
    admits = Tally.admits

    def noted(self: Tally, first: int, task: int) -> bool:
        groups[:] = [first]
        return admits(self, first, task)

    monkeypatch.setattr(Tally, "admits", noted)
    box = sandbox_of(Spawn, processes=6, timeout=20)
    thread = threading.Thread(target=lambda: caught(fork_wildly, box))
    thread.start()
    most = 0
    while thread.is_alive():
        if groups:
            most = max(most, members(groups[0]))
        time.sleep(0.01)
    # The guard is in the group, too.
    assert 4 <= most <= 6 + 1


@pytest.mark.parametrize(
    ("grant", "closure", "kind"),
    [
        (Spawn, lambda b: b.run(["/bin/true"]), BlockingIOError),
        (Spawn, lambda _: os.fork(), BlockingIOError),
        (Threads, lambda _: threading.Thread(target=print).start(), RuntimeError),
    ],
)
def test_an_uncaught_refusal_names_the_limit(grant: Any, closure: Callable[..., object], kind: type[Exception]) -> None:
    error = caught(closure, sandbox_of(grant, processes=1, timeout=30))
    assert isinstance(error, kind)
    assert any("processes=1 is reached" in note for note in error.__notes__)
    error = caught(closure, Sandbox[Never](processes=1))
    assert "is reached" not in "".join(error.__notes__), "nothing could have been started, whatever their number"


def test_what_is_not_granted_stays_so_and_is_told() -> None:
    seen: list[Any] = []
    box = sandbox_of(Threads, processes=8, timeout=30, on_denial=seen.append)

    def closure(_: object) -> str:
        try:
            os.fork()
        except OSError as error:
            return type(error).__name__
        return "forked"

    assert box.execute(closure) == "PermissionError"
    # From 3.12 on os.fork looks at its threads in /proc, too.
    assert seen[0].capability == "Spawn"


def test_flags_that_could_hide_one_from_the_count_are_refused() -> None:
    tally = Tally(compile_policy(sandbox_of(Spawn).grant).rules, 5)
    assert tally.counts("clone", (17, 0, 0, 0, 0, 0))
    assert tally.counts("vfork", (0,) * 6)
    assert not tally.counts("clone", (17 | 0x1000, 0, 0, 0, 0, 0))
    assert not tally.counts("clone", (17 | 0x10000, 0, 0, 0, 0, 0)), "a thread is Threads'"
    assert not tally.counts("execve", (0,) * 6)


def test_what_is_under_way_is_counted_until_it_is_settled() -> None:
    """A thread that runs may still be within its clone; one that asks anew is not."""
    tally = Tally(compile_policy(sandbox_of(Spawn).grant).rules, 2)
    running = subprocess.Popen(["sh", "-c", "while :; do :; done"], start_new_session=True)
    try:
        assert tally.admits(running.pid, running.pid)
        tally.note(running.pid)
        assert not tally.admits(running.pid, 0)
        assert tally.reached
        assert tally.admits(running.pid, running.pid)
    finally:
        running.kill()
        running.wait()


def test_it_is_refused_where_it_can_not_be_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="nobody outside who could count"):
        Sandbox[Never](processes=3).enter()
    with pytest.raises(UnsupportedError, match="processes= needs 3 descriptors"):
        sandbox_of(Spawn, processes=3, open_files=1).execute(lambda _: 1)
    without = dataclasses.replace(probe(), counting=False)
    monkeypatch.setattr(restrict, "probe", lambda: without)
    with pytest.raises(UnsupportedError, match=r"processes= needs a kernel that asks .*Linux 5\.7"):
        sandbox_of(Spawn, processes=3).execute(lambda _: 1)
    assert Sandbox[Never](processes=3).execute(lambda _: 1) == 1, "nothing can be started"


def test_without_a_listener_nothing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where an outer sandbox has one already."""
    failure = FAILURE._replace(may_fail=True)
    exchange(monkeypatch, lambda call: call.name == "seccomp" and call.may_fail, failure)
    with pytest.raises(UnsupportedError, match="processes= needs a listener"):
        sandbox_of(Spawn, processes=3).execute(lambda _: 1)
    assert sandbox_of(Spawn).execute(lambda _: 1) == 1, "where it only reports, it runs"


# --- the end ----------------------------------------------------------------------------------------------------------

PARENT = """
import os, sys, time
from capsafe import Sandbox, Spawn, Stdout
def closure(b):
    pids = [os.getpid()]
    reading, writing = os.pipe()
    if os.fork() == 0:
        if os.fork() == 0:  # a daemon: its parent is gone
            os.write(writing, str(os.getpid()).encode())
            time.sleep(100)
        os._exit(0)
    os.wait()
    pids += [int(os.read(reading, 20)), b.popen(["sleep", "100"]).pid]
    os.write(1, " ".join(map(str, pids)).encode())
    time.sleep(100)
Sandbox[Spawn | Stdout]().execute(closure)
"""


def survivors(before: str, wait: float) -> list[bool]:
    """Kill a parent in the middle; return which of the child, the daemon and the program still run."""
    command = [sys.executable, "-c", before + PARENT]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pids = list(map(int, os.read(parent.stdout.fileno(), 100).split()))
        assert len(pids) == 3
        assert all(map(is_running, pids))
        parent.kill()
        parent.wait()
    deadline = time.monotonic() + wait
    while time.monotonic() < deadline and any(map(is_running, pids)):
        time.sleep(0.01)
    found = list(map(is_running, pids))
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, 9)
    return found


@pytest.mark.parametrize("user", USERS)
def test_nothing_survives_a_parent_that_is_killed(user: int | None) -> None:
    loading = "from capsafe import *\nSandbox[Spawn | Stdout]().execute(lambda b: b.popen(['true']).wait())\n"
    changing = (
        f"import os\nos.setgroups([])\nos.setresgid({user}, {user}, {user})\nos.setresuid({user}, {user}, {user})\n"
    )
    # What is loaded then, another user may not read.
    become_first = "" if user is None else loading + changing
    assert survivors(become_first, 10) == [False, False, False]


def test_without_the_guard_they_would() -> None:
    unguarded = "from capsafe.kernel import process\nprocess.guard_group = lambda: None\n"
    assert survivors(unguarded, 0.5) == [False, True, True]


def test_the_closure_can_not_reach_the_guard() -> None:
    """It is in the group, and not in the domain."""

    def closure(_: object) -> list[str]:
        found = []
        group = os.getpgrp()
        for pid in range(group + 1, group + 4):
            try:
                os.kill(pid, 9)
                found.append("killed")
            except OSError as error:
                found.append(type(error).__name__)
        return found

    assert "killed" not in sandbox_of(Spawn | Signal, timeout=30).execute(closure)


def test_the_guard_leaves_no_trace() -> None:
    """No zombie of this process, and nobody in the child's group."""
    groups = [sandbox_of(Spawn).execute(lambda _: os.getpgrp()) for _ in range(20)]
    assert [members(group) for group in groups] == [0] * 20
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_a_guard_that_can_not_be_started_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise OSError(11, "clone: Resource temporarily unavailable")

    monkeypatch.setattr(process, "guard_group", fail)
    with pytest.raises(UnsupportedError, match="clone"):
        sandbox_of(Spawn | Stdout).execute(lambda _: 1)
