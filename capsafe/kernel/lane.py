"""Memory that a child fills and its parent keeps, without a copy in between.

This module knows how such memory is made, mapped, and taken from whoever else may still have it. It refuses to know
what is in it.

The child has a mapping and no descriptor, so it can't change the length. The parent looks only when nobody can write
there any more: the kernel itself refuses the seal while there is a mapping that can (EBUSY), and what is sealed can be
mapped as private alone. So what the parent has read once stays as it was, and no access to it can fail.

Sources: memfd_create(2), fcntl(2) "File Sealing", mmap(2).
"""

import contextlib
import ctypes
import errno
import fcntl
import mmap
import os
import time
import weakref
from typing import Final

from capsafe.kernel.libc import LIBC

_MFD_CLOEXEC: Final = 0x1
_MFD_ALLOW_SEALING: Final = 0x2
#: The memory can never be executed as a program (Linux 6.3).
_MFD_NOEXEC_SEAL: Final = 0x8
_F_ADD_SEALS: Final = 1033
#: SEAL, SHRINK, GROW and WRITE: for ever, and the length and the content with it.
_ALL_SEALS: Final = 0x1 | 0x2 | 0x4 | 0x8
_MAP_NORESERVE: Final = 0x4000
#: All pages at once, in place of one fault for each (Linux 5.14; refused by others, which changes nothing).
_MADV_POPULATE_READ: Final = 22
_MADV_POPULATE_WRITE: Final = 23

#: Address space is not without end; what is longer than this goes through the pipe.
_LONGEST: Final = 2**40
#: A process that was killed has its mappings for a moment longer.
_PATIENCE: Final = 5.0
_PAUSE: Final = 0.0005

# The C library's own, since Python's keeps a descriptor for each mapping.
_MMAP: Final = LIBC["mmap"]
_MMAP.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long)
_MMAP.restype = ctypes.c_void_p
_MUNMAP: Final = LIBC["munmap"]
_MUNMAP.argtypes = (ctypes.c_void_p, ctypes.c_size_t)
_MADVISE: Final = LIBC["madvise"]
_MADVISE.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
_FAILED: Final = ctypes.c_void_p(-1).value
SHARED: Final = mmap.MAP_SHARED | _MAP_NORESERVE
READ_WRITE: Final = mmap.PROT_READ | mmap.PROT_WRITE


class StillWrittenError(Exception):
    """Somebody can still write to the lane, or has sealed it: nothing in it can be relied on."""


class Lane:
    """Memory for one answer, made in the parent before the fork. It takes no memory until it is written to.

    ``size``: the most that it takes, in bytes. ``address``: where the child has mapped it, set there, negative where it
    could not; the descriptor must still be open as it does. Raises ``OSError`` where there is no such memory here.
    """

    def __init__(self, size: int) -> None:
        self.size = -(-min(size, _LONGEST) // mmap.PAGESIZE) * mmap.PAGESIZE
        self.address = -1
        self.descriptor = _make()
        try:
            os.truncate(self.descriptor, self.size)
        except BaseException:
            self.close()
            raise

    def view(self, length: int) -> memoryview | None:
        """Return the first ``length`` bytes, in the child, to be written; None where they are not there."""
        if self.address < 0 or length > self.size:
            return None
        _MADVISE(self.address, length, _MADV_POPULATE_WRITE)
        return memoryview((ctypes.c_char * length).from_address(self.address)).cast("B")

    def take(self, length: int, deadline: float | None) -> memoryview:
        """Return the first ``length`` bytes, in the parent, once the child is dead: to keep, to read and to write.

        Writes stay in this process. The memory is given back when the view and all that is made of it are gone.
        ``deadline``: on the monotonic clock, for how long what the child has started may take to die. Raises
        ``StillWrittenError`` where it lives on, ``OSError`` where there is no memory.
        """
        latest = time.monotonic() + _PATIENCE
        if deadline is not None:
            latest = min(latest, deadline)
        while True:
            try:
                fcntl.fcntl(self.descriptor, _F_ADD_SEALS, _ALL_SEALS)
                break
            except OSError as error:
                if error.errno != errno.EBUSY or time.monotonic() >= latest:
                    raise StillWrittenError from error
            time.sleep(_PAUSE)
        found = _MMAP(None, length, READ_WRITE, mmap.MAP_PRIVATE, self.descriptor, 0)
        if found == _FAILED:
            code = ctypes.get_errno()
            raise OSError(code, f"mmap: {os.strerror(code)}")
        _MADVISE(found, length, _MADV_POPULATE_READ)
        # Whatever refers to the array refers to this; it lies in memory that ctypes does not free.
        held = (ctypes.c_char * length).from_address(found)
        weakref.finalize(held, _MUNMAP, found, length).atexit = False
        return memoryview(held).cast("B")

    def close(self) -> None:
        """Close the descriptor. What was taken stays."""
        if self.descriptor >= 0:
            with contextlib.suppress(OSError):
                os.close(self.descriptor)
            self.descriptor = -1


def _make() -> int:
    flags = _MFD_CLOEXEC | _MFD_ALLOW_SEALING
    try:
        return os.memfd_create("capsafe", flags | _MFD_NOEXEC_SEAL)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
    return os.memfd_create("capsafe", flags)
