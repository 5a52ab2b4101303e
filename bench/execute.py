"""What a sandboxed call costs, beside a bare fork with a pipe and JSON, in turns of the same run.

    python -m bench.execute [ROUNDS]

The bare fork is the least that any closure in a process of its own costs.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable  # noqa: TC003 - an annotation of a variable
from typing import Never

from bench.figures import Figure, main, ratio, take_turns
from capsafe import ReadFile
from capsafe.sandbox import Sandbox

ROUNDS = 300
WARM_UP = 5
BOUND = 1.5

#: The first call of a process loads libraries and compiles the filter: a process of its own is asked.
FIRST = """
import time
from typing import Never
from capsafe import Sandbox
start = time.perf_counter()
Sandbox[Never]().execute(lambda _: 1)
print((time.perf_counter() - start) * 1000)
"""


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


def first_call() -> float:
    """Return how long the first call of a process takes, in milliseconds."""
    command = [sys.executable, "-c", FIRST]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - both are our own
    return float(done.stdout)


def figures(rounds: int = ROUNDS) -> list[Figure]:
    """Return the ratios to the bare fork, and what the first call costs."""
    pure, reading = Sandbox[Never](), Sandbox[ReadFile]()
    calls: dict[str, Callable[[], object]] = {
        "a bare fork": bare_fork,
        "Never": lambda: pure.execute(closure),
        "ReadFile": lambda: reading.execute(closure),
    }
    take_turns(calls, WARM_UP)
    times = take_turns(calls, rounds, lambda found: found == 1)
    return [
        ratio("execute in Sandbox[Never]", times, "Never", "a bare fork", BOUND),
        ratio("execute in Sandbox[ReadFile]", times, "ReadFile", "a bare fork"),
        Figure("first execute of a process", first_call(), "ms", detail="with all that is loaded and compiled for it"),
    ]


if __name__ == "__main__":
    sys.exit(main(figures, sys.argv[1:]))
