"""The pipe between child and parent, and the wait at its end.

This module knows descriptors, deadlines and the ways a child can fall silent. It refuses to know what is in an answer.
"""

import os
import select
import time
from collections.abc import Iterable
from typing import Final, Protocol

from capsafe.errors import SandboxTimeoutError
from capsafe.worker.protocol import Frame, FrameReader, write_frame

#: The first read is short: most answers are, and a long buffer is fresh memory each time.
_PIECE: Final = 2**12
_LARGE_PIECE: Final = 2**20
#: For so many milliseconds nobody looks after the watcher: most calls have answered by then, and to be woken
#: in between costs both sides more than all the rest of it. A child that needs the watcher earlier waits until then.
_PATIENCE: Final = 3.0
_F_SETPIPE_SZ: Final = 1031


def send(descriptor: int, frame: Frame) -> None:
    """Write a frame in full. Raises ``OSError``."""
    for run in write_frame(frame):
        rest = memoryview(run)
        while rest:
            rest = rest[os.write(descriptor, rest) :]


class Watcher(Protocol):
    """Whoever has descriptors of its own to wait for meanwhile. ``is_needed``: from the beginning."""

    @property
    def is_needed(self) -> bool:
        """Whether the child can't do without it."""

    def register(self, waiting: "select.poll") -> None:
        """Add them."""

    def serve(self, waiting: "select.poll", descriptor: int, event: int) -> None:
        """Do what there is to do on one that is ready."""

    def retry(self) -> float | None:
        """Do what no descriptor tells of; return after how many milliseconds to come again, None for never."""


def receive(
    channel: int, child: int, *, deadline: float | None, timeout: float | None, cap: int, watcher: Watcher | None = None
) -> Frame | None:
    """Read the child's answer; None where it ended without one.

    ``channel``: the end to read from. ``child``: its pidfd, readable once it has ended; the pipe alone does not tell,
    since what the child started may hold the other end. ``deadline``: on the monotonic clock, None to wait for ever.
    ``watcher``: is served as it has something to do. Raises ``SandboxTimeoutError`` when the deadline has passed,
    ``ProtocolError`` for what is no answer, and what the watcher raises.
    """
    reader = FrameReader(cap)
    waiting = select.poll()
    waiting.register(channel, select.POLLIN)
    waiting.register(child, select.POLLIN)
    ready: dict[int, int] = {}
    if watcher is not None:
        if not watcher.is_needed:
            ready = dict(waiting.poll(_shorter(_milliseconds(deadline), _PATIENCE)))
        watcher.register(waiting)
    while True:
        pause = None if watcher is None else watcher.retry()
        ready = ready or dict(waiting.poll(_shorter(_milliseconds(deadline), pause)))
        if watcher is not None:
            # First: the child may be ended as soon as its answer is there.
            for descriptor, event in ready.items():
                if descriptor not in (channel, child):
                    watcher.serve(waiting, descriptor, event)
        if channel in ready:
            piece = os.read(channel, min(max(reader.missing, _PIECE), _LARGE_PIECE))
            if piece:
                if reader.feed(piece):
                    return reader.frame()
            else:
                waiting.unregister(channel)
        elif child in ready:
            return reader.frame() if reader.started else None
        ready = {}
        if deadline is not None and time.monotonic() >= deadline:
            raise SandboxTimeoutError(
                f"the closure took longer than timeout={timeout} s; it and all it started were ended"
            )


def _milliseconds(deadline: float | None) -> float | None:
    return None if deadline is None else max(deadline - time.monotonic(), 0) * 1000 + 1


def _shorter(left: float | None, right: float | None) -> float | None:
    return min((one for one in (left, right) if one is not None), default=None)


def close_all(descriptors: Iterable[int]) -> None:
    """Close descriptors, each of them whatever the others do."""
    for descriptor in descriptors:
        try:
            os.close(descriptor)
        except OSError:
            continue  # closed already
