"""DATA: what every sandbox can do, ``Sandbox[Never]`` too, because CPython can't run, fail or answer without it.

This module knows the floor. It refuses to know anything that touches what lies outside the process. None of it opens a
file, reaches another process or makes a descriptor that leads out.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from capsafe.policy.model import Rule
from capsafe.policy.syscalls import DESCRIPTORS, MEMORY, OWN_PROCESS, OWN_SIGNALS, PLUMBING, TIME

#: Reading the clock and getting random bytes are here although Clock and Random are capabilities: the clock is read
#: without a system call (vDSO), and CPython needs getrandom for its own hash tables. The checker stands behind both.
BASELINE: Final[frozenset[Rule]] = MEMORY | OWN_SIGNALS | OWN_PROCESS | TIME | DESCRIPTORS | PLUMBING

EPERM: Final = 1
ENOSYS: Final = 38
EOPNOTSUPP: Final = 95

#: The error for everything that is not allowed: CPython makes it a PermissionError.
REFUSED: Final = EPERM

#: The error for calls that are newer than any that a rule is about.
NEWER: Final = ENOSYS

#: Calls whose callers do without them when told that they are not there. It holds only where no rule allows the call.
OTHER_ERRORS: Final[Mapping[str, int]] = MappingProxyType(
    {
        # Its flags lie behind a pointer, which a filter can't follow; glibc falls back to clone.
        "clone3": ENOSYS,
        # As clone3, for the flags of open.
        "openat2": ENOSYS,
        # A second way to make nearly every other call, past this filter.
        "io_uring_setup": ENOSYS,
        "io_uring_enter": ENOSYS,
        "io_uring_register": ENOSYS,
        # Newer forms of calls that are allowed or refused in their older form.
        "faccessat2": ENOSYS,
        "epoll_pwait2": ENOSYS,
        "futex_waitv": ENOSYS,
        "memfd_secret": ENOSYS,
        # Where memory lies on machines with several nodes: numeric libraries ask, and go on without.
        "mbind": ENOSYS,
        "set_mempolicy": ENOSYS,
        # As on a file system without extended attributes: cp, ls and shutil.copy2 then copy without them.
        "getxattr": EOPNOTSUPP,
        "lgetxattr": EOPNOTSUPP,
        "fgetxattr": EOPNOTSUPP,
        "listxattr": EOPNOTSUPP,
        "llistxattr": EOPNOTSUPP,
        "flistxattr": EOPNOTSUPP,
        "setxattr": EOPNOTSUPP,
        "lsetxattr": EOPNOTSUPP,
        "fsetxattr": EOPNOTSUPP,
    }
)
