"""The line of the closure that makes a call which is refused: written down in the child, read by the parent.

This module knows how it looks in the child's memory. It refuses to trust it: the closure can write there what it likes,
and it is shown in a report and used for nothing.

It is written as CPython raises an audit event, right before it makes the call; where there is no event for a call,
or it is about another one, the line is not known.
"""

import contextlib
import os
import struct
import sys
from threading import get_native_id
from types import FrameType
from typing import Final

from capsafe.kernel.notify import BOARD, read_memory

_HEAD: Final = struct.Struct("=IIHH")
_LONGEST_FILE: Final = 512
_TOLD: Final = "capsafe:"

#: The audit event by which the broker says what it refused: operation, capability, target.
REFUSED_EVENT: Final = "capsafe.refused"
#: The one that is raised as the worker tells the parent of it.
TELLING_EVENT: Final = "os.removexattr"


class Places:
    """Writes lines down, in the child. ``files``: those of the closure and of the functions it is given."""

    def __init__(self, files: frozenset[str]) -> None:
        self._files = files

    def write(self, event: str, frame: FrameType | None) -> None:
        """Write down which line is about to do what an audit event tells. ``frame``: the innermost one."""
        found = self.find(frame)
        if found is None:
            BOARD.view[: _HEAD.size] = bytes(_HEAD.size)
        else:
            write_board(event, *found)

    def find(self, frame: FrameType | None) -> tuple[str, int] | None:
        """Return file and line of the innermost frame that is the closure's. ``frame``: where to begin."""
        files = self._files
        while frame is not None:
            file = frame.f_code.co_filename
            if file in files:
                return file, frame.f_lineno or 0
            frame = frame.f_back
        return None


def write_board(event: str, file: str, line: int) -> None:
    """Write down what is about to be done, and by which line, in the child."""
    name, raw = event.encode(), file.encode(errors="surrogateescape")[:_LONGEST_FILE]
    text = _HEAD.pack(get_native_id(), line, len(name), len(raw)) + name + raw
    BOARD.view[: len(text)] = text


def tell_refused(operation: str, capability: str, target: str | None) -> None:
    """Tell the parent, from the child, what the broker refused before there was a system call.

    What the kernel tells of is a refused call, so that one is made that nothing grants: to take an extended attribute
    away, of which target and name carry the text.
    """
    with contextlib.suppress(OSError, ValueError):
        os.removexattr(target or "", f"{_TOLD}{operation}:{capability}")


def read_refused(name: bytes) -> tuple[str, str] | None:
    """Return operation and capability where the name of an attribute carries them, else None."""
    text = name.decode(errors="replace")
    operation, _, capability = text.removeprefix(_TOLD).partition(":")
    return (operation, capability) if text.startswith(_TOLD) and operation and capability else None


def read_place(memory: int, task: int, event: str) -> tuple[str, int] | None:
    """Return file and line of a call that waits, None where they are not known.

    ``memory``: the child's, open to read. ``task``: the thread. ``event``: what the call's own audit event is called.
    """
    found = read_board(memory, task) if event else None
    if found is None or found[0] != event or not found[1]:
        return None
    return found[1], found[2]


def read_board(memory: int, task: int) -> tuple[str, str, int] | None:
    """Return what a thread has written down last: event, file and line; None where another has written since."""
    raw = read_memory(memory, BOARD.address, BOARD.size)
    if len(raw) < _HEAD.size:
        return None
    writer, line, name_length, file_length = _HEAD.unpack_from(raw)
    name = raw[_HEAD.size : _HEAD.size + name_length]
    file = raw[_HEAD.size + name_length : _HEAD.size + name_length + file_length]
    if writer != task:
        return None
    return name.decode(errors="replace"), file.decode(sys.getfilesystemencoding(), errors="surrogateescape"), line
