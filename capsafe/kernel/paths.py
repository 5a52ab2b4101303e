"""From the paths of a policy to those that are really there.

This module knows how a scope is looked up, what "anywhere" is on this system, and where modules are. It refuses to know
what Landlock is: it returns paths and rights.
"""

import os
import re
import stat
import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Final

from capsafe.errors import MissingPathError, UnsupportedError
from capsafe.policy.model import FILE_RIGHTS, NO_RIGHT, PathRule, Place, Policy, Right
from capsafe.policy.table import ANYWHERE_BESIDES, NEVER_ANYWHERE, PROCESS_FOLDERS

_PROCESS_FOLDERS: Final = re.compile(PROCESS_FOLDERS)


def find_paths(policy: Policy, handled: int) -> list[tuple[str, int, bool]]:
    """Look up every path of a policy.

    ``handled``: the rights that the kernel knows. Returns each path with its rights and whether it may be gone later.
    Raises ``MissingPathError`` for a scope that is not there, ``UnsupportedError`` for one that leads into ``/proc``.
    """
    found: dict[str, tuple[Right, bool]] = {}
    for rule in policy.paths:
        for path, rights in _look_up(rule):
            known, required = found.get(path, (NO_RIGHT, False))
            found[path] = (known | rights, required or rule.required)
    rows = []
    for path, (rights, required) in sorted(found.items()):
        usable = int(_usable(path, rights)) & handled
        if usable:
            rows.append((path, usable, not required))
    return rows


def fingerprint(policy: Policy) -> object:
    """Return what the outcome of ``find_paths`` rests on, to be compared; None where it has to be looked up each time.

    Named scopes have to be: any part of them may have become a symlink to somewhere else.
    """
    if any(rule.required for rule in policy.paths):
        return None
    places = {rule.path for rule in policy.paths}
    named = sorted(str(path) for path in places if not isinstance(path, Place))
    seen: list[object] = []
    if Place.ANYWHERE in places:
        root = os.stat("/")  # noqa: PTH116 - a Path takes as long as the call
        seen += (root.st_mtime_ns, root.st_ctime_ns, *map(_identity, _top_symlinks(root.st_mtime_ns, root.st_ctime_ns)))
        named += (str(rule.path) for rule in ANYWHERE_BESIDES)
    if Place.MODULES in places:
        seen += sys.path
        named += sys.path
    return (*seen, *map(_identity, named))


@lru_cache(maxsize=1)
def _top_symlinks(*_changed: int) -> tuple[str, ...]:
    """Return the symlinks at the top, asked for once for each time at which something changed there."""
    with os.scandir("/") as entries:
        return tuple(entry.path for entry in entries if entry.is_symlink())


def _identity(path: str) -> object:
    try:
        found = os.stat(path)  # noqa: PTH116 - as above
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _look_up(rule: PathRule) -> Iterator[tuple[str, Right]]:
    if rule.path is Place.ANYWHERE:
        yield from _anywhere(rule.rights)
    elif rule.path is Place.MODULES:
        yield from ((folder, rule.rights) for folder in _module_folders())
    else:
        if rule.required:
            _check_scope(str(rule.path), rule.rights)
        yield str(rule.path), rule.rights


def _check_scope(path: str, rights: Right) -> None:
    try:
        real = os.path.realpath(path, strict=True)
    except OSError as error:
        if Right.WRITE_FILE in rights:
            way_out = f"create it first, or grant the folder that it will be in, {str(Path(path).parent)!r}"
        else:
            way_out = "the kernel binds a rule to what is there; check the path, or create it first"
        missing = MissingPathError(f"the scope {path!r} can't be opened ({error.strerror}); {way_out}")
        missing.errno, missing.filename = error.errno, path
        # OSError prints this, and the path after it.
        missing.strerror = f"a scope can't be opened ({error.strerror}); {way_out}"
        raise missing from error
    if real == "/" or _PROCESS_FOLDERS.fullmatch(real):
        raise UnsupportedError(
            f"the scope {path!r} leads to {real!r}, which would open the environment and memory of processes as files; "
            "name the folders below it"
        )


def _module_folders() -> Iterator[str]:
    """Go through sys.path and the standard library, wherever it is."""
    folders = {os.path.realpath(entry) for entry in (*sys.path, str(Path(os.__file__).parent))}
    return (folder for folder in folders if not _is_forbidden(folder))


def _anywhere(rights: Right) -> Iterator[tuple[str, Right]]:
    with os.scandir("/") as entries:
        for entry in entries:
            # A symlink at the top can lead into one of the folders that are left out.
            if not _is_forbidden(os.path.realpath(entry.path) if entry.is_symlink() else entry.path):
                yield entry.path, rights
    for rule in ANYWHERE_BESIDES:
        yield str(rule.path), rule.rights & rights


def _is_forbidden(real: str) -> bool:
    """Say whether this is the root, or lies in one of the folders that no unscoped right opens."""
    return real == "/" or any(real == folder or real.startswith(f"{folder}/") for folder in NEVER_ANYWHERE)


def _usable(path: str, rights: Right) -> Right:
    """Leave out rights that mean nothing on a file (the kernel refuses a rule with them), or on what is not there."""
    try:
        mode = Path(path).stat().st_mode
    except OSError:
        return NO_RIGHT  # not there, or not for this user
    return rights if stat.S_ISDIR(mode) else rights & FILE_RIGHTS
