"""The pipe between child and parent, and the wait at its end.

This module knows descriptors, deadlines and the ways a child can fall silent. It refuses to know what is in an answer.
"""

import errno
import os
import select
import time
from collections.abc import Iterable
from dataclasses import replace
from typing import Final, Protocol

from capsafe.errors import SandboxTimeoutError
from capsafe.kernel.lane import Lane, StillWrittenError
from capsafe.worker.protocol import (
    Frame,
    FrameReader,
    ProtocolError,
    lane_places,
    lane_size,
    write_frame,
)

#: The first read is short: most answers are, and a long buffer is fresh memory each time.
_PIECE: Final = 2**12
_LARGE_PIECE: Final = 2**20
#: For so many milliseconds nobody looks after the watcher: most calls have answered by then, and to be woken
#: in between costs both sides more than all the rest of it. A child that needs the watcher earlier waits until then.
_PATIENCE: Final = 3.0
#: EMFILE and ENFILE.
_TOO_MANY: Final = frozenset({errno.EMFILE, errno.ENFILE})
#: A child that has closed its end can answer no more; it may take so long to end, in seconds.
_LAST_MOMENT: Final = 1.0
_LONGEST_WAIT: Final = 2.0**31 - 1


def make_lane(cap: int) -> Lane | None:
    """Return a lane for answers no longer than ``cap``, None where the system has no such memory: the pipe serves all.

    Raises ``OSError`` where there are too many descriptors.
    """
    try:
        return Lane(lane_size(cap))
    except OSError as error:
        if error.errno in _TOO_MANY:
            raise
        return None


def send(descriptor: int, frame: Frame, lane: Lane | None = None) -> None:
    """Write a frame in full, its long runs of bytes into the lane where there is one. Raises ``OSError``."""
    places, end = lane_places(map(len, frame.blobs))
    view = lane.view(end) if lane is not None and places else None
    if view is not None:
        for number, start, stop in places:
            view[start:stop] = frame.blobs[number]
    for run in write_frame(frame, lane=view is not None):
        rest = memoryview(run)
        while rest:
            rest = rest[os.write(descriptor, rest) :]


def collect(frame: Frame, lane: Lane | None, deadline: float | None) -> Frame:
    """Return a frame with what is in the lane, once the child is dead. Raises ``ProtocolError`` and ``OSError``.

    ``deadline``: on the monotonic clock, see ``Lane.take``.
    """
    places, end = lane_places(frame.lengths)
    if not frame.lane or not places:
        return frame
    if lane is None:
        raise ProtocolError("it refers to memory that it does not have")
    try:
        view = lane.take(end, deadline)
    except StillWrittenError:
        raise ProtocolError("something that it started goes on writing to it") from None
    blobs = list(frame.blobs)
    for number, start, stop in places:
        blobs[number] = view[start:stop]
    return replace(frame, blobs=blobs)


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
    closed: float | None = None
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
        ready = ready or dict(waiting.poll(_shorter(_milliseconds(_sooner(deadline, closed)), pause)))
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
                closed = time.monotonic() + _LAST_MOMENT
        elif child in ready:
            return reader.frame() if reader.started else None
        ready = {}
        check_time(deadline, timeout)
        if closed is not None and time.monotonic() >= closed:
            raise ProtocolError("it closed its end of the channel and went on")


def check_time(deadline: float | None, timeout: float | None) -> None:
    """Raise ``SandboxTimeoutError`` when the deadline has passed."""
    if deadline is not None and time.monotonic() >= deadline:
        raise SandboxTimeoutError(f"the closure took longer than timeout={timeout} s; it and all it started were ended")


def _sooner(one: float | None, other: float | None) -> float | None:
    return one if other is None else other if one is None else min(one, other)


def _milliseconds(deadline: float | None) -> float | None:
    # poll takes a C int.
    return None if deadline is None else min(max(deadline - time.monotonic(), 0) * 1000 + 1, _LONGEST_WAIT)


def _shorter(left: float | None, right: float | None) -> float | None:
    return min((one for one in (left, right) if one is not None), default=None)


def close_all(descriptors: Iterable[int]) -> None:
    """Close descriptors, each of them whatever the others do."""
    for descriptor in descriptors:
        try:
            os.close(descriptor)
        except OSError:
            continue  # closed already
