"""What stands behind the broker: scopes, and the kernel's refusal when the broker's own check is taken away."""

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, Never

import pytest

from capsafe import CapabilityError, Connect, FileSystem, Listen, ReadFile, Spawn, Stdout, SystemInfo, WriteFile
from capsafe.broker import guard

pytestmark = pytest.mark.kernel

Action = Callable[[Any, str], object]

#: A type argument that is made while the test runs is none for a checker.
LITERAL: Any = Literal


def scoped(capability: Any, scope: str) -> Any:
    return capability[LITERAL[scope]]


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """Make two folders with the same files, and in the first a symlink to the other."""
    for name in ("in", "out"):
        (tmp_path / name / "sub").mkdir(parents=True)
        (tmp_path / name / "a.txt").write_text("hello\n")
        (tmp_path / name / "sub" / "b.txt").write_text("deep")
    (tmp_path / "in" / "escape").symlink_to(tmp_path / "out")
    return tmp_path


def picture(root: Path) -> dict[str, object]:
    """Take in all that could be changed below a folder."""
    return {
        str(path.relative_to(root)): (path.lstat().st_mode, path.lstat().st_mtime, path.is_file() and path.read_bytes())
        for path in sorted(root.rglob("*"))
    }


def opened(broker: Any, path: str, mode: str) -> None:
    with broker.open(path, mode):
        pass


READING: dict[str, Action] = {
    "open": lambda b, d: opened(b, d + "/a.txt", "r"),
    "read_text": lambda b, d: b.read_text(d + "/a.txt"),
    "read_bytes": lambda b, d: b.read_bytes(d + "/a.txt"),
    "listdir": lambda b, d: b.listdir(d),
    "iterdir": lambda b, d: [str(path) for path in b.iterdir(d)],
    "walk": lambda b, d: list(b.walk(d)),
    "path": lambda b, d: b.path(d, "a.txt").read_text(),
}

WRITING: dict[str, Action] = {
    "open": lambda b, d: opened(b, d + "/a.txt", "w"),
    "open to append": lambda b, d: opened(b, d + "/a.txt", "a"),
    "open to make": lambda b, d: opened(b, d + "/new", "x"),
    "write_text": lambda b, d: b.write_text(d + "/a.txt", "x"),
    "write_bytes": lambda b, d: b.write_bytes(d + "/new", b"x"),
    "append_text": lambda b, d: b.append_text(d + "/a.txt", "x"),
    "append_bytes": lambda b, d: b.append_bytes(d + "/a.txt", b"x"),
    "mkdir": lambda b, d: b.mkdir(d + "/new"),
    "remove": lambda b, d: b.remove(d + "/a.txt"),
    "rename": lambda b, d: b.rename(d + "/a.txt", d + "/new"),
    "replace": lambda b, d: b.replace(d + "/a.txt", d + "/sub/b.txt"),
    "symlink": lambda b, d: b.symlink("a.txt", d + "/new"),
    "link": lambda b, d: b.link(d + "/a.txt", d + "/new"),
    "touch": lambda b, d: b.touch(d + "/new"),
    "truncate": lambda b, d: b.truncate(d + "/a.txt", 0),
    "path": lambda b, d: b.path(d, "new").write_text("x"),
}

BOTH: dict[str, Action] = {
    "open": lambda b, d: opened(b, d + "/a.txt", "r+"),
    "copy": lambda b, d: b.copy(d + "/a.txt", d + "/new"),
    "copytree": lambda b, d: b.copytree(d + "/sub", d + "/new"),
    "rmtree": lambda b, d: b.rmtree(d + "/sub"),
}


