"""What observing costs: a call that is told of, and a whole run, beside the same without, interleaved in the same run.

    python bench/observe.py [ROUNDS]

There is no bound: observing is for trials. Each call that is told of waits for the parent, which reads its arguments.
"""

import os
import statistics
import sys
import time

from capsafe import ReadFile, Sandbox

ROUNDS = 20
CALLS = 100
PATH = "/etc/hostname"


def closure(_: object) -> list[float]:
    """Return how long each of some pairs of open and close took, in seconds."""
    times = []
    for _ in range(CALLS):
        start = time.perf_counter()  # type: ignore[capsafe-ambient]  # no clock of the broker is as exact
        os.close(os.open(PATH, os.O_RDONLY))  # type: ignore[capsafe-ambient]  # what it costs is the subject
        times.append(time.perf_counter() - start)  # type: ignore[capsafe-ambient]  # as above
    return times


def main(arguments: list[str]) -> int:
    """Print the medians of open and close, and of a run that does nothing."""
    rounds = int(arguments[0]) if arguments else ROUNDS
    box = Sandbox[ReadFile]()
    box.execute(closure)
    box.observe(closure)
    calls: dict[str, list[float]] = {"open and close, observed": [], "open and close": []}
    runs: dict[str, list[float]] = {"a run, observed": [], "a run": []}
    for _ in range(rounds):
        # The first waits for the parent to look.
        calls["open and close, observed"] += box.observe(closure).result[1:]
        calls["open and close"] += box.execute(closure)[1:]
        start = time.perf_counter()
        box.observe(lambda _: 1)
        runs["a run, observed"].append(time.perf_counter() - start)
        start = time.perf_counter()
        box.execute(lambda _: 1)
        runs["a run"].append(time.perf_counter() - start)
    for name, times in (calls | runs).items():
        print(f"{name:26} median {statistics.median(times) * 1e6:8.1f} us")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
