"""Sandboxes in which some system calls of a child's set-up are others: left out, or made to fail."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Final

import pytest

from capsafe.kernel.calls import Call, Calls
from capsafe.kernel.restrict import Prepared

NOTHING: Final = Call("getppid")
#: There is no such descriptor, and the kernel says so.
FAILURE: Final = Call("close", (-1,))


def exchange(monkeypatch: pytest.MonkeyPatch, chosen: Callable[[Call], bool], put: Call = NOTHING) -> list[Call]:
    """Have sandboxes make another call in the place of some, those too that have been used already.

    Returns a list of those that were exchanged, which grows.
    """
    original = Calls.__init__
    exchanged: list[Call] = []

    def begin(self: Calls, calls: Iterable[Call], held: Iterable[object] = ()) -> None:
        rows = list(calls)
        exchanged.extend(filter(chosen, rows))
        original(self, [put if chosen(row) else row for row in rows], held)

    monkeypatch.setattr(Calls, "__init__", begin)
    # What was laid out before is neither used nor kept.
    plan = Prepared.plan
    monkeypatch.setattr(Prepared, "plan", lambda self, places: plan(replace(self, plans={}), places))
    return exchanged
