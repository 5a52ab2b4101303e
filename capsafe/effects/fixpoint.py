"""Fixpoints over a graph that is found as it is walked: each node computed once, a cycle until nothing changes.

Knows only keys and who waits for whom (Tarjan's low link: Depth-first search and linear graph
algorithms, 1972). It refuses to know what is computed.
"""

from collections.abc import Callable, Hashable
from typing import Final

NO_ONE: Final = 1 << 30


class Fixpoint:
    """Which nodes are final, which are being computed, and which hold only until the cycle around them is closed."""

    def __init__(self) -> None:
        """Start with nothing known."""
        self._final: set[Hashable] = set()
        self._stack: dict[Hashable, int] = {}
        self._lowest = NO_ONE
        self._round = 0
        self._provisional: dict[Hashable, tuple[int, int]] = {}

    def solve(self, key: Hashable, compute: Callable[[], bool]) -> None:
        """Bring the result of a node as far as it can be brought now.

        ``compute`` joins into the result what is known and returns whether anything was new. Where the node is being
        computed already, further down, it stays as it is: whoever closes the cycle computes again.
        """
        if key in self._final:
            return
        if key in self._stack:
            self._lowest = min(self._lowest, self._stack[key])
            return
        done = self._provisional.get(key)
        if done is not None and done[0] == self._round:
            self._lowest = min(self._lowest, done[1])
            return
        depth = len(self._stack)
        self._stack[key] = depth
        outer = self._lowest
        try:
            lowest = self._iterate(depth, compute)
        finally:
            del self._stack[key]
        if lowest >= depth:
            self._final.add(key)
            lowest = NO_ONE
        else:
            self._provisional[key] = (self._round, lowest)
        self._lowest = min(outer, lowest)

    def _iterate(self, depth: int, compute: Callable[[], bool]) -> int:
        while True:
            self._lowest = NO_ONE
            changed = compute()
            if self._lowest != depth or not changed:
                return self._lowest
            self._round += 1
