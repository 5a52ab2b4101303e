"""Which scope to write where a path was refused: one that would be accepted, and would have helped.

This module knows what a grant without a scope leaves out, and which folder an operation is really about. It refuses to
decide anything: the kernel has refused already.
"""

import os
import re
from enum import Enum
from typing import Final

from capsafe.policy.table import ANYWHERE_BESIDES, NEVER_ANYWHERE, PROCESS_FOLDERS
from capsafe.scopes import covers_path

_PROCESS_FOLDERS: Final = re.compile(PROCESS_FOLDERS)
_BESIDES: Final = tuple(str(rule.path) for rule in ANYWHERE_BESIDES)


class Help(Enum):
    """What helps, where it is no path."""

    NOTHING = "no grant opens this path"
    ANYWHERE = "a grant without a scope does"


def beside_anywhere(path: str) -> str | Help:
    """Say what it takes to reach a path where nothing is granted yet: for most, no scope.

    ``path``: absolute. Asks the system nothing.
    """
    path = os.path.normpath(path)
    if path == "/" or _PROCESS_FOLDERS.fullmatch(path):
        return Help.NOTHING
    left_out = any(covers_path(folder, path) for folder in NEVER_ANYWHERE)
    if left_out and not any(covers_path(besides, path) for besides in _BESIDES):
        return path
    return Help.ANYWHERE


def place_of(target: str, *, entry: bool) -> str:
    """Return the path whose rights decide: for what changes a folder's entries, the folder.

    ``target``: as it was tried. A path that is not there can be no scope, so that the nearest folder above it is.
    """
    path = os.path.abspath(target)  # noqa: PTH100 - pathlib may not be loaded
    if entry:
        path = os.path.dirname(path)  # noqa: PTH120 - as above
    path = real(path)
    while path != "/" and not os.path.lexists(path):  # as above
        path = os.path.dirname(path)  # noqa: PTH120 - as above
    return path


def scope_for(target: str, *, entry: bool) -> str | Help:
    """Return the scope to add to those that are granted."""
    path = place_of(target, entry=entry)
    # A scope of everything is none.
    return Help.NOTHING if beside_anywhere(path) is Help.NOTHING else path


def real(path: str) -> str:
    """Return what a path leads to, as far as it may be followed here."""
    try:
        return os.path.realpath(path)
    except OSError:
        return path
