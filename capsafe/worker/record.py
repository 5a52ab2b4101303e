"""What was refused in a run, and who is told of it: the handler, the log, and the error that ends the run.

This module knows how many denials are kept, and how what the child says of its last one is put together with what the
kernel told. It refuses to know how a refused call becomes a ``Denial``.
"""

import errno
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Final

from capsafe.errors import CapabilityError, Denial

if TYPE_CHECKING:
    import logging

#: The most denials of one run that are described.
MOST: Final = 1000

#: What the closure did not catch was refused at its end, but for what its handlers tried.
_LOOK_BACK: Final = 16


class Record:
    """The denials of one run. ``on_denial``: is called with each; what it raises ends the run."""

    def __init__(self, on_denial: Callable[[Denial], object] | None = None) -> None:
        self._on_denial = on_denial
        self._denials: list[Denial] = []
        self._count = 0

    def add(self, denial: Denial) -> None:
        """Keep a denial and tell of it. Raises what ``on_denial`` raises."""
        self._count += 1
        if len(self._denials) >= MOST:
            return
        self._denials.append(denial)
        _logger().warning("%s", denial)
        if self._on_denial is not None:
            self._on_denial(denial)

    def last_denial(self) -> Denial | None:
        """Return what was told last, None where there was nothing."""
        return self._denials[-1] if self._denials else None

    def finish(self) -> None:
        """Say how many there were that were not told of one by one."""
        if self._count > MOST:
            _logger().warning("%d more operations were refused in this run", self._count - MOST)

    def mark(self, error: BaseException) -> None:
        """Write the denials on what ends the run. Raises what ``on_denial`` raises."""
        if isinstance(error, CapabilityError):
            for told in error.denials:
                self._settle(told, error)
        if not self._denials:
            return
        try:
            error.denials = tuple(self._denials)  # type: ignore[attr-defined]  # most exceptions take attributes
            error.denied = self._count  # type: ignore[attr-defined]  # as above
        except Exception:  # noqa: BLE001 - a class may refuse in its own way
            error.add_note("\n".join(["Refused in this run:", *map(str, self._denials[:20])]))

    def explain(self, error: BaseException) -> BaseException:
        """Return what to raise in place of an error: one that says so where what was refused had been trimmed away.

        The child can't tell: to it the error is one that a file's permissions give, or a scope.
        """
        if not isinstance(error, PermissionError) or error.errno != errno.EPERM:
            return error
        for denial in self._denials[-_LOOK_BACK:][::-1]:
            if denial.trimmed and (denial.target is None or error.filename in (None, denial.target)):
                target = denial.target if denial.target is not None else error.filename
                found = CapabilityError(denial.operation, target=target, trimmed=True)
                found.filename = target
                found.__notes__ = getattr(error, "__notes__", [])
                return found
        return error

    def _settle(self, told: Denial, error: CapabilityError) -> None:
        """Put together what the child says of its last denial and what the kernel told: one is seen by both."""
        if error.errno == errno.EPERM:
            for at in range(len(self._denials) - 1, max(len(self._denials) - 1 - _LOOK_BACK, -1), -1):
                seen = self._denials[at]
                if _are_one(seen, told):
                    self._denials[at] = Denial(
                        operation=told.operation,
                        call=seen.call,
                        target=told.target if told.target is not None else seen.target,
                        capability=told.capability,
                        write=told.write,
                        file=told.file or seen.file,
                        line=told.line or seen.line,
                    )
                    return
        self.add(told)


def _are_one(seen: Denial, told: Denial) -> bool:
    if seen.capability != told.capability:
        return False
    return seen.target is None or told.target is None or seen.target == told.target


@cache
def _logger() -> "logging.Logger":
    import logging  # noqa: PLC0415 - most runs have nothing to say

    found = logging.getLogger("capsafe")
    # A library does not print by itself; whoever configures logging sees it.
    found.addHandler(logging.NullHandler())
    return found
