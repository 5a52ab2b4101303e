"""An observed run is confined as any other, and says what it used: the type that it gives runs the same closure."""

# What is opened is closed with the child.
# ruff: noqa: SIM115

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Never

import pytest

from capsafe import (
    CapabilityError,
    Clock,
    Connect,
    Environ,
    FileSystem,
    GrantError,
    Import,
    NativeCode,
    Network,
    Observation,
    Process,
    Random,
    ReadFile,
    Sandbox,
    SandboxKilledError,
    SandboxTimeoutError,
    Stdio,
    SystemInfo,
    Threads,
    TransferError,
    UnsupportedError,
    WriteFile,
)
from capsafe.cli.grant_text import read_text
from capsafe.kernel.libc import prctl
from capsafe.worker import observer
from tests.escapes.arena import NOBODY, become, in_child
from tests.escapes.pairs import LIBC
from tests.kernel.listening import listen
from tests.sandbox.boxes import children, descriptors, sandbox_of, scoped

pytestmark = pytest.mark.kernel

ROOT = os.geteuid() == 0
USERS = [pytest.param(None, id="self"), *([pytest.param(NOBODY, id="nobody")] if ROOT else [])]
EVERYTHING: Any = (
    FileSystem | Network | Process | Stdio | Environ | Clock | Random | Threads | Import | SystemInfo | NativeCode
)


class Place:
    """A folder for everybody with what there is to use."""

    def __init__(self, base: Path, port: int) -> None:
        self.base = base
        self.port = port
        self.file = base / "in"
        self.out = base / "out"

    def make(self) -> None:
        """Put everything where it is."""
        for name in ("many", "few", "out"):
            (self.base / name).mkdir(exist_ok=True)
            (self.base / name).chmod(0o777)
        self.file.write_text("hello")
        for number in range(12):
            (self.base / "many" / str(number)).write_text("x")
        for number in range(3):
            (self.base / "few" / str(number)).write_text("x")
        (self.base / "link").symlink_to(self.file)
        script = self.base / "script"
        script.write_text("#!/bin/sh\necho hi\n")
        script.chmod(0o755)


@pytest.fixture
def place() -> Iterator[Place]:
    base = Path(tempfile.mkdtemp(prefix="capsafe-observe-", dir="/tmp"))
    base.chmod(0o777)
    with socket.create_server(("127.0.0.1", 0)) as server:
        made = Place(base, server.getsockname()[1])
        made.make()
        yield made
    shutil.rmtree(base)


Closure = Callable[[Any, Place], object]


def connect(b: Any, p: Place) -> object:
    with b.connect("127.0.0.1", p.port) as stream:
        return stream.getpeername()[1]


def connect_ambient(_: object, p: Place) -> object:
    with socket.create_connection(("127.0.0.1", p.port)) as stream:
        return stream.getpeername()[1]


def serve(b: Any, _: Place) -> object:
    with b.listen("127.0.0.1", 0) as stream:
        return bool(stream.getsockname())


def temporary_folder(_: object, p: Place) -> object:
    with tempfile.TemporaryDirectory(dir=p.out) as folder:
        return len(os.listdir(folder))


def text_of(path: Path | str) -> str:
    with open(path) as file:
        return file.read()


def read_and_write(b: Any, p: Place) -> object:
    with b.open(p.file, "r+") as file:
        return file.read()


def relative(_: object, p: Place) -> object:
    os.chdir(p.base / "many")
    return text_of("../few/../in")


def through_a_folder(_: object, p: Place) -> object:
    folder = os.open(p.base, os.O_RDONLY)
    return os.read(os.open("in", os.O_RDONLY, dir_fd=folder), 3)


