"""Names and numbers of the system.

This module knows which system call says what. It refuses to know ``/sys`` and ``/proc``, which are files.
"""

import os
import pwd
from typing import NamedTuple


class User(NamedTuple):
    """An account of this system."""

    name: str
    uid: int
    gid: int
    home: str


def users() -> list[User]:
    """Return the accounts that passwd(5) lists."""
    return [User(row.pw_name, row.pw_uid, row.pw_gid, row.pw_dir) for row in pwd.getpwall()]


def uname() -> os.uname_result:
    """Return the kernel's name, release, version, machine and the host's name."""
    return os.uname()


def cpu_count() -> int:
    """Return how many processors this process may run on."""
    # Not os.cpu_count: the C library reads files below /sys to answer it.
    return len(os.sched_getaffinity(0))
