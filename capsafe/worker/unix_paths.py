"""Paths of Unix sockets, held to a scope by what they lead to.

This module knows how a path is followed once, and how the place that was found is used afterwards whatever becomes of
the path. It refuses to follow anything twice: neither a symlink nor a renamed folder can lead elsewhere in between.

Sources: openat2(2), unix(7), proc_pid_fd(5).
"""

import errno
import os
import posixpath
import stat
from collections.abc import Callable
from typing import Final, TypeVar

from capsafe.kernel.sockets import open_place
from capsafe.policy.table import NEVER_ANYWHERE
from capsafe.scopes import covers_path
from capsafe.worker.addresses import pack_unix

R = TypeVar("R")

#: Of those, the one that is memory for everybody.
_SHARED_MEMORY: Final = "/dev/shm"  # noqa: S108 - a name


class OutsideError(Exception):
    """The path leads out of the scope. ``place``: where to."""

    def __init__(self, place: str) -> None:
        super().__init__(place)
        self.place = place


def resolve_scopes(scopes: frozenset[str] | None) -> frozenset[str] | None:
    """Return scopes, and with them what their own symlinks lead to, before the child is there."""
    return None if scopes is None else scopes | {os.path.realpath(scope) for scope in scopes}


def at_socket(path: bytes, scopes: frozenset[str] | None, act: Callable[[bytes], R]) -> R | int:
    """Call ``act`` with an address of the socket that a path leads to; return what it returns, or an errno.

    ``path``: absolute. ``scopes``: of ``resolve_scopes``. Raises ``OutsideError``.
    """
    _check(posixpath.normpath(os.fsdecode(path)), scopes)
    try:
        place = open_place(path)
    except OSError as error:
        return error.errno or errno.EINVAL
    try:
        _hold(place, scopes)
        if not stat.S_ISSOCK(os.fstat(place).st_mode):
            # As the kernel says of it; that it is there may be said of what is in the scope.
            return errno.ECONNREFUSED
        address = pack_unix(_name(place))
        return errno.ENAMETOOLONG if address is None else act(address)
    finally:
        os.close(place)


def at_new_path(path: bytes, scopes: frozenset[str] | None, act: Callable[[bytes], R]) -> R | int:
    """Call ``act`` with an address at which a socket can be made; as ``at_socket`` otherwise."""
    folder, _, name = path.rpartition(b"/")
    if name in (b"", b".", b".."):
        return errno.EADDRINUSE
    _check(posixpath.normpath(os.fsdecode(path)), scopes)
    try:
        place = open_place(folder or b"/")
    except OSError as error:
        return error.errno or errno.EINVAL
    try:
        _hold(place, scopes, name, makes=True)
        if not stat.S_ISDIR(os.fstat(place).st_mode):
            return errno.ENOTDIR
        address = pack_unix(_name(place) + b"/" + name)
        return errno.ENAMETOOLONG if address is None else act(address)
    finally:
        os.close(place)


def _name(place: int) -> bytes:
    return f"/proc/self/fd/{place}".encode()


def _hold(place: int, scopes: frozenset[str] | None, name: bytes = b"", *, makes: bool = False) -> None:
    """Raise ``OutsideError`` where no scope covers a place, or a name in it."""
    found = os.fsdecode(os.readlink(_name(place)))  # noqa: PTH115 - bytes, as the kernel has them
    if name:
        found = f"{found.rstrip('/')}/{os.fsdecode(name)}"
    _check(found, scopes)
    # What is granted anywhere makes nothing where WriteFile does not either.
    guarded = scopes is None and makes and any(covers_path(folder, found) for folder in NEVER_ANYWHERE)
    if guarded and not covers_path(_SHARED_MEMORY, found):
        raise OutsideError(found)


def _check(path: str, scopes: frozenset[str] | None) -> None:
    """Raise ``OutsideError`` for a path that no scope covers as it is written.

    Before it is looked for: whether something is there is not said of what is outside.
    """
    if scopes is not None and not (path.startswith("/") and any(covers_path(scope, path) for scope in scopes)):
        raise OutsideError(path)
