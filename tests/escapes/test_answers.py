"""What the child sends: it is read as data, so that nothing in it runs in the parent; and nothing is lost of it."""

import os
import pickle
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Never

import pytest

from capsafe import Sandbox, SandboxKilledError, TransferError
from capsafe.policy import OUTCOME_FD
from tests.escapes.pairs import Stage, stage

pytestmark = pytest.mark.kernel
__all__ = ["stage"]

PURE = Sandbox[Never](timeout=30)


class Harmful:
    """Runs a command wherever it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.marker}",)


class HarmfulError(Exception):
    """As an exception."""

    def __init__(self, marker: Path) -> None:
        super().__init__(str(marker))
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.marker}",)


def sent_raw(data: bytes) -> None:
    os.write(OUTCOME_FD, data)
    os._exit(0)


def raising(error: Exception) -> object:
    raise error


def raise_from(marker: Path) -> None:
    raise ValueError("x") from HarmfulError(marker)


def close_the_channel() -> None:
    os.close(OUTCOME_FD)
    os._exit(0)


LOST, LIE = TransferError, SandboxKilledError
#: What is sent, and what the caller gets instead.
ANSWERS: dict[str, tuple[Callable[[Path], object], type[Exception]]] = {
    "returned": (Harmful, LOST),
    "in a list": (lambda marker: [1, {"a": Harmful(marker)}], LOST),
    "as a key": (lambda marker: {Harmful(marker): 1}, LOST),
    "raised": (lambda marker: raising(HarmfulError(marker)), RuntimeError),
    "raised inside": (lambda marker: raising(ValueError(Harmful(marker))), ValueError),
    "as a cause": (raise_from, ValueError),
    "a pickle past capsafe": (lambda marker: sent_raw(pickle.dumps(Harmful(marker))), LIE),
    "a pickle with a length": (lambda marker: sent_raw(with_length(pickle.dumps(Harmful(marker)))), LIE),
}


def with_length(data: bytes) -> bytes:
    return len(data).to_bytes(4, "little") + data


@pytest.mark.parametrize("name", ANSWERS)
def test_no_answer_runs_code_in_the_parent(name: str, stage: Stage) -> None:
    make, instead = ANSWERS[name]
    with pytest.raises(instead) as caught:
        PURE.execute(lambda _: make(stage.marker))
    # As it is, and no class of the child's own.
    assert type(caught.value) is instead
    assert not stage.marker.exists()


def test_the_same_value_runs_code_where_it_is_unpickled(stage: Stage) -> None:
    """The control of the test above."""
    pickle.loads(pickle.dumps(Harmful(stage.marker)))
    assert stage.marker.exists()


class Hooked:
    """Runs code when it is made, compared, hashed, printed or thrown away; the parent has the class as well."""

    ran: list[str] = []  # noqa: RUF012  # what is wanted is one list for all

    def __init__(self) -> None:
        self.ran.append("__init__")

    def __eq__(self, other: object) -> bool:
        self.ran.append("__eq__")
        return True

    def __hash__(self) -> int:
        self.ran.append("__hash__")
        return 1

    def __str__(self) -> str:
        self.ran.append("__str__")
        return ""

    def __repr__(self) -> str:
        self.ran.append("__repr__")
        return ""

    def __del__(self) -> None:
        self.ran.append("__del__")

    def __setstate__(self, state: object) -> None:
        self.ran.append("__setstate__")


def test_no_method_of_a_class_runs_in_the_parent() -> None:
    Hooked.ran.clear()
    makers: list[Callable[[], object]] = [
        Hooked,
        lambda: [Hooked()],
        lambda: {Hooked(): 1},
        lambda: raising(ValueError(Hooked())),
    ]
    for make in makers:
        with pytest.raises((TransferError, ValueError)):
            PURE.execute(lambda _: make())  # noqa: B023  # it runs at once
    assert Hooked.ran == []


ERRORS: list[BaseException] = [ValueError("lost"), KeyError("lost"), ZeroDivisionError("lost"), SystemExit(0)]


@pytest.mark.parametrize("error", ERRORS, ids=lambda one: type(one).__name__)
def test_an_exception_is_never_swallowed(error: BaseException) -> None:
    """Even where it would end an ordinary process with 0."""
    with pytest.raises(BaseException, match=r"lost|0"):
        PURE.execute(lambda _: raising(error))  # type: ignore[arg-type]  # SystemExit, too


ENDINGS: dict[str, Callable[[], object]] = {
    "exit with 0": lambda: os._exit(0),
    "close the channel": close_the_channel,
    "half an answer": lambda: sent_raw(b"\0" * 3),
    "an empty answer": lambda: sent_raw(b""),
    "recursion": lambda: recurse(),  # noqa: PLW0108  # it is defined below
}


def recurse() -> object:
    return recurse()


@pytest.mark.parametrize("name", ENDINGS)
def test_an_ending_without_an_answer_is_never_a_result(name: str) -> None:
    with pytest.raises((SandboxKilledError, RecursionError)):
        PURE.execute(lambda _: ENDINGS[name]())


def test_generators_and_files_are_no_results() -> None:
    def endless() -> Iterator[int]:
        while True:
            yield 1

    makers: list[Callable[[], object]] = [endless, socket.socketpair, lambda: open, lambda: getattr(print, "__self__")]  # noqa: B009  # typeshed has no such attribute
    for make in makers:
        with pytest.raises(TransferError):
            PURE.execute(lambda _: make())  # noqa: B023  # it runs at once
