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
import struct
from functools import cache
from itertools import count, takewhile
from typing import Final

from capsafe.kernel.calls import Call, Calls
from capsafe.kernel.libc import LIBC

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
_HEADER_AT: Final = ctypes.addressof(_HEADER)
_FOUND_AT: Final = ctypes.addressof(_FOUND)
_EMPTY_AT: Final = ctypes.addressof(_EMPTY)
_LOOK: Final = Calls([Call("capget", (_HEADER_AT, _FOUND_AT))])


def _known() -> tuple[int, ...]:
    """Return the numbers of the capabilities that this kernel knows."""
    return tuple(takewhile(lambda number: LIBC.prctl(_PR_CAPBSET_READ, number, 0, 0, 0) >= 0, count()))[:_MOST]


_KNOWN: Final = _known()


def read_sets() -> bytes:
    """Return the effective, permitted and inheritable sets, as the kernel lays them out. Raises ``OSError``."""
    _LOOK()
    return bytes(_FOUND)


def has_privileges() -> bool:
    """Say whether this process has any Linux capability: root does, and so may others. Raises ``OSError``."""
    return any(read_sets())


def calls(sets: bytes) -> list[Call]:
    """Return the calls that give up every Linux capability, for ever and for all programs started later, also for root.

    ``sets``: what the process has, see ``read_sets``; laid out in the parent. no_new_privs must be set. Effective,
    permitted, inheritable and ambient sets are empty afterwards; with ``CAP_SETPCAP`` the bounding set is, too, and the
    securebits are locked. User, groups and supplementary groups stay what they are.
    """
    effective, permitted, *_ = struct.unpack("=6I", sets)
    rows = []
    if permitted & _CAP_SETPCAP:
        if not effective & _CAP_SETPCAP:
            rows.append(Call("capset", (_HEADER_AT, ctypes.addressof(_in_use(sets)))))
        # Of its arguments the kernel reads no more than these, and each takes as long as the call.
        rows += [Call("prctl", (_PR_CAPBSET_DROP, number)) for number in _KNOWN]
        rows.append(Call("prctl", (_PR_SET_SECUREBITS, SECUREBITS, 0, 0, 0)))
    # What is not permitted can't be ambient: that set goes with it.
    return [*rows, Call("capset", (_HEADER_AT, _EMPTY_AT))]


@cache
def _in_use(sets: bytes) -> ctypes.Array[ctypes.c_uint32]:
    """Return the sets with all that is permitted in effect; kept, since calls lead to it."""
    _, permitted, inheritable, *others = struct.unpack("=6I", sets)
    return (ctypes.c_uint32 * 6)(permitted, permitted, inheritable, *others)


def drop_privileges() -> None:
    """Make those calls. Raises ``OSError``."""
    Calls(calls(read_sets()))()
