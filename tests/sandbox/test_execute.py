"""What a user of Sandbox gets: results, errors that teach, and a parent that nothing happened to."""

import asyncio
import contextlib
import dataclasses
import io
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from multiprocessing.pool import ThreadPool
from pathlib import Path
from typing import Any, Literal, Never

import pytest

from capsafe import (
    Ambient,
    Broker,
    CapabilityError,
    Connect,
    Environ,
    GrantError,
    MissingPathError,
    ReadFile,
    Sandbox,
    SandboxKilledError,
    SandboxTimeoutError,
    Spawn,
    Stderr,
    Stdin,
    Stdout,
    Threads,
    TransferError,
    UnsupportedError,
    WriteFile,
)

pytestmark = pytest.mark.kernel
PURE = Sandbox[Never]()


def sandbox_of(argument: Any, **limits: Any) -> Any:
    """Make a sandbox from a type that is only known now."""
    return Sandbox.__class_getitem__(argument)(**limits)  # type: ignore[attr-defined]  # Generic has it


def at(path: Path) -> Any:
    """Make a scope of a path that is only known now."""
    return Literal.__getitem__(str(path))


def descriptors() -> list[str]:
    return sorted(os.listdir("/proc/self/fd"))


def children() -> str:
    found = []
    for task in os.listdir("/proc/self/task"):
        found += Path(f"/proc/self/task/{task}/children").read_text().split()
    return " ".join(found)


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    """Whatever a test does, there are no more descriptors, processes and threads afterwards."""
    PURE.execute(lambda _: None)
    before = descriptors(), children(), threading.active_count()
    yield
    assert (descriptors(), children(), threading.active_count()) == before


# Results


def test_a_closure_runs_with_its_arguments() -> None:
    offset = 10

    def add(_: Broker[Never], x: int, *, y: int) -> int:
        return x + y + offset

    assert PURE.execute(add, 1, y=2) == 13
    assert PURE.execute(lambda _, f: f(2), lambda x: x * 3) == 6


def test_it_runs_in_another_process_and_changes_nothing_here() -> None:
    here: list[int] = []

    def closure(_: object) -> int:
        here.append(1)
        return os.getpid()

    assert PURE.execute(closure) != os.getpid()
    assert here == []


def test_a_sandbox_inside_the_kernel_is_really_confined() -> None:
    """A filter that was built and never loaded would let all tests of honest closures pass."""
    box = sandbox_of(ReadFile[Literal["/etc"]] | Ambient[ReadFile[Literal["/etc"]]])
    assert box.execute(lambda b: b.read_text("/etc/hostname")) == Path("/etc/hostname").read_text()
    with pytest.raises(CapabilityError):
        box.execute(lambda _: open("/usr/bin/env", "rb").read())


def test_large_results_arrive_whole() -> None:
    assert PURE.execute(lambda _: b"x" * 50_000_000) == b"x" * 50_000_000
    assert PURE.execute(lambda _: list(range(300_000))) == list(range(300_000))


def test_the_grant_and_the_policy_can_be_looked_at() -> None:
    box = Sandbox[ReadFile[Literal["/etc"]] | Stdout](timeout=2, memory="1G")
    assert str(box.grant) == 'ReadFile[L["/etc"]] | Stdout'
    assert box.grant is box.grant
    assert "/etc" in str(box.policy)
    assert repr(box) == 'Sandbox[ReadFile[L["/etc"]] | Stdout](timeout=2.0, memory=1073741824)'
    assert repr(PURE) == "Sandbox[Never]()"


def test_a_subclass_has_its_own_grant() -> None:
    class Reader(Sandbox[ReadFile]):
        def __init__(self) -> None:
            super().__init__(timeout=20)
            self.place = "/etc/hostname"

        def read(self) -> str:
            return self.execute(lambda b: b.read_text("/etc/hostname"))

    assert Reader().read() == Path("/etc/hostname").read_text()
    assert repr(Reader()) == "Reader(timeout=20.0)"


# Errors before anything runs


def test_a_grant_that_cant_be_read_is_an_error_of_its_own() -> None:
    for box in (Sandbox(), sandbox_of(int), Sandbox[Any]()):
        with pytest.raises(GrantError):
            box.execute(lambda _: 1)
        with pytest.raises(GrantError):
            _ = box.policy
    assert repr(Sandbox()) == "Sandbox()"


