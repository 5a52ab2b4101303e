"""The three standard streams.

This module knows where a closure finds its streams. It refuses to know which of them are open: the worker closed the
others, whoever asks.
"""

import sys
from typing import TextIO


def stream(name: str) -> TextIO:
    """Return ``sys.stdin``, ``sys.stdout`` or ``sys.stderr``."""
    found: TextIO | None = getattr(sys, name)
    if found is None:
        raise OSError(f"this process has no {name}")
    return found


def input_line(prompt: str) -> str:
    """Read one line without its line break. Raises EOFError at the end of the input."""
    if prompt:
        target = stream("stdout")
        target.write(prompt)
        target.flush()
    line = stream("stdin").readline()
    if not line:
        raise EOFError("standard input has ended")
    return line.removesuffix("\n")


def print_values(values: tuple[object, ...], sep: str, end: str, *, flush: bool) -> None:
    """Write to standard output as the built-in ``print`` does."""
    target = stream("stdout")
    target.write(sep.join(map(str, values)) + end)
    if flush:
        target.flush()
