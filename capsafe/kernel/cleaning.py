"""The system calls by which a child leaves what is its parent's: session, signal mask, descriptors, folder.

This module knows the calls and the numbers that descriptors get. They are laid out in the parent, before the fork, once
for each form that a call can have. It refuses to know what else a child does (``capsafe.worker.child``).

Sources: dup(2), close_range(2), setsid(2), prctl(2), proc_pid_mem(5).
"""

import ctypes
import errno
import os
import resource
import signal
from dataclasses import replace
from typing import Final

from capsafe.kernel import process
from capsafe.kernel.calls import Call, Calls
from capsafe.kernel.lane import READ_WRITE, SHARED
from capsafe.kernel.restrict import Kept, Places
from capsafe.policy import OUTCOME_FD

_STREAMS: Final = (0, 1, 2)
_LAST_DESCRIPTOR: Final = 0xFFFFFFFF
_AT_FDCWD: Final = -100
_PR_SET_PDEATHSIG: Final = 1
_PR_SET_DUMPABLE: Final = 4

_NULL_DEVICE: Final = ctypes.create_string_buffer(os.fsencode(os.devnull))
_MEMORY: Final = ctypes.create_string_buffer(b"/proc/self/mem")
_ROOT: Final = ctypes.create_string_buffer(b"/")
_SIGNAL_SET: Final = 8
_NO_SIGNALS: Final = ctypes.create_string_buffer(_SIGNAL_SET)
_NO_CORE: Final = ctypes.create_string_buffer(16)

#: The next numbers after the channel's.
_KEPT: Final = (OUTCOME_FD + 1, OUTCOME_FD + 2)

#: From here on no number has a meaning: below are the streams, the channel, the socket and the ruleset.
FIRST_FREE: Final = OUTCOME_FD + 3

#: The places of the parent's process id, the lane's address and the channel's number among the first calls' results.
_PARENT: Final = 1
_LANE: Final = 3
_CHANNEL: Final = 4


class Cleaning:
    """What is to be done. ``places``: of the descriptors that stay. ``files``: the current folder stays, too."""

    def __init__(self, places: Places, *, files: bool) -> None:
        channel, socket, ruleset, streams, lane, length = places
        moved = [(channel, OUTCOME_FD), *zip([one for one in (socket, ruleset) if one >= 0], _KEPT, strict=False)]
        numbers = dict(moved)
        self._socket = numbers.get(socket, -1)
        self._next = OUTCOME_FD + len(moved)
        self._first = Calls(
            [
                Call("prctl", (_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)),
                Call("getppid"),
                # No terminal, and one group with all it will start, so that they can be ended together.
                Call("setsid"),
                # Before its descriptor is closed, and before there is a limit on address space.
                Call("mmap", (0, length, READ_WRITE, SHARED, lane, 0), may_fail=True),
                *(Call("dup3", (old, new, os.O_CLOEXEC)) for old, new in moved),
                # Older than Linux 5.9, or an outer filter without it.
                Call("close_range", (self._next, _LAST_DESCRIPTOR, 0), may_fail=True),
            ]
        )
        nulls = [number for number in _STREAMS if number not in streams]
        self._second = Calls([*_lead_nowhere(nulls), *self._last_calls(files=files)])
        self._nulls = nulls
        #: Where an answer goes: in the child its fixed number, once it is there.
        self.channel = channel
        #: Where the lane is in the child, -1 where there is none.
        self.lane = -1
        #: What a child will have, if it can open its memory.
        self.kept = Kept(numbers.get(ruleset, -1), self._socket, self._next if self._socket >= 0 else -1)
        self._memory = len(nulls) + 1 if nulls else 0

    def _last_calls(self, *, files: bool) -> list[Call]:
        calls = []
        if self._socket >= 0:
            # Before it can't be, since the process is not dumpable.
            calls.append(
                Call("openat", (_AT_FDCWD, ctypes.addressof(_MEMORY), os.O_RDONLY | os.O_CLOEXEC, 0), may_fail=True)
            )
        calls.append(Call("prlimit64", (0, resource.RLIMIT_CORE, ctypes.addressof(_NO_CORE), 0)))
        # The parent's handlers are gone by now.
        calls.append(Call("rt_sigprocmask", (signal.SIG_SETMASK, ctypes.addressof(_NO_SIGNALS), 0, _SIGNAL_SET)))
        calls.append(Call("prctl", (_PR_SET_DUMPABLE, 0, 0, 0, 0)))
        if not files:
            calls.append(Call("chdir", (ctypes.addressof(_ROOT),)))
        # Refused where there is a second thread, which would stay free; see process.check_alone.
        calls.append(Call("unshare", (process.CLONE_THREAD,), may_fail=True))
        return calls

    def __call__(self, parent: int) -> Kept:
        """Do it, in the child. ``parent``: the process id of the parent. Raises ``OSError``."""
        results = self._first.make()
        if results[_CHANNEL] == OUTCOME_FD:
            self.channel = OUTCOME_FD
        self._first.check(results)
        if results[_PARENT] != parent:
            # It has ended before it could take this one with it.
            os._exit(1)
        self.lane = results[_LANE]
        if results[-1] < 0:
            process.close_descriptors(range(self._next))
        results = self._second()
        if self._nulls and results[1] != self._nulls[0]:
            raise OSError(errno.EBADF, "the null device has another number than the stream in whose place it is")
        if results[-1] < 0:
            process.check_alone()
        if self._socket < 0 or results[self._memory] == self.kept.memory:
            return self.kept
        return replace(self.kept, memory=-1)


def _lead_nowhere(numbers: list[int]) -> list[Call]:
    """Have the null device at some of the streams' numbers: a file opened later must not become one."""
    if not numbers:
        return []
    first, *others = numbers
    return [
        # What is closed already stays so. All before it are open: the next to be opened gets its number.
        Call("close", (first,), may_fail=True),
        Call("openat", (_AT_FDCWD, ctypes.addressof(_NULL_DEVICE), os.O_RDWR, 0)),
        *(Call("dup3", (first, other, 0)) for other in others),
    ]
