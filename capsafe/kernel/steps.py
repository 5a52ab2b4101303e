"""The steps that confine a process, laid out as system calls: no_new_privs, Landlock, Linux capabilities, the filters.

This module knows the calls and their order. It refuses to know what is in a ruleset or a filter.

Sources: landlock_restrict_self(2), seccomp(2), seccomp_unotify(2), prctl(2).
"""

import ctypes
import errno
import os
import time
from enum import Enum
from typing import TYPE_CHECKING, Final

from capsafe.kernel import credentials
from capsafe.kernel.calls import Call, Calls
from capsafe.kernel.libc import Program
from capsafe.kernel.notify import Letter
from capsafe.policy.denials import HANDOVER_FLAGS
from capsafe.policy.model import OUTCOME_FD

if TYPE_CHECKING:
    from capsafe.kernel.restrict import Kept

_PR_SET_NO_NEW_PRIVS: Final = 38
_SET_MODE_FILTER: Final = 1

#: A send is refused while a user has too many descriptors under way, which passes.
_SEND_TRIES: Final = 200
_SEND_PAUSE: Final = 0.005


class Need(Enum):
    """What a listener has to be there for, and what is said where there is none."""

    NOTHING = ""
    ASKING = "processes= needs a listener, and there is one already or no descriptor is left"
    OBSERVING = "calls can't be observed: there is a listener around this process already, or no descriptor for one"
    ANSWERS = "refused calls go to another listener, or there is no descriptor left for one"


class Steps:
    """All of them, for one policy and the numbers that descriptors have.

    ``kept``: those. ``empty``: a Landlock ruleset without rules, which is made here; None where there is one already,
    or none at all. ``programs``: the filters that answer by themselves. ``reporting``: those with a listener, the one
    that has it first; None for no listener. ``flags``: how that one is installed. ``need``: what a
    listener has to be there for, so that without one nothing may run.
    """

    def __init__(
        self,
        kept: "Kept",
        empty: ctypes.Structure | None,
        programs: tuple[Program, ...],
        reporting: tuple[Program, ...] | None,
        flags: int,
        *,
        need: "Need",
    ) -> None:
        begin = [Call("prctl", (_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))]
        ruleset = kept.ruleset
        if empty is not None:
            # The lowest number that is free, again.
            ruleset = max(OUTCOME_FD, kept.socket, kept.memory) + 1
            begin.append(Call("landlock_create_ruleset", (ctypes.addressof(empty), ctypes.sizeof(empty), 0)))
        if ruleset >= 0:
            begin += [Call("landlock_restrict_self", (ruleset, 0)), Call("close", (ruleset,))]
        # Only now: the paths of the rules may lie where root needs its powers to look, and be readable all the same.
        begin += credentials.calls(credentials.read_sets())
        self._need, self._blind = need, kept.memory < 0
        own = [Call("close", (one,)) for one in (kept.socket, kept.memory) if one >= 0]
        self._alone = Calls([*own, *map(_install, programs)], programs)
        self._listener = -1
        if reporting is None or kept.socket < 0:
            self._begin = Calls([*begin, *own, *map(_install, programs)], [empty, *programs])
            return
        first, *others = reporting
        # The lowest number that is free.
        self._listener = next(
            one for one in range(kept.socket, kept.socket + 3) if one not in (kept.socket, kept.memory)
        )
        letter = Letter([self._listener, *([kept.memory] if kept.memory >= 0 else [])])
        self._send = Call("sendmsg", (kept.socket, letter.address, HANDOVER_FLAGS), may_fail=True)
        self._begin = Calls([*begin, _install(first, flags, may_fail=True), self._send], [empty, first, letter])
        self._again = Calls([self._send], [letter])
        # Nothing of the listener stays open: a process that held it could answer its own calls.
        self._end = Calls([Call("close", (self._listener,)), *own, *map(_install, others)], others)

    def __call__(self) -> None:
        """Take them. Raises ``OSError`` where the kernel refuses one."""
        if self._need is Need.ANSWERS and self._blind:
            # Others of the same user may look into a process that is dumpable, so it is not made so here.
            raise OSError(
                errno.EPERM,
                "there is no supervisor, or it can't read the child's memory: there is no /proc, or this process has "
                "changed its user and is not dumpable since (PR_SET_DUMPABLE)",
            )
        *_, listener, sent = self._begin()
        if self._listener < 0:
            if self._need is not Need.NOTHING:
                raise OSError(errno.EBUSY, self._need.value)
            return
        if listener != self._listener and self._need is not Need.NOTHING:
            raise OSError(errno.EBUSY, self._need.value)
        if listener != self._listener:
            # There is one already (EBUSY), or no descriptor left for it: nothing was installed.
            self._alone()
            return
        for remaining in reversed(range(_SEND_TRIES)):
            if sent == 1:
                break
            code = ctypes.get_errno()
            if code != errno.ETOOMANYREFS or not remaining:
                raise OSError(code, f"sendmsg: {os.strerror(code)}")
            time.sleep(_SEND_PAUSE)
            (sent,) = self._again()
        self._end()


def _install(program: Program, flags: int = 0, *, may_fail: bool = False) -> Call:
    return Call("seccomp", (_SET_MODE_FILTER, flags, ctypes.addressof(program)), may_fail)
