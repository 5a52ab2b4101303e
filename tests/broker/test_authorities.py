"""What each authority does at its edges. No sandbox: it is the work that is tested here, not who may do it."""

import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from capsafe import Broker, Environ, FileSystem, Network, Process, Signal, Spawn, Stdio
from capsafe.grants import read_grant


@pytest.fixture
def broker() -> Any:
    """Return a broker with all that is tested here."""
    return Broker(read_grant(FileSystem | Network | Process | Stdio | Environ))


# Files


@pytest.mark.parametrize("path", [0, 1, b"a", None, 1.5])
def test_a_path_is_text(path: object, broker: Any) -> None:
    """A number would be a descriptor that is already open, and so authority that nobody granted."""
    for operation in ("open", "read_text", "stat", "listdir", "chmod", "truncate", "remove"):
        arguments = [0] if operation in {"chmod", "truncate"} else []
        with pytest.raises(TypeError):
            getattr(broker, operation)(path, *arguments)


def test_data_of_a_wrong_type_does_not_empty_the_file(broker: Any, tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_text("kept")
    for operation, data in (("write_text", b"x"), ("write_bytes", "x"), ("write_text", None), ("write_bytes", 3)):
        with pytest.raises(TypeError):
            getattr(broker, operation)(file, data)
    assert file.read_text() == "kept"


def test_text_is_utf8_whatever_the_locale(tmp_path: Path) -> None:
    program = (
        "import sys; from capsafe import Broker, FileSystem; from capsafe.grants import read_grant;"
        "b = Broker(read_grant(FileSystem)); b.write_text(sys.argv[1], 'n\\xe9');"
        "b.open(sys.argv[1], 'a').write('\\xe9'); print(len(b.read_text(sys.argv[1])), len(b.open(sys.argv[1]).read()))"
    )
    arguments = [sys.executable, "-X", "utf8=0", "-c", program, str(tmp_path / "a")]
    environment = {**os.environ, "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run(arguments, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["3", "3"]
    assert (tmp_path / "a").read_bytes() == "néé".encode()


def test_absence_and_refusal_are_two_things(broker: Any, tmp_path: Path) -> None:
    """``os.path.exists`` says False to both, which hides a refusal."""
    (tmp_path / "file").touch()
    (tmp_path / "dead").symlink_to("nowhere")
    assert broker.exists(tmp_path / "none") is False
    assert broker.exists(tmp_path / "file" / "below") is False
    assert broker.exists(tmp_path / "dead") is False
    assert broker.exists(tmp_path / "dead", follow_symlinks=False) is True
    assert broker.is_symlink(tmp_path / "dead") is True
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(OSError, match="symbolic links"):
        broker.exists(tmp_path / "loop")


def test_making_directories(broker: Any, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        broker.mkdir(tmp_path / "a" / "b")
    broker.mkdir(str(tmp_path / "a" / "b") + "/", parents=True)
    assert (tmp_path / "a" / "b").is_dir()
    with pytest.raises(FileExistsError):
        broker.mkdir(tmp_path / "a", parents=True)
    broker.mkdir(tmp_path / "a", exist_ok=True)
    (tmp_path / "file").touch()
    with pytest.raises(FileExistsError):
        broker.mkdir(tmp_path / "file", exist_ok=True)
    with pytest.raises(NotADirectoryError):
        broker.mkdir(tmp_path / "file" / "b", parents=True)


def test_relative_directories_with_parents(broker: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    broker.mkdir("x/y/z", parents=True)
    assert (tmp_path / "x/y/z").is_dir()
    with pytest.raises(FileNotFoundError):
        broker.mkdir("", parents=True)


def test_removing_what_is_not_there(broker: Any, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        broker.remove(tmp_path / "none")
    broker.remove(tmp_path / "none", missing_ok=True)


def test_touching(broker: Any, tmp_path: Path) -> None:
    file = tmp_path / "a"
    broker.touch(file, 0o600)
    assert file.stat().st_mode & 0o777 == 0o600
    os.utime(file, (1, 1))
    broker.touch(file)
    assert file.stat().st_mtime > 1
    with pytest.raises(FileExistsError):
        broker.touch(file, exist_ok=False)


def test_copying_keeps_content_and_mode(broker: Any, tmp_path: Path) -> None:
    data = os.urandom(300_000)
    (tmp_path / "a").write_bytes(data)
    (tmp_path / "a").chmod(0o750)
    assert broker.copy(tmp_path / "a", tmp_path / "b") == str(tmp_path / "b")
    assert (tmp_path / "b").read_bytes() == data
    assert (tmp_path / "b").stat().st_mode & 0o777 == 0o750


def test_copying_a_file_to_itself_does_not_empty_it(broker: Any, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("kept")
    (tmp_path / "link").symlink_to("a")
    os.link(tmp_path / "a", tmp_path / "hard")
    for target in ("a", "link", "hard"):
        with pytest.raises(shutil.SameFileError):
            broker.copy(tmp_path / "a", tmp_path / target)
    with pytest.raises(shutil.SameFileError):
        broker.copy(tmp_path / "a", tmp_path)
    assert (tmp_path / "a").read_text() == "kept"


def test_copying_a_pipe_is_refused_and_not_waited_for(broker: Any, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(shutil.SpecialFileError):
        broker.copy(tmp_path / "pipe", tmp_path / "b")


def test_copying_a_tree(broker: Any, tmp_path: Path) -> None:
    source = tmp_path / "s"
    (source / "sub").mkdir(parents=True)
    (source / "sub" / "a").write_text("a")
    (source / "link").symlink_to("sub")
    (source / "sub").chmod(0o500)
    broker.copytree(source, tmp_path / "t")
    assert (tmp_path / "t/sub/a").read_text() == "a"
    assert os.readlink(tmp_path / "t/link") == "sub"
    assert (tmp_path / "t/sub").stat().st_mode & 0o777 == 0o700
    with pytest.raises(FileExistsError):
        broker.copytree(source, tmp_path / "t")
    with pytest.raises(NotADirectoryError):
        broker.copytree(source / "sub/a", tmp_path / "u")


def test_removing_a_tree_leaves_what_links_point_to(broker: Any, tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "a").touch()
    (tmp_path / "gone").mkdir()
    (tmp_path / "gone" / "link").symlink_to(tmp_path / "kept")
    broker.rmtree(tmp_path / "gone")
    assert (tmp_path / "kept" / "a").exists()
    assert not (tmp_path / "gone").exists()


def test_walking_raises_what_it_can_not_see(broker: Any, tmp_path: Path) -> None:
    """``os.walk`` leaves it out."""
    assert list(os.walk(tmp_path / "none")) == []
    with pytest.raises(FileNotFoundError):
        list(broker.walk(tmp_path / "none"))


def test_realpath_wants_the_path_to_be_there(broker: Any, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        broker.realpath(tmp_path / "none")


# Paths


def test_a_path_has_pathlibs_text(broker: Any) -> None:
    path = broker.path("/data") / "a.tar.gz"
    pure = PurePosixPath("/data/a.tar.gz")
    for name in ("name", "stem", "suffix", "suffixes", "parts"):
        assert getattr(path, name) == getattr(pure, name)
    assert (str(path), os.fspath(path), path.as_posix(), path.pure) == (str(pure), str(pure), str(pure), pure)
    assert repr(path) == "BrokerPath('/data/a.tar.gz')"
    assert str(path.parent) == "/data"
    assert [str(above) for above in path.parents] == ["/data", "/"]
    assert str(path.with_name("b").with_suffix(".py").with_stem("c")) == "/data/c.py"
    assert str(path.relative_to("/data")) == "a.tar.gz"
    assert (path.is_relative_to("/data"), path.is_relative_to("/dat"), path.is_absolute()) == (True, False, True)
    assert (path.match("*.gz"), path.match("*.py")) == (True, False)
    assert str(broker.path("a", "b").joinpath("c", "d")) == "a/b/c/d"


def test_paths_compare_and_hash_by_their_text(broker: Any) -> None:
    one, same, later = broker.path("/a//b"), broker.path("/a") / "b", broker.path("/b")
    assert one == same
    assert len({one, same, later}) == 2
    assert sorted([later, one]) == [one, later]
    assert one != "/a/b"
    assert one != PurePosixPath("/a/b")


def test_a_path_does_its_work_through_the_broker(broker: Any, tmp_path: Path) -> None:
    root = broker.path(tmp_path)
    file = root / "sub" / "a.txt"
    file.parent.mkdir(parents=True)
    assert (file.write_text("one"), file.append_text("two"), file.read_text()) == (3, 3, "onetwo")
    assert (file.write_bytes(b"raw"), file.read_bytes()) == (3, b"raw")
    assert (file.exists(), file.is_file(), file.is_dir(), file.is_symlink()) == (True, True, False, False)
    assert [str(path) for path in root.iterdir()] == [f"{tmp_path}/sub"]
    assert [path.name for path in root.glob("*/*.txt")] == ["a.txt"]
    assert [str(path) for path in root.rglob("*.txt")] == [str(file)]
    assert [(str(path), inside, names) for path, inside, names in root.walk()] == [
        (str(tmp_path), ["sub"], []),
        (f"{tmp_path}/sub", [], ["a.txt"]),
    ]
    link = root / "link"
    link.symlink_to("sub/a.txt")
    assert (str(link.readlink()), str(link.resolve())) == ("sub/a.txt", os.path.realpath(file))
    assert (link.lstat().st_size, link.stat().st_size) == (9, 3)
    (root / "hard").hardlink_to(file)
    file.chmod(0o600)
    assert (root / "hard").stat().st_mode & 0o777 == 0o600
    (root / "hard").unlink()
    assert str(file.rename(root / "moved")) == f"{tmp_path}/moved"
    assert str((root / "moved").replace(root / "hard")) == f"{tmp_path}/hard"
    assert str((root / "hard").copy(root / "sub")) == f"{tmp_path}/sub/hard"
    with (root / "hard").open("r+b") as data:
        assert data.read() == b"raw"
    (root / "touched").touch()
    (root / "touched").unlink()
    (root / "touched").unlink(missing_ok=True)
    (root / "empty").mkdir()
    (root / "empty").rmdir()
    (root / "sub").rmtree()
    assert broker.listdir(tmp_path) == ["hard", "link"]


# The network


@pytest.mark.network
def test_a_connection_times_out(broker: Any) -> None:
    """Nobody accepts, and the backlog is full."""
    with broker.listen("127.0.0.1", 0, backlog=0) as listener:
        address = listener.getsockname()
        with broker.connect(*address), pytest.raises(TimeoutError):
            broker.connect(*address, timeout=0.2)


@pytest.mark.network
def test_localhost_is_tried_in_both_families(broker: Any) -> None:
    with socket.socket(socket.AF_INET6) as listener:
        try:
            listener.bind(("::1", 0))
        except OSError:
            pytest.skip("no IPv6 loopback")
        listener.listen()
        with broker.connect("localhost", listener.getsockname()[1], timeout=5) as stream:
            assert stream.family == socket.AF_INET6


@pytest.mark.network
def test_the_first_error_is_raised_and_no_socket_is_left(broker: Any) -> None:
    with broker.listen("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(OSError, match="in use"):
            broker.listen("127.0.0.1", port)
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(ConnectionRefusedError):
        broker.connect("127.0.0.1", port, timeout=5)
    assert len(os.listdir("/proc/self/fd")) == before


def test_resolving_gives_each_address_once(broker: Any) -> None:
    found = broker.resolve("localhost", 80)
    assert ("127.0.0.1", 80) in found
    assert len(found) == len(set(found))
    with pytest.raises(socket.gaierror):
        broker.resolve("no such host", 80)


def test_unix_sockets(broker: Any, tmp_path: Path) -> None:
    with broker.unix_listen(tmp_path / "s"), broker.unix_connect(tmp_path / "s", timeout=3) as client:
        assert client.gettimeout() == 3
    with pytest.raises(OSError, match="in use"):
        broker.unix_listen(tmp_path / "s")
    with pytest.raises(ConnectionRefusedError):
        broker.unix_connect(tmp_path / "s")


# Processes


@pytest.mark.parametrize("args", ["ls -l", b"ls", [], ()])
def test_a_command_line_is_refused(args: object, broker: Any) -> None:
    for operation in (broker.run, broker.popen):
        with pytest.raises(TypeError, match="there is no shell"):
            operation(args)


def test_running(broker: Any, tmp_path: Path) -> None:
    done = broker.run(["/bin/sh", "-c", "cat; pwd; echo $A >&2; exit 3"], input=b"in ", cwd=tmp_path, env={"A": "b"})
    assert (done.stdout, done.stderr, done.returncode) == (f"in {tmp_path}\n".encode(), b"b\n", 3)
    with pytest.raises(subprocess.CalledProcessError) as caught:
        broker.run(["/bin/sh", "-c", "echo né; exit 3"], text=True, check=True)
    assert (caught.value.returncode, caught.value.stdout) == (3, "né\n")
    with pytest.raises(FileNotFoundError):
        broker.run(["/no/such/program"])
    assert broker.run(["/bin/cat"]).stdout == b""


def test_a_program_that_runs_too_long_is_gone(broker: Any) -> None:
    started = time.monotonic()
    with pytest.raises(subprocess.TimeoutExpired):
        broker.run(["/bin/sleep", "60"], timeout=0.1)
    assert time.monotonic() - started < 10


def test_uncaptured_output_goes_to_the_streams(broker: Any, capfd: pytest.CaptureFixture[str]) -> None:
    assert broker.run(["/bin/echo", "seen"], capture=False).stdout is None
    assert capfd.readouterr().out == "seen\n"


@pytest.mark.parametrize("pid", [0, -1, -5])
def test_groups_are_no_processes(pid: int, broker: Any) -> None:
    """0 is one's own group and -1 is everyone; signal 0 asks only whether one may, should this ever fail."""
    with pytest.raises(ValueError, match="a process has a positive number"):
        broker.kill(pid, 0)


def test_killing(broker: Any) -> None:
    process = Broker(read_grant(Spawn | Signal)).popen(["/bin/sleep", "60"])  # type: ignore[misc]  # grant as a value
    broker.kill(process.pid, 15)
    process.communicate(timeout=10)
    assert process.returncode == -15


# The rest


def test_the_environment_is_a_picture(broker: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAPSAFE_TEST", "one")
    picture = broker.env
    assert picture["CAPSAFE_TEST"] == "one"
    with pytest.raises(TypeError):
        picture["CAPSAFE_TEST"] = "two"


def test_input_ends_with_an_error_and_keeps_empty_lines(broker: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from io import StringIO

    monkeypatch.setattr(sys, "stdin", StringIO("\nlast"))
    assert (broker.input(), broker.input()) == ("", "last")
    with pytest.raises(EOFError):
        broker.input()
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(OSError, match="no stdin"):
        broker.input()


def test_threads_have_ended_and_their_error_is_raised() -> None:
    from capsafe import Threads

    broker: Any = Broker(read_grant(Threads))
    before = threading.active_count()
    assert broker.run_in_threads(lambda number: number * 2, range(20), workers=3) == [n * 2 for n in range(20)]
    with pytest.raises(ZeroDivisionError):
        broker.run_in_threads(lambda number: 1 / number, [1, 0])
    assert threading.active_count() == before
