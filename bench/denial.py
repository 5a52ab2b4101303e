"""What a denied call costs with its report, beside one that the filter answers alone, interleaved in the same run.

    python bench/denial.py [ROUNDS]

The closure asks for a file that it may not open, and catches the error. With the supervisor the parent is told: it
reads the path and the line of the closure, and names the capability that was missing. The bound is 200 microseconds.
"""

import dataclasses
import os
import statistics
import sys
import time
from typing import Never

from capsafe.sandbox import Sandbox

ROUNDS = 20
CALLS = 200
BOUND = 200e-6


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


def main(arguments: list[str]) -> int:
    """Print the medians of both, and how many were told."""
    rounds = int(arguments[0]) if arguments else ROUNDS
    seen: list[object] = []
    told, bare = Sandbox[Never](on_denial=seen.append), Sandbox[Never]()
    for sandbox in (told, bare):
        sandbox.execute(closure)
    bare._prepared = dataclasses.replace(bare._prepared, reporting=None)  # noqa: SLF001 - there is no switch for users
    seen.clear()
    with_report: list[float] = []
    without: list[float] = []
    for _ in range(rounds):
        # The first waits for the parent to look.
        with_report += told.execute(closure)[1:]
        without += bare.execute(closure)[1:]
    for name, times in (("denied, with its report", with_report), ("denied, by the filter", without)):
        found = sorted(times)
        late = found[len(found) * 95 // 100]
        print(f"{name:26} median {statistics.median(found) * 1e6:7.1f} us   95 % below {late * 1e6:7.1f} us")
    print(f"told {len(seen)} of {rounds * CALLS} denials; the last: {seen[-1]}")
    return 0 if statistics.median(with_report) < BOUND else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
