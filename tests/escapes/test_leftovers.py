"""What a parent leaves lying about: open files, its environment, its terminal, its objects; and shared memory."""

import contextlib
import ctypes
import os
import posix
import pty
import resource
import subprocess
import sys
import termios
from typing import TYPE_CHECKING, Any, Literal, Never

import pytest

from capsafe import Environ, FileSystem, Process, ReadFile, Sandbox, Stdio
from tests.escapes.arena import SECRET
from tests.escapes.pairs import EVERYTHING, FAILED, LIBC, USERS, Family, Row, Stage, as_process, call, duel, stage

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.kernel
__all__ = ["stage"]

attacks = Family()
NONE = "this kernel is made without it, or a setting forbids it"
#: All but Environ.
NO_ENVIRONMENT: Any = FileSystem | Process | Stdio


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("row", attacks)
def test_it_is_not_there(row: Row, user: int | None, stage: Stage) -> None:
    duel(row, stage, user)


# --- open files -----------------------------------------------------------------------------------------------------


@attacks.attack(EVERYTHING, "EBADF")
def read_what_the_parent_has_open(stage: Stage) -> object:
    return os.pread(stage.descriptor, len(SECRET), 0).decode() == SECRET


@attacks.attack(EVERYTHING, "EBADF")
def write_what_the_parent_has_open(stage: Stage) -> object:
    return os.pwrite(stage.descriptor, SECRET.encode(), 0)


def open_far_away(stage: Stage) -> None:
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    stage.descriptor = os.dup2(stage.descriptor, most - 1)
    os.set_inheritable(stage.descriptor, True)  # noqa: FBT003  # it has no other form


@attacks.attack(EVERYTHING, "EBADF", prepare=open_far_away)
def read_it_at_the_last_number(stage: Stage) -> object:
    return os.pread(stage.descriptor, len(SECRET), 0).decode() == SECRET


def open_a_folder(stage: Stage) -> None:
    stage.descriptor = os.open(stage.base, os.O_PATH)


@attacks.attack(Stdio | ReadFile, "EBADF", prepare=open_a_folder)
def climb_from_a_folder(stage: Stage) -> object:
    return os.open("secret", os.O_RDONLY, dir_fd=stage.descriptor) >= 0


@attacks.attack(EVERYTHING, "EBADF")
def hand_it_to_a_program(stage: Stage) -> object:
    def become() -> None:
        os.set_inheritable(stage.descriptor, True)  # noqa: FBT003  # it has no other form
        os.execv("/bin/true", ["true"])

    return as_process(become)


@attacks.attack(NO_ENVIRONMENT, FAILED)
def find_any_file_that_is_open(_: Stage) -> object:
    for number in range(4096):
        try:
            if os.pread(number, len(SECRET), 0).decode() == SECRET:
                return True
        except (OSError, UnicodeDecodeError):
            continue
    return False


# --- the environment ------------------------------------------------------------------------------------------------


def keep_a_password(_: Stage) -> None:
    """Set for Python and for libc, as a program that reads its settings has it."""
    os.environ["DB_PASS"] = SECRET


@attacks.attack(NO_ENVIRONMENT, FAILED, prepare=keep_a_password)
def read_the_environment(_: Stage) -> object:
    return os.environ.get("DB_PASS") or os.getenv("DB_PASS") or os.environb.get(b"DB_PASS")


@attacks.attack(NO_ENVIRONMENT, FAILED, prepare=keep_a_password)
def ask_libc_for_it(_: Stage) -> object:
    LIBC.getenv.restype = ctypes.c_char_p
    return LIBC.getenv(b"DB_PASS")


@attacks.attack(NO_ENVIRONMENT, FAILED, prepare=keep_a_password)
def look_at_libcs_own_array(_: Stage) -> object:
    array = ctypes.POINTER(ctypes.c_char_p).in_dll(LIBC, "environ")
    return bool(array) and array[0]


@attacks.attack(NO_ENVIRONMENT, FAILED)
def look_at_what_the_start_left(_: Stage) -> object:
    return posix.environ


