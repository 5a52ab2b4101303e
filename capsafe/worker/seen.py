"""DATA: what an allowed system call touched: which arguments are paths, and what each would take of a grant.

This module knows the calls and their arguments, by name and number alone. It refuses to read anyone's memory
(``capsafe.worker.observer``). Calls that are not listed touch no path: of those the capability alone counts.

Source: the calls' pages in section 2 of the manual.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from capsafe.policy.syscalls import O_ACCMODE, O_CREAT, O_TMPFILE, O_TRUNC, O_WRONLY

#: What is done with a path: its content is read; it is changed; it is made, removed or renamed, which changes the
#: folder it is in; it is run; the current folder becomes it.
READ: Final = "read"
WRITE: Final = "write"
ENTRY: Final = "entry"
RUN: Final = "run"
ENTER: Final = "enter"
#: Made where it is not there, written where it is.
MAKE: Final = "make"


@dataclass(frozen=True, slots=True)
class Touch:
    """One path of a call. ``path``: which argument. ``folder``: the one with the descriptor it starts from, if any."""

    how: str
    path: int
    folder: int | None = None


_ROWS: Final[Mapping[str, tuple[Touch, ...]]] = MappingProxyType(
    {
        "creat": (Touch(MAKE, 0),),
        "mkdir": (Touch(ENTRY, 0),),
        "mkdirat": (Touch(ENTRY, 1, 0),),
        "rmdir": (Touch(ENTRY, 0),),
        "unlink": (Touch(ENTRY, 0),),
        "unlinkat": (Touch(ENTRY, 1, 0),),
        "rename": (Touch(ENTRY, 0), Touch(ENTRY, 1)),
        "renameat": (Touch(ENTRY, 1, 0), Touch(ENTRY, 3, 2)),
        "renameat2": (Touch(ENTRY, 1, 0), Touch(ENTRY, 3, 2)),
        "link": (Touch(ENTRY, 0), Touch(ENTRY, 1)),
        "linkat": (Touch(ENTRY, 1, 0), Touch(ENTRY, 3, 2)),
        # What a symlink says is no path that is touched.
        "symlink": (Touch(ENTRY, 1),),
        "symlinkat": (Touch(ENTRY, 2, 1),),
        "truncate": (Touch(WRITE, 0),),
        "execve": (Touch(RUN, 0),),
        "chdir": (Touch(ENTER, 0),),
    }
)


def touches(call: str, arguments: tuple[int, ...]) -> tuple[Touch, ...]:
    """Return the paths that a call touches, and how."""
    if call == "open":
        return _opened(arguments[1], Touch(READ, 0))
    if call == "openat":
        return _opened(arguments[2], Touch(READ, 1, 0))
    return _ROWS.get(call, ())


def _opened(flags: int, read: Touch) -> tuple[Touch, ...]:
    mode = flags & O_ACCMODE
    reading = () if mode == O_WRONLY else (read,)
    makes = flags & O_CREAT or flags & O_TMPFILE == O_TMPFILE
    if not makes and not flags & O_TRUNC and mode == 0:
        return reading
    return (*reading, Touch(MAKE if makes else WRITE, read.path, read.folder))
