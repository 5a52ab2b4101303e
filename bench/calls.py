"""What an allowed system call costs in a sandbox, beside the same outside, in turns of the same run.

    python -m bench.calls [ROUNDS]

A round is a loop in the closure, which takes its own time: what is measured is the call, not the fork.
"""

import os
import sys
import time
from collections.abc import Callable  # noqa: TC003 - an annotation of a variable
from typing import Never

from bench.figures import Figure, main, ratio
from capsafe import ReadFile
from capsafe.sandbox import Sandbox

ROUNDS = 30
LOOPS = 3000
OPEN_BOUND = 1.5
GETPPID_BOUND = 1.1


def open_and_close(_: object) -> float:
    """Return how long an open with its close takes, in seconds."""
    start = time.perf_counter()  # type: ignore[capsafe-ambient]  # no clock of the broker is as exact
    for _unused in range(LOOPS):
        os.close(os.open("/etc/passwd", os.O_RDONLY))  # type: ignore[capsafe-ambient]  # the call itself is the subject
    return (time.perf_counter() - start) / LOOPS  # type: ignore[capsafe-ambient]  # as above


def getppid(_: object) -> float:
    """Return how long the cheapest system call takes, in seconds."""
    call = os.getppid
    start = time.perf_counter()  # type: ignore[capsafe-ambient]  # as above
    for _unused in range(LOOPS):
        call()  # type: ignore[capsafe-ambient]  # as above
    return (time.perf_counter() - start) / LOOPS  # type: ignore[capsafe-ambient]  # as above


def figures(rounds: int = ROUNDS) -> list[Figure]:
    """Return both."""
    reading, pure = Sandbox[ReadFile](), Sandbox[Never]()
    forms: dict[str, tuple[Callable[[], float], Callable[[], float]]] = {
        "open": (lambda: open_and_close(None), lambda: reading.execute(open_and_close)),
        "getppid": (lambda: getppid(None), lambda: pure.execute(getppid)),
    }
    times: dict[str, dict[str, list[float]]] = {name: {"outside": [], "inside": []} for name in forms}
    for _ in range(rounds):
        for name, (outside, inside) in forms.items():
            times[name]["outside"].append(outside())
            times[name]["inside"].append(inside())
    return [
        ratio("open and close in Sandbox[ReadFile]", times["open"], "inside", "outside", OPEN_BOUND),
        ratio("getppid in Sandbox[Never]", times["getppid"], "inside", "outside", GETPPID_BOUND),
    ]


if __name__ == "__main__":
    sys.exit(main(figures, sys.argv[1:]))
