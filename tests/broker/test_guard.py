"""The guard: who is asked, what a refusal says, and whose refusal it is. No sandbox: a broker alone asks its grant."""

import errno
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Never
from typing import Literal as L

import pytest

from capsafe import (
    Ambient,
    Broker,
    Connect,
    FileSystem,
    Import,
    ReadFile,
    Spawn,
    StatFile,
    Threads,
    WriteFile,
)
from capsafe.broker import files, guard, network
from capsafe.capabilities import Capability
from capsafe.grants import read_grant


def broker_of(argument: Any) -> Any:
    return Broker(read_grant(argument))


def refused() -> PermissionError:
    return PermissionError(errno.EACCES, "Permission denied", "/x")


def fail(*_: object, **__: object) -> None:
    raise refused()


@pytest.mark.parametrize(
    ("annotation", "needs"),
    [
        ("Broker[Never]", ()),
        ("Broker[Clock]", ("Clock",)),
        ("Broker[ReadFile[Never]]", ("ReadFile",)),
        ("BrokerPath[ReadFile[Never] | WriteFile[Never]]", ("ReadFile", "WriteFile")),
        ("Broker[Spawn[Never] | Signal]", ("Spawn", "Signal")),
    ],
)
def test_needs_are_read_from_the_self_type(annotation: str, needs: tuple[str, ...]) -> None:
    assert tuple(need.__name__ for need in guard.needs_of(annotation)) == needs


def test_a_self_type_that_names_no_capability_is_an_error() -> None:
    with pytest.raises(AttributeError, match="NoSuch"):
        guard.needs_of("Broker[NoSuch[Never]]")


@pytest.mark.parametrize(
    ("arguments", "target"),
    [
        ({"path": "/a"}, "/a"),
        ({"path": Path("/a")}, "/a"),
        ({"path": b"/a"}, "/a"),
        ({"src": "/a", "dst": "/b"}, "/a"),
        ({"host": "h", "port": 80}, "h:80"),
        ({"host": "h"}, "h:0"),
        ({"args": ["ls", "-l"]}, "ls"),
        ({"args": []}, None),
        ({"pid": 3}, "3"),
        ({"seconds": 3}, None),
        ({}, None),
    ],
)
def test_a_target_is_found_among_the_arguments(arguments: dict[str, object], target: str | None) -> None:
    assert guard.target_of(arguments) == target


def test_a_refusal_says_what_was_tried_what_it_needs_and_what_to_write() -> None:
    broker = broker_of(ReadFile | Connect)
    with pytest.raises(PermissionError) as caught:
        broker.write_text("/x/y", "data")
    assert caught.value.errno == errno.EPERM
    assert caught.value.strerror == "write_text '/x/y' needs WriteFile; write Sandbox[ReadFile | WriteFile | Connect]"
    assert getattr(caught.value, guard.NEEDS_ATTRIBUTE) == ("write_text", "WriteFile", "/x/y")
    assert type(caught.value) is PermissionError


def test_keyword_arguments_are_named_too() -> None:
    with pytest.raises(PermissionError, match=r"connect 'h:80' needs Connect"):
        broker_of(Never).connect(port=80, host="h")


@pytest.mark.parametrize(
    ("grant", "offered"),
    [
        (Never, ""),
        (StatFile, "stat"),
        (ReadFile, "read stat"),
        (WriteFile, "write"),
        (FileSystem, "read write stat"),
        (ReadFile | WriteFile, "read write stat"),
        (ReadFile[L["/nowhere"]], "read stat"),
        # What is ambient is used without the broker, which then offers nothing: as the types say.
        (Ambient[ReadFile], ""),
    ],
)
def test_the_algebra_of_the_types_holds_at_run_time(grant: Any, offered: str, tmp_path: Path) -> None:
    reads, writes, stats = (name in offered.split() for name in ("read", "write", "stat"))
    (tmp_path / "a").write_text("a")
    broker = broker_of(grant)

    def allowed(operation: str, *arguments: object) -> bool:
        try:
            result = getattr(broker, operation)(*arguments)
        except PermissionError:
            return False
        if operation == "open":
            result.close()
        return True

    assert allowed("read_bytes", tmp_path / "a") is reads
    assert allowed("write_bytes", tmp_path / "b", b"b") is writes
    assert allowed("stat", tmp_path / "a") is stats
    assert allowed("open", tmp_path / "a", "r+") is (reads and writes)
    assert allowed("copy", tmp_path / "a", tmp_path / "c") is (reads and writes)
    assert allowed("path", "a") is (stats or writes)


