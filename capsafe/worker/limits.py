"""How much a sandbox may take of what the machine has, checked when it is made.

This module knows the limits, their units and which values make sense. It refuses to know how they are enforced.
"""

import re
from dataclasses import dataclass
from typing import Final

_SIZE: Final = re.compile(r"([0-9]+)\s*([KMGT]?)(?:i?B)?", re.IGNORECASE)
_UNITS: Final = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}

DEFAULT_RESULT_SIZE: Final = 2**28
_SMALLEST_RESULT: Final = 2**16
_SMALLEST_MEMORY: Final = 2**20
_LARGEST: Final = 2**62
#: Thirty years; more than the kernel's own clocks of a process take.
_LONGEST: Final = 10**9


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one sandbox, all per call; None where there is none.

    ``timeout``: seconds on the wall clock. ``cpu_time``: seconds of processor time. ``memory``: bytes of address
    space on top of what the process has at the fork. ``open_files``: descriptors at a time, besides the standard
    streams and the channel. ``file_size``: bytes in any file that it writes. ``processes``: processes and threads at a
    time, the first one too. ``result_size``: bytes of the longest answer.
    """

    timeout: float | None = None
    cpu_time: float | None = None
    memory: int | None = None
    open_files: int | None = None
    file_size: int | None = None
    processes: int | None = None
    result_size: int = DEFAULT_RESULT_SIZE

    @property
    def for_kernel(self) -> bool:
        """Whether there are any that the child sets for itself."""
        return (self.cpu_time, self.memory, self.open_files, self.file_size) != (None, None, None, None)


def make_limits(  # noqa: PLR0913 - each has its name
    *,
    timeout: float | None,
    cpu_time: float | None,
    memory: int | str | None,
    open_files: int | None,
    file_size: int | str | None,
    processes: int | None,
    result_size: int | str | None,
) -> Limits:
    """Check what a user wrote. Raises ``TypeError`` and ``ValueError`` that name the limit and what it takes."""
    return Limits(
        timeout=_seconds("timeout", timeout),
        cpu_time=_seconds("cpu_time", cpu_time),
        memory=_bytes("memory", memory, _SMALLEST_MEMORY),
        open_files=_count("open_files", open_files, 0),
        file_size=_bytes("file_size", file_size, 0),
        # The first one is there.
        processes=_count("processes", processes, 1),
        result_size=_bytes("result_size", result_size, _SMALLEST_RESULT) or DEFAULT_RESULT_SIZE,
    )


def _seconds(name: str, value: float | None) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} is a number of seconds, such as {name}=2.5, and not {value!r}")
    # No comparison holds for NaN.
    if not 0 < value <= _LONGEST:
        raise ValueError(
            f"{name} is a positive number of seconds, {_LONGEST} at most, and not {value!r}; leave it out for no limit"
        )
    return float(value)


def _count(name: str, value: int | None, smallest: int) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} is a whole number, and not {value!r}")
    if not smallest <= value < 2**31:
        raise ValueError(f"{name} is a number from {smallest} on, and not {value!r}; leave it out for no limit")
    return value


def _bytes(name: str, value: int | str | None, smallest: int) -> int | None:
    if value is None:
        return None
    if isinstance(value, str):
        found = _SIZE.fullmatch(value.strip())
        if found is None:
            raise ValueError(f'{name} is a number of bytes or a text such as "256M" or "1G", and not {value!r}')
        number = int(found[1]) * _UNITS[found[2].upper()]
    elif isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f'{name} is a number of bytes or a text such as "256M", and not {value!r}')
    else:
        number = value
    if not smallest <= number <= _LARGEST:
        raise ValueError(f"{name} is at least {smallest} bytes, and not {value!r}; leave it out for the default")
    return number