@attacks.attack(NO_ENVIRONMENT, FAILED, prepare=keep_a_password)
def have_a_program_print_it(_: Stage) -> object:
    done = subprocess.run(["/usr/bin/env"], stdout=subprocess.PIPE, check=False)
    return b"DB_PASS" in done.stdout


def test_it_is_there_where_it_is_granted(stage: Stage) -> None:
    """The control of the tests above."""
    keep_a_password(stage)
    try:
        assert Sandbox[Environ]().execute(lambda _: os.environ.get("DB_PASS")) == SECRET
    finally:
        del os.environ["DB_PASS"]


# --- the terminal ---------------------------------------------------------------------------------------------------

TIOCSTI, TIOCSCTTY, TIOCLINUX, TIOCSWINSZ, TIOCSETD = 0x5412, 0x540E, 0x541C, 0x5414, 0x5423
HIGH = 1 << 32


def sit_at_a_terminal(stage: Stage) -> None:
    del stage
    # Standard input is the terminal that the parent's session has
    _, terminal = pty.openpty()
    call("ioctl", terminal, TIOCSCTTY, 0)
    os.dup2(terminal, 0)


def key(request: int) -> int:
    return call("ioctl", 0, request, b"x")


@attacks.attack(EVERYTHING, root_only=True, prepare=sit_at_a_terminal, unless=NONE)
def type_a_key(_: Stage) -> object:
    return key(TIOCSTI) == 0


@attacks.attack(EVERYTHING, root_only=True, prepare=sit_at_a_terminal, unless=NONE)
def type_a_key_with_a_high_bit_set(_: Stage) -> object:
    # The kernel reads 32 bits of the request (CVE-2019-10063)
    return key(TIOCSTI | HIGH) == 0


@attacks.attack(EVERYTHING, prepare=sit_at_a_terminal, reached="ENOTTY EINVAL")
def paste_into_a_console(_: Stage) -> object:
    return key(TIOCLINUX) == 0


@attacks.attack(EVERYTHING, prepare=sit_at_a_terminal)
def make_the_window_another_size(_: Stage) -> object:
    return call("ioctl", 0, TIOCSWINSZ | HIGH, bytes(8)) == 0


@attacks.attack(EVERYTHING, "EPERM", prepare=sit_at_a_terminal)
def stop_the_echo(_: Stage) -> object:
    settings = termios.tcgetattr(0)
    settings[3] &= ~termios.ECHO
    try:
        termios.tcsetattr(0, termios.TCSANOW, settings)
    except termios.error as error:
        raise OSError(*error.args) from None
    return True


@attacks.attack(EVERYTHING, root_only=True, prepare=sit_at_a_terminal)
def take_the_terminal_over(_: Stage) -> object:
    def take() -> None:
        # Inside it has one, without a terminal.
        with contextlib.suppress(PermissionError):
            os.setsid()
        call("ioctl", 0, TIOCSCTTY, 1)

    return as_process(take)


@attacks.attack(EVERYTHING, "EACCES", "ENXIO", prepare=sit_at_a_terminal)
def open_the_terminal_by_its_name(_: Stage) -> object:
    return os.open("/dev/tty", os.O_RDWR) >= 0


@attacks.attack(EVERYTHING, "EACCES", prepare=sit_at_a_terminal)
def open_another_terminal(_: Stage) -> object:
    return os.open("/dev/ptmx", os.O_RDWR | os.O_NOCTTY) >= 0


@attacks.attack(EVERYTHING, "ENOTTY", "EPERM", prepare=sit_at_a_terminal)
def choose_who_is_in_front(_: Stage) -> object:
    os.tcsetpgrp(0, os.getpgrp())
    return True


# --- memory and messages between processes --------------------------------------------------------------------------


@attacks.attack()
def share_memory(_: Stage) -> object:
    number = call("shmget", 0, 4096, 0o1600)
    return call("shmctl", number, 0, 0) == 0


@attacks.attack(reached="EINVAL")
def attach_shared_memory(_: Stage) -> object:
    return call("shmat", -1, 0, 0) >= 0


@attacks.attack()
def share_a_semaphore(_: Stage) -> object:
    number = call("semget", 0, 1, 0o1600)
    return call("semctl", number, 0, 0, 0) == 0


