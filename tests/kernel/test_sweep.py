"""Every number of a system call, made in a sandbox with arguments that are wrong: the kernel's error tells.

EFAULT, EBADF or EINVAL: the filter let it through. EPERM or ENOSYS: it did not. What comes out is compared with the
policy's own list, so that a mistake of libseccomp, of the lines before its program or of the kernel would show.
"""

import ctypes
import errno
import os
from collections.abc import Iterable
from typing import Any, Never

import pytest

from capsafe import FileSystem, NativeCode, Network, Process, ReadFile, Sandbox, Stdio, SystemInfo, Threads
from capsafe.kernel.libc import LIBC
from capsafe.policy import Policy, compile_policy
from capsafe.policy.baseline import OTHER_ERRORS
from capsafe.policy.numbers import LAST_USED, NUMBERS
from tests.escapes.arena import become, in_child
from tests.kernel.confined import NOBODY

pytestmark = pytest.mark.kernel

MACHINE = os.uname().machine
NAMES = {number: name for name, number in NUMBERS[MACHINE].items()}
LAST = 600
ROOT = os.geteuid() == 0
USERS = [pytest.param(None, id="self"), *([pytest.param(NOBODY, id="nobody")] if ROOT else [])]

#: They end or stop the process whatever their arguments are, start another, or go on where nobody is.
NOT_TRIED = {
    *("exit", "exit_group", "pause", "rt_sigreturn", "rt_sigsuspend", "restart_syscall"),
    *("fork", "vfork", "clone", "vhangup", "reboot", "sync", "munlockall", "uretprobe", "uprobe"),
    # It is kept by the library to tell of errors.
    "brk",
}
WRONG = (-1, -1, -1, -1, -1, -1)
#: Those that have no wrong arguments of that kind: some would do as they are told, or say ENOSYS themselves.
OTHERWISE = {
    "futex": (1, 0, 0, 0, 0, 0),  # wait at an address that is none
    "alarm": (0,),
    "setitimer": (0, 1, 0),
    "setsid": (),
    "umask": (0o22,),
    "kill": (-1, -1),
    "close_range": (-1, 0, 0),
    "set_tid_address": (0,),
    "sched_setaffinity": (-1, 0, 0),
}


def arguments_of(number: int) -> tuple[int, ...]:
    return OTHERWISE.get(NAMES.get(number, ""), WRONG)


def sweep(numbers: Iterable[int]) -> dict[int, int]:
    """Return the errno of each number, 0 where it succeeded."""
    LIBC.syscall.restype = ctypes.c_long
    said = {}
    for number in numbers:
        arguments = [ctypes.c_long(one) for one in (*arguments_of(number), 0, 0, 0, 0, 0, 0)[:6]]
        said[number] = ctypes.get_errno() if LIBC.syscall(ctypes.c_long(number), *arguments) == -1 else 0
    return said


TRIED = [number for number in range(LAST + 1) if NAMES.get(number) not in NOT_TRIED]
if MACHINE == "x86_64":
    # 335 and 336 are the kernel's own, for probes: called from elsewhere they end the process, before any filter.
    TRIED = [number for number in TRIED if number not in (335, 336)]


def lets_through(policy: Policy, number: int) -> bool:
    """Read the rules as they are written; descriptor -1 is no stream, so that those need no word here."""
    name = NAMES.get(number, "")
    arguments = tuple(one & 0xFFFFFFFFFFFFFFFF for one in (*arguments_of(number), 0, 0, 0, 0, 0, 0)[:6])
    return any(rule.call == name and all(one.holds(arguments) for one in rule.when) for rule in policy.rules)


EVERYTHING: Any = FileSystem | Network | Process | Stdio | Threads | NativeCode | SystemInfo
GRANTS = {"Never": Never, "ReadFile": ReadFile, "everything": EVERYTHING}


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("name", GRANTS)
def test_the_kernel_is_reached_by_what_the_policy_lists_and_nothing_else(name: str, user: int | None) -> None:
    box: Any = Sandbox.__class_getitem__(GRANTS[name])(timeout=60)  # type: ignore[attr-defined]  # Generic has it
    box.execute(lambda _: None)

    def run() -> dict[int, int]:
        if user is not None:
            become(user)
        found: dict[int, int] = box.execute(lambda _: sweep(TRIED))
        return found

    said = in_child(run)
    policy = compile_policy(box.grant)
    wrong = {}
    for number in TRIED:
        answer = said[number]
        if number > LAST_USED:
            right = answer == errno.ENOSYS
        elif lets_through(policy, number):
            # Anything but a refusal; the kernel may have been made without the call.
            right = answer != errno.EPERM
        else:
            right = answer == OTHER_ERRORS.get(NAMES.get(number, ""), errno.EPERM)
        if not right:
            wrong[NAMES.get(number, number)] = errno.errorcode.get(answer, answer)
    assert wrong == {}


def test_most_of_what_is_refused_works_where_nothing_confines() -> None:
    """The control: the same probes, as a user who can do no harm, are not told EPERM or ENOSYS by the kernel."""

    def free() -> dict[int, int]:
        if ROOT:
            become(NOBODY)
        return sweep(TRIED)

    said = in_child(free)
    box = Sandbox[Never]()
    refused = [number for number, answer in box.execute(lambda _: sweep(TRIED)).items() if answer == errno.EPERM]
    reached = [number for number in refused if said[number] not in (errno.EPERM, errno.ENOSYS)]
    assert len(refused) > 200
    # The others are root's alone, or not in this kernel.
    assert len(reached) > len(refused) / 2


def test_every_call_that_is_let_through_is_really_made() -> None:
    """Under Never, but for what the kernel may have been made without: none of them says that it is not there."""
    policy = Sandbox[Never]().policy
    said = Sandbox[Never]().execute(lambda _: sweep(TRIED))
    made = [number for number in TRIED if lets_through(policy, number)]
    assert len(made) > 60
    assert [NAMES[number] for number in made if said[number] == errno.ENOSYS] == []
