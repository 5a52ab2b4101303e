"""What a denied call costs with its report, beside one that the filter answers alone, in turns of the same run.

    python -m bench.denial [ROUNDS]

The closure asks for a file that it may not open, and catches the error. With the supervisor the parent is told: it
reads the path and the line of the closure, and names the capability that was missing.
"""

import dataclasses
import os
import sys
import time
from typing import Never

from bench.figures import Figure, main, median
from capsafe.sandbox import Sandbox

ROUNDS = 20
CALLS = 200
BOUND = 200


def closure(_: object) -> list[float]:
    """Return how long each of some denied calls took, in seconds."""
    times = []
    for _ in range(CALLS):
        start = time.perf_counter()  # type: ignore[capsafe-ambient]  # no clock of the broker is as exact
        try:
            os.open("/etc/hostname", os.O_RDONLY)  # type: ignore[capsafe-ambient]  # that it is denied is the subject
        except PermissionError:
            times.append(time.perf_counter() - start)  # type: ignore[capsafe-ambient]  # as above
    return times


def figures(rounds: int = ROUNDS) -> list[Figure]:
    """Return the medians of both. Raises ``AssertionError`` where a denial was not told."""
    seen: list[object] = []
    told, bare = Sandbox[Never](on_denial=seen.append), Sandbox[Never]()
    for sandbox in (told, bare):
        sandbox.execute(closure)
    bare._prepared = dataclasses.replace(  # noqa: SLF001 - there is no switch for users
        bare._prepared,  # noqa: SLF001 - as above
        reporting=None,
        plans={},
    )
    seen.clear()
    with_report: list[float] = []
    without: list[float] = []
    for _ in range(rounds):
        # The first waits for the parent to look.
        with_report += told.execute(closure)[1:]
        without += bare.execute(closure)[1:]
    if len(seen) != rounds * CALLS:
        raise AssertionError(f"of {rounds * CALLS} denials {len(seen)} were told")
    return [
        median("a denied call with its report", with_report, "us", BOUND, f"told: {seen[-1]}"),
        median("a denied call, by the filter alone", without, "us"),
    ]


if __name__ == "__main__":
    sys.exit(main(figures, sys.argv[1:]))
