"""A classic BPF machine in user space, for seccomp programs.

It knows the instructions that seccomp takes (``seccomp_check_filter`` in the kernel) and raises on all others. It
shares no code with the compiler under test.
"""

import struct
from collections.abc import Sequence

from capsafe.policy.numbers import ARCHITECTURES

ALLOW = 0x7FFF0000
KILL_PROCESS = 0x80000000
ERRNO = 0x00050000
USER_NOTIF = 0x7FC00000


def verdict(program: bytes, number: int, arguments: Sequence[int] = (), *, machine: str = "x86_64") -> int:
    """Run one program on one call; returns the 32 bits that it returns."""
    return run(program, number, arguments, ARCHITECTURES[machine])


def run(program: bytes, number: int, arguments: Sequence[int], architecture: int) -> int:
    padded = [*arguments, 0, 0, 0, 0, 0, 0][:6]
    data = struct.pack("=IIQ6Q", number & 0xFFFFFFFF, architecture, 0, *(one & 0xFFFFFFFFFFFFFFFF for one in padded))
    lines = list(struct.iter_unpack("=HBBI", program))
    accumulator = 0
    at = 0
    while True:
        code, then, otherwise, value = lines[at]
        at += 1
        match code:
            case 0x20:
                (accumulator,) = struct.unpack_from("=I", data, value)
            case 0x54:
                accumulator &= value
            case 0x05:
                at += value
            case 0x15:
                at += then if accumulator == value else otherwise
            case 0x25:
                at += then if accumulator > value else otherwise
            case 0x35:
                at += then if accumulator >= value else otherwise
            case 0x06:
                return int(value)
            case _:
                raise AssertionError(f"instruction {code:#x} is not one that seccomp takes here")


def stricter(*verdicts: int) -> int:
    """Return what the kernel does with the answers of stacked filters, oldest first: the lowest, then the newest."""
    return min(reversed(verdicts), key=lambda one: struct.unpack("=i", struct.pack("=I", one & 0xFFFF0000))[0])
