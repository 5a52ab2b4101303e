"""What it costs to bring a large array back, beside a plain copy through shared memory, interleaved in the same run.

    python bench/transfer.py [ROUNDS]

The plain copy is the least that any closure in a process of its own costs: a bare fork copies the array into memory
that was shared before, and the parent has it there, for as long as nobody else writes to it. The bound for an array of
80 MB is 1.2 times that. Bytes have memory of their own, so that one copy more can't be spared; they have no bound.
"""

import mmap
import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any, Never

import numpy as np

from capsafe.sandbox import Sandbox

ROUNDS = 15
SIZE = 80_000_000
BOUND = 1.2

ARRAY = np.arange(SIZE // 8)
DATA = ARRAY.tobytes()


def returned_array(_: object) -> Any:  # noqa: ANN401 - an array of any kind
    """Return what is there already, so that what is measured is the way back."""
    return ARRAY


def returned_bytes(_: object) -> bytes:
    """As above."""
    return DATA


def plain_copy() -> Any:  # noqa: ANN401 - as above
    """Copy the array into shared memory in a fork that nothing confines."""
    shared = mmap.mmap(-1, SIZE)
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        np.frombuffer(shared, ARRAY.dtype)[:] = ARRAY
        os.write(writing, b".")
        os._exit(0)
    os.close(writing)
    os.read(reading, 1)
    os.close(reading)
    os.waitpid(pid, 0)
    return np.frombuffer(shared, ARRAY.dtype)


def through_a_pipe() -> Any:  # noqa: ANN401 - as above
    """Send the array's bytes through a pipe, as what has no shared memory must."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        rest = memoryview(DATA)
        while rest:
            rest = rest[os.write(writing, rest) :]
        os._exit(0)
    os.close(writing)
    with open(reading, "rb", buffering=0) as file:  # noqa: PTH123 - it is a descriptor
        data = file.read()
    os.waitpid(pid, 0)
    return np.frombuffer(data, ARRAY.dtype)


def measure(calls: dict[str, Callable[[], Any]], rounds: int) -> dict[str, list[float]]:
    """Return the times of each call in milliseconds; in each round each has its turn."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            start = time.perf_counter()
            found = call()
            times[name].append((time.perf_counter() - start) * 1000)
            if len(found) not in (SIZE, SIZE // 8) or (len(found) == SIZE // 8 and found[-1] != ARRAY[-1]):
                raise AssertionError(f"{name} came back as something else")
            del found
    return times


def main(arguments: list[str]) -> int:
    """Print the medians and their ratio to the plain copy; return 1 where the bound is missed."""
    rounds = int(arguments[0]) if arguments else ROUNDS
    sandbox = Sandbox[Never]()
    calls: dict[str, Callable[[], Any]] = {
        "a plain shared-memory copy": plain_copy,
        "execute, an array": lambda: sandbox.execute(returned_array),
        "execute, bytes": lambda: sandbox.execute(returned_bytes),
        "a bare pipe": through_a_pipe,
    }
    measure(calls, 2)
    times = measure(calls, rounds)
    middles = {name: statistics.median(found) for name, found in times.items()}
    base = middles["a plain shared-memory copy"]
    for name, found in times.items():
        print(f"{name:28} median {middles[name]:7.2f} ms   min {min(found):7.2f} ms   {middles[name] / base:5.2f} x")
    ratio = middles["execute, an array"] / base
    print(f"{SIZE // 10**6} MB in an array: {ratio:.2f} times the plain copy; the bound is {BOUND}")
    return 0 if ratio <= BOUND else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
