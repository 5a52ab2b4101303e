"""Who makes an observed call, and what its arguments mean.

This module knows how to find out of a process that waits what it is about: its memory, folder and descriptors, and what
the child has written down before the call. It refuses to decide and to keep anything: what it reads is for the record.
"""

import os
import stat
import struct
from typing import Final, NamedTuple

from capsafe.kernel import notify
from capsafe.policy.model import LOW_HALF
from capsafe.worker.place import read_board

_AT_FDCWD: Final = -100


class Label(NamedTuple):
    """What the child has written down before a call.

    ``event``: the audit event. ``kind``: which of several it is. ``imports``: the import system makes it. ``serial``:
    of the event; a second call for the same one is not what it announced. ``place``: the closure's file and line.
    """

    event: str = ""
    kind: str = ""
    imports: bool = False
    serial: str = ""
    place: tuple[str, int] | None = None


class Caller(NamedTuple):
    """Who makes a call. ``own``: a thread of the child. ``program``: another program; a fork of the child is neither.

    ``memory``: its memory, open to read, -1 where it can't be.
    """

    task: int
    own: bool
    program: bool
    memory: int

    def label(self) -> Label:
        """Return what was written down before this call; nothing for other processes."""
        found = read_board(self.memory, self.task) if self.own else None
        if found is None:
            return Label()
        text, file, line = found
        event, kind, imports, serial, *_ = [*text.split("|"), "", "", ""]
        return Label(event, kind, bool(imports), serial, (file, line) if file else None)

    def read(self, address: int, length: int) -> bytes:
        """Return what is in its memory, as far as it can be read."""
        return notify.read_memory(self.memory, address, length) if self.memory >= 0 and address else b""

    def locate(self, address: int, descriptor: int | None, folder: str) -> str | None:
        """Return the absolute path that an argument means, None where it can't be read.

        ``descriptor``: what a relative one starts from, None for the current folder. ``folder``: the child's own, whose
        links in /proc only root can read.
        """
        path = os.fsdecode(self._text(address))
        if not path or path.startswith("/"):
            return path or None
        number = _AT_FDCWD if descriptor is None else struct.unpack("=i", struct.pack("=I", descriptor & LOW_HALF))[0]
        if number == _AT_FDCWD and not self.program:
            return os.path.join(folder, path)  # noqa: PTH118 - a text
        link = "cwd" if number == _AT_FDCWD else f"fd/{number}"
        try:
            base = os.readlink(f"/proc/{self.task}/{link}")  # noqa: PTH115 - as above
        except OSError:
            return None
        return os.path.join(base, path) if base.startswith("/") else None  # noqa: PTH118 - as above

    def _text(self, address: int) -> bytes:
        if self.memory < 0 or not address:
            return b""
        text, is_whole = notify.read_string(self.memory, address)
        return text if is_whole else b""

    def has_same_file(self, number: int) -> bool:
        """Say whether a descriptor of another process is what this process has at the same number."""
        try:
            return os.path.samestat(os.stat(f"/proc/{self.task}/fd/{number}"), os.fstat(number))  # noqa: PTH116 - a name
        except OSError:
            return False


def real(path: str) -> str:
    """Return a path without symlinks; in /proc as it is, where names mean who looks."""
    return os.path.normpath(path) if path.startswith("/proc") else os.path.realpath(path)


def folder_of(path: str) -> str:
    """Return the folder, without symlinks, that an entry is in."""
    return real(os.path.dirname(path.rstrip("/")) or "/")  # noqa: PTH120 - a text


def standing(path: str) -> str:
    """Return the path, or the nearest folder above it that is there."""
    while not os.path.lexists(path):
        path = os.path.dirname(path)  # noqa: PTH120 - a text
    return path


def interpreter(path: str) -> str | None:
    """Return the program that runs a script, None for what is none."""
    try:
        # Not a pipe: it would be waited for.
        if not stat.S_ISREG(os.stat(path).st_mode):  # noqa: PTH116 - a text
            return None
        with open(path, "rb") as file:  # noqa: PTH123 - as above
            head = file.read(256)
    except OSError:
        return None
    words = head[2:].partition(b"\n")[0].split() if head.startswith(b"#!") else []
    return os.fsdecode(words[0]) if words and words[0].startswith(b"/") else None
