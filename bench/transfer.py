"""What it costs to bring a large array back, beside a plain copy through shared memory, in turns of the same run.

    python -m bench.transfer [ROUNDS]

The plain copy is the least that any closure in a process of its own costs: a bare fork copies the array into memory
that was shared before, and the parent has it there, for as long as nobody else writes to it. Bytes have memory of their
own, so that one copy more can't be spared; they have no bound.
"""

import mmap
import os
import sys
from collections.abc import Callable  # noqa: TC003 - an annotation of a variable
from typing import Any, Never

import numpy as np

from bench.figures import Figure, main, ratio, take_turns
from capsafe.sandbox import Sandbox

ROUNDS = 15
WARM_UP = 2
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


def is_whole(found: Any) -> bool:  # noqa: ANN401 - as above
    """Say whether it is the array, or its bytes."""
    if isinstance(found, bytes):
        return len(found) == SIZE and found[-8:] == DATA[-8:]
    return len(found) == len(ARRAY) and bool(found[-1] == ARRAY[-1])


def figures(rounds: int = ROUNDS) -> list[Figure]:
    """Return the ratios to the plain copy."""
    sandbox = Sandbox[Never]()
    calls: dict[str, Callable[[], Any]] = {
        "a plain copy": plain_copy,
        "array": lambda: sandbox.execute(returned_array),
        "bytes": lambda: sandbox.execute(returned_bytes),
        "pipe": through_a_pipe,
    }
    take_turns(calls, WARM_UP)
    times = take_turns(calls, rounds, is_whole)
    size = f"{SIZE // 10**6} MB"
    return [
        ratio(f"an array of {size} back", times, "array", "a plain copy", BOUND),
        ratio(f"bytes of {size} back", times, "bytes", "a plain copy"),
        ratio(f"{size} through a bare pipe", times, "pipe", "a plain copy"),
    ]


if __name__ == "__main__":
    sys.exit(main(figures, sys.argv[1:]))
