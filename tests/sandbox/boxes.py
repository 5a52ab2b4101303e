"""Making sandboxes whose type is only known when the test runs, and seeing what became of a call."""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, Never

from capsafe import (
    CapabilityError,
    Sandbox,
)

PURE = Sandbox[Never]()
#: Where the child's end of the channel is, whatever the policy.
CHANNEL = 3


def sandbox_of(argument: Any, **limits: Any) -> Any:
    """Make a sandbox from a type that is only known now."""
    return Sandbox.__class_getitem__(argument)(**limits)  # type: ignore[attr-defined]  # Generic has it


def scoped(capability: Any, path: Path) -> Any:
    """Give a capability a path that is only known now as its scope."""
    return capability[Literal.__getitem__(str(path))]


def descriptors() -> list[str]:
    return sorted(os.listdir("/proc/self/fd"))


def children() -> str:
    found = []
    for task in os.listdir("/proc/self/task"):
        # A thread that was joined may still be on its way out.
        with contextlib.suppress(FileNotFoundError):
            found += Path(f"/proc/self/task/{task}/children").read_text().split()
    return " ".join(found)


def raising(error: BaseException) -> Callable[[object], object]:
    def closure(_: object) -> object:
        raise error

    return closure


def caught(closure: Callable[..., object], box: Any = PURE) -> BaseException:
    try:
        box.execute(closure)
    except BaseException as error:  # noqa: BLE001 - any is what is wanted
        return error
    raise AssertionError("nothing was raised")


def denied(box: Any, closure: Callable[..., object]) -> CapabilityError:
    found = caught(closure, box)
    assert type(found) is CapabilityError, found
    return found


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False
