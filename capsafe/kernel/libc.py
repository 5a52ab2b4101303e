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


def prctl(option: int, *arguments: int) -> int:
    """Have the kernel change or tell a property of this process; missing arguments are 0. Raises ``OSError``."""
    longs = [ctypes.c_ulong(argument) for argument in (*arguments, 0, 0, 0, 0)[:4]]
    return check(LIBC.prctl(option, *longs), f"prctl({option})")
