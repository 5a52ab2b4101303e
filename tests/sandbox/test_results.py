"""What a closure returns, and what is checked before anything runs."""

import os
import sys
from pathlib import Path
from typing import Any, Literal, Never

import pytest

from capsafe import (
    Ambient,
    Broker,
    CapabilityError,
    GrantError,
    MissingPathError,
    ReadFile,
    Sandbox,
    StatFile,
    Stdout,
    TransferError,
    UnsupportedError,
)
from tests.sandbox.boxes import PURE, sandbox_of, scoped

pytestmark = pytest.mark.kernel


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
        box.execute(lambda _: os.listdir("/usr"))


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


def test_a_grant_that_cant_be_read_is_an_error_of_its_own() -> None:
    for box in (Sandbox(), sandbox_of(int), Sandbox[Any]()):
        with pytest.raises(GrantError):
            box.execute(lambda _: 1)
        with pytest.raises(GrantError):
            _ = box.policy
    assert repr(Sandbox()) == "Sandbox()"


def test_a_scope_that_is_not_there_is_an_error_of_its_own(tmp_path: Path) -> None:
    box = sandbox_of(scoped(ReadFile, tmp_path / "missing"))
    with pytest.raises(MissingPathError, match="missing"):
        box.execute(lambda _: 1)
    (tmp_path / "missing").mkdir()
    assert box.execute(lambda _: 1) == 1


def test_what_the_kernel_cant_hold_is_an_error_of_its_own() -> None:
    box = sandbox_of(StatFile[Literal["/data"]])
    with pytest.raises(UnsupportedError, match=r"held to a path"):
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
    from capsafe.kernel.steps import Steps

    def fail(_: object) -> None:
        raise OSError(1, "no seccomp here")

    monkeypatch.setattr(Steps, "__call__", fail)
    marker = tmp_path / "ran"
    with pytest.raises(UnsupportedError, match=r"refused to confine the child, so nothing was run.*no seccomp here"):
        PURE.execute(lambda _: marker.write_text("x"))
    assert not marker.exists()