def test_a_scope_that_is_not_there_is_an_error_of_its_own(tmp_path: Path) -> None:
    box = sandbox_of(ReadFile[at(tmp_path / "missing")])
    with pytest.raises(MissingPathError, match="missing"):
        box.execute(lambda _: 1)
    (tmp_path / "missing").mkdir()
    assert box.execute(lambda _: 1) == 1


def test_what_the_kernel_cant_hold_is_an_error_of_its_own() -> None:
    box = sandbox_of(Connect[Literal["example.com:443"]])
    with pytest.raises(UnsupportedError, match=r"example\.com"):
        box.execute(lambda _: os._exit(1))


def test_elsewhere_than_on_linux_nothing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(UnsupportedError, match="darwin"):
        PURE.execute(lambda _: 1)


def test_an_argument_that_holds_authority_is_refused() -> None:
    with open("/etc/hostname") as file:
        with pytest.raises(TransferError, match=r'^args\[0\]\["x"\] is an open file'):
            PURE.execute(lambda _, x: x, {"x": file})
        with pytest.raises(TransferError, match=r"^kwargs\['f'\] is an open file"):
            PURE.execute(lambda _, f: f, f=file)
    with pytest.raises(TransferError, match="is a sandbox"):
        PURE.execute(lambda _, f: f, [PURE])
    with pytest.raises(TransferError, match="is a broker"):
        PURE.execute(lambda _, f: f, [Broker(PURE.grant)])


def test_a_kernel_that_refuses_is_an_error_and_nothing_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from capsafe.kernel.restrict import Prepared

    def fail(_: object) -> None:
        raise OSError(1, "no seccomp here")

    monkeypatch.setattr(Prepared, "restrict", fail)
    marker = tmp_path / "ran"
    with pytest.raises(UnsupportedError, match="refused to confine the child, so nothing was run.*no seccomp here"):
        PURE.execute(lambda _: marker.write_text("x"))
    assert not marker.exists()


# Exceptions of the closure


class OwnError(Exception):
    """An exception of its own class."""


class OwnValueError(ValueError):
    """With a nearer built-in base."""


class AwkwardError(LookupError):
    """Neither shown nor taken apart easily."""

    def __str__(self) -> str:
        raise OwnError("no text")

    def __repr__(self) -> str:
        raise OwnError("no text")


class OwnOSError(OSError):
    """An OSError with a number."""


def raising(error: BaseException) -> Callable[[object], object]:
    def closure(_: object) -> object:
        raise error

    return closure


def caught(closure: Callable[..., object], box: Any = PURE) -> BaseException:
    try:
        box.execute(closure)
    except BaseException as error:  # noqa: BLE001 - any is what is wanted
        return error
    raise AssertionError("nothing was raised")


