"""The C library, as far as the kernel's doors need it.

This module knows how to call it and to turn its failures into ``OSError``. It refuses to know what the calls are for.
ctypes is imported here and by this package's modules alone, and they are imported late: ``import capsafe`` loads none.
"""

import ctypes
import os
from typing import Final

# None is the program itself, which has libc in it: no search for the library's file, which would start a subprocess.
# PyDLL keeps the GIL: none of these calls waits, and no other thread may run between them.
LIBC: Final = ctypes.PyDLL(None, use_errno=True)
LIBC.syscall.restype = ctypes.c_long


def check(result: int, call: str) -> int:
    """Return ``result``, or raise the ``OSError`` that ``errno`` stands for, with the call's name."""
    if result == -1:
        code = ctypes.get_errno()
        raise OSError(code, f"{call}: {os.strerror(code)}")
    return result


# With the types told beforehand, numbers are converted in C: after a fork, each page that Python touches is copied.
_PRCTL: Final = LIBC["prctl"]
_PRCTL.argtypes = (ctypes.c_int, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong)


def prctl(option: int, second: int = 0, third: int = 0) -> int:
    """Have the kernel change or tell a property of this process; the arguments left out are 0. Raises ``OSError``."""
    return check(_PRCTL(option, second, third, 0, 0), f"prctl({option})")


class Program(ctypes.Structure):
    """A classic BPF program as ``struct sock_fprog``, ready for seccomp(2)."""

    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]

    def __init__(self, code: bytes) -> None:
        """Keep a copy of the instructions where the kernel can read it."""
        self.buffer = ctypes.create_string_buffer(code, len(code))
        super().__init__(len(code) // 8, ctypes.addressof(self.buffer))

    # Structures have none; each is its own, and steps are kept for each.
    __hash__ = object.__hash__


_SECCOMP_SET_MODE_FILTER: Final = 1
_SECCOMP: Final = LIBC["syscall"]
_SECCOMP.argtypes = (ctypes.c_long, ctypes.c_ulong, ctypes.c_ulong, ctypes.POINTER(Program))
_SECCOMP.restype = ctypes.c_long


def install_filter(number: int, program: Program) -> None:
    """Install a filter on this thread, for ever; no_new_privs must be set.

    ``number``: that of seccomp(2) on this machine. Raises ``OSError``.
    """
    check(_SECCOMP(number, _SECCOMP_SET_MODE_FILTER, 0, program), "seccomp")
