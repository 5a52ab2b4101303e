"""What observing costs: a call that is told of, and a whole run, beside the same without, in turns of the same run.

    python -m bench.observe [ROUNDS]

There is no bound: observing is for trials. Each call that is told of waits for the parent, which reads its arguments.
"""

import os
import sys
import time

from bench.figures import Figure, main, ratio, take_turns
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


def figures(rounds: int = ROUNDS) -> list[Figure]:
    """Return the ratios of open and close, and of a run that does nothing."""
    box = Sandbox[ReadFile]()
    box.execute(closure)
    box.observe(closure)
    calls: dict[str, list[float]] = {"observed": [], "executed": []}
    runs: dict[str, list[float]] = {"observed": [], "executed": []}
    for _ in range(rounds):
        # The first waits for the parent to look.
        calls["observed"] += box.observe(closure).result[1:]
        calls["executed"] += box.execute(closure)[1:]
        turn = take_turns(
            {"observed": lambda: box.observe(lambda _: 1), "executed": lambda: box.execute(lambda _: 1)}, 1
        )
        runs = {name: found + turn[name] for name, found in runs.items()}
    return [
        ratio("open and close, observed", calls, "observed", "executed"),
        ratio("a run, observed", runs, "observed", "executed"),
    ]


if __name__ == "__main__":
    sys.exit(main(figures, sys.argv[1:]))