#: A closure, the type that it takes, and whether another user gets a wider one: the child's descriptors can be looked
#: at by root alone. P stands for the folder, PORT for the server's.
CLOSURES: dict[str, tuple[Closure, str]] = {
    "pure": (lambda _, __: sum(range(10)), "Never"),
    "read": (lambda b, p: b.read_text(p.file), 'ReadFile[L["P/in"]]'),
    "read ambient": (lambda _, p: text_of(p.file), 'ReadFile[L["P/in"]]'),
    "through a symlink": (lambda b, p: b.read_text(p.base / "link"), 'ReadFile[L["P/in"]]'),
    "relative": (relative, 'ReadFile[L["P/in"]]'),
    "three files": (
        lambda b, p: [b.read_text(p.base / "few" / str(number)) for number in range(3)],
        'ReadFile[L["P/few/0", "P/few/1", "P/few/2"]]',
    ),
    "twelve files": (
        lambda b, p: [b.read_text(p.base / "many" / str(number)) for number in range(12)],
        'ReadFile[L["P/many"]]',
    ),
    "list": (lambda b, p: b.listdir(p.base / "few"), 'ReadFile[L["P/few"]]'),
    "walk": (lambda b, p: len(list(b.walk(p.base))), 'ReadFile[L["P"]]'),
    "metadata": (lambda b, p: b.exists(p.file), "StatFile"),
    "metadata ambient": (lambda _, p: os.stat(p.file).st_size, "StatFile"),
    "make a file": (lambda b, p: b.write_text(p.out / "new", "x"), 'WriteFile[L["P/out"]]'),
    "append": (lambda b, p: b.append_text(p.file, "x"), 'WriteFile[L["P/in"]]'),
    "make a folder": (lambda b, p: b.mkdir(p.out / "folder"), 'WriteFile[L["P/out"]]'),
    "remove": (lambda b, p: b.remove(p.base / "few" / "1"), 'WriteFile[L["P/few"]]'),
    "rename": (lambda b, p: b.rename(p.file, p.out / "in"), 'WriteFile[L["P"]]'),
    "copy": (lambda b, p: b.copy(p.file, p.out / "copy"), 'ReadFile[L["P/in"]] | WriteFile[L["P/out"]]'),
    "read and write": (read_and_write, 'ReadFile[L["P/in"]] | WriteFile[L["P/in"]]'),
    # No right covers the mode of a path.
    "mode": (lambda b, p: b.chmod(b.write_text(p.out / "m", "") or p.out / "m", 0o600), "WriteFile"),
    "a script": (lambda b, p: b.run([p.base / "script"]).stdout, 'Spawn[L["P/script", "DASH"]]'),
    "connect": (connect, 'Connect[L["127.0.0.1:PORT"]]'),
    "connect ambient": (connect_ambient, 'Connect[L["127.0.0.1:PORT"]]'),
    "serve": (serve, 'Listen[L["127.0.0.1:0"]]'),
    "datagram": (lambda b, _: b.datagram("127.0.0.1").getsockname()[0], "Datagram"),
    "clock": (lambda b, _: b.now().year > 2000, "Clock"),
    "chance": (lambda b, _: len(b.random_bytes(3)), "Random"),
    "environment": (lambda b, _: len(b.env) >= 0, "Environ"),
    "environment ambient": (lambda _, __: os.environ.get("PATH", "") is None, "Environ"),
    "print": (lambda b, _: b.print(end=" "), "Stdout"),
    "threads": (lambda b, _: b.run_in_threads(abs, [1, -2]), "Threads"),
    "signal": (lambda b, _: b.kill(os.getpid(), 0), "Signal"),
    "system": (lambda b, _: b.hostname(), "SystemInfo"),
}


def written(text: str, place: Place) -> str:
    dash = os.path.realpath("/bin/sh")
    return (
        f"Sandbox[{text}]".replace("PORT", str(place.port))
        .replace("P/", f"{place.base}/")
        .replace('"P"', f'"{place.base}"')
        .replace("DASH", dash)
    )


