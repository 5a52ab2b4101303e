"""Doors into the kernel that nothing grants: mounts, namespaces, keys, programs for the kernel, and newer calls."""

import ctypes
import errno
import os
import platform
import signal
from collections.abc import Callable
from typing import Any

import pytest

from tests.escapes.pairs import EVERYTHING, USERS, Family, Row, Stage, call, duel, stage

pytestmark = pytest.mark.kernel
__all__ = ["stage"]

attacks = Family()
TAKEN = "EINVAL EFAULT EBADF"
NONE = "this kernel is made without it, or a setting forbids it"
HERE = -100
NEW_NAMESPACES = {
    "mounts": 0x20000,
    "cgroups": 0x2000000,
    "names": 0x4000000,
    "messages": 0x8000000,
    "users": 0x10000000,
    "processes": 0x20000000,
    "networks": 0x40000000,
}


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("row", attacks)
def test_a_door_is_shut(row: Row, user: int | None, stage: Stage) -> None:
    duel(row, stage, user)


# --- mounts and roots -----------------------------------------------------------------------------------------------


@attacks.attack(root_only=True)
def change_the_root(stage: Stage) -> object:
    os.chroot(stage.folder)
    return True


@attacks.attack(root_only=True)
def open_a_file_system(_: Stage) -> object:
    return call("fsopen", b"tmpfs", 0) >= 0


@attacks.attack(root_only=True)
def copy_the_tree_of_mounts(_: Stage) -> object:
    return call("open_tree", HERE, b"/", 1) >= 0


@attacks.attack()
def open_a_place_in_the_tree(_: Stage) -> object:
    return call("open_tree", HERE, b"/", 0) >= 0


@attacks.attack(root_only=True, reached=TAKEN)
def pick_a_file_system(_: Stage) -> object:
    return call("fspick", HERE, b"/", 0) >= 0


@attacks.attack(root_only=True, reached=TAKEN + " ENOENT")
def move_a_mount(_: Stage) -> object:
    return call("move_mount", -1, b"", -1, b"", 0) >= 0


@attacks.attack(root_only=True, reached=TAKEN)
def mount(_: Stage) -> object:
    return call("mount", 1, 1, 1, 0, 0) == 0


@attacks.attack(root_only=True, reached=TAKEN)
def unmount(_: Stage) -> object:
    return call("umount2", 1, 0) == 0


@attacks.attack(root_only=True, reached=TAKEN)
def change_a_mount(_: Stage) -> object:
    return call("mount_setattr", -1, b"x", 0, 1, 32) == 0


@attacks.attack(root_only=True, reached=TAKEN)
def swap_the_roots(_: Stage) -> object:
    return call("pivot_root", 1, 1) == 0


@attacks.attack()
def get_a_handle(stage: Stage) -> object:
    # A file handle names a file past all paths
    handle, where = handle_of()
    return call("name_to_handle_at", HERE, str(stage.own).encode(), handle, where, 0) == 0


@attacks.attack(root_only=True)
def open_a_handle(stage: Stage) -> object:
    handle, where = handle_of()
    try:
        call("name_to_handle_at", HERE, str(stage.secret).encode(), handle, where, 0)
    finally:
        # Made up or not: the call that opens is the door.
        opened = call("open_by_handle_at", os.open(stage.folder, os.O_RDONLY), handle, 0)
    return opened >= 0


def handle_of() -> tuple[ctypes.Array[ctypes.c_char], object]:
    handle = ctypes.create_string_buffer(8 + 128)
    ctypes.c_uint.from_buffer(handle).value = 128
    return handle, ctypes.byref(ctypes.c_int())


@attacks.attack(root_only=True, reached="EINVAL EFAULT EBADF ENOSYS")
def watch_every_file(_: Stage) -> object:
    return call("fanotify_init", 0, 0) >= 0


@attacks.attack()
def watch_a_folder(stage: Stage) -> object:
    return call("inotify_add_watch", call("inotify_init1", 0), str(stage.folder).encode(), 0xFFF) >= 0


# --- namespaces -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("flag", NEW_NAMESPACES.values(), ids=NEW_NAMESPACES)
def test_no_namespace_is_made(flag: int, user: int | None, stage: Stage) -> None:
    def leave(_: Stage) -> object:
        return call("unshare", flag) == 0

    root_only = flag != NEW_NAMESPACES["users"]
    duel(Row(leave, EVERYTHING, frozenset({"EPERM"}), unless=NONE, root_only=root_only), stage, user)


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("flag", NEW_NAMESPACES.values(), ids=NEW_NAMESPACES)
def test_no_process_is_started_in_a_new_one(flag: int, user: int | None, stage: Stage) -> None:
    def start(_: Stage) -> object:
        pid = call("clone", flag | signal.SIGCHLD, 0, 0, 0, 0)
        if pid == 0:
            os._exit(0)
        return os.waitpid(pid, 0)[0] == pid

    root_only = flag != NEW_NAMESPACES["users"]
    duel(Row(start, EVERYTHING, frozenset({"EPERM"}), unless=NONE, root_only=root_only), stage, user)


