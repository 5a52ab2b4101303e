"""What a child does to itself that is not a rule: how it is forked, and what it gives up.

This module knows single steps, each one call or a few. It refuses to know their order, which is the worker's. Import it
in the parent, so that nothing is loaded or searched for after the fork.

Sources: prctl(2), close_range(2), fork(2).
"""

import ctypes
import errno
import os
import signal
import sys
from collections.abc import Iterable
from itertools import repeat, tee
from operator import call
from typing import Any, Final

from capsafe.kernel.libc import LIBC, check, prctl
from capsafe.kernel.support import architecture
from capsafe.policy.numbers import NUMBERS

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_DUMPABLE: Final = 4
_PR_SET_CHILD_SUBREAPER: Final = 36
_CLONE_PARENT: Final = 0x8000
CLONE_THREAD: Final = 0x10000
_ONE_THREAD: Final = 3
_POLLIN: Final = 1
_LAST_DESCRIPTOR: Final = 0xFFFFFFFF


class _Poll(ctypes.Structure):
    _fields_ = [("descriptor", ctypes.c_int), ("wanted", ctypes.c_short), ("found", ctypes.c_short)]


_python: Any = ctypes.pythonapi
_before_fork: Final = _python.PyOS_BeforeFork
_before_fork.restype = None
_before_fork.argtypes = ()
_after_fork_parent: Final = _python.PyOS_AfterFork_Parent
_after_fork_parent.restype = None
_after_fork_parent.argtypes = ()
_after_fork_child: Final = _python.PyOS_AfterFork_Child
_after_fork_child.restype = None
_after_fork_child.argtypes = ()
_libc_fork: Final = LIBC.fork
_libc_fork.restype = ctypes.c_int
_libc_fork.argtypes = ()

#: typeshed's ``call`` can't be mapped over callables with different results.
_call: Final[Any] = call

#: What follows on each step of a fork: nothing on Python's preparations, then the child's or the parent's cleaning up.
_AFTER: Final = {None: tuple, 0: _after_fork_child}


def fork() -> int:
    """Fork as ``os.fork`` does, at-fork hooks included, without its warning.

    From 3.12 on ``os.fork`` warns in a process that has threads, and a warning is the caller's global state: it can't
    be silenced for one thread, and where warnings are errors it would break the caller for what the worker takes care
    of (the child takes no lock that another thread may hold).

    The steps run inside one call of ``list``, in C. Between two bytecodes the interpreter may hand the GIL to another
    thread, and from 3.13 on Python holds a lock from before the fork until after it that such a thread may want while
    it has the GIL.

    Returns 0 in the child and its process id in the parent. Raises ``OSError`` where there can be no more processes.
    """
    sys.audit("os.fork")
    steps, results = tee(map(_call, (_before_fork, _libc_fork)))
    list(map(_call, map(_AFTER.get, steps, repeat(_after_fork_parent))))
    _, pid = results
    return check(pid, "fork")


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when the thread that forked it ends.

    ``parent``: the process id of the parent, read there before the fork; where it is gone already, this process ends
    at once. Raises ``OSError``.
    """
    prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def check_alone() -> None:
    """Make sure that this process has the one thread: what confines it confines a thread, and others would stay free.

    A fork begins with one; what runs after it (hooks of libraries) could start more. The question is one that the
    kernel answers without a change: to stop sharing what only threads share. Raises ``OSError``.
    """
    number = NUMBERS[architecture()]["unshare"]
    if LIBC.syscall(number, CLONE_THREAD) == 0:
        return
    # Refused outright, as containers do: then by the count of its threads' folders, which have two links besides.
    if ctypes.get_errno() != errno.EINVAL and os.stat("/proc/self/task").st_nlink == _ONE_THREAD:  # noqa: PTH116 - loaded
        return
    raise OSError(errno.EINVAL, "more than one thread runs, or it can't be seen whether one does")


def guard_group() -> None:
    """Start a process that kills this one's process group, and itself, as soon as this one has ended in any way.

    What was forked from here does not end with its parent: a death signal is for one process. The guard is in the
    group, so that the group's number stays taken for as long as it is there, and it is a child of this process's
    parent, which reaps it. This process leads its group, has no threads, and is not yet confined: what it becomes can't
    reach the guard. Raises ``OSError``.
    """
    own = os.pidfd_open(os.getpid())
    # No hooks and no Python in the guard but these lines: it has the interpreter of a process that goes on.
    if check(int(LIBC.syscall(NUMBERS[architecture()]["clone"], _CLONE_PARENT | signal.SIGCHLD, 0, 0, 0, 0)), "clone"):
        os.close(own)
        return
    try:
        signal.pthread_sigmask(signal.SIG_SETMASK, signal.valid_signals())
        close_descriptors((own,))
        # Its end is its being ready to read.
        while LIBC.poll(ctypes.byref(_Poll(own, _POLLIN, 0)), 1, -1) == -1 and ctypes.get_errno() == errno.EINTR:
            continue
    finally:
        os.kill(0, signal.SIGKILL)


def forbid_dumping() -> None:
    """Make this process's memory and descriptors unreadable for others of the same user; no core dump either."""
    prctl(_PR_SET_DUMPABLE, 0)


def adopt_orphans() -> None:
    """Make this process the parent of all descendants whose own parent ends, so that they can be found and ended."""
    prctl(_PR_SET_CHILD_SUBREAPER, 1)


def close_descriptors(keep: Iterable[int]) -> None:
    """Close every descriptor but those in ``keep``. Raises ``OSError``."""
    first = 0
    for kept in sorted({*keep}):
        if kept > first:
            _close_range(first, kept - 1)
        first = kept + 1
    _close_range(first, _LAST_DESCRIPTOR)


def _close_range(first: int, last: int) -> None:
    number = NUMBERS[architecture()]["close_range"]
    try:
        check(int(LIBC.syscall(number, ctypes.c_uint(first), ctypes.c_uint(last), 0)), "close_range")
    except OSError:
        # Older than Linux 5.9, or an outer filter without it.
        for descriptor in [int(entry.name) for entry in os.scandir("/proc/self/fd")]:
            if first <= descriptor <= last:
                _close(descriptor)


def _close(descriptor: int) -> None:
    try:
        os.close(descriptor)
    except OSError:
        return  # the descriptor of the listing itself


def hold(value: object) -> None:
    """Keep an object alive for ever, without anything in Python that leads to it."""
    _python.Py_IncRef(ctypes.py_object(value))


_clearenv: Final = LIBC["clearenv"]
_clearenv.argtypes = ()


def clear_environment() -> None:
    """Empty the C library's environment. Raises ``OSError``.

    The block that the process was started with stays in memory as ``/proc/self/environ``: keep that path out of reach.
    """
    check(-1 if _clearenv() else 0, "clearenv")
