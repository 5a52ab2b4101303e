"""Paths that carry their broker, with pathlib's names.

This module knows pathlib's surface and which broker operation each method is. It refuses to know how one is done or
what was granted: the broker does, so the ``self`` types here say the same as its own.
"""

from __future__ import annotations

import functools
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Generic, Literal, Never, NoReturn, overload

from capsafe.broker.surface import C_contra
from capsafe.errors import TransferError

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator
    from io import BufferedRandom, BufferedReader, BufferedWriter, TextIOWrapper
    from typing import IO

    from _typeshed import (
        OpenBinaryModeReading,
        OpenBinaryModeUpdating,
        OpenBinaryModeWriting,
        OpenTextModeReading,
        OpenTextModeUpdating,
        OpenTextModeWriting,
    )

    from capsafe.broker.arguments import StrPath
    from capsafe.broker.surface import Broker
    from capsafe.capabilities import ReadFile, StatFile, WriteFile


def bound(broker: Broker[Any], *segments: StrPath) -> BrokerPath[Any]:
    """Return a path that asks this broker. The caller says with which grant it is typed: the broker's own."""
    return BrokerPath(broker, *segments)


@functools.total_ordering
class BrokerPath(Generic[C_contra]):
    """A path whose operations ask the broker it came from: ``broker.path("/data") / "notes.txt"``.

    ``os.fspath`` and ``str`` give its text, so it may be handed to whatever takes a path; that other code then acts
    without the broker. Like its broker it never leaves the sandbox; its text may.
    """

    __slots__ = ("_broker", "_pure")

    def __init__(self, broker: Broker[C_contra], *segments: StrPath) -> None:
        self._broker = broker
        self._pure = PurePosixPath(*segments)

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        """Refuse to be copied, pickled or sent."""
        raise TransferError("a broker's path can't be copied or sent: it holds the broker; send str(path)")

    def __fspath__(self) -> str:
        return str(self._pure)

    def __str__(self) -> str:
        return str(self._pure)

    def __repr__(self) -> str:
        return f"BrokerPath({str(self._pure)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BrokerPath) and self._pure == other._pure

    def __lt__(self, other: BrokerPath[Any]) -> bool:
        return self._pure < other._pure

    def __hash__(self) -> int:
        return hash(self._pure)

    # The path as text: needs nothing

    def __truediv__(self, segment: StrPath) -> BrokerPath[C_contra]:
        return self.joinpath(segment)

    def joinpath(self, *segments: StrPath) -> BrokerPath[C_contra]:
        """Needs nothing. Return this path with more behind it; an absolute segment starts anew."""
        return BrokerPath(self._broker, self._pure, *segments)

    @property
    def pure(self) -> PurePosixPath:
        """Needs nothing. The same path without a broker, as data: it may be returned from the sandbox."""
        return self._pure

    @property
    def parent(self) -> BrokerPath[C_contra]:
        """Needs nothing. The path without its last part."""
        return BrokerPath(self._broker, self._pure.parent)

    @property
    def parents(self) -> tuple[BrokerPath[C_contra], ...]:
        """Needs nothing. All paths above this one, the nearest first."""
        return tuple(BrokerPath(self._broker, above) for above in self._pure.parents)

    @property
    def name(self) -> str:
        """Needs nothing. The last part."""
        return self._pure.name

    @property
    def stem(self) -> str:
        """Needs nothing. The last part without its suffix."""
        return self._pure.stem

    @property
    def suffix(self) -> str:
        """Needs nothing. The last suffix with its dot, such as ``".gz"``, or nothing."""
        return self._pure.suffix

    @property
    def suffixes(self) -> list[str]:
        """Needs nothing. All suffixes, such as ``[".tar", ".gz"]``."""
        return self._pure.suffixes

    @property
    def parts(self) -> tuple[str, ...]:
        """Needs nothing. The parts, the root first where there is one."""
        return self._pure.parts

    def with_name(self, name: str) -> BrokerPath[C_contra]:
        """Needs nothing. Return the path with another last part."""
        return BrokerPath(self._broker, self._pure.with_name(name))

    def with_stem(self, stem: str) -> BrokerPath[C_contra]:
        """Needs nothing. Return the path with another last part but the same suffix."""
        return BrokerPath(self._broker, self._pure.with_stem(stem))

    def with_suffix(self, suffix: str) -> BrokerPath[C_contra]:
        """Needs nothing. Return the path with another suffix, or with none for ``""``."""
        return BrokerPath(self._broker, self._pure.with_suffix(suffix))

    def relative_to(self, other: StrPath) -> BrokerPath[C_contra]:
        """Needs nothing. Return the path as seen from ``other``. Raises ValueError where it is not below."""
        return BrokerPath(self._broker, self._pure.relative_to(other))

    def is_relative_to(self, other: StrPath) -> bool:
        """Needs nothing. Say whether the path is ``other`` or below it, part by part."""
        return self._pure.is_relative_to(other)

    def is_absolute(self) -> bool:
        """Needs nothing. Say whether the path begins at the root."""
        return self._pure.is_absolute()

    def match(self, pattern: str) -> bool:
        """Needs nothing. Say whether the path's end matches a pattern such as ``"*.py"``."""
        return self._pure.match(pattern)

    def as_posix(self) -> str:
        """Needs nothing. Return the text."""
        return self._pure.as_posix()

    # Reading

    @overload
    def open(
        self: BrokerPath[ReadFile[Never]],
        mode: OpenTextModeReading = ...,
        buffering: int = ...,
        encoding: str | None = ...,
        errors: str | None = ...,
        newline: str | None = ...,
    ) -> TextIOWrapper: ...
    @overload
    def open(
        self: BrokerPath[WriteFile[Never]],
        mode: OpenTextModeWriting,
        buffering: int = ...,
        encoding: str | None = ...,
        errors: str | None = ...,
        newline: str | None = ...,
    ) -> TextIOWrapper: ...
    @overload
    def open(
        self: BrokerPath[ReadFile[Never] | WriteFile[Never]],
        mode: OpenTextModeUpdating,
        buffering: int = ...,
        encoding: str | None = ...,
        errors: str | None = ...,
        newline: str | None = ...,
    ) -> TextIOWrapper: ...
    @overload
    def open(
        self: BrokerPath[ReadFile[Never]], mode: OpenBinaryModeReading, buffering: Literal[-1, 1] = ...
    ) -> BufferedReader: ...
    @overload
    def open(
        self: BrokerPath[WriteFile[Never]], mode: OpenBinaryModeWriting, buffering: Literal[-1, 1] = ...
    ) -> BufferedWriter: ...
    @overload
    def open(
        self: BrokerPath[ReadFile[Never] | WriteFile[Never]],
        mode: OpenBinaryModeUpdating,
        buffering: Literal[-1, 1] = ...,
    ) -> BufferedRandom: ...
    @overload
    def open(
        self: BrokerPath[ReadFile[Never] | WriteFile[Never]],
        mode: str,
        buffering: int = ...,
        encoding: str | None = ...,
        errors: str | None = ...,
        newline: str | None = ...,
    ) -> IO[Any]: ...
    def open(
        self: BrokerPath[Never],
        mode: str = "r",
        buffering: int = -1,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
    ) -> IO[Any]:
        """Needs ReadFile to read, WriteFile to write or append, both for ``+`` and for a mode that is no literal."""
        broker: Broker[Any] = self._broker
        return broker.open(self, mode, buffering, encoding, errors, newline)

    def read_text(self: BrokerPath[ReadFile[Never]], encoding: str = "utf-8", errors: str = "strict") -> str:
        """Needs ReadFile. Return the file's whole content, decoded."""
        return self._broker.read_text(self, encoding, errors)

    def read_bytes(self: BrokerPath[ReadFile[Never]]) -> bytes:
        """Needs ReadFile. Return the file's whole content."""
        return self._broker.read_bytes(self)

    def iterdir(self: BrokerPath[ReadFile[Never]]) -> Iterator[BrokerPath[C_contra]]:
        """Needs ReadFile. Iterate over the paths in this directory, sorted."""
        names = self._broker.listdir(self)
        return (bound(self._broker, self, name) for name in names)

    def glob(self: BrokerPath[ReadFile[Never]], pattern: str) -> Iterator[BrokerPath[C_contra]]:
        """Needs ReadFile. Iterate over the paths below this one that match, sorted; ``**`` goes deep."""
        found = self._broker.glob(pattern, root=self, recursive=True, include_hidden=True)
        return (bound(self._broker, self, name) for name in found)

    def rglob(self: BrokerPath[ReadFile[Never]], pattern: str) -> Iterator[BrokerPath[C_contra]]:
        """Needs ReadFile. As ``glob("**/" + pattern)``."""
        found = self._broker.glob(f"**/{pattern}", root=self, recursive=True, include_hidden=True)
        return (bound(self._broker, self, name) for name in found)

    def walk(
        self: BrokerPath[ReadFile[Never]], *, top_down: bool = True, follow_symlinks: bool = False
    ) -> Iterator[tuple[BrokerPath[C_contra], list[str], list[str]]]:
        """Needs ReadFile. Iterate over ``(directory, names of directories, names of files)`` from here down."""
        rows = self._broker.walk(self, top_down=top_down, follow_symlinks=follow_symlinks)
        return ((bound(self._broker, directory), inside, names) for directory, inside, names in rows)

    # Metadata

    def exists(self: BrokerPath[StatFile[Never]], *, follow_symlinks: bool = True) -> bool:
        """Needs StatFile. Say whether there is such a file."""
        return self._broker.exists(self, follow_symlinks=follow_symlinks)

    def is_file(self: BrokerPath[StatFile[Never]]) -> bool:
        """Needs StatFile. Say whether this is a regular file, or a symlink to one."""
        return self._broker.is_file(self)

    def is_dir(self: BrokerPath[StatFile[Never]]) -> bool:
        """Needs StatFile. Say whether this is a directory, or a symlink to one."""
        return self._broker.is_dir(self)

    def is_symlink(self: BrokerPath[StatFile[Never]]) -> bool:
        """Needs StatFile. Say whether this is a symlink, be its target there or not."""
        return self._broker.is_symlink(self)

    def stat(self: BrokerPath[StatFile[Never]]) -> os.stat_result:
        """Needs StatFile. Return the metadata, following symlinks."""
        return self._broker.stat(self)

    def lstat(self: BrokerPath[StatFile[Never]]) -> os.stat_result:
        """Needs StatFile. Return the metadata, of a symlink its own."""
        return self._broker.lstat(self)

    def readlink(self: BrokerPath[StatFile[Never]]) -> BrokerPath[C_contra]:
        """Needs StatFile. Return what this symlink points to."""
        return bound(self._broker, self._broker.readlink(self))

    def resolve(self: BrokerPath[StatFile[Never]]) -> BrokerPath[C_contra]:
        """Needs StatFile. Return the absolute path without symlinks. Raises OSError where a part is missing."""
        return bound(self._broker, self._broker.realpath(self))

    # Writing

    def write_text(
        self: BrokerPath[WriteFile[Never]],
        data: str,
        encoding: str = "utf-8",
        errors: str = "strict",
        newline: str | None = None,
    ) -> int:
        """Needs WriteFile. Replace the content, or make the file; return how many characters were written."""
        return self._broker.write_text(self, data, encoding, errors, newline)

    def write_bytes(self: BrokerPath[WriteFile[Never]], data: bytes) -> int:
        """Needs WriteFile. Replace the content, or make the file; return how many bytes were written."""
        return self._broker.write_bytes(self, data)

    def append_text(self: BrokerPath[WriteFile[Never]], data: str, encoding: str = "utf-8") -> int:
        """Needs WriteFile. Write at the end, or make the file; return how many characters were written."""
        return self._broker.append_text(self, data, encoding)

    def mkdir(
        self: BrokerPath[WriteFile[Never]], mode: int = 0o777, *, parents: bool = False, exist_ok: bool = False
    ) -> None:
        """Needs WriteFile. Make this directory."""
        self._broker.mkdir(self, mode, parents=parents, exist_ok=exist_ok)

    def touch(self: BrokerPath[WriteFile[Never]], mode: int = 0o666, *, exist_ok: bool = True) -> None:
        """Needs WriteFile. Make an empty file, or set the times of the one that is there to now."""
        self._broker.touch(self, mode, exist_ok=exist_ok)

    def unlink(self: BrokerPath[WriteFile[Never]], *, missing_ok: bool = False) -> None:
        """Needs WriteFile. Remove this file or symlink."""
        self._broker.remove(self, missing_ok=missing_ok)

    def rmdir(self: BrokerPath[WriteFile[Never]]) -> None:
        """Needs WriteFile. Remove this empty directory."""
        self._broker.rmdir(self)

    def rename(self: BrokerPath[WriteFile[Never]], target: StrPath) -> BrokerPath[C_contra]:
        """Needs WriteFile. Move this file within its file system; return its new path."""
        self._broker.rename(self, target)
        return bound(self._broker, target)

    def replace(self: BrokerPath[WriteFile[Never]], target: StrPath) -> BrokerPath[C_contra]:
        """Needs WriteFile. As rename; the name says that a file at ``target`` is replaced."""
        self._broker.replace(self, target)
        return bound(self._broker, target)

    def symlink_to(self: BrokerPath[WriteFile[Never]], target: StrPath) -> None:
        """Needs WriteFile. Make this path a symlink that points to ``target``."""
        self._broker.symlink(target, self)

    def hardlink_to(self: BrokerPath[WriteFile[Never]], target: StrPath) -> None:
        """Needs WriteFile. Make this path another name of the file ``target``."""
        self._broker.link(target, self)

    def chmod(self: BrokerPath[WriteFile[Never]], mode: int) -> None:
        """Needs WriteFile. Set the mode, such as ``0o600``."""
        self._broker.chmod(self, mode)

    # Reading and writing

    def copy(self: BrokerPath[ReadFile[Never] | WriteFile[Never]], target: StrPath) -> BrokerPath[C_contra]:
        """Needs ReadFile and WriteFile. Copy content and mode; return the path of the copy."""
        return bound(self._broker, self._broker.copy(self, target))

    def rmtree(self: BrokerPath[ReadFile[Never] | WriteFile[Never]]) -> None:
        """Needs ReadFile and WriteFile. Remove this directory and all below it."""
        self._broker.rmtree(self)