def as_user(function: Callable[[], Any], user: int | None) -> Any:
    """Return what a function returns in a process of ``user`` that is as ordinary as any that user has."""

    def inside() -> Any:
        if user is not None:
            become(user)
            # A change of the user has taken it away.
            LIBC.prctl(4, 1, 0, 0, 0)
            os.chdir("/")
        return function()

    return in_child(inside)


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("name", CLOSURES)
def test_the_type_it_gives_runs_the_same_closure(name: str, user: int | None, place: Place) -> None:
    closure, text = CLOSURES[name]
    box = sandbox_of(EVERYTHING, timeout=30)
    # What is loaded once, another user may not read.
    box.observe(lambda _: None)
    if user is not None:
        for path in (place.base, *place.base.rglob("*")):
            os.chown(path, user, user, follow_symlinks=False)

    def trial() -> tuple[str, object, object, object]:
        observation = box.observe(closure, place)
        first = observation.result
        shutil.rmtree(place.out)
        (place.out / "..").resolve()
        for path in list(place.base.iterdir()):
            if path.is_symlink():
                path.unlink()
        place.make()
        narrow = sandbox_of(read_text(observation.write), timeout=30)
        second = narrow.execute(closure, place)
        shutil.rmtree(place.out)
        (place.base / "link").unlink()
        place.make()
        third = narrow.trimmed(observation).execute(closure, place)
        return observation.write, first, second, third

    said = as_user(trial, user)
    assert said is not None
    write, first, second, third = said
    assert write == written(text, place)
    assert first == second == third


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("closure", [temporary_folder, through_a_folder])
def test_what_starts_from_a_descriptor(closure: Closure, user: int | None, place: Place) -> None:
    """Where it leads only root can see: to others, nothing narrower than what was granted will surely do."""
    box = sandbox_of(FileSystem, timeout=30)
    box.observe(lambda _: None)

    def trial() -> str:
        observation = box.observe(closure, place)
        sandbox_of(read_text(observation.write)).execute(closure, place)
        return str(observation.write)

    found = as_user(trial, user)
    if user is None and ROOT:
        scope = place.out if closure is temporary_folder else place.base
        assert f'ReadFile[L["{scope}"]]' in found
    else:
        assert "ReadFile" in found


def test_programs_are_seen_with_what_they_read(place: Place) -> None:
    box = sandbox_of(EVERYTHING, timeout=30)
    observation = box.observe(lambda b, p: b.run(["/bin/cat", p.file], env={}).stdout, place)
    assert observation.result == b"hello"
    (spawn,) = [one for one in observation.grant if one.capability.__name__ == "Spawn"]
    assert spawn.scopes == {os.path.realpath("/bin/cat")}
    (read,) = [one for one in observation.grant if one.capability is ReadFile]
    assert str(place.file) in (read.scopes or ())


def test_imports_are_told_from_files_that_are_read(place: Place) -> None:
    def closure(_: object) -> str:
        module: Any = __import__("this_is_a_module")
        return str(module.X) + text_of(place.file)

    (place.base / "this_is_a_module.py").write_text("X = 1")
    sys.path.insert(0, str(place.base))
    try:
        observation = sandbox_of(FileSystem | Import | NativeCode).observe(closure)
    finally:
        sys.path.remove(str(place.base))
    assert observation.result == "1hello"
    assert observation.write == f'Sandbox[ReadFile[L["{place.file}"]] | Import]'


def test_the_issue_of_it(place: Place) -> None:
    observation = Sandbox[ReadFile | WriteFile | Connect]().observe(lambda b: b.read_text(place.file))
    assert observation.result == "hello"
    assert observation.write == f'Sandbox[ReadFile[L["{place.file}"]]]'
    assert (observation.denials, observation.error, observation.complete) == ((), None, True)
    assert "openat" in observation.calls or "open" in observation.calls
    assert not {"getdents64", "connect", "read", "close"} & set(observation.calls)
    assert "WriteFile | Connect" in str(observation)