@pytest.mark.parametrize("name", READING)
@pytest.mark.parametrize("way", ["out", "in/escape", "in/../out"])
def test_reading_holds_in_its_scope_only(name: str, way: str, folders: Path, sandbox_of: Any) -> None:
    """Through a symlink, too: the kernel looks where the path leads, not at its text."""
    sandbox = sandbox_of(scoped(ReadFile, str(folders / "in")))
    act = READING[name]
    assert sandbox.execute(lambda broker: act(broker, f"{folders}/in") and None) is None
    with pytest.raises(CapabilityError) as caught:
        sandbox.execute(lambda broker: act(broker, f"{folders}/{way}") and None)
    assert caught.value.capability == "ReadFile"
    assert str(caught.value.target).startswith(f"{folders}/{way}")
    unscoped = sandbox_of(ReadFile)
    unscoped.execute(lambda broker: act(broker, f"{folders}/{way}") and None)


@pytest.mark.parametrize("name", WRITING)
@pytest.mark.parametrize("way", ["out", "in/escape"])
def test_writing_holds_in_its_scope_only(name: str, way: str, folders: Path, sandbox_of: Any) -> None:
    sandbox = sandbox_of(scoped(WriteFile, str(folders / "in")))
    act = WRITING[name]
    before = picture(folders / "out")
    with pytest.raises(CapabilityError) as caught:
        sandbox.execute(lambda broker: act(broker, f"{folders}/{way}") and None)
    assert caught.value.capability == "WriteFile"
    assert picture(folders / "out") == before
    inside = picture(folders / "in")
    sandbox.execute(lambda broker: act(broker, f"{folders}/in") and None)
    assert name == "open to append" or picture(folders / "in") != inside
    sandbox_of(WriteFile).execute(lambda broker: act(broker, f"{folders}/{way}") and None)
    assert name == "open to append" or picture(folders / "out") != before


@pytest.mark.parametrize("name", BOTH)
def test_reading_and_writing_hold_in_their_scope_only(name: str, folders: Path, sandbox_of: Any) -> None:
    sandbox = sandbox_of(scoped(FileSystem, str(folders / "in")))
    before = picture(folders / "out")
    with pytest.raises(CapabilityError):
        sandbox.execute(lambda broker: BOTH[name](broker, f"{folders}/out") and None)
    assert picture(folders / "out") == before
    inside = picture(folders / "in")
    sandbox.execute(lambda broker: BOTH[name](broker, f"{folders}/in") and None)
    assert name == "open" or picture(folders / "in") != inside


def test_a_copy_says_which_side_was_refused(folders: Path, sandbox_of: Any) -> None:
    grant = scoped(ReadFile, str(folders / "out")) | scoped(WriteFile, str(folders / "in"))
    sandbox = sandbox_of(grant)
    sandbox.execute(lambda broker: broker.copy(f"{folders}/out/a.txt", f"{folders}/in/copy") and None)
    assert (folders / "in" / "copy").read_text() == "hello\n"
    with pytest.raises(CapabilityError) as caught:
        sandbox.execute(lambda broker: broker.copy(f"{folders}/in/a.txt", f"{folders}/in/copy"))
    assert (caught.value.capability, caught.value.target) == ("ReadFile", f"{folders}/in/a.txt")
    with pytest.raises(CapabilityError) as caught:
        sandbox.execute(lambda broker: broker.copy(f"{folders}/out/a.txt", f"{folders}/out/copy"))
    assert (caught.value.capability, caught.value.target) == ("WriteFile", f"{folders}/out/copy")


def test_a_program_outside_the_scope_is_not_started(sandbox_of: Any) -> None:
    cat, ls = (str(Path(name).resolve()) for name in ("/bin/cat", "/bin/ls"))
    sandbox = sandbox_of(scoped(Spawn, cat))
    assert sandbox.execute(lambda broker: broker.run([cat], input=b"hi").stdout) == b"hi"
    with pytest.raises(CapabilityError) as caught:
        sandbox.execute(lambda broker: broker.run([ls]).returncode)
    assert (caught.value.operation, caught.value.capability, caught.value.target) == ("run", "Spawn", ls)
    assert sandbox_of(Spawn).execute(lambda broker: broker.run([ls, "--version"]).returncode) == 0


