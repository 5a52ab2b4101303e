"""Refused calls are told of as they come, whatever the closure does with the error, and none is ever let through."""

# ruff: noqa: SIM115 - what is opened is never open, or its process ends

import contextlib
import ctypes
import dataclasses
import errno
import logging
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Never

import pytest

from capsafe import (
    CapabilityError,
    Connect,
    Denial,
    Listen,
    ReadFile,
    Sandbox,
    SandboxKilledError,
    SandboxTimeoutError,
    Spawn,
    Threads,
)
from capsafe.kernel import notify, probe
from capsafe.kernel.libc import LIBC
from capsafe.policy.denials import HANDOVER_FLAGS
from capsafe.policy.model import Rule
from capsafe.policy.numbers import NUMBERS
from capsafe.policy.table import ROWS, Row
from capsafe.worker import addresses, record, refused
from capsafe.worker.events import EVENTS
from tests.kernel.exchanged import FAILURE, exchange
from tests.sandbox.boxes import PURE, caught, children, descriptors, sandbox_of

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.skipif(not probe().notifications, reason="this kernel tells of no refused calls"),
]

NUMBER = NUMBERS.get(probe().machine, {})
HERE = __file__


def told(argument: Any, closure: Callable[..., object], *args: Any, **limits: Any) -> tuple[object, list[Denial]]:
    """Run a closure; returns its result, or the error, and the denials in the order in which they came."""
    seen: list[Denial] = []
    box = sandbox_of(argument, on_denial=seen.append, **limits)
    try:
        return box.execute(closure, *args), seen
    except Exception as error:  # noqa: BLE001 - any may be what is expected
        return error, seen


def attempt(function: Callable[..., object], *args: object) -> object:
    """Call, and return the errno's name where it was refused: the closure swallows the error."""
    try:
        function(*args)
    except OSError as error:
        return errno.errorcode.get(error.errno or 0)
    return "done"


def raw(name: str, *arguments: Any) -> Callable[[], object]:
    def call() -> object:
        if LIBC.syscall(NUMBER[name], *arguments) == -1:
            code = ctypes.get_errno()
            raise OSError(code, name)
        return None

    return call


def bind_port(address: tuple[str, int], family: int = socket.AF_INET) -> None:
    with socket.socket(family, socket.SOCK_STREAM) as own:
        own.bind(address)


def connect_to(address: tuple[str, int], family: int = socket.AF_INET) -> None:
    with socket.socket(family, socket.SOCK_STREAM) as own:
        own.connect(address)


CALLS: list[tuple[Any, Callable[[], object], str, str, str | None, str | None]] = [
    (Never, lambda: open("/etc/hostname"), "openat", "open for reading", "/etc/hostname", "ReadFile"),
    (Never, lambda: os.open("/x\n\udcff", os.O_WRONLY), "openat", "open for writing", "/x\n\udcff", "WriteFile"),
    (ReadFile, lambda: os.open("/a", os.O_RDWR), "openat", "open for reading and writing", "/a", "WriteFile"),
    (Never, lambda: open("/" + "y" * 1000), "openat", "open for reading", "/" + "y" * 1000, "ReadFile"),
    (Never, lambda: os.stat("/etc"), "newfstatat", "read the metadata of", "/etc", "StatFile"),
    (ReadFile, lambda: os.mkdir("/tmp/capsafe-x"), "mkdir", "make the folder", "/tmp/capsafe-x", "WriteFile"),
    (ReadFile, lambda: os.remove("/tmp/capsafe-x"), "unlink", "remove", "/tmp/capsafe-x", "WriteFile"),
    (ReadFile, lambda: os.rename("/tmp/a", "/tmp/b"), "rename", "rename", "/tmp/a", "WriteFile"),
    (ReadFile, lambda: os.chmod("/tmp", 0o777), "chmod", "change the mode of", "/tmp", "WriteFile"),
    (ReadFile, lambda: os.symlink("to", "/tmp/link"), "symlink", "make the symlink", "/tmp/link", "WriteFile"),
    (Never, lambda: os.execv("/bin/true", ["true"]), "execve", "run", "/bin/true", "Spawn"),
    (Never, lambda: os.kill(-7, 0), "kill", "send a signal to process", "-7", "Signal"),
    (Never, lambda: print("x"), "write", "write standard output", None, "Stdout"),
    (Never, input, "read", "read standard input", None, "Stdin"),
    (Never, lambda: os.write(2, b"x"), "write", "write standard error", None, "Stderr"),
    (Never, os.uname, "uname", "read the system's name", None, "SystemInfo"),
    (Never, lambda: socket.socket(socket.AF_INET), "socket", "make a TCP socket", None, "Connect"),
    (Listen, lambda: connect_to(("127.0.0.1", 9)), "connect", "connect to", "127.0.0.1:9", "Connect"),
    (Connect, lambda: bind_port(("127.0.0.1", 4711)), "bind", "listen on", "127.0.0.1:4711", "Listen"),
    (Connect, lambda: bind_port(("::1", 80), socket.AF_INET6), "bind", "listen on", "[::1]:80", "Listen"),
    (Never, raw("mlock", None, 0), "mlock", "the system call mlock", None, None),
    (Never, raw("getdents64", 77, None, 0), "getdents64", "list", None, "ReadFile"),
    (Never, raw("openat", -100, ctypes.c_void_p(8), 0), "openat", "open for reading", None, "ReadFile"),
]