def test_several_runs_with_several_inputs(place: Place) -> None:
    box = Sandbox[FileSystem]()
    runs = [box.observe(lambda b, number: b.read_text(place.base / "many" / number), str(n)) for n in range(12)]
    joined = runs[0] | runs[1]
    assert joined.write == f'Sandbox[ReadFile[L["{place.base}/many/0", "{place.base}/many/1"]]]'
    for run in runs[2:]:
        joined = joined | run
    assert joined.write == f'Sandbox[ReadFile[L["{place.base}/many"]]]'
    assert joined.runs == 12
    loaded = Observation.from_json(joined.to_json())
    assert loaded == joined
    assert box.trimmed(loaded).execute(lambda b: b.read_text(place.file)) == "hello"


# --- outcomes -------------------------------------------------------------------------------------------------------


def fails(b: Any, path: str) -> None:
    b.read_text(path)
    raise KeyError("lost")


def test_what_is_raised_is_kept(place: Place) -> None:
    observation = Sandbox[ReadFile]().observe(fails, str(place.file))
    assert isinstance(observation.error, KeyError)
    with pytest.raises(KeyError, match="lost"):
        _ = observation.result
    assert observation.failed == 1
    assert observation.write == f'Sandbox[ReadFile[L["{place.file}"]]]'


@pytest.mark.parametrize(
    ("closure", "kind"),
    [
        (lambda _: os._exit(3), SandboxKilledError),
        (lambda _: time.sleep(30), SandboxTimeoutError),
        (lambda _: object(), TransferError),
    ],
)
def test_whatever_ends_it_what_came_before_is_seen(
    closure: Callable[[object], object], kind: type[Exception], place: Place
) -> None:
    before = descriptors(), children(), threading.active_count()

    def both(b: Any) -> object:
        b.read_text(place.file)
        return closure(b)

    observation = Sandbox[ReadFile](timeout=1.0).observe(both)
    assert type(observation.error) is kind
    assert observation.write == f'Sandbox[ReadFile[L["{place.file}"]]]'
    assert (descriptors(), children(), threading.active_count()) == before


def test_nothing_runs_where_nothing_can() -> None:
    with pytest.raises(GrantError):
        Sandbox().observe(lambda _: 1)
    with open(os.devnull) as null, pytest.raises(TransferError, match="args"):
        Sandbox[Never]().observe(lambda _, __: 1, null)
    with pytest.raises(UnsupportedError, match=r"can't be observed.*no descriptor"):
        # One for the rules, and none for the listener besides.
        Sandbox[Never](open_files=2).observe(lambda _: 1)


def test_a_kernel_without_notifications_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    import dataclasses

    from capsafe.kernel import restrict, support

    without = dataclasses.replace(support.probe(), notifications=False)
    monkeypatch.setattr(restrict, "probe", lambda: without)
    with pytest.raises(UnsupportedError, match=r"hands no calls to a listener.*nothing was run"):
        Sandbox[ReadFile]().observe(lambda _: 1)
    assert Sandbox[ReadFile]().execute(lambda _: 1) == 1


def test_inside_another_listener_it_says_so(tmp_path: Path) -> None:
    """The kernel has one listener for a process and all it starts."""
    marker = tmp_path / "ran"
    box = Sandbox[WriteFile]()
    box.observe(lambda _: None)

    def inside() -> str:
        listen()
        try:
            box.observe(lambda _: marker.write_text("x"))
        except UnsupportedError as error:
            return str(error)
        return "observed"

    assert "there is a listener around this process already" in in_child(inside)
    assert not marker.exists()


# --- what is refused ------------------------------------------------------------------------------------------------


def swallowed(function: Callable[..., object], *arguments: object) -> str:
    try:
        function(*arguments)
    except OSError as error:
        return os.strerror(error.errno or 0)
    return "done"


