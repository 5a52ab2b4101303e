"""The process that started the sandbox, by every way into another process: its memory, files, limits and signals."""

import ctypes
import fcntl
import os
import resource
import signal
from collections.abc import Callable
from typing import Any

import pytest

from capsafe import FileSystem, Spawn, StatFile
from tests.escapes.arena import SECRET
from tests.escapes.pairs import (
    EVERYTHING,
    FAILED,
    LIBC,
    TREASURE,
    USERS,
    Family,
    Row,
    Stage,
    as_process,
    call,
    duel,
    stage,
)

pytestmark = pytest.mark.kernel
__all__ = ["stage"]

attacks = Family()
PTRACE_ATTACH, PTRACE_SEIZE = 16, 0x4206
SIZE = len(SECRET)


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("row", attacks)
def test_the_parent_is_out_of_reach(row: Row, user: int | None, stage: Stage) -> None:
    duel(row, stage, user)


def spans(address: int, size: int) -> Any:
    return (ctypes.c_void_p * 2)(address, size)


@attacks.attack()
def seize_it(_: Stage) -> object:
    return call("ptrace", PTRACE_SEIZE, os.getppid(), 0, 0) == 0


@attacks.attack()
def attach_to_it(_: Stage) -> object:
    call("ptrace", PTRACE_ATTACH, os.getppid(), 0, 0)
    os.waitpid(os.getppid(), 0x40000000)
    return call("ptrace", 17, os.getppid(), 0, 0) == 0


@attacks.attack()
def read_its_memory(_: Stage) -> object:
    mine = ctypes.create_string_buffer(SIZE)
    there = spans(ctypes.addressof(TREASURE), SIZE)
    call("process_vm_readv", os.getppid(), spans(ctypes.addressof(mine), SIZE), 1, there, 1, 0)
    return mine.raw.decode() == SECRET


@attacks.attack()
def write_its_memory(_: Stage) -> object:
    there = spans(ctypes.addressof(TREASURE), SIZE)
    return call("process_vm_writev", os.getppid(), there, 1, there, 1, 0) == SIZE


@attacks.attack()
def take_its_descriptor(stage: Stage) -> object:
    descriptor = call("pidfd_getfd", call("pidfd_open", os.getppid(), 0), stage.descriptor, 0)
    return os.pread(descriptor, SIZE, 0).decode() == SECRET


@attacks.attack(reached="EBADF EINVAL")
def take_a_descriptor_by_the_call_alone(_: Stage) -> object:
    return call("pidfd_getfd", -1, 0, 0) >= 0


@attacks.attack()
def compare_with_it(_: Stage) -> object:
    return call("kcmp", os.getppid(), os.getpid(), 1, 0, 0) >= 0


@attacks.attack(reached="EBADF EINVAL")
def advise_its_memory(_: Stage) -> object:
    return call("process_madvise", -1, 0, 0, 0, 0)


@attacks.attack()
def set_its_limits(_: Stage) -> object:
    return resource.prlimit(os.getppid(), resource.RLIMIT_CORE, (0, 0))


@attacks.attack()
def read_its_limits(_: Stage) -> object:
    return resource.prlimit(os.getppid(), resource.RLIMIT_CORE)


@attacks.attack()
def choose_its_processors(_: Stage) -> object:
    os.sched_setaffinity(os.getppid(), os.sched_getaffinity(0))
    return True


@attacks.attack()
def lower_its_priority(_: Stage) -> object:
    os.setpriority(os.PRIO_PROCESS, os.getppid(), 19)
    return True


@attacks.attack()
def lower_the_priority_of_its_user(_: Stage) -> object:
    os.setpriority(os.PRIO_PGRP, os.getpgid(os.getppid()), 19)
    return True


@attacks.attack()
def schedule_it(_: Stage) -> object:
    os.sched_setscheduler(os.getppid(), os.SCHED_BATCH, os.sched_param(0))
    return True


@attacks.attack()
def schedule_its_input(_: Stage) -> object:
    return call("ioprio_set", 1, os.getppid(), 3 << 13) == 0


@attacks.attack()
def signal_it(_: Stage) -> object:
    os.kill(os.getppid(), signal.SIGUSR1)
    return True


@attacks.attack(EVERYTHING, FAILED)
def signal_ones_own_group(_: Stage) -> object:
    # It works where the group is the parent's, which notes it
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    os.kill(0, signal.SIGUSR1)
    return False


@attacks.attack()
def signal_its_group(_: Stage) -> object:
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    os.killpg(os.getpgid(os.getppid()), signal.SIGUSR1)
    return True


@attacks.attack()
def ask_whether_it_is_there(_: Stage) -> object:
    os.kill(os.getppid(), 0)
    return True


@attacks.attack()
def signal_its_thread(_: Stage) -> object:
    return call("tgkill", os.getppid(), os.getppid(), signal.SIGUSR1) == 0


@attacks.attack()
def signal_its_thread_in_the_old_way(_: Stage) -> object:
    return call("tkill", os.getppid(), signal.SIGUSR1) == 0


