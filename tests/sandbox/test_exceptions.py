"""What a closure raises is raised in the parent, and nothing it raises ends it."""

import asyncio
import dataclasses
import sys
import traceback
from typing import Any

import pytest

from capsafe import (
    ReadFile,
    Sandbox,
    TransferError,
)
from tests.sandbox.boxes import (
    PURE,
    caught,
    raising,
)

pytestmark = pytest.mark.kernel


class OwnError(Exception):
    """An exception of its own class."""


class OwnValueError(ValueError):
    """With a nearer built-in base."""


class AwkwardError(LookupError):
    """Neither shown nor taken apart easily."""

    def __str__(self) -> str:
        raise OwnError("no text")

    def __repr__(self) -> str:
        raise OwnError("no text")


class OwnOSError(OSError):
    """An OSError with a number."""


@pytest.mark.parametrize(
    "error",
    [
        ValueError("a", 1),
        KeyError("k"),
        Exception("plain"),
        StopIteration(5),
        FileNotFoundError(2, "gone", "/x", None, "/y"),
        OSError("only text"),
        BlockingIOError(11, "again"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"),
        SyntaxError("bad", ("f.py", 1, 2, "x x", 1, 3)),
        AttributeError("no", name="x"),
        ModuleNotFoundError("no", name="x", path="y"),
        ZeroDivisionError(),
        MemoryError("own"),
        RecursionError("deep"),
        NotImplementedError("x"),
        AssertionError(("tuple", 1)),
        PermissionError("of its own making"),
        TimeoutError("x"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_built_in_exceptions_keep_type_and_arguments(error: Exception) -> None:
    found: Any = caught(raising(error))
    assert type(found) is type(error)
    if not isinstance(error, MemoryError):
        assert found.args == error.args
        assert str(found) == str(error)
    for name in ("errno", "filename", "filename2", "name", "path", "value", "start", "reason", "lineno"):
        if hasattr(error, name):
            assert getattr(found, name) == getattr(error, name)


def test_exceptions_of_ones_own_become_the_nearest_built_in() -> None:
    found = caught(raising(OwnError("text")))
    assert type(found) is RuntimeError
    assert str(found) == f"{__name__}.OwnError: text"
    found = caught(raising(OwnValueError("text")))
    assert type(found) is ValueError
    assert str(found) == f"{__name__}.OwnValueError: text"
    found = caught(raising(AwkwardError(1)))
    assert type(found) is LookupError
    assert "its __str__ raised OwnError" in str(found)
    os_error: Any = caught(raising(OwnOSError(28, "full", "/x")))
    assert type(os_error) is OSError
    assert (os_error.errno, os_error.filename) == (28, "/x")
    assert "OwnOSError" in str(os_error)


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit(), BaseException("x")])
def test_nothing_the_closure_raises_ends_the_parent(error: BaseException) -> None:
    found = caught(raising(error))
    assert type(found) is RuntimeError
    assert type(error).__name__ in str(found)
    assert caught(lambda _: sys.exit("bye")).args == (
        "the closure raised SystemExit(bye), which ends no more than the sandbox",
    )
    cancelled = caught(raising(asyncio.CancelledError()))
    assert type(cancelled) is RuntimeError


def test_groups_keep_their_parts() -> None:
    group = ExceptionGroup("several", [ValueError(1), OwnError("x"), ExceptionGroup("more", [KeyError("k")])])
    found: Any = caught(raising(group))
    assert type(found) is ExceptionGroup
    assert found.message == "several"
    assert [type(one) for one in found.exceptions] == [ValueError, RuntimeError, ExceptionGroup]
    found = caught(raising(BaseExceptionGroup("ends", [SystemExit(1)])))
    assert [type(one) for one in found.exceptions] == [RuntimeError]


def test_the_traceback_of_the_closure_is_a_note() -> None:
    def inner() -> None:
        try:
            raise KeyError("first")  # noqa: TRY301 - its line is looked for
        except KeyError as error:
            raise ValueError("second") from error

    found = caught(lambda _: inner())
    shown = "".join(traceback.format_exception(found))
    assert "In the sandbox:\n" in shown
    (note,) = found.__notes__
    assert f'File "{__file__}", line {inner.__code__.co_firstlineno + 2}, in ' in note
    assert 'raise KeyError("first")' in note
    assert "direct cause of the following exception" in note
    assert note.endswith("ValueError: second")
    assert "capsafe/worker" not in note


def test_notes_come_along() -> None:
    error = ValueError("x")
    error.add_note("look here")
    assert "look here" in caught(raising(error)).__notes__


def test_an_endless_recursion_is_shown_in_short() -> None:
    def recurse(_: object) -> object:
        return recurse(_)

    found = caught(recurse)
    assert type(found) is RecursionError
    assert "more frames" in found.__notes__[0]
    assert len(found.__notes__[0]) < 30_000


def test_a_large_exception_arrives_all_the_same() -> None:
    found = caught(raising(ValueError("x" * 10**7, object(), list(range(10**6)))))
    assert type(found) is ValueError
    assert len(str(found.args)) < 300_000


def test_a_result_that_cant_cross_says_where() -> None:
    with pytest.raises(
        TransferError, match=r'^result\["f"\]\[0\] \(_io\.TextIOWrapper\) is an open file and can\'t cross'
    ):
        Sandbox[ReadFile]().execute(lambda b: {"f": [b.open("/etc/hostname")]})


def test_a_class_of_the_caller_crosses() -> None:
    @dataclasses.dataclass
    class Local:
        x: int

    found = PURE.execute(lambda _: [Local(1)])
    assert found == [Local(1)]
