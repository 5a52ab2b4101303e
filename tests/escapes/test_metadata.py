"""Files that may be read: who owns them, what mode they have, when they changed and who locks them stays as it is.

Landlock guards none of this, so that the filter has to: by path and by a descriptor that was opened to read.
"""

import ctypes
import fcntl
import os
import stat
from collections.abc import Callable
from typing import Any, Literal

import pytest

from capsafe import ReadFile, StatFile, WriteFile
from tests.escapes.pairs import EVERYTHING, USERS, Family, Row, Stage, call, duel, stage

pytestmark = pytest.mark.kernel
__all__ = ["stage"]

attacks = Family()
NONE = "this file system has none"
HERE = -100


def in_the_folder(capability: Any) -> Callable[[Stage], Any]:
    def make(stage: Stage) -> Any:
        return capability[Literal.__getitem__(str(stage.folder))]

    return make


READING: dict[str, Any] = {"anywhere": ReadFile, "scoped": in_the_folder(ReadFile), "metadata": StatFile | ReadFile}


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("grant", READING.values(), ids=READING)
@pytest.mark.parametrize("row", attacks)
def test_reading_changes_no_metadata(row: Row, grant: Any, user: int | None, stage: Stage) -> None:
    refused = row.refused | {"EACCES"}
    duel(Row(row.attack, grant, refused, row.reached, row.unless, root_only=row.root_only), stage, user)


def opened(stage: Stage) -> int:
    return os.open(stage.own, os.O_RDONLY)


@attacks.attack()
def change_the_mode(stage: Stage) -> object:
    os.chmod(stage.own, 0o700)
    return stage.own.stat().st_mode & 0o777 == 0o700


@attacks.attack()
def change_the_mode_by_a_descriptor(stage: Stage) -> object:
    os.chmod(opened(stage), 0o700)
    return stage.own.stat().st_mode & 0o777 == 0o700


@attacks.attack()
def have_it_run_as_its_owner(stage: Stage) -> object:
    os.chmod(stage.own, 0o4755)
    return stage.own.stat().st_mode & stat.S_ISUID


@attacks.attack()
def change_the_times(stage: Stage) -> object:
    os.utime(stage.own, (1, 1))
    return True


@attacks.attack()
def change_the_times_by_a_descriptor(stage: Stage) -> object:
    os.utime(opened(stage), (1, 1))
    return True


@attacks.attack()
def touch(stage: Stage) -> object:
    return call("utimensat", HERE, str(stage.own).encode(), 0, 0) == 0


@attacks.attack(root_only=True)
def give_it_away(stage: Stage) -> object:
    os.chown(stage.own, 1, 1)
    return True


@attacks.attack()
def keep_its_owner(stage: Stage) -> object:
    os.chown(stage.own, os.geteuid(), os.getegid())
    return True


@attacks.attack()
def keep_its_owner_by_a_descriptor(stage: Stage) -> object:
    os.chown(opened(stage), os.geteuid(), os.getegid())
    return True


@attacks.attack(EVERYTHING, "EOPNOTSUPP", "ENOTSUP", unless=NONE)
def set_an_attribute(stage: Stage) -> object:
    os.setxattr(stage.own, "user.capsafe", b"1")
    return True


@attacks.attack(EVERYTHING, "EOPNOTSUPP", "ENOTSUP", unless=NONE)
def set_an_attribute_by_a_descriptor(stage: Stage) -> object:
    os.setxattr(opened(stage), "user.capsafe", b"1")
    return True


@attacks.attack(reached="ENODATA EOPNOTSUPP", unless=NONE)
def remove_an_attribute(stage: Stage) -> object:
    os.removexattr(stage.own, "user.none")
    return True


@attacks.attack()
def lock_others_out(stage: Stage) -> object:
    fcntl.flock(opened(stage), fcntl.LOCK_EX | fcntl.LOCK_NB)
    return True


@attacks.attack()
def lock_a_range(stage: Stage) -> object:
    fcntl.lockf(opened(stage), fcntl.LOCK_SH | fcntl.LOCK_NB)
    return True


@attacks.attack()
def lease_it(stage: Stage) -> object:
    return fcntl.fcntl(opened(stage), fcntl.F_SETLEASE, fcntl.F_RDLCK) == 0


@attacks.attack(root_only=True, reached="ENOTTY", unless=NONE)
def make_it_unchangeable(stage: Stage) -> object:
    flags = ctypes.c_long(0)
    file = opened(stage)
    call("ioctl", file, 0x80086601, ctypes.byref(flags))
    return call("ioctl", file, 0x40086602, ctypes.byref(flags)) == 0


@attacks.attack()
def hold_a_place_without_opening_it(stage: Stage) -> object:
    """Landlock asks for no right to O_PATH."""
    return os.open(stage.secret, os.O_PATH) >= 0


@attacks.attack()
def watch_who_uses_it(stage: Stage) -> object:
    return call("inotify_add_watch", call("inotify_init1", 0), str(stage.own).encode(), 0xFFF) >= 0


@attacks.attack(root_only=True)
def make_a_device(stage: Stage) -> object:
    os.mknod(stage.folder / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    return True


@attacks.attack()
def make_a_pipe(stage: Stage) -> object:
    os.mkfifo(stage.folder / "pipe")
    return True


@attacks.attack()
def write_it_to_disk(stage: Stage) -> object:
    os.fsync(opened(stage))
    return True


# --- what no right to write brings either ---------------------------------------------------------------------------

changes = Family()


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("row", changes)
def test_a_scope_to_write_changes_no_metadata(row: Row, user: int | None, stage: Stage) -> None:
    """No Landlock right would hold it to the scope, so that it is not given at all."""
    writing = in_the_folder(WriteFile)
    duel(Row(row.attack, writing, row.refused, root_only=row.root_only), stage, user)


def secret(stage: Stage) -> int:
    return os.open(stage.own, os.O_WRONLY)


@changes.attack()
def change_the_mode_of_the_secret(stage: Stage) -> object:
    os.chmod(stage.secret, 0o700)
    return True


@changes.attack()
def change_the_mode_by_a_descriptor_to_write(stage: Stage) -> object:
    os.chmod(secret(stage), 0o700)
    return True


@changes.attack()
def change_the_times_of_the_secret(stage: Stage) -> object:
    os.utime(stage.secret, (1, 1))
    return True


@changes.attack()
def keep_the_owner_of_the_secret(stage: Stage) -> object:
    os.chown(stage.secret, os.geteuid(), os.getegid())
    return True


@changes.attack(root_only=True)
def make_a_device_to_write(stage: Stage) -> object:
    os.mknod(stage.folder / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    return True


@changes.attack()
def make_a_pipe_to_write(stage: Stage) -> object:
    os.mkfifo(stage.folder / "pipe")
    return True