@attacks.attack()
def queue_a_signal(_: Stage) -> object:
    information = ctypes.create_string_buffer(128)
    ctypes.c_int.from_buffer(information, 8).value = -1  # SI_QUEUE
    return call("rt_sigqueueinfo", os.getppid(), int(signal.SIGUSR1), information) == 0


@attacks.attack()
def signal_it_by_a_descriptor(_: Stage) -> object:
    signal.pidfd_send_signal(os.pidfd_open(os.getppid()), signal.SIGUSR1)
    return True


@attacks.attack(reached="EBADF")
def signal_by_the_call_alone(_: Stage) -> object:
    return call("pidfd_send_signal", -1, 0, 0, 0) == 0


@attacks.attack()
def have_a_descriptor_signal_it(stage: Stage) -> object:
    return fcntl.fcntl(os.open(stage.own, os.O_RDONLY), fcntl.F_SETOWN, os.getppid()) == 0


@attacks.attack()
def have_a_folder_signal_on_changes(stage: Stage) -> object:
    return fcntl.fcntl(os.open(stage.folder, os.O_RDONLY), fcntl.F_NOTIFY, 4) == 0


@attacks.attack()
def have_a_lease_signal(stage: Stage) -> object:
    return fcntl.fcntl(os.open(stage.own, os.O_RDONLY), fcntl.F_SETLEASE, fcntl.F_RDLCK) == 0


@attacks.attack()
def outlive_it(_: Stage) -> object:
    return LIBC.prctl(1, 0, 0, 0, 0) == 0 or refused()


@attacks.attack()
def leave_its_session(_: Stage) -> object:
    return as_process(os.setsid)


@attacks.attack()
def leave_the_group(_: Stage) -> object:
    return as_process(lambda: os.setpgid(0, 0))


@attacks.attack()
def give_it_a_child(_: Stage) -> object:
    clone_parent = 0x8000
    pid = call("clone", clone_parent | signal.SIGCHLD, 0, 0, 0, 0)
    if pid == 0:
        os._exit(0)
    return pid


@attacks.attack(EVERYTHING, FAILED)
def its_handlers_run_here(_: Stage) -> object:
    # The parent's handler is its code, and was inherited
    return signal.getsignal(signal.SIGUSR1) is not signal.SIG_DFL


def refused() -> bool:
    raise OSError(ctypes.get_errno(), "refused")


# --- by its files in /proc ------------------------------------------------------------------------------------------

FILES = ("mem", "environ", "maps", "auxv", "cmdline", "status", "root/etc/hostname", "cwd/etc/hostname", "task/{}/mem")


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("name", FILES)
def test_its_files_in_proc_are_out_of_reach(name: str, user: int | None, stage: Stage) -> None:
    def read(_: Stage) -> object:
        return os.open(f"/proc/{os.getppid()}/{name.format(os.getppid())}", os.O_RDONLY) >= 0

    duel(in_proc(read, FileSystem), stage, user)


def in_proc(attack: Callable[[Stage], object], grant: Any) -> Row:
    return Row(attack, grant, frozenset({"EACCES", "EPERM"}), prepare=lambda _: os.chdir("/"))


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("name", ["fd", "fdinfo", "map_files", "ns"])
def test_its_folders_in_proc_are_out_of_reach(name: str, user: int | None, stage: Stage) -> None:
    duel(in_proc(lambda _: os.listdir(f"/proc/{os.getppid()}/{name}"), FileSystem), stage, user)


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("grant", [StatFile, FileSystem, Spawn], ids=["StatFile", "FileSystem", "Spawn"])
@pytest.mark.parametrize("name", ["exe", "cwd", "root", "ns/user", "fd/{descriptor}"])
def test_links_in_proc_do_not_lead_to_it(name: str, grant: Any, user: int | None, stage: Stage) -> None:
    """Reading a link opens nothing, so that it is Landlock's rule on looking into processes which refuses."""

    def read(stage: Stage) -> object:
        return os.readlink(f"/proc/{os.getppid()}/{name.format(descriptor=stage.descriptor)}")

    duel(in_proc(read, grant), stage, user)


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("name", ["environ", "mem", "maps"])
def test_nor_are_its_own(name: str, user: int | None, stage: Stage) -> None:
    """Its own memory is writable there, and its start's environment is the parent's."""

    def read(_: Stage) -> object:
        return os.open(f"/proc/self/{name}", os.O_RDONLY) >= 0

    duel(in_proc(read, FileSystem), stage, user)


# --- everybody ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("user", USERS[-1:])
def test_nobody_can_be_signalled_at_once(user: int | None, stage: Stage) -> None:
    """Minus one is everybody. The call itself says nothing: it succeeds where each single process was refused.

    SIGURG is ignored by who does not want it, and another user than root reaches its own processes alone.
    """

    def everybody(_: Stage) -> object:
        os.kill(-1, signal.SIGURG)
        return False

    def listen(stage: Stage) -> None:
        signal.signal(signal.SIGURG, lambda number, _: stage.received.append(number))

    duel(Row(everybody, EVERYTHING, frozenset({FAILED, "EPERM", "ESRCH"}), prepare=listen), stage, user)
