"""A sandbox that is trimmed does what was seen, refuses the rest of the group, and says why."""

import os
import pickle
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Never

import pytest

from capsafe import CapabilityError, Connect, Denial, FileSystem, GrantError, Observation, ReadFile, Sandbox, Stdout
from capsafe import Threads as ThreadsGranted
from tests.escapes.arena import NOBODY, become, in_child
from tests.escapes.pairs import LIBC

pytestmark = pytest.mark.kernel

ROOT = os.geteuid() == 0
USERS = [pytest.param(None, id="self"), *([pytest.param(NOBODY, id="nobody")] if ROOT else [])]

SAYS = "was trimmed away: it was not seen when the closure was observed; observe again, or leave .trimmed out"


def read_one(b: Any) -> int:
    return len(b.read_bytes("/etc/hostname")) and 1


def list_one(b: Any) -> int:
    return len(b.listdir("/etc")) and 1


class Reader(Sandbox[ReadFile]):
    """A sandbox that is found again by its name."""


@pytest.mark.parametrize("user", USERS)
def test_the_rest_of_the_group_is_refused_and_says_so(user: int | None) -> None:
    box = Sandbox[ReadFile](timeout=20)
    observation = box.observe(read_one)
    trimmed = box.trimmed(observation)
    assert "getdents64" in {rule.call for rule in box.policy.rules}
    assert "getdents64" not in {rule.call for rule in trimmed.policy.rules}
    trimmed.execute(lambda _: None)

    def trial() -> tuple[object, object, str, bool, str | None]:
        if user is not None:
            become(user)
            LIBC.prctl(4, 1, 0, 0, 0)
        # The control: the type gives both.
        assert (box.execute(read_one), box.execute(list_one), trimmed.execute(read_one)) == (1, 1, 1)
        try:
            trimmed.execute(list_one)
        except CapabilityError as error:
            (denial,) = error.denials
            return error.operation, error.filename, str(error), error.trimmed and denial.trimmed, denial.call
        return None, None, "", False, None

    assert in_child(trial) == ("list", "/etc", f"list '/etc' {SAYS}", True, "getdents64")


def test_an_essays_wish() -> None:
    """A group for reading, without the call that nobody makes."""
    box = Sandbox[ReadFile]()

    def closure(_: object) -> bytes:
        descriptor = os.open("/etc/hostname", os.O_RDONLY)
        return os.read(descriptor, 100)

    trimmed = box.trimmed(box.observe(closure))
    assert trimmed.execute(closure) == Path("/etc/hostname").read_bytes()
    seen: list[Denial] = []
    told = Sandbox[ReadFile](on_denial=seen.append).trimmed(box.observe(closure))
    with pytest.raises(CapabilityError, match="read the metadata of") as caught:
        told.execute(lambda _: os.fstat(0))
    assert caught.value.trimmed
    assert [one.trimmed for one in seen] == [True]
    assert SAYS in str(seen[0])


def test_what_is_swallowed_is_told_and_what_never_was_granted_still_is() -> None:
    seen: list[Denial] = []
    box = Sandbox[ReadFile](on_denial=seen.append)
    trimmed = box.trimmed(box.observe(read_one))

    def closure(_: object) -> list[int]:
        found = []
        for call in (
            lambda: os.listdir("/etc"),
            lambda: os.mkdir("/tmp/capsafe-x"),
            lambda: os.getxattr("/etc", "user.x"),
        ):
            try:
                call()
            except OSError as error:
                found.append(error.errno or 0)
        return found

    assert trimmed.execute(closure) == [1, 1, 1]
    # Without extended attributes the library would go on: trimmed away, it is refused aloud.
    assert [(one.trimmed, one.capability) for one in seen] == [(True, None), (False, "WriteFile"), (True, None)]
    assert seen[1].write == "Sandbox[ReadFile | WriteFile]"


def test_another_error_has_the_denial() -> None:
    box = Sandbox[ThreadsGranted]()
    trimmed = box.trimmed(box.observe(lambda _: None))

    def closure(_: object) -> None:
        threading.Thread(target=print).start()

    with pytest.raises(RuntimeError, match="can't start new thread") as caught:
        trimmed.execute(closure)
    assert [one.trimmed for one in getattr(caught.value, "denials", ())] == [True]


