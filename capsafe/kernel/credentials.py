"""Linux capabilities, given up for ever, so that root is a user like others who owns root's files.

This module knows the five sets of a process and how they are emptied. It refuses to know when: it is a step of
``capsafe.kernel.restrict``, after everything that could need one. Import it in the parent, so that nothing is looked up
after the fork.

no_new_privs alone keeps a process from *gaining* any: with empty sets, programs of root and programs with capabilities
in their file start without. The bounding set and the securebits say the same once more, where the process may change
them (``CAP_SETPCAP``).

Sources: capabilities(7), prctl(2), capget(2), security/commoncap.c.
"""

import ctypes
import platform
from itertools import count, repeat, takewhile
from typing import Final

from capsafe.kernel.libc import LIBC, check
from capsafe.policy.numbers import NUMBERS

_PR_CAPBSET_READ: Final = 23
_PR_CAPBSET_DROP: Final = 24
_PR_SET_SECUREBITS: Final = 28

#: NOROOT, NO_SETUID_FIXUP and NO_CAP_AMBIENT_RAISE, each with its lock, and the lock of KEEP_CAPS, which stays off.
SECUREBITS: Final = 0x01 | 0x02 | 0x04 | 0x08 | 0x20 | 0x40 | 0x80
_CAPABILITY_VERSION_3: Final = 0x20080522
_CAP_SETPCAP: Final = 1 << 8
_MOST: Final = 64

# Laid out and looked up in the parent: after a fork, each page that Python touches is copied. The sets are words of 32
# bits: effective, permitted and inheritable, of the first 32 capabilities and of the others.
_HEADER: Final = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
_FOUND: Final = (ctypes.c_uint32 * 6)()
_EMPTY: Final = (ctypes.c_uint32 * 6)()
_SETS: Final = memoryview(_FOUND).cast("B").cast("I")
_HEADER_AT: Final = ctypes.addressof(_HEADER)
_FOUND_AT: Final = ctypes.addressof(_FOUND)
_EMPTY_AT: Final = ctypes.addressof(_EMPTY)

# Their types are told beforehand, so that numbers are converted in C.
_CALL: Final = ctypes.PyDLL(None, use_errno=True)["syscall"]
_CALL.argtypes = (ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)
_CALL.restype = ctypes.c_long
_PRCTL: Final = ctypes.PyDLL(None, use_errno=True)["prctl"]
_PRCTL.argtypes = (ctypes.c_int, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong)

# On a machine that is not known the number is none, and the answer an error.
_CAPGET: Final = NUMBERS.get(platform.machine(), {}).get("capget", -1)
_CAPSET: Final = NUMBERS.get(platform.machine(), {}).get("capset", -1)


def _known() -> tuple[int, ...]:
    """Return the numbers of the capabilities that this kernel knows."""
    return tuple(takewhile(lambda number: LIBC.prctl(_PR_CAPBSET_READ, number, 0, 0, 0) >= 0, count()))[:_MOST]


_KNOWN: Final = _known()
_ZEROS: Final = repeat(0)
_DROPS: Final = repeat(_PR_CAPBSET_DROP)


def has_privileges() -> bool:
    """Say whether this process has any Linux capability: root does, and so may others. Raises ``OSError``."""
    check(_CALL(_CAPGET, _HEADER_AT, _FOUND_AT), "capget")
    return any(_SETS)


def drop_privileges() -> None:
    """Give up every Linux capability, for ever and for all programs started later, also for root.

    no_new_privs must be set. Effective, permitted, inheritable and ambient sets are empty afterwards; with
    ``CAP_SETPCAP`` the bounding set is, too, and the securebits are locked. User, groups and supplementary groups stay
    what they are. Raises ``OSError``.
    """
    if not has_privileges():
        return
    effective, permitted = _SETS[0], _SETS[1]
    if permitted & _CAP_SETPCAP:
        if not effective & _CAP_SETPCAP:
            _SETS[0] = permitted
            check(_CALL(_CAPSET, _HEADER_AT, _FOUND_AT), "capset")
        # In one step, in C: each is 0, or the first that is not ends it.
        if any(map(_PRCTL, _DROPS, _KNOWN, _ZEROS, _ZEROS, _ZEROS)):
            check(-1, "prctl(PR_CAPBSET_DROP)")
        check(_PRCTL(_PR_SET_SECUREBITS, SECUREBITS, 0, 0, 0), "prctl(PR_SET_SECUREBITS)")
    # What is not permitted can't be ambient: that set goes with it.
    check(_CALL(_CAPSET, _HEADER_AT, _EMPTY_AT), "capset")
