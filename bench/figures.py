"""What a benchmark finds: a figure beside its bound, and how rounds are taken.

This module knows medians, ratios and how they are printed. It refuses to know what is measured.
"""

import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

#: By unit, how many of it there are in a second.
_PER_SECOND = {"ms": 1e3, "us": 1e6}
#: A ratio to the baseline.
_TIMES = "x"


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure. ``unit``: "x" for a ratio to the baseline, else a unit. ``bound``: the most that it should be.

    ``bound`` is None for what is told for information. ``detail``: what it is made of, such as both medians.
    """

    name: str
    value: float
    unit: str
    bound: float | None = None
    detail: str = ""

    @property
    def is_met(self) -> bool:
        """Whether it is within its bound, where it has one."""
        return self.bound is None or self.value <= self.bound

    def __str__(self) -> str:
        """Return a line of a table."""
        said = "no bound" if self.bound is None else f"bound {self.bound:<5g} {'met' if self.is_met else 'MISSED'}"
        value = f"{self.value:g}" if self.value == int(self.value) else f"{self.value:.2f}"
        return f"{self.name:44} {value:>8} {self.unit:12} {said:18} {self.detail}".rstrip()


class Measured(Protocol):
    """What each benchmark has: ``figures(rounds)``, and without it as many rounds as it takes to be sure."""

    def __call__(self, rounds: int = ..., /) -> list[Figure]: ...  # noqa: D102 - as the class says


def take_turns(
    calls: Mapping[str, Callable[[], object]], rounds: int, check: Callable[[object], bool] | None = None
) -> dict[str, list[float]]:
    """Return the times of each call in seconds; in each round each has its turn.

    The machine's mood changes from second to second: what takes turns is in the same one. ``check``: says whether a
    result is the one that is wanted; raises ``AssertionError`` where it is not.
    """
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            start = time.perf_counter()
            found = call()
            times[name].append(time.perf_counter() - start)
            if check is not None and not check(found):
                raise AssertionError(f"{name} returned something else")
            # The next one has the same memory to go on with.
            del found
    return times


def ratio(name: str, times: Mapping[str, Sequence[float]], of: str, to: str, bound: float | None = None) -> Figure:
    """Return the ratio of two medians as a figure."""
    above, below = statistics.median(times[of]), statistics.median(times[to])
    detail = (
        f"{_short(above)} against {_short(below)} ({to}); shortest {_short(min(times[of]))}, {_short(min(times[to]))}"
    )
    return Figure(name, above / below, _TIMES, bound, detail)


def median(name: str, times: Sequence[float], unit: str, bound: float | None = None, beside: str = "") -> Figure:
    """Return a median as a figure. ``times``: in seconds. ``unit``: "ms" or "us". ``beside``: what else is told."""
    late = sorted(times)[len(times) * 95 // 100]
    detail = f"95 % below {_short(late)}" + (f"; {beside}" if beside else "")
    return Figure(name, statistics.median(times) * _PER_SECOND[unit], unit, bound, detail)


def show(figures: Iterable[Figure]) -> list[Figure]:
    """Print figures, each as it comes, and return those that miss their bound."""
    missed = []
    for figure in figures:
        print(figure, flush=True)
        if not figure.is_met:
            missed.append(figure)
    return missed


def main(measured: Measured, arguments: Sequence[str]) -> int:
    """Run one benchmark as a command: ``[ROUNDS]``. Returns 1 where a bound is missed."""
    return 1 if show(measured(*map(int, arguments[:1]))) else 0


def _short(seconds: float) -> str:
    for unit, factor in (("s", 1), ("ms", 1e3), ("us", 1e6)):
        if seconds * factor >= 1:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"