@pytest.mark.parametrize("row", CALLS, ids=[f"{row[2]}-{number}" for number, row in enumerate(CALLS)])
def test_a_swallowed_denial_is_told(row: tuple[Any, Callable[[], object], str, str, str | None, str | None]) -> None:
    argument, function, call, operation, target, capability = row
    result, (seen, *more) = told(argument, lambda _: attempt(function))
    assert result == "EPERM"
    if probe().machine == "x86_64":
        assert seen.call == call
    assert (seen.operation, seen.target, seen.capability) == (operation, target, capability)
    assert not more
    assert (seen.write is None) is (capability is None)
    if capability:
        assert capability in (seen.write or "")


def test_the_line_of_the_closure_is_told() -> None:
    def closure(_: object) -> int:
        with_line = sys._getframe().f_lineno + 2
        with contextlib.suppress(PermissionError):
            Path("/etc/hostname").read_text()
        return with_line

    line, seen = told(Never, closure)
    assert [(one.file, one.line) for one in seen] == [(HERE, line)]
    assert str(seen[0]).endswith(f"write Sandbox[ReadFile] ({HERE}:{line})")


def test_a_line_of_an_earlier_operation_is_not_taken_for_this_one() -> None:
    def closure(_: object) -> None:
        attempt(open, "/etc/hostname")
        attempt(os.stat, "/etc")

    _, seen = told(Never, closure)
    assert [one.line is None for one in seen] == [False, True]


def test_error_has_all_denials_of_the_run() -> None:
    def closure(_: object) -> None:
        attempt(os.mkdir, "/tmp/capsafe-x")
        open("/tmp/capsafe-y", "w")

    error, seen = told(ReadFile, closure)
    assert isinstance(error, CapabilityError)
    assert [one.target for one in error.denials] == ["/tmp/capsafe-x", "/tmp/capsafe-y"]
    assert error.denied == 2
    last = error.denials[-1]
    assert (last.operation, last.call, last.capability) == (error.operation, seen[-1].call, error.capability)
    assert (last.file, last.line) == (HERE, closure.__code__.co_firstlineno + 2)
    assert len(seen) == 2


