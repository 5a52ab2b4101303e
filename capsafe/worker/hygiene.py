"""What the child does to itself before it is confined, so that nothing of the parent is left to take.

This module knows single steps: signals, descriptors, limits, environment. It refuses to know their order
(``capsafe.worker.child``). Everything it needs is loaded in the parent: after the fork nothing is imported.
"""

# The C module: ``signal`` itself makes an enum member of each number, sixty times over.
import _signal  # type: ignore[import-not-found]  # typeshed has no stub for it
import fcntl
import math
import os
import resource
import signal
import sys
from typing import Any, Final

from capsafe.kernel import process
from capsafe.policy import OUTCOME_FD
from capsafe.worker.limits import Limits

_STREAMS: Final = ("stdin", "stdout", "stderr")
_PAGE: Final = resource.getpagesize()

#: CPython ignores these two when it starts, and its own errors (BrokenPipeError, "File too large") rest on that.
_IGNORED: Final = frozenset({signal.SIGPIPE, signal.SIGXFSZ})
_UNCATCHABLE: Final = frozenset({signal.SIGKILL, signal.SIGSTOP})
_SIGNALS: Final = tuple(map(int, sorted(signal.valid_signals() - _IGNORED - _UNCATCHABLE)))

#: Descriptors that every child has: the streams and the channel.
_OWN_DESCRIPTORS: Final = OUTCOME_FD + 1


def reset_signals() -> None:
    """Give every signal its default, and let all of them in: handlers are the parent's code and mean the parent.

    The caller has blocked all signals since before the fork, so that no handler ran here.
    """
    _signal.set_wakeup_fd(-1)
    for number in _SIGNALS:
        if _signal.getsignal(number) != _signal.SIG_DFL:
            _signal.signal(number, _signal.SIG_DFL)
    _signal.pthread_sigmask(_signal.SIG_SETMASK, ())


def arrange_descriptors(channel: int, granted: frozenset[str], kept: int = -1) -> int:
    """Keep the granted standard streams and the channel, at its fixed number; close everything else.

    ``kept``: one more that stays open for now, -1 for none. Returns its number, which may be another one afterwards.

    The numbers of streams that were not granted are taken by the null device: a file opened later must not become
    one. Nothing is inherited by programs but the streams.
    """
    if 0 <= kept <= OUTCOME_FD:
        # Out of the way of those whose numbers are fixed.
        kept = fcntl.fcntl(kept, fcntl.F_DUPFD_CLOEXEC, OUTCOME_FD + 1)
    if channel != OUTCOME_FD:
        os.dup2(channel, OUTCOME_FD, inheritable=False)
    null = -1
    for descriptor, name in enumerate(_STREAMS):
        if name in granted and _is_open(descriptor):
            continue
        if null < 0:
            null = os.open(os.devnull, os.O_RDWR)
        if null != descriptor:
            os.dup2(null, descriptor)
        else:
            os.set_inheritable(null, True)  # noqa: FBT003 - the parameter has no other form
    process.close_descriptors((0, 1, 2, OUTCOME_FD) if kept < 0 else (0, 1, 2, OUTCOME_FD, kept))
    return kept


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def quiet_interpreter() -> None:
    """Switch off what would act by itself, with the parent's settings: fault handlers, tracing, writing of bytecode."""
    faulthandler: Any = sys.modules.get("faulthandler")
    if faulthandler is not None:
        faulthandler.disable()
        faulthandler.cancel_dump_traceback_later()
    sys.settrace(None)
    sys.setprofile(None)
    sys.dont_write_bytecode = True


def open_memory() -> int | None:
    """Open this process's own memory, to read, for the parent; None where it can't be (no /proc).

    Later it could not be opened, since the process is not dumpable then.
    """
    try:
        return os.open("/proc/self/mem", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None


def apply_limits(limits: Limits) -> None:
    """Set the limits, soft and hard, for ever. Raises ``OSError`` or ``ValueError`` where the kernel refuses."""
    _limit(resource.RLIMIT_CORE, 0)
    if limits.cpu_time is not None:
        # Whole seconds: the soft limit sends SIGXCPU, which can be ignored, the hard one SIGKILL.
        seconds = math.ceil(limits.cpu_time)
        _limit(resource.RLIMIT_CPU, seconds, seconds + 1)
        signal.setitimer(signal.ITIMER_PROF, limits.cpu_time)
    if limits.memory is not None:
        _limit(resource.RLIMIT_AS, _address_space() + limits.memory)
    if limits.open_files is not None:
        _limit(resource.RLIMIT_NOFILE, limits.open_files + _OWN_DESCRIPTORS)
    if limits.file_size is not None:
        _limit(resource.RLIMIT_FSIZE, limits.file_size)


def _limit(kind: int, soft: int, hard: int | None = None) -> None:
    """Lower a limit; one that is lower already stays."""
    _, most = resource.getrlimit(kind)
    wanted = soft if hard is None else hard
    if most != resource.RLIM_INFINITY:
        soft, wanted = min(soft, most), min(wanted, most)
    resource.setrlimit(kind, (soft, wanted))


def _address_space() -> int:
    """Return how much address space the process has now: a fork begins with its parent's."""
    with open("/proc/self/statm", "rb") as file:  # noqa: PTH123 - pathlib may not be loaded
        return int(file.read().split()[0]) * _PAGE


def empty_environment() -> None:
    """Forget the environment: Python's view, the C library's, and the copy of what the process was started with."""
    # At once: os.environ.clear() unsets one variable after the other.
    held: Any = getattr(os.environ, "_data", None)
    if isinstance(held, dict):
        held.clear()
    process.clear_environment()
    started_with: Any = getattr(sys.modules.get("posix"), "environ", None)
    if started_with is not None:
        started_with.clear()
