"""What the kernel says when there are too many layers, too much in one, or none to be had: it is an error each time."""

import errno
import os
from pathlib import Path
from typing import Any, Never

import pytest

from capsafe import FileSystem, Process, ReadFile, Sandbox, Stdio, Threads, UnsupportedError
from capsafe.grants import read_grant
from capsafe.kernel import landlock, prepare, seccomp
from capsafe.kernel.libc import LIBC, Program, install_filter, prctl
from capsafe.kernel.support import load_pyseccomp
from capsafe.policy import compile_policy
from capsafe.policy.baseline import OTHER_ERRORS, REFUSED
from capsafe.policy.numbers import NUMBERS
from tests.kernel.confined import forked

pytestmark = pytest.mark.kernel
ALLOW = bytes.fromhex("060000000000ff7f")
MOST_LAYERS = 16


def test_one_layer_too_many_is_an_error() -> None:
    """Landlock takes sixteen; the seventeenth is not left out in silence."""
    ruleset = prepare(compile_policy(read_grant(ReadFile))).ruleset
    assert ruleset is not None

    def child() -> Any:
        prctl(38, 1)
        for number in range(MOST_LAYERS + 2):
            try:
                landlock.restrict(ruleset)
            except OSError as error:
                return [number, errno.errorcode[error.errno or 0]]
        return "no end"

    assert forked(child) == [MOST_LAYERS, "E2BIG"]


def test_one_filter_too_many_is_an_error() -> None:
    number = NUMBERS[os.uname().machine]["seccomp"]
    program = Program(ALLOW * 4000)

    def child() -> Any:
        prctl(38, 1)
        for count in range(64):
            try:
                install_filter(number, program)
            except OSError as error:
                return [count > 0, errno.errorcode[error.errno or 0]]
        return "no end"

    assert forked(child) == [True, "ENOMEM"]


def test_a_filter_without_no_new_privs_is_an_error() -> None:
    """For whoever is not root; root's own children can't gain anything."""
    number = NUMBERS[os.uname().machine]["seccomp"]

    def child() -> None:
        if os.geteuid() == 0:
            os.setgroups([])
            os.setresuid(65534, 65534, 65534)
        install_filter(number, Program(ALLOW))

    assert forked(child) == "EACCES"


def test_a_rule_that_says_what_is_said_anyway_is_an_error() -> None:
    """The library refuses it: capsafe passes that on, where others caught it and went on without a filter."""
    pyseccomp = load_pyseccomp()
    rows: Any = {0: (pyseccomp.ERRNO(1), {()})}
    with pytest.raises(UnsupportedError, match="libseccomp refused"):
        seccomp._export(pyseccomp, pyseccomp.ERRNO(1), rows)


def test_no_row_says_what_is_said_anyway() -> None:
    assert REFUSED not in OTHER_ERRORS.values()


WIDE: Any = FileSystem | Process | Stdio | Threads


@pytest.mark.parametrize("grant", [Never, ReadFile, WIDE], ids=["Never", "ReadFile", "everything"])
def test_a_sandbox_inside_a_sandbox_is_never_wider(grant: Any, tmp_path: Path) -> None:
    """Whether it can be set up or not: what the outer one refuses stays refused."""
    outer: Any = Sandbox.__class_getitem__(Never)()  # type: ignore[attr-defined]  # Generic has it
    inner: Any = Sandbox.__class_getitem__(grant)()  # type: ignore[attr-defined]
    secret = tmp_path / "secret"
    secret.write_text("secret")
    assert Sandbox[ReadFile]().execute(lambda _: secret.read_text()) == "secret"

    def closure(_: object) -> object:
        try:
            return inner.execute(lambda _: secret.read_text())
        except (OSError, RuntimeError, ImportError) as error:
            return type(error).__name__

    said = outer.execute(closure)
    assert said != "secret"


def test_a_sandbox_that_can_not_be_set_up_inside_runs_nothing() -> None:
    """With programs granted it can fork, and then the kernel lets no more filters in."""
    inner = Sandbox[Never]()
    inner.execute(lambda _: None)
    wide: Any = Sandbox.__class_getitem__(WIDE)()  # type: ignore[attr-defined]  # Generic has it

    def closure(_: object) -> str:
        try:
            return f"it ran: {inner.execute(lambda _: LIBC.getpid())}"
        except (OSError, RuntimeError) as error:
            return type(error).__name__

    assert "it ran" not in wide.execute(closure)
