"""Linux capabilities are given up, by root, by root in a namespace, and by others who have some."""

import ctypes
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, Never

import pytest

from capsafe import ReadFile
from capsafe.kernel import credentials
from capsafe.kernel.libc import LIBC, prctl
from capsafe.policy.numbers import NUMBERS
from tests.kernel.confined import NOBODY, become, confined, forked

pytestmark = pytest.mark.kernel

AS_ROOT = pytest.mark.skipif(
    os.geteuid() != 0 or not credentials.has_privileges(), reason="only root has privileges to drop"
)

NO_SETS = dict.fromkeys(("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"), 0)
_SETPCAP, _NET_BIND_SERVICE, _DAC_OVERRIDE = 1 << 8, 1 << 10, 1 << 1
_PR_SET_KEEPCAPS, _PR_GET_SECUREBITS, _PR_SET_SECUREBITS, _PR_SET_NO_NEW_PRIVS, _PR_CAP_AMBIENT = 8, 27, 28, 38, 47


def sets() -> dict[str, int]:
    """Return the five sets of this process, as the kernel shows them."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return {name: int(value, 16) for name, value in (line.split(":\t") for line in lines if line.startswith("Cap"))}


def drop() -> None:
    prctl(_PR_SET_NO_NEW_PRIVS, 1)
    credentials.drop_privileges()


def set_capabilities(permitted: int, effective: int, inheritable: int) -> None:
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    data = (ctypes.c_uint32 * 6)(effective, permitted, inheritable)
    number = NUMBERS[os.uname().machine]["capset"]
    if LIBC.syscall(number, header, data) != 0:
        raise OSError(ctypes.get_errno(), "capset")


def as_nobody_with(permitted: int, effective: int) -> None:
    """Be another user who keeps some capabilities, ambient ones too, as a service with a low port does."""
    prctl(_PR_SET_KEEPCAPS, 1)
    become(NOBODY)
    set_capabilities(permitted, effective, permitted)
    for number in range(32):
        if permitted >> number & 1:
            prctl(_PR_CAP_AMBIENT, 2, number)


@AS_ROOT
def test_all_five_sets_are_empty_and_stay_so() -> None:
    def child() -> Any:
        before = sets()
        drop()
        return [before["CapEff"] != 0, before["CapBnd"] != 0, sets(), prctl(_PR_GET_SECUREBITS) & 0x2F]

    assert forked(child) == [True, True, NO_SETS, 0x2F]


@AS_ROOT
@pytest.mark.parametrize("effective", [_SETPCAP | _NET_BIND_SERVICE, _NET_BIND_SERVICE, 0])
def test_another_user_with_capabilities_loses_them(effective: int) -> None:
    """With CAP_SETPCAP in use, and only at hand: what is permitted can be taken back into use."""

    def child() -> Any:
        as_nobody_with(_SETPCAP | _NET_BIND_SERVICE, effective)
        before = sets()
        drop()
        return [before["CapPrm"], before["CapAmb"], sets()]

    both = _SETPCAP | _NET_BIND_SERVICE
    assert forked(child) == [both, both, NO_SETS]


@AS_ROOT
def test_without_the_right_to_narrow_the_bounding_set_no_program_gains_any() -> None:
    """Root without CAP_SETPCAP, as in some containers. The control is the same without no_new_privs and the drop."""

    def child(*, dropped: bool) -> Any:
        set_capabilities(_DAC_OVERRIDE, _DAC_OVERRIDE, 0)
        if dropped:
            drop()
        shown = subprocess.run(["/bin/grep", "CapEff", "/proc/self/status"], capture_output=True, check=True).stdout
        return [sets()["CapBnd"] != 0, int(shown.split()[1], 16) != 0]

    assert forked(lambda: child(dropped=False)) == [True, True]
    assert forked(lambda: child(dropped=True)) == [True, False]


def in_a_namespace(function: Callable[[], Any]) -> Any:
    """Run a function as the root of a user namespace of its own, "no" where there can be none."""

    def child() -> Any:
        if os.geteuid() == 0:
            become(NOBODY)
            prctl(4, 1)
        user, group = os.getuid(), os.getgid()
        if LIBC.unshare(0x10000000) != 0:
            return "no"
        try:
            Path("/proc/self/setgroups").write_text("deny")
            Path("/proc/self/uid_map").write_text(f"0 {user} 1")
            Path("/proc/self/gid_map").write_text(f"0 {group} 1")
        except OSError:
            return "no"
        return function()

    return forked(child)


def test_root_in_a_user_namespace_loses_them() -> None:
    def function() -> Any:
        before = sets()
        drop()
        return [os.getuid(), before["CapEff"] != 0, sets()]

    found = in_a_namespace(function)
    if found == "no":
        pytest.skip("no user namespace can be made here")
    assert found == [0, True, NO_SETS]


@AS_ROOT
def test_root_reads_what_file_modes_let_it_read(tmp_path: Path) -> None:
    """The control is the same process before."""
    private, own = tmp_path / "private", tmp_path / "own"
    for path in (private, own):
        path.write_text("x")
        path.chmod(0o600)
    os.chown(private, NOBODY, NOBODY)

    def attempt() -> list[str]:
        found = []
        for path in (private, own):
            try:
                found.append(path.read_text())
            except PermissionError:
                found.append("refused")
        return found

    assert attempt() == ["x", "x"]
    assert confined(ReadFile, attempt) == ["refused", "x"]


@AS_ROOT
def test_a_folder_that_only_the_powers_of_root_open_can_be_a_scope(tmp_path: Path) -> None:
    """The rule is made before they are gone; what is readable by its mode is read through the rule."""
    from tests.escapes.arena import scoped

    closed = tmp_path / "closed"
    inside = closed / "inside"
    inside.mkdir(parents=True)
    (inside / "note").write_text("note")
    os.chown(closed, NOBODY, NOBODY)
    closed.chmod(0o700)

    def child() -> str:
        try:
            return (inside / "note").read_text()
        except PermissionError:
            return "refused"

    assert confined(scoped(ReadFile, inside), child) == "refused"


@AS_ROOT
def test_dropping_nothing_is_no_error() -> None:
    def child() -> Any:
        become(NOBODY)
        credentials.drop_privileges()
        return credentials.has_privileges()

    assert forked(child) is False


@AS_ROOT
def test_a_kernel_that_refuses_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing runs with what could not be given up."""
    monkeypatch.setattr(credentials, "_EMPTY_AT", 1)
    assert confined(Never, lambda: "ran") == "EFAULT"