def test_what_is_refused_is_not_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[object] = []
    monkeypatch.setattr(files, "rmtree", called.append)
    with pytest.raises(PermissionError, match="needs ReadFile"):
        broker_of(WriteFile).rmtree("/x")
    assert called == []
    broker_of(FileSystem).rmtree("/x")
    assert called == ["/x"]


def test_the_kernels_refusal_is_explained_and_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "read_text", fail)
    with pytest.raises(PermissionError, match="Permission denied: '/x'") as caught:
        broker_of(ReadFile[L["/data"]]).read_text("/x")
    assert getattr(caught.value, guard.NEEDS_ATTRIBUTE) == ("read_text", "ReadFile", "/x")


def test_of_several_needs_the_scoped_one_was_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "rmtree", fail)
    with pytest.raises(PermissionError) as caught:
        broker_of(ReadFile | WriteFile[L["/data"]]).rmtree("/x")
    assert getattr(caught.value, guard.NEEDS_ATTRIBUTE) == ("rmtree", "WriteFile", "/x")


def test_an_inner_operation_knows_better(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Copying reads one path and writes another; the refusal is about the one that was refused."""
    (tmp_path / "a").write_text("a")
    broker = broker_of(ReadFile[L["/data"]] | WriteFile[L["/data"]])
    monkeypatch.setattr(files, "copy_to", fail)
    with pytest.raises(PermissionError) as caught:
        broker.copy(tmp_path / "a", tmp_path / "b")
    assert getattr(caught.value, guard.NEEDS_ATTRIBUTE) == ("copy", "WriteFile", str(tmp_path / "b"))
    monkeypatch.setattr(files, "open_file", fail)
    with pytest.raises(PermissionError) as caught:
        broker.copy(tmp_path / "a", tmp_path / "b")
    assert getattr(caught.value, guard.NEEDS_ATTRIBUTE) == ("open for reading", "ReadFile", str(tmp_path / "a"))


def test_a_refusal_that_comes_late_is_explained_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def walk(*_: object, **__: object) -> Iterator[int]:
        yield 1
        raise refused()

    monkeypatch.setattr(files, "walk", walk)
    rows = broker_of(ReadFile).walk("/x")
    assert next(rows) == 1
    with pytest.raises(PermissionError) as caught:
        next(rows)
    assert getattr(caught.value, guard.NEEDS_ATTRIBUTE) == ("walk", "ReadFile", "/x")


def test_errors_of_the_callers_own_code_are_not_the_brokers() -> None:
    """A refusal inside a callback has nothing to do with Threads."""
    with pytest.raises(PermissionError) as caught:
        broker_of(Threads).run_in_threads(fail, [1])
    assert not hasattr(caught.value, guard.NEEDS_ATTRIBUTE)
    assert set(broker_of(Threads | Import).run_in_threads(len, ["a"])) == {1}


def test_other_errors_pass_as_they_are(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        broker_of(ReadFile).read_text(tmp_path / "none")
    assert not hasattr(caught.value, guard.NEEDS_ATTRIBUTE)
    with pytest.raises(ValueError, match="mode"):
        broker_of(ReadFile).open(tmp_path, "q")


def test_a_name_needs_resolve_and_a_number_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[object] = []
    monkeypatch.setattr(network, "connect", lambda candidates, _timeout: tried.extend(candidates))
    broker = broker_of(Connect)
    broker.connect("10.1.2.3", 80)
    broker.connect("::1", 80)
    broker.connect("localhost", 80)
    assert tried == [("10.1.2.3", 80), ("::1", 80), ("127.0.0.1", 80), ("::1", 80)]
    with pytest.raises(PermissionError, match=r"connect by name 'example\.invalid:80' needs Resolve; write Sandbox\["):
        broker.connect("example.invalid", 80)


def test_a_timeout_needs_signal() -> None:
    with pytest.raises(PermissionError, match="run 'sleep' needs Signal"):
        broker_of(Spawn).run(["sleep", "60"], timeout=1)


def test_only_what_is_granted_is_loaded() -> None:
    """A broker that grants files has no use for subprocess and sockets."""
    import json
    import subprocess
    import sys

    program = (
        "import sys, json, capsafe; from capsafe.grants import read_grant;"
        "capsafe.Broker(read_grant(capsafe.ReadFile));"
        "print(json.dumps([n for n in ('socket', 'subprocess', 'ctypes', 'random') if n in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []


@pytest.mark.parametrize("capability", [ReadFile, Connect, Spawn])
def test_the_grant_can_not_be_swapped_by_calling_the_class(capability: type[Capability]) -> None:
    """A broker keeps the grant it was made with; the kernel stands behind it anyway."""
    broker = broker_of(capability)
    with pytest.raises(AttributeError):
        broker.more = capability