@pytest.mark.parametrize(
    ("grant", "closure", "operation", "capability"),
    [
        (Never, lambda p: swallowed(open, p.file), "open for reading", "ReadFile"),
        (ReadFile, lambda p: swallowed(open, p.out / "x", "w"), "open for writing", "WriteFile"),
        (ReadFile, lambda p: swallowed(os.mkdir, p.out / "x"), "make the folder", "WriteFile"),
        (ReadFile, lambda p: swallowed(os.chmod, p.file, 0o600), "change the mode of", "WriteFile"),
        (Never, lambda _: swallowed(os.fork), "fork", "Spawn"),
        (FileSystem, lambda p: swallowed(os.chown, p.file, 0, 0), "change the owner of", None),
    ],
)
def test_what_the_closure_swallows_is_told(
    grant: Any, closure: Callable[[Place], str], operation: str, capability: str | None, place: Place
) -> None:
    heard: list[object] = []
    observation = sandbox_of(grant, on_denial=heard.append).observe(lambda _: closure(place))
    assert observation.result == os.strerror(1)
    (denial,) = observation.denials
    assert (denial.operation, denial.capability, denial.file) == (operation, capability, __file__)
    assert heard == [denial]


def test_what_landlock_refuses_is_told_and_not_suggested(place: Place) -> None:
    def closure(_: object) -> list[str]:
        return [text_of(place.file), swallowed(open, place.base / "few" / "1")]

    box = sandbox_of(scoped(ReadFile, place.file))
    observation = box.observe(closure)
    assert observation.result == ["hello", os.strerror(13)]
    (denial,) = observation.denials
    assert (denial.target, denial.capability) == (str(place.base / "few" / "1"), "ReadFile")
    assert denial.write == f'Sandbox[ReadFile[L["{place.base}/few/1", "{place.file}"]]]'
    assert observation.write == f'Sandbox[ReadFile[L["{place.file}"]]]'


def test_what_the_broker_refuses_is_told() -> None:
    def closure(b: Any) -> str:
        return swallowed(b.write_text, "/tmp/capsafe-x", "")

    observation = Sandbox[ReadFile]().observe(closure)
    assert [(one.operation, one.capability) for one in observation.denials] == [("write_text", "WriteFile")]


def test_what_is_not_caught_is_there_once(place: Place) -> None:
    observation = Sandbox[ReadFile]().observe(lambda _: open(place.out / "x", "w"))
    assert isinstance(observation.error, CapabilityError)
    assert [one.target for one in observation.denials] == [str(place.out / "x")]
    assert observation.error.denials == observation.denials


def test_a_missing_file_is_no_denial(place: Place) -> None:
    box = sandbox_of(scoped(ReadFile, place.file))
    observation = box.observe(lambda _: [text_of(place.file), swallowed(open, place.base / "none")][1])
    assert observation.result == os.strerror(2)
    assert observation.denials == ()
    assert {need.place for need in observation.absent} == {str(place.base)}
    assert observation.write == f'Sandbox[ReadFile[L["{place.file}"]]]'


# --- a child that lies ----------------------------------------------------------------------------------------------


def ring(text: bytes) -> None:
    """Tell the parent what one likes, as a closure can."""
    from capsafe.kernel.notify import BELL_BOARD
    from capsafe.policy.denials import BELL

    BELL_BOARD.view[: len(text)] = text
    swallowed(os.lseek, -1, 0, BELL)


def told(*parts: bytes) -> bytes:
    text = b"\0".join(parts)
    return len(text).to_bytes(4, sys.byteorder) + text


LIES = [
    told(b"asked", b"x", b"WriteFile", b"/etc", b"", b""),
    told(b"asked", b"x", b"Connect", b"evil.example:1", b"", b""),
    told(b"asked", b"x", b"StatFile", b"\xff\xfe", b"", b""),
    told(b"asked", b"x", b"__class__", b"", b"", b""),
    told(b"refused", b"x", b"ReadFile", b"", b"not a scope", b""),
    told(b"refused", b"x", b"Capability", b"/y", b"", b""),
    told(b"refused", b"\xff" * 100, b"", b"", b"", b""),
    told(b"tried", b"x", b"os", b"", b"", b"open"),
    told(b"asked", b"too", b"few"),
    told(*[b"too many"] * 9),
    b"\xff" * 8000,
    bytes(8000),
]


