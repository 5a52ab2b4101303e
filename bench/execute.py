"""What a sandboxed call costs, beside a bare fork with a pipe and JSON, interleaved in the same run.

    python bench/execute.py [ROUNDS]

The bare fork is the least that any closure in a process of its own costs. The machine's mood changes from second to
second, so the rounds take turns, and the ratio is that of the medians.
"""

import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Never

from capsafe import ReadFile
from capsafe.sandbox import Sandbox

ROUNDS = 200


def closure(_: object) -> int:
    """Do next to nothing, so that what is measured is the rest."""
    return 1


def bare_fork() -> object:
    """Run a closure in a fork that nothing confines, and bring its result back."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(writing, json.dumps(closure(None)).encode())
        os._exit(0)
    os.close(writing)
    data = os.read(reading, 65536)
    os.close(reading)
    os.waitpid(pid, 0)
    return json.loads(data)


def measure(calls: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Return the times of each call in milliseconds; in each round each has its turn."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            start = time.perf_counter()
            result = call()
            times[name].append((time.perf_counter() - start) * 1000)
            if result != 1:
                raise AssertionError(f"{name} returned {result!r}")
    return times


def main(arguments: list[str]) -> int:
    """Print the medians and their ratio to the bare fork."""
    rounds = int(arguments[0]) if arguments else ROUNDS
    pure, reading = Sandbox[Never](), Sandbox[ReadFile]()
    calls: dict[str, Callable[[], object]] = {
        "bare fork": bare_fork,
        "Sandbox[Never].execute": lambda: pure.execute(closure),
        "Sandbox[ReadFile].execute": lambda: reading.execute(closure),
    }
    first = time.perf_counter()
    pure.execute(closure)
    print(f"first call, with all that is loaded and compiled for it: {(time.perf_counter() - first) * 1000:.1f} ms")
    measure(calls, 5)
    times = measure(calls, rounds)
    base = statistics.median(times["bare fork"])
    for name, found in times.items():
        middle = statistics.median(found)
        print(f"{name:28} median {middle:6.3f} ms   min {min(found):6.3f} ms   {middle / base:5.2f} x the bare fork")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
