"""Files and directories, on plain system calls.

This module knows how each file operation is done. It refuses to know what was granted: the guard asks before, and the
kernel decides. A path is text or a path-like object, never an open descriptor: descriptors are authority of their own.
"""

# The plain calls are what this module is made of, pathlib's names for them are in paths.py.
# ruff: noqa: PTH101, PTH102, PTH105, PTH106, PTH107, PTH115, PTH116, PTH123, PTH207, PTH208, PTH211

import glob as globbing
import os
import posixpath
import shutil
import stat as modes
from collections.abc import Callable, Iterator
from io import BufferedReader
from typing import IO, Any

from capsafe.broker.arguments import StrPath, path_text


def open_file(
    path: StrPath, mode: str, buffering: int, encoding: str | None, errors: str | None, newline: str | None
) -> IO[Any]:
    """Open as the built-in ``open`` does; text is UTF-8 unless told, whatever the locale."""
    if encoding is None and "b" not in mode:
        encoding = "utf-8"
    return open(path_text(path), mode, buffering, encoding, errors, newline)


def read_bytes(path: StrPath) -> bytes:
    """Return the whole content."""
    with open(path_text(path), "rb") as file:
        return file.read()


def read_text(path: StrPath, encoding: str, errors: str, newline: str | None) -> str:
    """Return the whole content, decoded."""
    with open(path_text(path), encoding=encoding, errors=errors, newline=newline) as file:
        return file.read()


def write_bytes(path: StrPath, data: bytes, mode: str) -> int:
    """Write ``data`` with the open mode ``mode``; return how many bytes."""
    # A memoryview first: text would otherwise empty the file before it is refused.
    view = memoryview(data)
    with open(path_text(path), mode) as file:
        return file.write(view)


def write_text(path: StrPath, data: str, mode: str, encoding: str, errors: str, newline: str | None) -> int:
    """Write ``data`` with the open mode ``mode``; return how many characters."""
    if not isinstance(data, str):
        # Before the file is opened, and so emptied.
        raise TypeError(f"data is a str, not {type(data).__name__}")
    with open(path_text(path), mode, encoding=encoding, errors=errors, newline=newline) as file:
        return file.write(data)


def mode_of(path: StrPath, *, follow_symlinks: bool) -> int:
    """Return ``st_mode``, 0 where there is no such file; a refusal is raised, not taken for absence."""
    try:
        return os.stat(path_text(path), follow_symlinks=follow_symlinks).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return 0


def is_file(path: StrPath) -> bool:
    """Say whether this is a regular file."""
    return modes.S_ISREG(mode_of(path, follow_symlinks=True))


def is_dir(path: StrPath) -> bool:
    """Say whether this is a directory."""
    return modes.S_ISDIR(mode_of(path, follow_symlinks=True))


def is_symlink(path: StrPath) -> bool:
    """Say whether this is a symlink."""
    return modes.S_ISLNK(mode_of(path, follow_symlinks=False))


def stat(path: StrPath) -> os.stat_result:
    """Return metadata, following symlinks."""
    return os.stat(path_text(path))


def lstat(path: StrPath) -> os.stat_result:
    """Return metadata, not following symlinks."""
    return os.lstat(path_text(path))


def readlink(path: StrPath) -> str:
    """Return a symlink's target."""
    return os.readlink(path_text(path))


def realpath(path: StrPath) -> str:
    """Return the absolute path without symlinks."""
    return os.path.realpath(path_text(path), strict=True)


def listdir(path: StrPath) -> list[str]:
    """Return the names in a directory, sorted."""
    return sorted(os.listdir(path_text(path)))


def walk(top: StrPath, *, top_down: bool, follow_symlinks: bool) -> Iterator[tuple[str, list[str], list[str]]]:
    """Walk a tree as ``os.walk`` does, but raise what can't be listed in place of leaving it out."""

    def refuse(error: OSError) -> None:
        raise error

    return os.walk(path_text(top), topdown=top_down, onerror=refuse, followlinks=follow_symlinks)


def glob(pattern: StrPath, root: StrPath | None, *, recursive: bool, include_hidden: bool) -> list[str]:
    """Return the paths that match, sorted; relative to ``root`` where there is one."""
    directory = None if root is None else path_text(root)
    found = globbing.glob(path_text(pattern), root_dir=directory, recursive=recursive, include_hidden=include_hidden)
    return sorted(found)