@attacks.attack(reached=TAKEN)
def enter_a_namespace(_: Stage) -> object:
    return call("setns", -1, 0) == 0


# --- programs for the kernel, keys, settings ------------------------------------------------------------------------


@attacks.attack(reached="EINVAL EFAULT EBADF E2BIG", root_only=True)
def load_a_program_into_the_kernel(_: Stage) -> object:
    return call("bpf", 0, 0, 0) >= 0


@attacks.attack(reached="EINVAL EFAULT EBADF E2BIG")
def count_events(_: Stage) -> object:
    return call("perf_event_open", 1, 0, -1, -1, 0) >= 0


@attacks.attack(unless=NONE)
def add_a_key(_: Stage) -> object:
    return call("add_key", b"user", b"capsafe", b"x", 1, -2) >= 0


@attacks.attack(unless=NONE)
def look_at_keys(_: Stage) -> object:
    return call("keyctl", 0, -2, 1, 0, 0) >= 0


@attacks.attack(reached="EFAULT EINVAL ENOKEY", unless=NONE)
def ask_for_a_key(_: Stage) -> object:
    return call("request_key", b"user", b"no-such-key", 0, 0) >= 0


@attacks.attack(root_only=True, reached=TAKEN, unless=NONE)
def load_a_module(_: Stage) -> object:
    return call("init_module", 1, 0, 0) == 0


@attacks.attack(root_only=True, reached=TAKEN, unless=NONE)
def load_a_module_by_its_file(_: Stage) -> object:
    return call("finit_module", -1, b"", 0) == 0


@attacks.attack(root_only=True, reached=TAKEN + " EADDRNOTAVAIL", unless=NONE)
def load_another_kernel(_: Stage) -> object:
    return call("kexec_load", 0, 17, 1, 0xFFFF) == 0


@attacks.attack(root_only=True, reached=TAKEN)
def read_the_kernels_log(_: Stage) -> object:
    return call("syslog", 3, 0, 0) >= 0


@attacks.attack(root_only=True, reached=TAKEN)
def name_the_host(_: Stage) -> object:
    return call("sethostname", 0, -1) == 0


@attacks.attack(root_only=True, reached=TAKEN)
def set_the_clock(_: Stage) -> object:
    return call("clock_settime", -1, 0) == 0


@attacks.attack(reached=TAKEN, unless=NONE)
def change_the_segments(_: Stage) -> object:
    if platform.machine() != "x86_64":
        raise OSError(errno.EPERM, "x86 has them")
    return call("modify_ldt", 0, ctypes.create_string_buffer(64), 64) >= 0


@attacks.attack(root_only=True, reached=TAKEN)
def use_another_disk_for_memory(_: Stage) -> object:
    return call("swapon", 1, 0) == 0


# --- ways past the filter -------------------------------------------------------------------------------------------


@attacks.attack(EVERYTHING, "ENOSYS", unless=NONE)
def make_a_ring_of_calls(_: Stage) -> object:
    return call("io_uring_setup", 1, ctypes.create_string_buffer(120)) >= 0


@attacks.attack(EVERYTHING, "ENOSYS", reached=TAKEN + " EOPNOTSUPP", unless=NONE)
def use_a_ring_of_calls(_: Stage) -> object:
    return call("io_uring_enter", -1, 0, 0, 0, 0, 0) >= 0


@attacks.attack(EVERYTHING, "ENOSYS")
def open_with_flags_in_memory(stage: Stage) -> object:
    how = ctypes.create_string_buffer(24)
    return call("openat2", HERE, str(stage.own).encode(), how, 24) >= 0


@attacks.attack(EVERYTHING, "ENOSYS")
def start_with_flags_in_memory(_: Stage) -> object:
    arguments = (ctypes.c_uint64 * 8)(0, 0, 0, 0, signal.SIGCHLD)
    pid = call("clone3", arguments, 64)
    if pid == 0:
        os._exit(0)
    return os.waitpid(pid, 0)[0] == pid


# --- the process's own properties -----------------------------------------------------------------------------------