def test_what_the_child_says_widens_nothing() -> None:
    def closure(_: object) -> int:
        for lie in LIES:
            ring(lie)
        return 1

    observation = Sandbox[Clock]().observe(closure)
    assert observation.result == 1
    assert observation.write == "Sandbox[Never]"
    assert Observation.from_json(observation.to_json()) == observation.without_result()
    # The same text, where it is true, is heard.
    assert (
        Sandbox[Clock]().observe(lambda _: ring(told(b"asked", b"now", b"Clock", b"", b"", b""))).write
        == "Sandbox[Clock]"
    )


def test_a_child_that_uses_too_much_makes_nothing_narrower(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observer, "MOST_USES", 5)

    def closure(b: Any) -> int:
        return len([b.read_text(place.base / "many" / str(number)) for number in range(12)])

    observation = Sandbox[ReadFile]().observe(closure)
    assert observation.result == 12
    assert not observation.complete
    assert observation.write == "Sandbox[ReadFile]"
    assert len(observation.uses) == 5


def test_without_the_childs_memory_nothing_narrower_is_said(place: Place) -> None:
    """As after a change of user, when a process can't open its own."""
    if not ROOT:
        pytest.skip("only root can change its user")
    box = Sandbox[ReadFile]()
    box.observe(lambda _: None)

    def inside() -> tuple[str, bool]:
        become(NOBODY)
        # Some arenas make themselves dumpable again, as a program of that user is.
        prctl(4, 0)
        observation = box.observe(lambda b: b.read_text(place.file))
        return observation.write, observation.complete

    assert in_child(inside) == ("Sandbox[ReadFile]", False)


def test_threads_are_told_apart(place: Place) -> None:
    def closure(b: Any) -> list[str]:
        return list(b.run_in_threads(lambda number: b.read_text(place.base / "few" / str(number)), [0, 1, 2]))

    observation = Sandbox[ReadFile | Threads]().observe(closure)
    assert observation.write == written('ReadFile[L["P/few/0", "P/few/1", "P/few/2"]] | Threads', place)


def test_a_program_that_writes_on_its_own_pipe_does_not_print(place: Place) -> None:
    box = sandbox_of(Process | Stdio, timeout=30)
    assert "Stdout" not in box.observe(lambda b, p: b.run([p.base / "script"]).stdout, place).write
    program = """
from capsafe import *
done = Sandbox[Process | Stdio]().observe(lambda b: b.run(["/bin/sh", "-c", "echo hi"], capture=False).returncode)
print(done.result, done.write)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("hi\n0 Sandbox[Spawn")
    assert "Stdout" in done.stdout


def test_a_program_that_the_kernel_may_not_read_is_refused(place: Place) -> None:
    observation = sandbox_of(Process).observe(lambda b: b.run([place.base / "script"]))
    assert isinstance(observation.error, PermissionError)
    assert {(one.operation, one.target) for one in observation.denials} == {("run", str(place.base / "script"))}
    assert "script" not in observation.write


def test_what_another_capability_gives_is_no_denial(place: Place) -> None:
    """An event announces what ReadFile would be asked for; the kernel has it from SystemInfo."""
    box = sandbox_of(scoped(ReadFile, place.file) | SystemInfo)
    observation = box.observe(lambda _: len(text_of("/etc/passwd")) > 0)
    assert observation.result
    assert observation.denials == ()
    assert observation.write == "Sandbox[SystemInfo]"


def test_a_call_that_comes_after_a_denial_is_not_taken_for_it(capfd: pytest.CaptureFixture[str], place: Place) -> None:
    def closure(_: object) -> None:
        print(swallowed(os.mkdir, place.out / "x"))
        os.write(1, b"more")

    observation = sandbox_of(Stdio).observe(closure)
    assert [(one.operation, one.target) for one in observation.denials] == [("make the folder", str(place.out / "x"))]
    assert "more" in capfd.readouterr().out
