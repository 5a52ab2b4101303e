"""System calls that are laid out beforehand and made one after the other in C.

This module knows how they are laid out, made, and how a failure is told. It refuses to know what they are for.

After a fork, each page that Python touches is copied first, which takes longer than most calls: a child that makes
thirty of them one by one spends most of its time on that.
"""

import ctypes
import os
from collections.abc import Iterable
from functools import partial
from operator import call
from typing import Any, Final, NamedTuple

from capsafe.kernel.libc import LIBC
from capsafe.kernel.support import architecture
from capsafe.policy.numbers import NUMBERS


def _taking(count: int) -> Any:  # noqa: ANN401 - a function of C
    """Return syscall(2) for as many arguments, with their types told, so that they are converted in C."""
    function = LIBC["syscall"]
    function.argtypes = (ctypes.c_long,) * (1 + count)
    function.restype = ctypes.c_long
    return function


#: By the number of a call's arguments.
_SYSCALLS: Final = tuple(_taking(count) for count in range(7))

#: typeshed's ``call`` can't be mapped over callables of a type that is not known.
_call: Final[Any] = call


class Call(NamedTuple):
    """One system call. ``arguments``: numbers and addresses. ``may_fail``: go on all the same."""

    name: str
    arguments: tuple[int, ...] = ()
    may_fail: bool = False


class Calls:
    """Calls in their order.

    ``calls``: none of them may need the result of another; all arguments that the kernel reads are given, since a
    register that is not set holds anything. ``held``: what is kept as long as this is, such as the buffers that the
    addresses lead to.
    """

    def __init__(self, calls: Iterable[Call], held: Iterable[object] = ()) -> None:
        self._calls = tuple(calls)
        self._held = tuple(held)
        numbers = NUMBERS[architecture()]
        self._made = tuple(
            partial(_SYSCALLS[len(arguments)], numbers[name], *arguments) for name, arguments, _ in self._calls
        )

    def __call__(self) -> list[int]:
        """Make them all, whatever fails, and return what each returned, -1 for one that failed.

        Raises ``OSError`` with the name of the first that must not fail and did. Where more than one failed the error's
        code is the last one's.
        """
        results = self.make()
        self.check(results)
        return results

    def make(self) -> list[int]:
        """Make them all, and return what each returned."""
        return list(map(_call, self._made))

    def check(self, results: list[int]) -> None:
        """Raise ``OSError`` for what ``make`` has just returned, where one failed that must not."""
        if -1 in results:
            code = ctypes.get_errno()
            for result, one in zip(results, self._calls, strict=True):
                if result == -1 and not one.may_fail:
                    raise OSError(code, f"{one.name}: {os.strerror(code)}")