SETTINGS = {
    "PR_SET_PDEATHSIG": (1, 0),
    "PR_SET_DUMPABLE": (4, 1),
    "PR_SET_KEEPCAPS": (8, 1),
    "PR_SET_SECCOMP": (22, 2),
    "PR_CAPBSET_DROP": (24, 40),
    "PR_SET_TSC": (26, 1),
    "PR_SET_SECUREBITS": (28, 0),
    "PR_SET_TIMERSLACK": (29, 1),
    "PR_SET_MM": (35, 99),
    "PR_SET_CHILD_SUBREAPER": (36, 1),
    "PR_SET_NO_NEW_PRIVS": (38, 1),
    "PR_SET_THP_DISABLE": (41, 1),
    "PR_CAP_AMBIENT": (47, 4),
    "PR_SET_SPECULATION_CTRL": (53, 0),
    "PR_SET_SYSCALL_USER_DISPATCH": (59, 0),
    "PR_SCHED_CORE": (62, 0),
    "PR_SET_MDWE": (65, 1),
    "PR_SET_PTRACER": (0x59616D61, -1),
}


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("high", [0, 1 << 32], ids=["plain", "with a high bit"])
@pytest.mark.parametrize("name", SETTINGS)
def test_its_own_properties_stay(name: str, high: int, user: int | None, stage: Stage) -> None:
    """The kernel reads 32 bits of the option."""
    option, value = SETTINGS[name]
    root_only = name in ("PR_CAPBSET_DROP", "PR_SET_SECUREBITS", "PR_SET_MM")
    reached = frozenset({"EINVAL", "EFAULT", "ENXIO", "ENODEV"})
    row = Row(
        lambda _: call("prctl", option | high, value, 0, 0, 0) == 0,
        EVERYTHING,
        frozenset({"EPERM"}),
        reached,
        unless=NONE,
        root_only=root_only,
    )
    duel(row, stage, user)


@attacks.attack(root_only=True)
def become_another_user(_: Stage) -> object:
    os.setresuid(1, 1, 1)
    return True


@attacks.attack()
def be_the_same_user_again(_: Stage) -> object:
    # It changes nothing and is refused all the same
    os.setuid(os.getuid())
    return True


@attacks.attack(root_only=True)
def join_a_group(_: Stage) -> object:
    os.setgroups([0])
    return True


@attacks.attack()
def install_a_filter(_: Stage) -> object:
    """One that allows everything takes nothing away, but one with a listener could answer in the kernel's place."""
    code = ctypes.create_string_buffer(bytes.fromhex("060000000000ff7f"), 8)
    program = ctypes.create_string_buffer(16)
    ctypes.c_ushort.from_buffer(program).value = 1
    ctypes.c_void_p.from_buffer(program, 8).value = ctypes.addressof(code)
    call("prctl", 38, 1, 0, 0, 0)
    return call("seccomp", 1, 8, program) >= 0


@attacks.attack()
def make_a_ruleset(_: Stage) -> object:
    return call("landlock_create_ruleset", (ctypes.c_uint64 * 1)(1), 8, 0) >= 0


# --- newer than the table -------------------------------------------------------------------------------------------

NEWER: dict[str, tuple[int, Callable[[Stage], tuple[Any, ...]]]] = {
    "fchmodat2": (452, lambda s: (HERE, str(s.own).encode(), 0o600, 0)),
    "statmount": (457, lambda _: (1, 1, 1, 0)),
    "listmount": (458, lambda _: (1, 1, 1, 0)),
    "mseal": (462, lambda _: (0, 0, 0)),
    "setxattrat": (463, lambda s: (HERE, str(s.own).encode(), 0, b"user.x", 1, 0)),
    "removexattrat": (466, lambda s: (HERE, str(s.own).encode(), 0, b"user.none")),
    "open_tree_attr": (467, lambda _: (HERE, b"/", 0, 0, 0)),
    "file_getattr": (468, lambda s: (HERE, str(s.own).encode(), 1, 24, 0)),
    "file_setattr": (469, lambda s: (HERE, str(s.own).encode(), 1, 24, 0)),
}


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("name", NEWER)
def test_calls_newer_than_the_table_are_not_there(name: str, user: int | None, stage: Stage) -> None:
    """An older kernel does not have them either: then there is nothing to compare with."""
    number, arguments = NEWER[name]
    row = Row(
        lambda stage: call(number, *arguments(stage)) >= 0,
        EVERYTHING,
        frozenset({"ENOSYS"}),
        frozenset({"EINVAL", "EFAULT", "EBADF", "ENODATA", "EOPNOTSUPP", "EPERM"}),
        unless=NONE,
    )
    duel(row, stage, user)


@pytest.mark.parametrize("number", [470, 500, 548, 600, 1000, 9999, 0x3FFFFFFF])
def test_numbers_that_no_kernel_has_are_not_there(number: int, stage: Stage) -> None:
    row = Row(lambda _: call(number, 0, 0, 0) >= 0, EVERYTHING, frozenset({"ENOSYS"}), frozenset({"ENOSYS"}))
    duel(row, stage, None)