def test_another_error_has_them_too() -> None:
    def closure(_: object) -> None:
        attempt(os.mkdir, "/tmp/capsafe-x")
        raise ValueError("other")

    error = caught(closure, Sandbox[ReadFile]())
    assert type(error) is ValueError
    assert [one.target for one in getattr(error, "denials", ())] == ["/tmp/capsafe-x"]
    assert not hasattr(caught(lambda _: 1 // 0), "denials")


def test_what_landlock_refuses_is_there_once_without_a_call(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "out").write_text("x")
    from tests.sandbox.boxes import scoped

    error, seen = told(scoped(ReadFile, tmp_path / "in"), lambda _: open(tmp_path / "out"))
    assert isinstance(error, CapabilityError)
    assert error.errno == errno.EACCES
    assert [(one.target, one.call) for one in error.denials] == [(str(tmp_path / "out"), None)]
    assert seen == list(error.denials)


def test_what_the_broker_refuses_is_told_with_its_line() -> None:
    error, seen = told(ReadFile, lambda b: b.write_text("/tmp/capsafe-x", ""))
    assert isinstance(error, CapabilityError)
    assert [(one.operation, one.call, one.target) for one in seen] == [("write_text", None, "/tmp/capsafe-x")]
    assert seen[0].file == HERE


def test_what_the_broker_refuses_is_told_though_it_is_swallowed() -> None:
    def closure(b: Any) -> object:
        return attempt(b.write_text, "/tmp/capsafe-x", "")

    result, seen = told(ReadFile, closure)
    assert result == "EPERM"
    line = closure.__code__.co_firstlineno + 1
    found = [(one.operation, one.call, one.target, one.capability, one.file) for one in seen]
    assert found == [("write_text", None, "/tmp/capsafe-x", "WriteFile", HERE)]
    assert seen[0].write == "Sandbox[ReadFile | WriteFile]"
    # In the helper of this file that made the call.
    assert seen[0].line != line


def test_a_closure_that_speaks_as_the_broker_is_believed_in_nothing_but_the_text() -> None:
    def closure(_: object) -> list[object]:
        return [
            attempt(os.removexattr, "/etc", f"capsafe:{text}")
            for text in ("x:ReadFile", "x:Never", "x:os", "", ":", "a:b:c", "\udcff:\udcff", "x" * 5000)
        ]

    result, seen = told(Never, closure)
    assert result == ["EPERM"] * 8
    assert [one.capability for one in seen] == ["ReadFile", *[None] * 7]


def test_denials_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "capsafe"):
        PURE.execute(lambda _: attempt(open, "/etc/hostname"))
    assert [record.name for record in caplog.records] == ["capsafe"]
    assert "open for reading '/etc/hostname' needs ReadFile; write Sandbox[ReadFile]" in caplog.text


def test_nothing_is_logged_or_told_where_nothing_was_refused(caplog: pytest.LogCaptureFixture) -> None:
    assert told(ReadFile, lambda b: len(b.read_bytes("/etc/hostname")) >= 0) == (True, [])
    assert told(Never, lambda _: sorted({3, 1})) == ([1, 3], [])
    assert not caplog.records


def test_what_the_callback_raises_ends_the_run() -> None:
    def refuse(denial: Denial) -> None:
        raise KeyError(denial.target)

    def closure(_: object) -> None:
        attempt(open, "/etc/hostname")
        time.sleep(60)

    started = time.monotonic()
    before = descriptors(), children()
    with pytest.raises(KeyError, match="/etc/hostname"):
        Sandbox[Never](on_denial=refuse).execute(closure)
    assert time.monotonic() - started < 20
    assert (descriptors(), children()) == before


def test_a_slow_callback_does_not_stop_the_timeout() -> None:
    def closure(_: object) -> None:
        while True:
            attempt(open, "/etc/hostname")

    started = time.monotonic()
    with pytest.raises(SandboxTimeoutError):
        Sandbox[Never](timeout=0.3, on_denial=lambda _: time.sleep(0.1)).execute(closure)
    assert time.monotonic() - started < 10


def test_ten_thousand_denials_are_bounded(caplog: pytest.LogCaptureFixture) -> None:
    def closure(_: object) -> None:
        for number in range(10_000):
            attempt(os.stat, f"/{number}")
        raise ValueError("done")

    error, seen = told(Never, closure)
    assert len(seen) == record.MOST
    assert seen[-1].target == f"/{record.MOST - 1}"
    assert len(getattr(error, "denials", ())) == record.MOST
    assert getattr(error, "denied", 0) == 10_000
    assert "9000 more operations were refused" in caplog.records[-1].getMessage()


def test_threads_are_told_apart() -> None:
    def closure(_: object) -> None:
        def work(number: int) -> None:
            for each in range(20):
                attempt(open, f"/{number}/{each}")

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    _, seen = told(Threads, closure)
    paths = [one.target or "" for one in seen]
    assert sorted(paths) == sorted(f"/{number}/{each}" for number in range(4) for each in range(20))
    for number in range(4):
        own = [path for path in paths if path.startswith(f"/{number}/")]
        assert own == [f"/{number}/{each}" for each in range(20)]


def test_a_program_that_is_started_is_told_of_without_its_memory() -> None:
    """At the same address it has something else."""
    _, seen = told(
        Spawn,
        lambda _: subprocess.run(["/bin/sh", "-c", "kill -0 1"], check=False, stderr=subprocess.DEVNULL).returncode,
    )
    assert ("kill", "Signal") in [(one.call, one.capability) for one in seen]
    assert {one.target for one in seen if one.call == "kill"} == {None}


def test_a_child_that_ends_while_it_waits() -> None:
    def closure(_: object) -> None:
        threading.Thread(target=lambda: [attempt(open, "/x") for _ in range(100_000)], daemon=True).start()
        time.sleep(0.05)
        os._exit(3)

    error, _ = told(Threads, closure)
    assert isinstance(error, SandboxKilledError)
    assert error.exit_code == 3


# --- the closure and the listener ------------------------------------------------------------------------------------


def test_the_closure_has_no_listener() -> None:
    result, _ = told(Never, lambda _: [n for n in range(4, 64) if attempt(os.lseek, n, 0, 0) != "EBADF"])
    assert result == []
    control, _ = told(Never, lambda _: attempt(os.lseek, 3, 0, 0))
    assert control == "ESPIPE"


def test_the_handover_is_shut_again() -> None:
    """The first filter lets it pass, the last one does not: with a grant that sends messages, too."""

    def closure(_: object) -> list[object]:
        one, _ = socket.socketpair()
        return [
            attempt(raw("sendmsg", 3, None, HANDOVER_FLAGS)),
            attempt(raw("seccomp", 1, 0, None)),
            attempt(raw("seccomp", 1, 1 << 3, None)),
            attempt(raw("sendmsg", one.fileno(), None, 0)),
        ]

    assert told(Connect, closure)[0] == ["EPERM", "EPERM", "EPERM", "EFAULT"]
    assert told(Never, closure)[0] == ["EPERM", "EPERM", "EPERM", "EPERM"]


def test_it_is_refused_the_same_without_a_supervisor(monkeypatch: pytest.MonkeyPatch) -> None:
    def closure(_: object) -> list[object]:
        return [attempt(row[1]) for row in CALLS if row[0] is Never and row[2] != "read"]

    with_one = PURE.execute(closure)
    before = descriptors()
    seen: list[Denial] = []
    plain = Sandbox[Never](on_denial=seen.append)
    plain.execute(lambda _: None)
    plain._prepared = dataclasses.replace(plain._prepared, reporting=None)
    assert plain.execute(closure) == with_one
    assert not seen
    error = caught(lambda _: open("/etc/hostname"), plain)
    assert isinstance(error, CapabilityError)
    assert [(one.call, one.target) for one in error.denials] == [(None, "/etc/hostname")]
    # And where the kernel refuses the listener when it is asked for.
    failure = FAILURE._replace(may_fail=True)
    exchange(monkeypatch, lambda call: call.name == "seccomp" and call.may_fail, failure)
    assert Sandbox[Never]().execute(closure) == with_one
    assert descriptors() == before


def test_without_anyone_who_answers_nothing_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The parent has dropped the listener: the kernel says that there is no such call."""
    monkeypatch.setattr(notify, "receive_descriptors", lambda _: [])
    assert PURE.execute(lambda _: [attempt(open, "/etc/hostname"), attempt(os.stat, "/")]) == ["ENOSYS", "ENOSYS"]


def test_a_supervisor_that_never_answers_does_not_stop_the_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notify, "refuse", lambda *_: False)
    started = time.monotonic()
    with pytest.raises(SandboxTimeoutError):
        Sandbox[Never](timeout=0.5).execute(lambda _: attempt(open, "/etc/hostname"))
    assert time.monotonic() - started < 10


def test_nothing_stays_open() -> None:
    PURE.execute(lambda _: attempt(open, "/x"))
    before = descriptors(), children()
    for _ in range(50):
        PURE.execute(lambda _: attempt(open, "/x"))
        caught(lambda _: os.kill(os.getpid(), signal.SIGKILL))
    assert (descriptors(), children()) == before


def test_few_descriptors_are_enough() -> None:
    """With less room than a listener takes what is refused is the same."""
    for open_files in (1, 2, 3, 8):
        result, _ = told(Never, lambda _: attempt(open, "/x"), open_files=open_files)
        assert result == "EPERM"
    assert len(told(Never, lambda _: attempt(open, "/x"), open_files=3)[1]) == 1


def test_closed_streams_of_the_parent_are_no_place_for_the_socket() -> None:
    program = """
    import os
    from typing import Never
    from capsafe import Sandbox
    def closure(_):
        for _ in range(2):
            try:
                os.stat("/etc")
            except PermissionError:
                pass
        return 7
    seen = []
    box = Sandbox[Never](on_denial=seen.append)
    for closed in (0, 1, 2):
        os.close(closed)
    result = box.execute(closure)
    os._exit(0 if result == 7 and len(seen) == 2 else 1)
    """
    assert subprocess.run([sys.executable, "-c", textwrap.dedent(program)], check=False).returncode == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user first")
def test_another_user_is_told_the_path_and_the_line() -> None:
    """They may not look into a process that is not dumpable, so that it hands its memory over."""
    program = """
    import os
    from typing import Never
    from capsafe import Sandbox
    from capsafe.kernel.libc import prctl
    def closure(_):
        try:
            open("/etc/hostname")
        except PermissionError:
            return "refused"
    Sandbox[Never]().execute(closure)
    os.setgroups([]); os.setresgid(65534, 65534, 65534); os.setresuid(65534, 65534, 65534)
    prctl(4, 1)  # as after an exec: a change of user takes it away
    seen = []
    print(Sandbox[Never](on_denial=seen.append).execute(closure), *seen)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, check=False)
    expected = "refused open for reading '/etc/hostname' needs ReadFile; write Sandbox[ReadFile] (<string>:8)\n"
    assert done.stdout == expected, done.stderr


# --- the table -------------------------------------------------------------------------------------------------------


def every_rule(row: Row) -> frozenset[Rule]:
    return row.calls | row.unscoped_calls | row.direct_calls | row.direct_sends


def test_each_row_is_a_call_and_needs_what_allows_it() -> None:
    """Some rule of the capability that a row names is about the call."""
    for call, row in refused._ROWS.items():
        assert call in NUMBERS["x86_64"], call
        assert not row.event or any(name.partition(":")[0] == row.event for name in EVENTS), call
        for need in row.attempt.needs:
            rules = [rules for capability, rules in ROWS.items() if capability.__name__ == need]
            named = {rule.call for one in rules for rule in every_rule(one)}
            assert call in named, (call, need)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", None),
        (b"\2", None),
        (b"\2\0\0\x50\x7f\0\0\1", "127.0.0.1:80"),
        (b"\2\0\0\x50\x7f", None),
        (b"\1\0/run/x.sock\0garbage", "/run/x.sock"),
        (b"\1\0\0name", "@name"),
        (b"\x10\0\0\0", None),
    ],
)
def test_addresses_are_read(data: bytes, text: str | None) -> None:
    assert addresses.address_text(data) == text
