"""How many processes and threads a sandbox has, counted by whoever is asked before one is started.

This module knows how they are counted without a control group and without the limit that the kernel keeps for each
user, which root does not have. There are never more than the limit. It refuses to know how the kernel asks
(``capsafe.worker.supervisor``).

All that a sandbox starts stays in the process group of its first process, since nothing gives setsid or setpgid. What
was let go on may not be there yet as it is counted, so that each is counted besides until it is settled: its thread
asks anew, sleeps, has stopped or is gone. It was woken with the answer, and nothing that a clone waits for before its
child is there is such a sleep; with CLONE_PIDFD there would be (a page of the caller's), and that is not let go on.

Sources: seccomp_unotify(2), proc_pid_stat(5), kernel/fork.c.
"""

import os
import time
from collections.abc import Iterable
from typing import Final

from capsafe.policy.model import LOW_HALF, Rule
from capsafe.policy.syscalls import STARTING_CALLS

_CLONE_PIDFD: Final = 0x1000

#: Seconds before one more look, where it is not known whether something was started: it is within a clone, or computes.
_PAUSES: Final = (0.0, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02)
#: On a processor, or in a wait that no signal ends.
_UNSETTLED: Final = frozenset("RD")

# What follows the name in /proc/PID/stat.
_STATE: Final = 0
_GROUP: Final = 2
_THREADS: Final = 17


class Tally:
    """Counts what one sandbox has started.

    ``rules``: of its policy. ``most``: processes and threads at a time, the first one too. ``reached``: something was
    not started because there were as many.
    """

    def __init__(self, rules: Iterable[Rule], most: int) -> None:
        self._rules = [rule for rule in rules if rule.call in STARTING_CALLS]
        self._most = most
        self._there = most
        self._started: list[int] = []
        #: Members of the group that were there before anything was started: the guard.
        self._others: frozenset[int] | None = None
        self.reached = False

    def counts(self, call: str, arguments: tuple[int, ...]) -> bool:
        """Say whether a call starts something and is allowed, but for the number."""
        if call == "clone" and arguments[0] & LOW_HALF & _CLONE_PIDFD:
            return False
        return any(rule.call == call and all(one.holds(arguments) for one in rule.when) for rule in self._rules)

    def admits(self, first: int, task: int) -> bool:
        """Say whether there is room for one more. ``first``: the first process. ``task``: the thread that asks."""
        if self._others is None:
            self._others = frozenset(_members(first)) - {first}
        elif self._there + len(self._started) < self._most:
            return True
        for pause in _PAUSES:
            time.sleep(pause)
            # In this order: what is settled by now is among those that are counted then.
            self._started = [one for one in self._started if one != task and _is_unsettled(one)]
            self._there = sum(number for pid, number in _members(first).items() if pid not in self._others)
            if self._there + len(self._started) < self._most:
                return self._there > 0
            if self._there >= self._most:
                break
        self.reached = True
        return False

    def note(self, task: int) -> None:
        """Keep in mind that a thread was let start something."""
        self._started.append(task)


def _members(group: int) -> dict[int, int]:
    """Return the processes of a group, each with the number of its threads; one that has ended is one."""
    found = {}
    for name in os.listdir("/proc"):  # noqa: PTH208 - pathlib may not be loaded
        if name.isdigit():
            fields = _read_stat(name)
            if fields and int(fields[_GROUP]) == group:
                found[int(name)] = max(int(fields[_THREADS]), 1)
    return found


def _is_unsettled(task: int) -> bool:
    fields = _read_stat(str(task))
    return bool(fields) and fields[_STATE] in _UNSETTLED


def _read_stat(name: str) -> list[str]:
    """Return the fields after the name, none where the process is gone."""
    try:
        with open(f"/proc/{name}/stat", "rb") as file:  # noqa: PTH123 - as above
            return file.read().rpartition(b")")[2].decode().split()
    except OSError:
        return []
