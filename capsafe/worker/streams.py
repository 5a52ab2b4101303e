"""The three standard streams of the child: fresh ones where they were granted, refusals where not.

This module knows ``sys.stdin``, ``sys.stdout`` and ``sys.stderr``. It refuses to touch the parent's own objects: their
buffers may hold text that the parent will write itself, and their locks may be held by a thread that is not here.
"""

import contextlib
import errno
import io
import os
import sys
from typing import Any, Final, NoReturn

NAMES: Final = ("stdin", "stdout", "stderr")
#: The same as attributes of ``sys``.
STREAM_NAMES: Final = (*NAMES, *(f"__{name}__" for name in NAMES))
_VERBS: Final = {
    "stdin": ("read standard input", "Stdin"),
    "stdout": ("write standard output", "Stdout"),
    "stderr": ("write standard error", "Stderr"),
}

#: The parent's objects. They are kept, because one that is freed writes out what is in its buffer.
_inherited: list[object] = []


class RefusedStream(io.TextIOBase):
    """A standard stream that was not granted: every read and write is a ``PermissionError`` at the call."""

    def __init__(self, name: str) -> None:
        self._name = name

    @property
    def name(self) -> str:
        """The stream's name, as of the ones that work."""
        return f"<{self._name}>"

    @property
    def mode(self) -> str:
        """The stream's mode, as of the ones that work."""
        return "r" if self._name == "stdin" else "w"

    # What looks at them before it writes gets as far as the write.
    encoding = "utf-8"
    errors = "strict"

    @property
    def buffer(self) -> Any:  # noqa: ANN401 - TextIOBase says BinaryIO, of which only what refuses is needed
        """The bytes below, which are refused as well."""
        return self

    def fileno(self) -> int:
        """Return the stream's number; behind it is nothing."""
        return NAMES.index(self._name)

    def readable(self) -> bool:
        """Say what a stream that works says."""
        return self._name == "stdin"

    def writable(self) -> bool:
        """Say what a stream that works says."""
        return self._name != "stdin"

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        operation, capability = _VERBS[self._name]
        # The kernel refuses it, too, and tells the parent: the closure may catch the error.
        with contextlib.suppress(OSError):
            _try(self.fileno())
        error = PermissionError(errno.EPERM, f"{os.strerror(errno.EPERM)}: {operation} needs {capability}")
        error._capsafe_needs = (operation, capability, None)  # type: ignore[attr-defined]  # noqa: SLF001 - read by capsafe.worker.denial
        raise error

    write = writelines = read = readline = readlines = __next__ = detach = truncate = _refuse


def _try(descriptor: int) -> None:
    if descriptor:
        os.write(descriptor, b"")
    else:
        os.read(descriptor, 0)


#: Made once, in the parent: in the child they would cost pages.
_REFUSED: Final = {name: RefusedStream(name) for name in NAMES}


def prepare_streams(granted: frozenset[str]) -> dict[str, object]:
    """Return the refusals for streams that are not granted, by their names in ``sys``; made in the parent."""
    return {name: _REFUSED[own] for own in NAMES if own not in granted for name in (own, f"__{own}__")}


def open_streams(granted: frozenset[str]) -> dict[str, object]:
    """Return new objects for the granted streams, by their names in ``sys``. Descriptors must be in place already."""
    opened = {name: _open(at, name, getattr(sys, name)) for at, name in enumerate(NAMES) if name in granted}
    return {name: stream for own, stream in opened.items() for name in (own, f"__{own}__")}


def refuse_streams(names: frozenset[str]) -> None:
    """Put refusals in the place of some streams of a process that goes on; what it has written is written out first."""
    flush_inherited(names)
    for name in names:
        refused = _REFUSED[name]
        _inherited.extend((getattr(sys, name), getattr(sys, f"__{name}__")))
        setattr(sys, name, refused)
        setattr(sys, f"__{name}__", refused)


def _open(descriptor: int, name: str, old: Any) -> object:  # noqa: ANN401 - whatever the parent has put there
    encoding = getattr(old, "encoding", None)
    errors = getattr(old, "errors", None)
    stream: Any = open(  # noqa: SIM115 - it lives as long as the process
        descriptor,
        "r" if name == "stdin" else "w",
        buffering=1,
        encoding=encoding if isinstance(encoding, str) else "utf-8",
        errors=errors if isinstance(errors, str) else "backslashreplace",
        closefd=False,
    )
    if name == "stdin":
        # A pipe is shared: what a child reads ahead would be lost to the parent and to the next closure.
        stream._CHUNK_SIZE = 1  # noqa: SLF001 - the one way to read no further than a line
    return stream


def flush_inherited(granted: frozenset[str]) -> None:
    """Write out the parent's buffers, in the parent, before the fork: its text comes before the child's."""
    for name in granted - {"stdin"}:
        try:
            getattr(sys, name).flush()
        except (AttributeError, OSError, ValueError):
            continue  # nothing there, closed, or a pipe without a reader: the parent will notice


def flush_streams(granted: frozenset[str]) -> None:
    """Write out the child's own buffers, at the end."""
    for name in granted - {"stdin"}:
        try:
            getattr(sys, name).flush()
        except (AttributeError, OSError, ValueError):
            continue  # the closure may have closed it, or put something else there
