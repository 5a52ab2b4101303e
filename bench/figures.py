"""What a benchmark finds: a figure beside its bound, and how rounds are taken.

This module knows medians and ratios. It refuses to know what is measured.
"""

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure. ``unit``: "x" for a ratio to the baseline, else a unit. ``bound``: the most that it should be.

    ``detail``: what it is made of, such as both medians.
    """

    name: str
    value: float
    unit: str
    bound: float
    detail: str = ""

    @property
    def is_met(self) -> bool:
        """Whether it is within its bound."""
        return self.value <= self.bound

    def __str__(self) -> str:
        """Return a line of a table."""
        said = "met" if self.is_met else "MISSED"
        space = "" if self.unit == "x" else " "
        return f"{self.name:52} {self.value:9.2f}{space}{self.unit:13} bound {self.bound:<6g} {said:7} {self.detail}"


def take_turns(calls: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Return the times of each call in seconds; in each round each has its turn.

    The machine's mood changes from second to second: what takes turns is in the same one.
    """
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            times[name].append(time.perf_counter() - start)
    return times


def ratio(name: str, times: Mapping[str, list[float]], of: str, to: str, bound: float) -> Figure:
    """Return the ratio of two medians as a figure."""
    above, below = statistics.median(times[of]), statistics.median(times[to])
    detail = (
        f"{_short(above)} against {_short(below)} ({to}); shortest {_short(min(times[of]))}, {_short(min(times[to]))}"
    )
    return Figure(name, above / below, "x", bound, detail)


def _short(seconds: float) -> str:
    for unit, factor in (("s", 1), ("ms", 1e3), ("us", 1e6)):
        if seconds * factor >= 1:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"
