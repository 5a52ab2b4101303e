"""What is kept from one call to the next: looked up again as soon as something that it rests on has changed."""

import os
import sys
from pathlib import Path
from typing import Any, Literal, Never

import pytest

from capsafe import FileSystem, Import, ReadFile, Sandbox, Spawn, SystemInfo, UnsupportedError
from capsafe.grants import read_grant
from capsafe.kernel import prepare
from capsafe.kernel.restrict import Places
from capsafe.policy import compile_policy
from tests.sandbox.boxes import sandbox_of

pytestmark = pytest.mark.kernel


@pytest.mark.parametrize("grant", [Never, ReadFile, FileSystem, Spawn, Import, SystemInfo])
def test_nothing_is_looked_up_again_while_nothing_has_changed(grant: object) -> None:
    policy = compile_policy(read_grant(grant))
    first = prepare(policy)
    assert prepare(policy, first) is first


def test_a_named_scope_is_looked_up_each_time(tmp_path: Path) -> None:
    """Any part of it may have become a way to somewhere else."""
    policy = compile_policy(read_grant(ReadFile[Literal["/etc"]]))
    first = prepare(policy)
    assert prepare(policy, first) is not first

    link = tmp_path / "link"
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").write_text("text")
    link.symlink_to(tmp_path / "folder")
    box = sandbox_of(ReadFile[Literal[str(link)]])  # type: ignore[misc]  # known when it runs
    assert box.execute(lambda broker: broker.read_text(link / "file")) == "text"
    link.unlink()
    link.symlink_to("/proc")
    with pytest.raises(UnsupportedError, match="memory of processes"):
        box.execute(lambda broker: broker.read_text(link / "self" / "environ"))


def test_a_new_entry_at_the_top_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time of the root folder tells."""
    policy = compile_policy(read_grant(ReadFile))
    first = prepare(policy)
    stat = os.stat

    def later(path: Any, *more: Any, **named: Any) -> os.stat_result:
        found = stat(path, *more, **named)
        if path != "/":
            return found
        changed = list(found)
        return os.stat_result(changed, {"st_mtime_ns": found.st_mtime_ns + 1, "st_ctime_ns": found.st_ctime_ns})

    monkeypatch.setattr(os, "stat", later)
    assert prepare(policy, first) is not first


def test_another_search_path_is_seen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    box = Sandbox[Import]()
    (tmp_path / "capsafe_found_later.py").write_text("VALUE = 7\n")
    with pytest.raises(ModuleNotFoundError):
        box.execute(lambda broker: broker.import_module("capsafe_found_later").VALUE)
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    assert box.execute(lambda broker: broker.import_module("capsafe_found_later").VALUE) == 7


def test_a_plan_is_kept_for_the_same_numbers_and_no_others() -> None:
    prepared = prepare(compile_policy(read_grant(Never)))
    one, other = Places(7, 8), Places(7, 9)
    assert prepared.plan(one) is prepared.plan(Places(7, 8))
    assert prepared.plan(one) is not prepared.plan(other)
    for number in range(200):
        prepared.plan(Places(10 + number))
    assert len(prepared.plans) <= 64
