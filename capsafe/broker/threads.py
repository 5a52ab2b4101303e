"""Threads.

This module knows how to run a function over items in a pool of threads. It refuses to leave one behind.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def run_in_threads(function: Callable[[T], R], items: Iterable[T], workers: int) -> list[R]:
    """Return ``[function(item) for item in items]``, several at a time; the first error is raised."""
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(function, items))
