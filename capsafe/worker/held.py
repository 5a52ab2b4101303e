"""The child's sockets as the supervisor holds them: one more descriptor of each, under the child's number.

This module knows which descriptors are open here and closes every one of them. It refuses to know what is done with
them. How many there are is bounded, whatever the child asks for.
"""

import os
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from capsafe.kernel.notify import Notification

#: The most descriptors that are kept for one run: what was not used for longest goes first.
MOST_HELD: Final = 256


@dataclass(slots=True, eq=False)
class Held:
    """One socket.

    ``descriptor``: the one that is kept, -1 once it is closed. ``number``: the child's. ``bound``: to what its scope
    covers. ``connecting``: its connect has not ended; ``peer``: where to. ``waits``: who is told of that, None where
    nobody waits.
    """

    descriptor: int
    number: int
    family: int
    kind: int
    bound: bool = False
    connecting: bool = False
    peer: bytes = b""
    waits: Notification | None = None

    @property
    def blocks(self) -> bool:
        """Whether a call on it waits, as the child has set it."""
        return self.descriptor >= 0 and os.get_blocking(self.descriptor)

    def close(self) -> None:
        """Close it; the number must not be used again, it may be another one's."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


class Table:
    """The sockets of one run, by the child's numbers."""

    def __init__(self) -> None:
        self._held: OrderedDict[int, Held] = OrderedDict()
        self._finished: OrderedDict[int, bool] = OrderedDict()

    def find(self, number: int) -> Held | None:
        """Return a socket, and take it for the one that was used last."""
        held = self._held.get(number)
        if held is not None:
            self._held.move_to_end(number)
        return held

    def has(self, held: Held) -> bool:
        """Say whether a socket is still the one of its number."""
        return self._held.get(held.number) is held

    def listens(self, number: int) -> bool | None:
        """Say whether a socket that was let go of listens, or is connected; None where there was none."""
        return self._finished.get(number)

    def keep(self, held: Held) -> None:
        """Remember a socket; the one that had its number before is the child's no more."""
        self._finished.pop(held.number, None)
        self._drop(self._held.get(held.number))
        self._held[held.number] = held
        while len(self._held) > MOST_HELD:
            self._drop(next(iter(self._held.values())))

    def let_go(self, held: Held, *, listens: bool = False) -> None:
        """Close a socket with which there is nothing more to do here: it is connected, or listens."""
        if self.has(held):
            self._finished[held.number] = listens
            while len(self._finished) > MOST_HELD:
                self._finished.popitem(last=False)
        self._drop(held)

    def close(self) -> None:
        """Close them all."""
        for held in self._held.values():
            held.close()
        self._held.clear()

    def _drop(self, held: Held | None) -> None:
        if held is None:
            return
        if self.has(held):
            del self._held[held.number]
        # One that connects is closed at the end of that: a poll waits for it.
        if not held.connecting:
            held.close()