@pytest.mark.network
def test_a_port_outside_the_scope_is_not_reached(sandbox_of: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as open_, socket.create_server(("127.0.0.1", 0)) as closed:
        good, bad = open_.getsockname()[1], closed.getsockname()[1]
        sandbox = sandbox_of(scoped(Connect, f"*:{good}"))
        sandbox.execute(lambda broker: broker.connect("127.0.0.1", good, timeout=5).close())
        with pytest.raises(CapabilityError) as caught:
            sandbox.execute(lambda broker: broker.connect("127.0.0.1", bad, timeout=5).close())
        assert (caught.value.capability, caught.value.target) == ("Connect", f"127.0.0.1:{bad}")
        sandbox_of(Connect).execute(lambda broker: broker.connect("127.0.0.1", bad, timeout=5).close())


@pytest.mark.network
def test_a_port_outside_the_scope_is_not_served(sandbox_of: Any) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = probe.getsockname()[1]
    sandbox = sandbox_of(scoped(Listen, f"*:{free}"))
    sandbox.execute(lambda broker: broker.listen("127.0.0.1", free).close())
    with pytest.raises(CapabilityError) as caught:
        sandbox.execute(lambda broker: broker.listen("127.0.0.1", 0).close())
    assert caught.value.capability == "Listen"


BYPASSED: dict[str, Action] = {
    **{f"{name} to read": act for name, act in READING.items()},
    **{f"{name} to write": act for name, act in WRITING.items()},
    **{f"{name} to do both": act for name, act in BOTH.items()},
    "rmdir": lambda b, d: b.rmdir(d + "/empty"),
    "chmod": lambda b, d: b.chmod(d + "/a.txt", 0o777),
    "utime": lambda b, d: b.utime(d + "/a.txt", (1, 1)),
    "stat": lambda b, d: b.stat(d + "/a.txt").st_size,
    "lstat": lambda b, d: b.lstat(d + "/a.txt").st_size,
    "exists": lambda b, d: b.exists(d + "/a.txt"),
    "readlink": lambda b, d: b.readlink(d + "/link"),
    "realpath": lambda b, d: b.realpath(d + "/link"),
    "connect": lambda b, _: b.connect("127.0.0.1", 9, timeout=5).close(),
    "listen": lambda b, _: b.listen("127.0.0.1", 0).close(),
    "datagram": lambda b, _: b.datagram("127.0.0.1").close(),
    "unix_listen": lambda b, d: b.unix_listen(d + "/u").close(),
    "unix_connect": lambda b, d: b.unix_connect(d + "/u").close(),
    "run": lambda b, _: b.run(["/bin/true"]).returncode,
    "popen": lambda b, _: b.popen(["/bin/true"]).wait(),
    "kill": lambda b, _: b.kill(1, 0),
    "print": lambda b, _: b.print("x", flush=True),
    "uname": lambda b, _: b.uname().release,
    "hostname": lambda b, _: b.hostname(),
}


@pytest.mark.parametrize("name", BYPASSED)
def test_without_the_brokers_check_the_kernel_refuses(
    name: str, folders: Path, sandbox_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check in Python is a courtesy. Taken away, an operation that was not granted fails all the same."""
    folder = folders / "in"
    (folder / "empty").mkdir()
    (folder / "link").symlink_to("a.txt")
    # All that does the work is loaded, so that nothing fails for want of a module.
    everything = sandbox_of(FileSystem | Spawn | Connect | Stdout | SystemInfo)
    everything.execute(lambda broker: broker.exists("/"))
    monkeypatch.setattr(guard.Attempt, "ask", lambda _self: None)
    before = picture(folders)
    with pytest.raises(PermissionError):
        sandbox_of(Never).execute(lambda broker: BYPASSED[name](broker, str(folder)) and None)
    assert picture(folders) == before


def test_the_environment_is_empty_without_the_brokers_check(sandbox_of: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAPSAFE_SECRET", "secret")
    monkeypatch.setattr(guard.Attempt, "ask", lambda _self: None)
    from capsafe.broker import environment, surface

    monkeypatch.setattr(surface, "environment", environment, raising=False)
    assert sandbox_of(Never).execute(lambda broker: dict(broker.env)) == {}
