"""Thread pools of numeric libraries, which a child without Threads must not want.

This module knows the libraries that start their threads again after a fork, as soon as there is something to compute:
where they may not, OpenBLAS waits for ever and libgomp ends the process. Each has a call that says: one thread. It
refuses to load any; what is not loaded starts nothing.

Sources: OpenBLAS, driver/others/blas_server.c; OpenMP 5.2, 18.2.1; threadpoolctl, which does the same from outside.
"""

import ctypes
import os
import sys
from collections.abc import Callable
from typing import Any, Final

#: What a library's file is called, beside ``lib`` and its version.
_LIBRARIES: Final = ("openblas", "gomp", "iomp", "libomp", "mkl_rt", "blis")
#: Builds with 64-bit indices, and those that SciPy makes, have names of their own.
_SETTERS: Final = (
    "openblas_set_num_threads",
    "openblas_set_num_threads64_",
    "scipy_openblas_set_num_threads",
    "scipy_openblas_set_num_threads64_",
    "omp_set_num_threads",
    "MKL_Set_Num_Threads",
    "bli_thread_set_num_threads",
)

_found: list[Callable[[int], object]] = []
#: How many modules were loaded as it was looked last: a library comes with a module.
_looked_at: list[int] = [0]


def find_pools() -> None:
    """Look up the calls of what is loaded, in the parent, where that may take its time."""
    if len(sys.modules) == _looked_at[0]:
        return
    _looked_at[0] = len(sys.modules)
    if "numpy" not in sys.modules:
        return
    _found[:] = [setter for path in _loaded() for setter in _setters_of(path)]


def use_one_thread() -> None:
    """Have each library compute in the thread that calls it, in this process from now on. Called in the child."""
    for setter in _found:
        setter(1)


def _loaded() -> list[str]:
    try:
        with open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as maps:  # noqa: PTH123 - not loaded
            paths = {line.split(maxsplit=5)[5].strip() for line in maps if line.count(" /")}
    except (OSError, IndexError):
        return []
    return sorted(path for path in paths if any(name in path.rpartition("/")[2] for name in _LIBRARIES))


def _setters_of(path: str) -> list[Callable[[int], object]]:
    try:
        # It is loaded already, so that this gives it a name and loads nothing.
        library = ctypes.PyDLL(path, mode=os.RTLD_NOLOAD | os.RTLD_NOW)
    except OSError:
        return []
    found: list[Any] = [getattr(library, name, None) for name in _SETTERS]
    for setter in found:
        if setter is not None:
            setter.argtypes, setter.restype = (ctypes.c_int,), None
    return [setter for setter in found if setter is not None]