def test_an_ordinary_refusal_is_none_of_it(tmp_path: Path) -> None:
    """EPERM for what the call was allowed to ask: a file's own permissions, here of the kernel's."""

    def closure(_: object) -> None:
        os.listdir("/etc")
        raise PermissionError(1, "of the closure's own", "/elsewhere")

    box = Sandbox[ReadFile]()
    trimmed = box.trimmed(box.observe(read_one) | box.observe(list_one))
    with pytest.raises(PermissionError, match="of the closure's own") as caught:
        trimmed.execute(closure)
    assert type(caught.value) is PermissionError
    del tmp_path


def test_it_is_pickled_with_its_type(tmp_path: Path) -> None:
    box = Reader(timeout=9.0)
    trimmed = box.trimmed(box.observe(read_one))
    assert trimmed.execute(read_one) == 1
    for copied in (pickle.loads(pickle.dumps(trimmed)), trimmed.trimmed(box.observe(read_one))):
        assert type(copied) is Reader
        assert copied.policy == trimmed.policy
        assert copied.execute(read_one) == 1
        with pytest.raises(CapabilityError, match="trimmed away"):
            copied.execute(list_one)
    assert repr(trimmed) == "Reader(timeout=9.0).trimmed(...)"
    # The one that it was made of stays what it is.
    assert box.execute(list_one) == 1
    del tmp_path


def test_a_record_that_was_saved_trims_the_same() -> None:
    box = Sandbox[ReadFile]()
    observation = box.observe(read_one)
    loaded = Observation.from_json(observation.to_json())
    assert box.trimmed(loaded).policy == box.trimmed(observation).policy


def test_the_suggested_type_is_trimmed_to_the_same_run(tmp_path: Path) -> None:
    path = tmp_path / "in"
    path.write_text("hello")
    observation = Sandbox[FileSystem | Connect]().observe(lambda b: b.read_text(path))
    from capsafe.cli.grant_text import read_text

    narrow: Any = Sandbox.__class_getitem__(read_text(observation.write))()  # type: ignore[attr-defined]
    trimmed = narrow.trimmed(observation)
    assert trimmed.execute(lambda b: b.read_text(path)) == "hello"
    with pytest.raises(CapabilityError, match="change the current folder to '/' was trimmed away"):
        trimmed.execute(lambda _: os.chdir("/"))
    with pytest.raises(CapabilityError, match="needs WriteFile"):
        trimmed.execute(lambda _: os.mkdir(tmp_path / "x"))


def test_what_the_type_does_not_give_is_refused_before_anything_runs() -> None:
    observation = Sandbox[ReadFile | Connect]().observe(read_one)
    trimmed = Sandbox[Connect]().trimmed(observation)
    ran: list[int] = []
    with pytest.raises(GrantError, match=r"which Sandbox\[Connect\] does not allow"):
        trimmed.execute(lambda _: ran.append(1))


@pytest.mark.parametrize(
    "closure",
    [
        lambda _: 1 // 0,
        lambda _: [bytearray(10**7) for _ in range(3)] and 1,
        lambda _: "é".encode("cp1252"),
        lambda _: os.listdir("/etc"),
        lambda _: print("x"),
        lambda _: __import__("tabnanny"),
        lambda _: sorted(str(number) for number in range(10**5))[:3],
    ],
)
def test_what_python_needs_for_itself_stays(closure: Callable[[object], object]) -> None:
    """To compute, to fail and to tell of it: the same outcome as without, for one that was trimmed to nothing."""
    outcomes = []
    for box in (Sandbox[Never](), Sandbox[Never]().trimmed(Observation(Sandbox[Never]().grant))):
        try:
            outcomes.append(repr(box.execute(closure)))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the same
            outcomes.append(f"{type(error).__name__}: {error}")
    assert outcomes[0] == outcomes[1]


def test_a_stream_that_was_not_written_is_trimmed_with_the_rest(capfd: pytest.CaptureFixture[str]) -> None:
    box = Sandbox[Stdout]()
    trimmed = box.trimmed(box.observe(lambda _: None))
    with pytest.raises(CapabilityError, match="write standard output was trimmed away"):
        trimmed.execute(lambda b: b.print("x", flush=True))
    box.trimmed(box.observe(lambda b: b.print("x"))).execute(lambda b: b.print("seen"))
    assert "seen" in capfd.readouterr().out
