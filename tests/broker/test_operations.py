"""Every broker operation in a real sandbox: it works with its least grant, and without it names what was missing."""

import os
import random
import socket
import stat
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Never

import pytest

from capsafe import (
    CapabilityError,
    Clock,
    Connect,
    Datagram,
    Environ,
    Import,
    Listen,
    NativeCode,
    Random,
    ReadFile,
    Resolve,
    Signal,
    Spawn,
    StatFile,
    Stderr,
    Stdin,
    Stdout,
    SystemInfo,
    Threads,
    UnixSocket,
    WriteFile,
)
from capsafe.broker import Broker

pytestmark = pytest.mark.kernel

BOTH = ReadFile | WriteFile


@dataclass(frozen=True)
class Case:
    """An operation, the least grant for it, and what must come of it.

    ``action`` gets the broker and the folder of ``folder``; ``after`` looks, outside, at what was done to the folder.
    """

    operation: str
    grant: Any
    action: Callable[[Any, str], object]
    result: object = None
    after: Callable[[Path], object] = lambda _: True
    #: The operation as a refusal names it, and its target, ``{}`` for the folder.
    called: str | None = None
    target: str | None = None


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Make a folder with a file, a folder with a file, a symlink and a program."""
    (tmp_path / "a.txt").write_text("hello\n")
    (tmp_path / "a.txt").chmod(0o640)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "b.txt").write_text("deep")
    (tmp_path / "link").symlink_to("a.txt")
    return tmp_path


def written(broker: Any, path: str, mode: str, text: str) -> int:
    with broker.open(path, mode) as file:
        return int(file.write(text))


def read(broker: Any, path: str, mode: str = "r") -> object:
    with broker.open(path, mode) as file:
        return file.read()


def updated(broker: Any, path: str) -> str:
    with broker.open(path, "r+") as file:
        file.write("HE")
        file.seek(0)
        return str(file.read())


def tree(path: Path) -> set[str]:
    return {str(found.relative_to(path)) for found in path.rglob("*")}


FILES = [
    Case("open", ReadFile, lambda b, d: read(b, d + "/a.txt"), "hello\n", called="open for reading"),
    Case("open", ReadFile, lambda b, d: read(b, d + "/a.txt", "rb"), b"hello\n", called="open for reading"),
    Case(
        "open",
        WriteFile,
        lambda b, d: written(b, d + "/new", "w", "né"),
        2,
        lambda f: (f / "new").read_bytes() == "né".encode(),
        called="open for writing",
        target="{}/new",
    ),
    Case(
        "open",
        WriteFile,
        lambda b, d: written(b, d + "/a.txt", "a", "more"),
        4,
        lambda f: (f / "a.txt").read_text() == "hello\nmore",
        called="open for writing",
    ),
    Case("open", BOTH, lambda b, d: updated(b, d + "/a.txt"), "HEllo\n", called="open for reading and writing"),
    Case("read_text", ReadFile, lambda b, d: b.read_text(d + "/a.txt"), "hello\n"),
    Case("read_bytes", ReadFile, lambda b, d: b.read_bytes(d + "/a.txt"), b"hello\n"),
    Case("listdir", ReadFile, lambda b, d: b.listdir(d), ["a.txt", "link", "sub"], target="{}"),
    Case("iterdir", ReadFile, lambda b, d: [p.name for p in b.iterdir(d)], ["a.txt", "link", "sub"], target="{}"),
    Case(
        "walk",
        ReadFile,
        lambda b, d: [(top.removeprefix(d), sorted(inside), sorted(names)) for top, inside, names in b.walk(d)],
        [("", ["sub"], ["a.txt", "link"]), ("/sub", [], ["b.txt"])],
        target="{}",
    ),
    Case(
        "glob",
        ReadFile,
        lambda b, d: b.glob("**/*.txt", root=d, recursive=True),
        ["a.txt", "sub/b.txt"],
        target="**/*.txt",
    ),
    Case("exists", StatFile, lambda b, d: (b.exists(d + "/a.txt"), b.exists(d + "/none/x")), (True, False)),
    Case("is_file", StatFile, lambda b, d: (b.is_file(d + "/a.txt"), b.is_file(d + "/sub")), (True, False)),
    Case(
        "is_dir", StatFile, lambda b, d: (b.is_dir(d + "/sub"), b.is_dir(d + "/a.txt")), (True, False), target="{}/sub"
    ),
    Case(
        "is_symlink",
        StatFile,
        lambda b, d: (b.is_symlink(d + "/link"), b.is_symlink(d + "/sub")),
        (True, False),
        target="{}/link",
    ),
    Case("stat", StatFile, lambda b, d: b.stat(d + "/link").st_size, 6, target="{}/link"),
    Case("lstat", StatFile, lambda b, d: stat.S_ISLNK(b.lstat(d + "/link").st_mode), result=True, target="{}/link"),
    Case("readlink", StatFile, lambda b, d: b.readlink(d + "/link"), "a.txt", target="{}/link"),
    Case(
        "realpath",
        StatFile,
        lambda b, d: b.realpath(d + "/link") == os.path.realpath(d + "/a.txt"),
        result=True,
        target="{}/link",
    ),
    Case(
        "write_text",
        WriteFile,
        lambda b, d: b.write_text(d + "/a.txt", "né"),
        2,
        lambda f: (f / "a.txt").read_bytes() == "né".encode(),
    ),
    Case(
        "write_bytes",
        WriteFile,
        lambda b, d: b.write_bytes(d + "/a.txt", b"x"),
        1,
        lambda f: (f / "a.txt").read_text() == "x",
    ),
    Case(
        "append_text",
        WriteFile,
        lambda b, d: b.append_text(d + "/a.txt", "x"),
        1,
        lambda f: (f / "a.txt").read_text() == "hello\nx",
    ),
    Case(
        "append_bytes",
        WriteFile,
        lambda b, d: b.append_bytes(d + "/a.txt", b"x"),
        1,
        lambda f: (f / "a.txt").read_text() == "hello\nx",
    ),
    Case(
        "mkdir",
        WriteFile,
        lambda b, d: b.mkdir(d + "/x/y", parents=True),
        None,
        lambda f: (f / "x/y").is_dir(),
        target="{}/x/y",
    ),
    Case(
        "remove",
        WriteFile,
        lambda b, d: b.remove(d + "/a.txt"),
        None,
        lambda f: tree(f) == {"link", "sub", "sub/b.txt"},
    ),
    Case(
        "rmdir",
        WriteFile,
        lambda b, d: (b.remove(d + "/sub/b.txt"), b.rmdir(d + "/sub"))[1],
        None,
        lambda f: tree(f) == {"a.txt", "link"},
        called="remove",
        target="{}/sub/b.txt",
    ),
    Case(
        "rename",
        WriteFile,
        lambda b, d: b.rename(d + "/a.txt", d + "/sub/c"),
        None,
        lambda f: (f / "sub/c").read_text() == "hello\n",
    ),
    Case(
        "replace",
        WriteFile,
        lambda b, d: b.replace(d + "/a.txt", d + "/sub/b.txt"),
        None,
        lambda f: (f / "sub/b.txt").read_text() == "hello\n",
    ),
    Case(
        "symlink",
        WriteFile,
        lambda b, d: b.symlink("a.txt", d + "/s"),
        None,
        lambda f: (f / "s").read_text() == "hello\n",
        target="{}/s",
    ),
    Case(
        "link", WriteFile, lambda b, d: b.link(d + "/a.txt", d + "/s"), None, lambda f: (f / "s").samefile(f / "a.txt")
    ),
    Case(
        "touch", WriteFile, lambda b, d: b.touch(d + "/t"), None, lambda f: (f / "t").read_text() == "", target="{}/t"
    ),
    Case(
        "truncate",
        WriteFile,
        lambda b, d: b.truncate(d + "/a.txt", 2),
        None,
        lambda f: (f / "a.txt").read_text() == "he",
    ),
    Case(
        "chmod",
        WriteFile,
        lambda b, d: b.chmod(d + "/a.txt", 0o600),
        None,
        lambda f: (f / "a.txt").stat().st_mode & 0o777 == 0o600,
    ),
    Case(
        "utime",
        WriteFile,
        lambda b, d: b.utime(d + "/a.txt", (5, 7)),
        None,
        lambda f: (f / "a.txt").stat().st_mtime == 7,
    ),
    Case(
        "copy",
        BOTH,
        lambda b, d: b.copy(d + "/a.txt", d + "/sub") == d + "/sub/a.txt",
        result=True,
        after=lambda f: (f / "sub/a.txt").stat().st_mode & 0o777 == 0o640,
    ),
    Case(
        "copytree",
        BOTH,
        lambda b, d: b.copytree(d, d + "/../copied") and None,
        None,
        lambda f: tree(f.parent / "copied") == tree(f),
        target="{}",
    ),
    Case(
        "rmtree", BOTH, lambda b, d: b.rmtree(d + "/sub"), None, lambda f: tree(f) == {"a.txt", "link"}, target="{}/sub"
    ),
    Case("path", StatFile, lambda b, d: (b.path(d) / "a.txt").stat().st_size, 6, target="{}"),
    Case(
        "path",
        WriteFile,
        lambda b, d: (b.path(d) / "p").write_text("x"),
        1,
        lambda f: (f / "p").read_text() == "x",
        target="{}",
    ),
]


def address_of(listener: socket.socket) -> tuple[str, int]:
    host, port = listener.getsockname()[:2]
    return str(host), int(port)


def served(broker: Any, *, unix: str | None = None) -> bytes:
    """Listen and connect to oneself, in one thread: the backlog takes the connection."""
    if unix is not None:
        listener, client = broker.unix_listen(unix), broker.unix_connect(unix, timeout=5)
    else:
        listener = broker.listen("127.0.0.1", 0)
        client = broker.connect(*address_of(listener), timeout=5)
    with listener, client:
        server, _ = listener.accept()
        with server:
            server.sendall(b"ping")
            return bytes(client.recv(10))


def exchanged(broker: Any) -> bytes:
    with broker.datagram("127.0.0.1") as one, broker.datagram("127.0.0.1") as other:
        one.sendto(b"ping", other.getsockname())
        other.settimeout(5)
        return bytes(other.recv(10))


NETWORK = [
    Case("connect", Connect | Listen, lambda b, _: served(b), b"ping", called="listen", target="127.0.0.1:0"),
    Case(
        "listen",
        Listen,
        lambda b, _: address_of(b.listen("localhost", 0, backlog=1))[0],
        "127.0.0.1",
        target="localhost:0",
    ),
    Case("resolve", Resolve, lambda b, _: b.resolve("127.0.0.1", 80), [("127.0.0.1", 80)], target="127.0.0.1:80"),
    Case("resolve", Resolve, lambda b, _: len(b.resolve("localhost")) > 0, result=True, target="localhost:0"),
    Case("datagram", Datagram, lambda b, _: exchanged(b), b"ping", target="127.0.0.1:0"),
    Case("unix_listen", UnixSocket, lambda b, d: served(b, unix=d + "/u"), b"ping", target="{}/u"),
]


def spoken(broker: Any) -> bytes:
    process = broker.popen(["/bin/cat"])
    output, _ = process.communicate(b"hi", timeout=10)
    return bytes(output)


def killed(broker: Any) -> int:
    process = broker.popen(["/bin/sleep", "60"])
    broker.kill(process.pid, 9)
    return int(process.wait(10))


PROCESSES = [
    Case("run", Spawn, lambda b, _: b.run(["/bin/cat"], input=b"hi").stdout, b"hi", target="/bin/cat"),
    Case("run", Spawn, lambda b, _: b.run(["cat"], input="né", text=True).stdout, "né", target="cat"),
    Case("run", Spawn, lambda b, _: b.run(["/bin/cat"], env={"A": "b"}).returncode, 0, target="/bin/cat"),
    Case("run", Spawn | Signal, lambda b, _: b.run(["/bin/true"], timeout=10).returncode, 0, target="/bin/true"),
    Case("popen", Spawn, lambda b, _: spoken(b), b"hi", target="/bin/cat"),
    Case("kill", Spawn | Signal, lambda b, _: killed(b), -9, called="popen", target="/bin/sleep"),
]


OTHERS = [
    Case(
        "env", Environ, lambda b, _: (b.env["CAPSAFE_TEST"], type(b.env).__name__), ("seen", "mappingproxy"), target=""
    ),
    Case("now", Clock, lambda b, _: b.now().utcoffset(), timedelta(0), target=""),
    Case("monotonic", Clock, lambda b, _: b.monotonic() - b.monotonic() + 1 >= 0, result=True, target=""),
    Case("sleep", Clock, lambda b, _: b.sleep(0.01), None, target=""),
    Case(
        "random_bytes",
        Random,
        lambda b, _: (len(b.random_bytes(9)), b.random_bytes(9) != b.random_bytes(9)),
        (9, True),
        target="",
    ),
    Case("rng", Random, lambda b, _: b.rng(3).random(), random.Random(3).random(), target=""),
    Case(
        "run_in_threads", Threads, lambda b, _: b.run_in_threads(len, ["a", "bb", ""], workers=2), [1, 2, 0], target=""
    ),
    Case(
        "import_module",
        Import,
        lambda b, _: ("tabnanny" in sys.modules, b.import_module("tabnanny").__name__),
        (False, "tabnanny"),
        target="tabnanny",
    ),
    Case("hostname", SystemInfo, lambda b, _: b.hostname(), os.uname().nodename, target=""),
    Case("uname", SystemInfo, lambda b, _: b.uname().release, os.uname().release, target=""),
    Case("users", SystemInfo, lambda b, _: min((u.uid, u.name) for u in b.users()), (0, "root"), target=""),
    Case("cpu_count", SystemInfo, lambda b, _: b.cpu_count(), len(os.sched_getaffinity(0)), target=""),
    Case("load_library", NativeCode, lambda b, _: b.load_library("libm.so.6").abs(-3), 3, target="libm.so.6"),
]

STREAMS = [
    Case("input", Stdin, lambda b, _: (b.input(), b.input()), ("one", "two"), target=""),
    Case("input", Stdin | Stdout, lambda b, _: b.input("name? "), "one", target=""),
    Case("print", Stdout, lambda b, _: b.print("a", 1, sep="-", end="!\n", flush=True), None, target=""),
    Case("stdin", Stdin, lambda b, _: b.stdin.read(), "one\ntwo\n", target=""),
    Case("stdout", Stdout, lambda b, _: (b.stdout.write("a-1!\n"), b.stdout.flush())[0], 5, target=""),
    Case("stderr", Stderr, lambda b, _: b.stderr.write("a-1!\n"), 5, target=""),
]

PLAIN = [*FILES, *NETWORK, *PROCESSES, *OTHERS]


def name_of(case: Case) -> str:
    return f"{case.operation}-{case.called or case.grant}"


@pytest.mark.network
@pytest.mark.parametrize("case", PLAIN, ids=name_of)
def test_what_is_granted_works(case: Case, folder: Path, sandbox_of: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAPSAFE_TEST", "seen")
    place = folder / "in"
    place.mkdir()
    for name in ("a.txt", "sub", "link"):
        (folder / name).rename(place / name)
    assert sandbox_of(case.grant).execute(lambda broker: case.action(broker, str(place))) == case.result
    assert case.after(place)


@pytest.mark.parametrize("case", [*PLAIN, *STREAMS], ids=name_of)
def test_what_is_not_granted_names_what_was_missing(case: Case, folder: Path, sandbox_of: Any) -> None:
    before = tree(folder)
    with pytest.raises(CapabilityError) as caught:
        sandbox_of(Never).execute(lambda broker: case.action(broker, str(folder)))
    error = caught.value
    operation = case.called or case.operation
    assert error.operation == operation
    assert error.target == (("{}/a.txt" if case.target is None else case.target).format(folder) or None)
    missing = error.capability
    assert missing is not None
    assert missing in {part.__name__ for part in getattr(case.grant, "__args__", (case.grant,))} | {"StatFile"}
    assert error.write == f"Sandbox[{missing}]"
    assert f"needs {missing}; write Sandbox[{missing}]" in str(error)
    assert tree(folder) == before


def test_every_operation_is_here() -> None:
    public = {name for name in vars(Broker) if not name.startswith("_")}
    assert public - {case.operation for case in [*PLAIN, *STREAMS]} == {"unix_connect"}


@pytest.mark.parametrize(
    ("grant", "action", "result", "texts"),
    [
        ("Stdin", "(b.input(), b.input())", ("one", "two"), ("", "")),
        ("Stdin | Stdout", "b.input('name? ')", "one", ("name? ", "")),
        ("Stdin", "b.stdin.read()", "one\ntwo\n", ("", "")),
        ("Stdout", "b.print('a', 1, sep='-', end='!\\n', flush=True)", None, ("a-1!\n", "")),
        ("Stdout", "b.print('not flushed')", None, ("not flushed\n", "")),
        ("Stdout", "b.stdout.write('né\\n')", 3, ("né\n", "")),
        ("Stdout", "b.stdout.buffer.write(b'raw')", 3, ("raw", "")),
        ("Stderr", "b.stderr.write('a-1!\\n')", 5, ("", "a-1!\n")),
    ],
)
def test_granted_streams_are_the_real_ones(
    grant: str, action: str, result: object, texts: tuple[str, str], tmp_path: Path
) -> None:
    program = (
        f"import sys; from capsafe import *; r = Sandbox[{grant}](timeout=30).execute(lambda b: {action});"
        "open(sys.argv[1], 'w').write(repr(r))"
    )
    done = subprocess.run(
        [sys.executable, "-X", "utf8", "-c", program, tmp_path / "result"],
        input="one\ntwo\n",
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, *texts)
    assert (tmp_path / "result").read_text() == repr(result)


def test_now_is_the_time(sandbox_of: Any) -> None:
    before = datetime.now(UTC)
    assert before <= sandbox_of(Clock).execute(lambda broker: broker.now()) <= datetime.now(UTC)