@attacks.attack()
def share_a_queue(_: Stage) -> object:
    number = call("msgget", 0, 0o1600)
    return call("msgctl", number, 0, 0) == 0


@attacks.attack(unless=NONE)
def share_a_named_queue(_: Stage) -> object:
    name = f"capsafe-{os.getpid()}".encode()
    made = call("mq_open", name, os.O_RDWR | os.O_CREAT, 0o600, 0)
    call("mq_unlink", name)
    return made >= 0


def of(stage: Stage) -> Any:
    scope: Any = FileSystem
    return scope[Literal.__getitem__(str(stage.folder))]


@attacks.attack(of, "EACCES")
def share_memory_by_its_name(_: Stage) -> object:
    path = f"/dev/shm/capsafe-{os.getpid()}"
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    os.unlink(path)
    return True


@attacks.attack(Process | Stdio)
def leave_memory_for_a_program(_: Stage) -> object:
    return os.memfd_create("left", 0) >= 0


# --- core files and what looks in from outside ----------------------------------------------------------------------


@attacks.attack(EVERYTHING, "ValueError")
def raise_a_limit(_: Stage) -> object:
    """Python makes a ValueError of setrlimit's EPERM."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return True


@pytest.mark.parametrize("user", USERS)
def test_no_core_file_is_left(user: int | None, stage: Stage) -> None:
    """Its memory is a copy of the parent's. The limit is hard, so that nothing raises it."""

    def limits(_: Stage) -> object:
        return resource.getrlimit(resource.RLIMIT_CORE) != (0, 0)

    def allow(_: Stage) -> None:
        hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
        resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))

    if resource.getrlimit(resource.RLIMIT_CORE)[1] == 0:
        pytest.skip("no process here may leave a core file")
    duel(Row(limits, Never, frozenset({FAILED}), prepare=allow), stage, user)


# --- Python's own objects -------------------------------------------------------------------------------------------


def through_subclasses(_: Stage) -> object:
    """Come by os.system without a name of it: the way past guards that are written in Python."""
    found: Any = ().__class__.__base__
    wrapped = next(one for one in found.__subclasses__() if one.__name__ == "_wrap_close")
    code: int = wrapped.__init__.__globals__["system"]("exit 0")
    return code == 0 or refused()


def through_frames(stage: Stage) -> object:
    del stage
    frame = sys._getframe()
    while frame.f_back is not None:
        frame = frame.f_back
    opened: Callable[..., Any] = frame.f_builtins["open"]
    return opened("/etc/hostname").read() is not None


def through_the_modules(stage: Stage) -> object:
    """Past what open is called anywhere else."""
    found: Any = sys.modules["posix"].__dict__["open"]
    return found(str(stage.secret), os.O_RDONLY) >= 0


def through_format(stage: Stage) -> object:
    text = "{.secret.read_text.__globals__}".format(stage)  # noqa: UP032  # what is attacked
    return "io" in text and stage.secret.read_text() == SECRET


def through_the_brokers_class(stage: Stage) -> object:
    """Give oneself a broker of everything."""
    from capsafe.broker import Broker
    from capsafe.grants import read_grant

    broker: Any = Broker(read_grant(EVERYTHING))
    return broker.read_text(stage.secret) == SECRET


def through_another_sandbox(stage: Stage) -> object:
    # A wider one from inside: it can't be set up, and nothing runs
    wider: Any = Sandbox.__class_getitem__(EVERYTHING)()  # type: ignore[attr-defined]  # Generic has it
    return wider.execute(lambda _: os.open(stage.secret, os.O_RDONLY) >= 0)


def refused() -> bool:
    raise PermissionError(1, "refused")


PYTHON = [
    through_subclasses,
    through_frames,
    through_the_modules,
    through_format,
    through_the_brokers_class,
    through_another_sandbox,
]


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("attack", PYTHON, ids=lambda one: one.__name__)
def test_names_are_no_boundary_and_need_not_be(attack: Any, user: int | None, stage: Stage) -> None:
    """Whatever an attack gets hold of in Python: the call is refused."""
    gone = {"EPERM", "EACCES", "UnsupportedError", "RuntimeError", "CapabilityError"}
    duel(Row(attack, Never, frozenset(gone)), stage, user)
