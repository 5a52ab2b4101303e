"""A question from the child to its supervisor: a system call that nothing grants, answered with a descriptor.

This module knows how the call is made and the answer read. It refuses to know what is asked.
"""

import ctypes
import os
from typing import Final

from capsafe.kernel.libc import check
from capsafe.kernel.support import architecture
from capsafe.policy.numbers import NUMBERS

#: The most bytes of an answer; a pipe has room for so many on every system.
LONGEST_ANSWER: Final = 4096

# Without the GIL: the answer may take as long as a name server does, and other threads go on.
_CALL: Final = ctypes.CDLL(None, use_errno=True)["syscall"]
_CALL.argtypes = (ctypes.c_long, ctypes.c_char_p, ctypes.c_char_p)
_CALL.restype = ctypes.c_long


def find_call() -> int:
    """Return the number of the call that carries questions, in the parent: to take an extended attribute away."""
    return NUMBERS[architecture()]["removexattr"]


def ask(number: int, question: bytes, kind: bytes) -> bytes:
    """Return what the supervisor answers. ``number``: of ``find_call``. Raises ``OSError`` where it refuses."""
    reading = check(int(_CALL(number, question, kind)), "the supervisor")
    try:
        found = b""
        while len(found) <= LONGEST_ANSWER and (piece := os.read(reading, LONGEST_ANSWER)):
            found += piece
        return found[:LONGEST_ANSWER]
    finally:
        os.close(reading)