@pytest.mark.parametrize(
    "error",
    [
        ValueError("a", 1),
        KeyError("k"),
        Exception("plain"),
        StopIteration(5),
        FileNotFoundError(2, "gone", "/x", None, "/y"),
        OSError("only text"),
        BlockingIOError(11, "again"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"),
        SyntaxError("bad", ("f.py", 1, 2, "x x", 1, 3)),
        AttributeError("no", name="x"),
        ModuleNotFoundError("no", name="x", path="y"),
        ZeroDivisionError(),
        MemoryError("own"),
        RecursionError("deep"),
        NotImplementedError("x"),
        AssertionError(("tuple", 1)),
        PermissionError("of its own making"),
        TimeoutError("x"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_built_in_exceptions_keep_type_and_arguments(error: Exception) -> None:
    found: Any = caught(raising(error))
    assert type(found) is type(error)
    if not isinstance(error, MemoryError):
        assert found.args == error.args
        assert str(found) == str(error)
    for name in ("errno", "filename", "filename2", "name", "path", "value", "start", "reason", "lineno"):
        if hasattr(error, name):
            assert getattr(found, name) == getattr(error, name)


def test_exceptions_of_ones_own_become_the_nearest_built_in() -> None:
    found = caught(raising(OwnError("text")))
    assert type(found) is RuntimeError
    assert str(found) == f"{__name__}.OwnError: text"
    found = caught(raising(OwnValueError("text")))
    assert type(found) is ValueError
    assert str(found) == f"{__name__}.OwnValueError: text"
    found = caught(raising(AwkwardError(1)))
    assert type(found) is LookupError
    assert "its __str__ raised OwnError" in str(found)
    os_error: Any = caught(raising(OwnOSError(28, "full", "/x")))
    assert type(os_error) is OSError
    assert (os_error.errno, os_error.filename) == (28, "/x")
    assert "OwnOSError" in str(os_error)


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit(), BaseException("x")])
def test_nothing_the_closure_raises_ends_the_parent(error: BaseException) -> None:
    found = caught(raising(error))
    assert type(found) is RuntimeError
    assert type(error).__name__ in str(found)
    assert caught(lambda _: sys.exit("bye")).args == (
        "the closure raised SystemExit(bye), which ends no more than the sandbox",
    )
    cancelled = caught(raising(asyncio.CancelledError()))
    assert type(cancelled) is RuntimeError


def test_groups_keep_their_parts() -> None:
    group = ExceptionGroup("several", [ValueError(1), OwnError("x"), ExceptionGroup("more", [KeyError("k")])])
    found: Any = caught(raising(group))
    assert type(found) is ExceptionGroup
    assert found.message == "several"
    assert [type(one) for one in found.exceptions] == [ValueError, RuntimeError, ExceptionGroup]
    found = caught(raising(BaseExceptionGroup("ends", [SystemExit(1)])))
    assert [type(one) for one in found.exceptions] == [RuntimeError]


def test_the_traceback_of_the_closure_is_a_note() -> None:
    def inner() -> None:
        try:
            raise KeyError("first")
        except KeyError as error:
            raise ValueError("second") from error

    found = caught(lambda _: inner())
    shown = "".join(traceback.format_exception(found))
    assert "In the sandbox:\n" in shown
    (note,) = found.__notes__
    assert f'File "{__file__}", line {inner.__code__.co_firstlineno + 2}, in ' in note
    assert 'raise KeyError("first")' in note
    assert "direct cause of the following exception" in note
    assert note.endswith("ValueError: second")
    assert "capsafe/worker" not in note


def test_notes_come_along() -> None:
    error = ValueError("x")
    error.add_note("look here")
    assert "look here" in caught(raising(error)).__notes__


def test_an_endless_recursion_is_shown_in_short() -> None:
    def recurse(_: object) -> object:
        return recurse(_)

    found = caught(recurse)
    assert type(found) is RecursionError
    assert "more frames" in found.__notes__[0]
    assert len(found.__notes__[0]) < 30_000


def test_a_large_exception_arrives_all_the_same() -> None:
    found = caught(raising(ValueError("x" * 10**7, object(), list(range(10**6)))))
    assert type(found) is ValueError
    assert len(str(found.args)) < 300_000


def test_a_result_that_cant_cross_says_where() -> None:
    with pytest.raises(
        TransferError, match=r'^result\["f"\]\[0\] \(_io\.TextIOWrapper\) is an open file and can\'t cross'
    ):
        Sandbox[ReadFile]().execute(lambda b: {"f": [b.open("/etc/hostname")]})


def test_a_class_of_the_caller_crosses() -> None:
    @dataclasses.dataclass
    class Local:
        x: int

    found = PURE.execute(lambda _: [Local(1)])
    assert found == [Local(1)]


# Denials


def denied(box: Any, closure: Callable[..., object]) -> CapabilityError:
    found = caught(closure, box)
    assert type(found) is CapabilityError, found
    return found


def test_an_uncaught_denial_says_what_it_needed_and_what_to_write(tmp_path: Path) -> None:
    path = str(tmp_path / "x")
    error = denied(Sandbox[ReadFile](), lambda _: open(path, "w"))
    assert error.operation == "open for writing"
    assert error.target == error.filename == path
    assert error.capability == "WriteFile"
    assert error.write == "Sandbox[ReadFile | WriteFile]"
    assert str(error) == f"open for writing {path!r} needs WriteFile; write Sandbox[ReadFile | WriteFile]"
    assert isinstance(error, PermissionError)
    assert error.errno in (1, 13)


def connect(_: object) -> object:
    import socket

    return socket.create_connection(("127.0.0.1", 9))


DENIALS: list[tuple[Any, Callable[..., object], str, str | None]] = [
    (Never, lambda _: open("/etc/hostname"), "open for reading", "ReadFile"),
    (Never, lambda _: os.open("/etc/hostname", os.O_RDWR), "open for reading and writing", "ReadFile"),
    (ReadFile, lambda _: os.open("/etc/hostname", os.O_RDWR), "open for reading and writing", "WriteFile"),
    (Never, lambda _: os.listdir("/etc"), "list", "ReadFile"),
    (Never, lambda _: list(Path("/etc").iterdir()), "list", "ReadFile"),
    (Never, lambda _: os.stat("/etc"), "read the metadata of", "StatFile"),
    (Never, lambda _: Path("/etc").stat(), "read the metadata of", "StatFile"),
    (ReadFile, lambda _: os.mkdir("/tmp/capsafe-x"), "make the folder", "WriteFile"),
    (ReadFile, lambda _: os.remove("/tmp/capsafe-x"), "remove", "WriteFile"),
    (ReadFile, lambda _: os.rename("/tmp/a", "/tmp/b"), "rename", "WriteFile"),
    (ReadFile, lambda _: os.chmod("/tmp", 0o777), "change the mode of", "WriteFile"),
    (ReadFile, lambda _: os.utime("/tmp"), "change the times of", "WriteFile"),
    (WriteFile, lambda _: os.chown("/tmp", 0, 0), "change the owner of", None),
    (Never, lambda _: os.fork(), "fork", "Spawn"),
    (Never, lambda _: subprocess.run(["true"], check=False), "run", "Spawn"),
    (Never, lambda _: subprocess.run(["true"], check=False, capture_output=True), "make a pipe", "Spawn"),
    (Never, lambda _: os.execv("/bin/true", ["true"]), "run", "Spawn"),
    (Never, lambda _: os.posix_spawn("/bin/true", ["true"], {}), "run", "Spawn"),
    (Never, connect, "connect to", "Connect"),
    (Never, lambda _: os.kill(os.getppid(), 0), "send a signal to process", "Signal"),
    (Never, lambda _: threading.Thread(target=print).start(), "start a thread", "Threads"),
    (Never, lambda _: print("x"), "write standard output", "Stdout"),
    (Never, lambda _: sys.stderr.write("x"), "write standard error", "Stderr"),
    (Never, lambda _: input(), "read standard input", "Stdin"),
    (Never, lambda b: b.read_text("/etc/hostname"), "read_text", "ReadFile"),
    (ReadFile, lambda b: b.write_text("/tmp/x", ""), "write_text", "WriteFile"),
]


@pytest.mark.parametrize(("argument", "closure", "operation", "capability"), DENIALS, ids=[row[2] for row in DENIALS])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_each_denial_names_its_capability(
    argument: Any, closure: Callable[..., object], operation: str, capability: str | None
) -> None:
    error = denied(sandbox_of(argument), closure)
    assert (error.operation, error.capability) == (operation, capability)
    if capability:
        assert error.write is not None
        assert capability in error.write


def test_a_denial_outside_a_scope_names_the_scope_to_add(tmp_path: Path) -> None:
    inside, outside = tmp_path / "in", tmp_path / "out"
    inside.mkdir()
    outside.write_text("secret")
    (inside / "link").symlink_to(outside)
    box = sandbox_of(ReadFile[at(inside)])
    for closure in (
        lambda _: open(outside).read(),
        lambda b: b.read_text(outside),
        lambda _: open(inside / "link").read(),
        lambda b: b.read_text(inside / "link"),
    ):
        error = denied(box, closure)
        assert error.capability == "ReadFile"
        assert error.write == f'Sandbox[ReadFile[L["{inside}", "{outside}"]]]'


def test_inside_the_closure_a_denial_is_a_permission_error() -> None:
    def closure(_: object) -> str:
        try:
            open("/etc/hostname")
        except PermissionError as error:
            return f"{type(error).__name__} {error.errno} {error.filename}"
        return "opened"

    assert PURE.execute(closure) == "PermissionError 1 /etc/hostname"


def test_an_ordinary_file_permission_stays_a_permission_error(tmp_path: Path) -> None:
    """The grant covers it, so that nothing wider would help."""
    path = tmp_path / "private"
    path.write_text("x")
    path.chmod(0)
    program = f"""
import os, sys
from capsafe import ReadFile, Sandbox
Sandbox[ReadFile]().execute(lambda b: 1)
if os.geteuid() == 0:
    os.chmod({str(tmp_path)!r}, 0o755)
    for folder in __import__("pathlib").Path({str(tmp_path)!r}).parents:
        os.access(folder, 0)
    os.setgroups([]); os.setresgid(65534, 65534, 65534); os.setresuid(65534, 65534, 65534)
try:
    Sandbox[ReadFile]().execute(lambda b: b.read_text({str(path)!r}))
except PermissionError as error:
    print(type(error).__name__)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "PermissionError", done.stderr


def test_an_import_inside_says_so() -> None:
    assert "colorsys" not in sys.modules
    error = denied(PURE, lambda _: __import__("colorsys"))
    assert (error.operation, error.target, error.capability) == ("import", "colorsys", "Import")
    error = denied(Sandbox[ReadFile[Literal["/etc"]]](), lambda _: __import__("colorsys"))
    assert error.capability == "Import"

    def closure(_: object) -> str:
        try:
            import colorsys  # noqa: F401 - whether it can be imported is the test
        except ImportError as error:
            return str(error)
        return "imported"

    assert "import colorsys before execute, or grant Import" in PURE.execute(closure)


def test_what_the_standard_library_loads_late_is_there() -> None:
    import datetime
    import tarfile

    def closure(_: object) -> list[object]:
        time_of_day = datetime.datetime.strptime("2020-01-02", "%Y-%m-%d").year
        return [time_of_day, "é".encode("cp1252"), b"\xff\xfea\0".decode("utf-16"), "\N{BULLET}".encode("utf-8-sig")]

    assert PURE.execute(closure)[0] == 2020
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as archive:
        archive.addfile(tarfile.TarInfo("x"))
    assert PURE.execute(lambda _, raw: tarfile.open(fileobj=io.BytesIO(raw)).getnames(), data.getvalue()) == ["x"]


# Children that die, lie or stay


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
        # Without Signal a process can't signal itself: abort gives up in another way.
        (lambda _: os.abort(), {"SIGABRT", "SIGSEGV", "SIGILL", "SIGTRAP"}),
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


CHANNEL = 3


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
    box = sandbox_of(WriteFile[at(tmp_path)], file_size="1K")
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


# Programs that the closure starts


def test_what_the_closure_started_ends_with_it() -> None:
    def closure(b: Any) -> list[int]:
        return [b.popen(["sleep", "100"]).pid for _ in range(3)]

    box = sandbox_of(Spawn)
    pids = box.execute(closure)
    time.sleep(0.05)
    assert not [pid for pid in pids if _is_running(pid)]


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

    box = sandbox_of(Spawn | WriteFile[at(tmp_path)], timeout=1)
    with pytest.raises(SandboxTimeoutError):
        box.execute(closure)
    time.sleep(0.05)
    pids = list(map(int, marker.read_text().split()))
    assert len(pids) == 4
    assert not [pid for pid in pids if _is_running(pid)]


def test_a_child_that_is_gone_while_its_own_child_holds_the_channel_is_noticed() -> None:
    def closure(_: object) -> None:
        if os.fork() == 0:
            time.sleep(100)
        os._exit(7)

    start = time.monotonic()
    error: Any = caught(closure, sandbox_of(Spawn))
    assert (type(error), error.exit_code) == (SandboxKilledError, 7)
    assert time.monotonic() - start < 5


def _is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


# Streams, environment, signals


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
        assert _is_running(pid)
        parent.kill()
        parent.wait()
        time.sleep(0.1)
        assert not _is_running(pid)


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


# Many, and from threads


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


# bind, async, enter


def double(_: Broker[Never], x: int) -> int:
    return 2 * x


def test_a_bound_function_runs_in_its_sandbox_wherever_it_is() -> None:
    bound = Sandbox[Never](timeout=9).bind(double)
    assert list(map(bound, [1, 2])) == [2, 4]
    assert repr(bound) == "Sandbox[Never](timeout=9.0).bind(double)"
    copy = pickle.loads(pickle.dumps(bound))
    assert copy(4) == 8
    assert repr(copy) == repr(bound)


class Reader(Sandbox[ReadFile]):
    """A subclass, to be pickled."""


@pytest.mark.parametrize(
    "box",
    [
        Sandbox[ReadFile[Literal["/data"]] | Connect[Literal["*:443"]] | WriteFile](memory="1G"),
        Sandbox[Ambient[ReadFile]](),
        Reader(cpu_time=3),
    ],
)
def test_a_sandbox_can_be_pickled(box: Any) -> None:
    assert box.grant
    copy = pickle.loads(pickle.dumps(box))
    assert copy.grant == box.grant
    assert repr(copy) == repr(box)


def test_a_bound_function_works_in_a_pool_of_processes() -> None:
    program = """
import multiprocessing
from typing import Never
from capsafe import Sandbox
def double(broker, x): return 2 * x
if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(pool.map(Sandbox[Never]().bind(double), [1, 2]))
"""
    path = Path("/tmp/capsafe_pool_program.py")
    path.write_text(program)
    try:
        done = subprocess.run([sys.executable, path], capture_output=True, text=True, timeout=60, check=False)
    finally:
        path.unlink()
    assert done.stdout == "[2, 4]\n", done.stderr


async def coroutine(_: Broker[Never], x: int) -> list[int]:
    await asyncio.sleep(0.01)
    return list(await asyncio.gather(*(asyncio.sleep(0, n) for n in range(x))))


def test_functions_and_coroutines_can_be_awaited() -> None:
    async def main() -> None:
        assert await PURE.execute_async(double, 3) == 6
        assert await PURE.execute_async(coroutine, 3) == [0, 1, 2]
        assert await asyncio.gather(*(PURE.execute_async(double, n) for n in range(12))) == [2 * n for n in range(12)]
        with pytest.raises(ZeroDivisionError):
            await PURE.execute_async(lambda _: 1 // 0)
        with pytest.raises(RuntimeError, match="StopIteration"):
            await PURE.execute_async(lambda _: next(iter([])))
        with pytest.raises(SandboxTimeoutError):
            await Sandbox[Never](timeout=0.2).execute_async(lambda _: time.sleep(60))

    asyncio.run(main())


def test_the_event_loop_goes_on_meanwhile() -> None:
    async def main() -> int:
        task = asyncio.create_task(PURE.execute_async(lambda _: time.sleep(0.5)))
        ticks = 0
        while not task.done():
            await asyncio.sleep(0.01)
            ticks += 1
        return ticks

    assert asyncio.run(main()) > 5


def test_a_cancelled_call_has_ended() -> None:
    async def main() -> None:
        for delay in (0.0, 0.01, 0.3):
            start = time.monotonic()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(delay):
                    await PURE.execute_async(lambda _: time.sleep(60))
            assert children() == ""
            assert time.monotonic() - start < 5

    asyncio.run(main())


def test_a_coroutine_is_no_result_of_execute() -> None:
    with pytest.raises(
        TransferError, match="is a coroutine and can't cross; send what it returns: await it, or use execute_async"
    ):
        PURE.execute(coroutine, 1)  # type: ignore[unused-coroutine]  # there is none to await


ENTER = """
import os, sys, threading
from typing import Literal as L
from capsafe import *
os.environ["SECRET"] = "x"
held = open("/etc/passwd")
print("before", flush=True)
broker = Sandbox[ReadFile[L["/etc"]] | Stdout]().enter()
print(broker.read_text("/etc/hostname") == open("/etc/hostname").read(), dict(os.environ), bool(held.readline()))
for attempt in (lambda: open("/usr/bin/env"), lambda: os.fork(), lambda: open("/etc/x", "w"), lambda: print("x", file=sys.stderr)):
    try:
        attempt()
        print("done")
    except PermissionError as error:
        print(type(error).__name__)
sys.stdout.flush()
"""


def test_enter_confines_the_whole_process() -> None:
    done = subprocess.run([sys.executable, "-c", ENTER], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == ["before", "True {} True", *["PermissionError"] * 4], done.stderr


def test_enter_refuses_where_it_could_not_hold() -> None:
    with pytest.raises(ValueError, match="timeout"):
        Sandbox[Never](timeout=1).enter()
    program = """
import threading
from typing import Never
from capsafe import *
event = threading.Event()
thread = threading.Thread(target=event.wait)
thread.start()
try:
    Sandbox[Never]().enter()
except UnsupportedError as error:
    print(error)
event.set()
thread.join()
open("/etc/hostname")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "2 are running; call it before any is started, or use execute" in done.stdout
