"""Thread pools of numeric libraries, which a child without Threads must not want.

This module knows the libraries that start their threads again after a fork, as soon as there is something to compute:
where they may not, OpenBLAS gives up and libgomp ends the process. It refuses to load any; what is not loaded
starts nothing; and to call what could start a thread itself, as OpenBLAS's own setter does in a forked child.

Sources: OpenBLAS, driver/others/blas_server.c; OpenMP 5.2, 18.2.1.
"""

import ctypes
import os
import sys
from collections.abc import Callable
from typing import Any, Final

#: What a library's file is called, beside ``lib`` and its version.
_LIBRARIES: Final = ("openblas", "gomp", "iomp", "libomp")
#: OpenBLAS's own variable: 1 means that it computes in the calling thread. Newer builds hide it; there it gives up at
#: its first thread, and the child is ended with the cause.
_NUMBER: Final = "blas_cpu_number"
#: OpenMP's call; it writes down a number.
_SETTER: Final = "omp_set_num_threads"

_numbers: list[ctypes.c_int] = []
_setters: list[Callable[[int], object]] = []
#: How many modules were loaded as it was looked last: a library comes with a module.
_looked_at: list[int] = [0]


def find_pools() -> None:
    """Look up the calls of what is loaded, in the parent, where that may take its time."""
    if len(sys.modules) == _looked_at[0]:
        return
    _looked_at[0] = len(sys.modules)
    if "numpy" not in sys.modules:
        return
    libraries = [library for path in _loaded() if (library := _hold(path)) is not None]
    _numbers[:] = [number for library in libraries if (number := _variable(library)) is not None]
    _setters[:] = [library[_SETTER] for library in libraries if hasattr(library, _SETTER)]


def use_one_thread() -> None:
    """Have each library compute in the thread that calls it, in this process from now on. Called in the child."""
    for number in _numbers:
        number.value = 1
    for setter in _setters:
        setter(1)


def _loaded() -> list[str]:
    try:
        with open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as maps:  # noqa: PTH123 - not loaded
            paths = {line.split(maxsplit=5)[5].strip() for line in maps if line.count(" /")}
    except (OSError, IndexError):
        return []
    return sorted(path for path in paths if any(name in path.rpartition("/")[2] for name in _LIBRARIES))


def _hold(path: str) -> Any:  # noqa: ANN401 - a library's names are its own
    try:
        # It is loaded already, so that this gives it a name and loads nothing.
        return ctypes.PyDLL(path, mode=os.RTLD_NOLOAD | os.RTLD_NOW)
    except OSError:
        return None


def _variable(library: Any) -> ctypes.c_int | None:  # noqa: ANN401 - as above
    try:
        return ctypes.c_int.in_dll(library, _NUMBER)
    except ValueError:
        return None