def mkdir(path: StrPath, mode: int, *, parents: bool, exist_ok: bool) -> None:
    """Make a directory, with its parents where asked; those get the default mode."""
    text = path_text(path)
    try:
        os.mkdir(text, mode)
    except FileNotFoundError:
        above = posixpath.dirname(text.rstrip("/"))
        if not parents or above in {"", text}:
            raise
        mkdir(above, 0o777, parents=True, exist_ok=True)
        mkdir(text, mode, parents=False, exist_ok=exist_ok)
    except OSError:
        # Not FileExistsError alone: a read-only file system answers EROFS for a directory that is there.
        if not exist_ok or not posixpath.isdir(text):
            raise


def remove(path: StrPath, *, missing_ok: bool) -> None:
    """Remove a file."""
    try:
        os.remove(path_text(path))
    except FileNotFoundError:
        if not missing_ok:
            raise


def rmdir(path: StrPath) -> None:
    """Remove an empty directory."""
    os.rmdir(path_text(path))


def rename(src: StrPath, dst: StrPath) -> None:
    """Move within a file system."""
    os.replace(path_text(src), path_text(dst))


def symlink(src: StrPath, dst: StrPath) -> None:
    """Make ``dst`` point to ``src``."""
    os.symlink(path_text(src), path_text(dst))


def link(src: StrPath, dst: StrPath) -> None:
    """Make ``dst`` another name of ``src``."""
    os.link(path_text(src), path_text(dst))


def truncate(path: StrPath, length: int) -> None:
    """Set the length in bytes."""
    os.truncate(path_text(path), length)


def chmod(path: StrPath, mode: int) -> None:
    """Set the permission bits."""
    os.chmod(path_text(path), mode)


def touch(path: StrPath, mode: int, *, exist_ok: bool) -> None:
    """Make an empty file, or set the times of the one that is there to now."""
    try:
        os.close(os.open(path_text(path), os.O_CREAT | os.O_WRONLY | os.O_EXCL | os.O_CLOEXEC, mode))
    except FileExistsError:
        if not exist_ok:
            raise
        os.utime(path_text(path))


def copy_target(src: StrPath, dst: StrPath) -> str:
    """Return where a copy goes: below ``dst`` where that is a directory. Raises SameFileError where that is ``src``."""
    target = path_text(dst)
    if modes.S_ISFIFO(stat(src).st_mode):
        # It would be waited for, for ever.
        raise shutil.SpecialFileError(f"{path_text(src)!r} is a named pipe")
    if is_dir(target):
        target = posixpath.join(target, posixpath.basename(path_text(src)))
    if mode_of(target, follow_symlinks=True) and posixpath.samestat(stat(src), stat(target)):
        # Before it is opened, and so emptied.
        raise shutil.SameFileError(f"{path_text(src)!r} and {target!r} are the same file")
    return target


def copy_to(target: str, source: BufferedReader) -> None:
    """Write what is left of an open file to ``target``, which gets its mode as it is made.

    Not by chmod: no Landlock right covers that, so a sandbox that may write below one directory has none.
    """
    mode = modes.S_IMODE(os.fstat(source.fileno()).st_mode)
    descriptor = os.open(target, os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC, mode)
    with open(descriptor, "wb") as copied:
        shutil.copyfileobj(source, copied)


def copytree(src: StrPath, dst: StrPath, *, exist_ok: bool, copy: Callable[[str, str], object]) -> str:
    """Copy a directory and all below it with ``copy`` for each file; symlinks stay symlinks.

    Not ``shutil.copytree``: that gathers refusals in an error of its own, and so hides them.
    """
    source, target = path_text(src), path_text(dst)
    names = listdir(source)
    # Its owner must be able to fill it.
    mkdir(target, modes.S_IMODE(stat(source).st_mode) | 0o700, parents=True, exist_ok=exist_ok)
    for name in names:
        here, there = posixpath.join(source, name), posixpath.join(target, name)
        if is_symlink(here):
            symlink(readlink(here), there)
        elif is_dir(here):
            copytree(here, there, exist_ok=exist_ok, copy=copy)
        else:
            copy(here, there)
    return target


def rmtree(path: StrPath) -> None:
    """Remove a directory and all below it, without following symlinks."""
    shutil.rmtree(path_text(path))


def utime(path: StrPath, times: tuple[float, float] | None, *, follow_symlinks: bool) -> None:
    """Set the times of access and change, in seconds since the epoch; now without ``times``."""
    os.utime(path_text(path), times, follow_symlinks=follow_symlinks)
