"""Calls on sockets that would wait: a connect whose end a poll tells, and what is tried again until it is done.

This module knows how a call that waits is answered later, so that neither the timeout nor other threads wait for it. It
refuses to know what a call does, and what is granted (``capsafe.worker.sockets``).
"""

import errno
import os
import select
from collections.abc import Callable
from typing import Final, NamedTuple

from capsafe import capabilities as caps
from capsafe.kernel import notify, sockets
from capsafe.kernel.notify import Notification
from capsafe.worker.held import Held, Table
from capsafe.worker.refused import Refusal
from capsafe.worker.unix_paths import OutsideError

#: What would have waited, and of whose end nothing tells, is tried again after so many milliseconds.
_RETRY: Final = 10.0


class Memory(NamedTuple):
    """How the child's memory is read, and how it is said that a call still waits."""

    read: Callable[[int, int], bytes]
    is_waiting: Callable[[Notification], bool]


class Pending:
    """What has not ended yet in one run. ``table``: the sockets that are held."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._connecting: dict[int, Held] = {}
        self._retries: list[tuple[Notification, Callable[[], int | None], int]] = []
        self._listener = -1
        self._memory: Memory | None = None
        self._poll: select.poll | None = None

    def attach(self, listener: int, memory: Memory, waiting: "select.poll") -> None:
        """Begin. ``listener``: where calls are answered. ``waiting``: tells when something has ended."""
        self._listener, self._memory, self._poll = listener, memory, waiting

    def close(self) -> None:
        """Close what connects; who waits is answered by the end of the listener."""
        for held in self._connecting.values():
            held.close()
        self._connecting.clear()
        self._retries.clear()

    def answer(self, taken: Notification, code: int, value: int = 0) -> None:
        """Answer a call with an errno, or with a value where that is 0."""
        if code:
            notify.refuse(self._listener, taken, code)
        else:
            notify.answer(self._listener, taken, value)

    def still(self, taken: Notification) -> bool:
        """Say whether the call still waits, so that what was read is its own."""
        return self._memory is not None and self._memory.is_waiting(taken)

    def follow(self, held: Held, packed: bytes, taken: Notification | None) -> None:
        """Wait for the end of a connect: to answer it, or to let go of the socket once it is connected."""
        held.waits, held.peer = taken, packed
        if not held.connecting and self._poll is not None:
            held.connecting = True
            self._connecting[held.descriptor] = held
            self._poll.register(held.descriptor, select.POLLOUT)
        # On the loopback it has ended by now.
        if taken is not None:
            self.finish(held.descriptor)

    def owns(self, descriptor: int) -> bool:
        """Say whether a descriptor is of a socket that connects."""
        return descriptor in self._connecting

    def finish(self, descriptor: int) -> None:
        """See how a connect has ended."""
        held = self._connecting[descriptor]
        asked = select.poll()
        asked.register(descriptor, select.POLLOUT)
        # The number may be another one's by now.
        events = asked.poll(0)
        if not events:
            return
        code = errno.ECONNABORTED if events[0][1] & (select.POLLERR | select.POLLHUP) else 0
        if held.waits is not None:
            # To connect again is what says how it has ended. Else that is the child's to ask.
            code = sockets.connect(descriptor, held.peer)
            if code in (errno.EINPROGRESS, errno.EALREADY):
                return
            self.answer(held.waits, code)
        del self._connecting[descriptor]
        held.connecting, held.waits = False, None
        if self._poll is not None:
            self._poll.unregister(descriptor)
        if not self._table.has(held):
            held.close()
        elif not code:
            self._table.let_go(held)

    def until_done(
        self, taken: Notification, once: Callable[[], int | None], path: bytes, operation: str, value: int = 0
    ) -> Refusal | None:
        """Try, and answer with the errno, or with ``value``; where it would wait, try again later."""
        try:
            code = once()
        except OutsideError as error:
            return Refusal(operation, caps.UnixSocket, os.fsdecode(path), error.place)
        if code is None:
            self._retries.append((taken, once, value))
        else:
            self.answer(taken, code, value)
        return None

    def retry(self) -> float | None:
        """Try what would have waited once more; return after how many milliseconds to come again, None for never."""
        for one in list(self._retries):
            taken, once, value = one
            try:
                code = once() if self.still(taken) else errno.EINTR
            except OutsideError:
                # What the path leads to has changed meanwhile.
                code = errno.EPERM
            if code is not None:
                self._retries.remove(one)
                self.answer(taken, code, value)
        return _RETRY if self._retries else None
