"""New native code: memory that is made executable, programs that are in no file, another machine's calls."""

import ctypes
import mmap
import os
import subprocess
from pathlib import Path
from typing import Any, Literal, Never

import pytest

from capsafe import Process, ReadFile, Stdio, WriteFile
from tests.escapes.pairs import EVERYTHING, NO_CODE, USERS, Family, Row, Stage, as_process, call, duel, stage

pytestmark = pytest.mark.kernel
__all__ = ["stage"]

attacks = Family()
X86 = os.uname().machine == "x86_64"
ALL = mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC
ANONYMOUS = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
EMPTY_PATH = 0x1000
ARGUMENTS = (ctypes.c_char_p * 2)(b"true", None)
ENVIRONMENT = (ctypes.c_char_p * 1)(None)


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("row", attacks)
def test_no_new_code_runs(row: Row, user: int | None, stage: Stage) -> None:
    duel(row, stage, user)


@attacks.attack(NO_CODE)
def map_memory_to_write_and_execute(_: Stage) -> object:
    return mmap.mmap(-1, 4096, ANONYMOUS, ALL)


#: ``mov eax, 42; ret`` and ``mov w0, 42; ret``.
FORTY_TWO = b"\xb8\x2a\0\0\0\xc3" if X86 else bytes.fromhex("40058052c0035fd6")


@attacks.attack(NO_CODE)
def run_machine_code(_: Stage) -> object:
    return run_code(FORTY_TWO) == 42


def run_code(code: bytes) -> int:
    memory = mmap.mmap(-1, 4096, ANONYMOUS, ALL)
    memory.write(code)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    return int(ctypes.CFUNCTYPE(ctypes.c_int)(address)())


@attacks.attack(NO_CODE)
def make_memory_executable_later(_: Stage) -> object:
    memory = mmap.mmap(-1, 4096, ANONYMOUS, mmap.PROT_READ | mmap.PROT_WRITE)
    return call("mprotect", ctypes.addressof(ctypes.c_char.from_buffer(memory)), 4096, 5) == 0


@attacks.attack(NO_CODE | Process)
def make_memory_executable_later_with_spawn(stage: Stage) -> object:
    # A program's own libraries are mapped executable, but nothing that was written becomes so
    return make_memory_executable_later(stage)


@attacks.attack(NO_CODE)
def make_it_executable_with_a_high_bit_set(_: Stage) -> object:
    memory = mmap.mmap(-1, 4096, ANONYMOUS, mmap.PROT_READ | mmap.PROT_WRITE)
    return call("mprotect", ctypes.addressof(ctypes.c_char.from_buffer(memory)), 4096, ctypes.c_ulong(5)) == 0


@attacks.attack(NO_CODE, reached="EINVAL EOPNOTSUPP")
def make_it_executable_with_a_key(_: Stage) -> object:
    memory = mmap.mmap(-1, 4096, ANONYMOUS, mmap.PROT_READ | mmap.PROT_WRITE)
    return call("pkey_mprotect", ctypes.addressof(ctypes.c_char.from_buffer(memory)), 4096, 5, -1) == 0


@attacks.attack(NO_CODE)
def map_a_file_to_execute(stage: Stage) -> object:
    descriptor = os.open(stage.own, os.O_RDONLY)
    return mmap.mmap(descriptor, 3, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_EXEC)


@attacks.attack(EVERYTHING)
def share_memory_to_execute(_: Stage) -> object:
    number = call("shmget", 0, 4096, 0o1700)
    try:
        return call("shmat", number, 0, 0o100000)
    finally:
        call("shmctl", number, 0, 0)


@attacks.attack(EVERYTHING)
def have_reading_mean_executing(_: Stage) -> object:
    return call("personality", 0x400000) >= 0


@attacks.attack(NO_CODE, "EACCES")
def write_code_through_proc(_: Stage) -> object:
    # Writing there works on memory that is mapped to be read and executed alone
    address = ctypes.cast(ctypes.pythonapi.Py_GetVersion, ctypes.c_void_p).value or 0
    with open("/proc/self/mem", "r+b", buffering=0) as memory:
        memory.seek(address)
        first = memory.read(1)
        memory.seek(address)
        return memory.write(first) == 1


@attacks.attack(EVERYTHING)
def make_a_file_in_memory(_: Stage) -> object:
    return os.memfd_create("x") >= 0


@attacks.attack(EVERYTHING)
def run_a_program_that_is_in_no_file(_: Stage) -> object:
    def become() -> None:
        descriptor = os.memfd_create("x")
        os.write(descriptor, Path("/bin/true").read_bytes())
        call("execveat", descriptor, b"", ARGUMENTS, ENVIRONMENT, EMPTY_PATH)

    return as_process(become)


@attacks.attack(EVERYTHING)
def run_a_program_by_its_descriptor(_: Stage) -> object:
    def become() -> None:
        call("execveat", os.open("/bin/true", os.O_RDONLY), b"", ARGUMENTS, ENVIRONMENT, EMPTY_PATH)

    return as_process(become)


def in_a_folder(stage: Stage) -> Any:
    """Grant writing there and programs elsewhere."""
    writing: Any = WriteFile
    return writing[Literal.__getitem__(str(stage.folder))] | ReadFile[Literal["/usr/bin"]] | Process | Stdio


def make_a_program(stage: Stage) -> None:
    # Its mode is right already: inside, modes can't be changed.
    (stage.folder / "program").touch(0o755)


@attacks.attack(in_a_folder, "EACCES", prepare=make_a_program)
def run_what_was_written(stage: Stage) -> object:
    (stage.folder / "program").write_bytes(Path("/usr/bin/true").read_bytes())
    return as_process(lambda: os.execv(stage.folder / "program", ["true"]))


@attacks.attack(in_a_folder, "EACCES", "EPERM", prepare=make_a_program)
def run_what_was_written_through_proc(stage: Stage) -> object:
    (stage.folder / "program").write_bytes(Path("/usr/bin/true").read_bytes())
    descriptor = os.open(stage.folder / "program", os.O_RDONLY)
    return as_process(lambda: os.execv(f"/proc/self/fd/{descriptor}", ["true"]))


@attacks.attack(in_a_folder, "EACCES", "EPERM", prepare=make_a_program)
def run_what_was_written_by_the_loader(stage: Stage) -> object:
    (stage.folder / "program").write_bytes(Path("/usr/bin/true").read_bytes())
    loader = next(Path("/lib64").glob("ld-linux*")) if X86 else next(Path("/lib").glob("ld-linux*"))
    code = subprocess.run([loader, stage.folder / "program"], stderr=subprocess.DEVNULL, check=False).returncode
    # The loader runs and can't open it.
    return code == 0 or refused(code)


def refused(_: int) -> bool:
    raise PermissionError(13, "refused")


@attacks.attack(EVERYTHING, reached="EPERM", unless="the kernel is made without it")
def handle_ones_own_page_faults(_: Stage) -> object:
    return call("userfaultfd", 1) >= 0


@attacks.attack(EVERYTHING, "ENOSYS", unless="the kernel is made without it")
def have_secret_memory(_: Stage) -> object:
    return call("memfd_secret", 0) >= 0


# --- another machine's calls ----------------------------------------------------------------------------------------

#: ``mov eax, 20; int 0x80; ret``: getpid as a 32-bit program asks for it.
I386 = b"\xb8\x14\0\0\0\xcd\x80\xc3"
#: The page is there before the sandbox: what it does is a matter of the call alone.
PAGE = mmap.mmap(-1, 4096, ANONYMOUS, ALL) if X86 else None


@pytest.mark.skipif(not X86, reason="i386 is an ABI of x86_64")
@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("grant", [EVERYTHING, Never], ids=["everything", "Never"])
def test_calls_of_i386_end_the_process(grant: Any, user: int | None, stage: Stage) -> None:
    assert PAGE is not None
    PAGE.seek(0)
    PAGE.write(I386)
    address = ctypes.addressof(ctypes.c_char.from_buffer(PAGE))
    ask = ctypes.CFUNCTYPE(ctypes.c_int)(address)
    none = "the kernel runs no 32-bit programs"
    duel(Row(lambda _: ask() == os.getpid(), grant, frozenset({"SIGSYS"}), unless=none), stage, user)


@pytest.mark.skipif(not X86, reason="x32 is an ABI of x86_64")
@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("number", [0, 39, 257, 321, 520, 547])
def test_calls_of_x32_end_the_process(number: int, user: int | None, stage: Stage) -> None:
    """520 is execve there, 547 the last one of its own."""
    row = Row(
        lambda _: call(0x40000000 | number, -1, -1, -1, -1, -1) >= 0,
        EVERYTHING,
        frozenset({"SIGSYS"}),
        frozenset({"ENOSYS", "EBADF", "EFAULT", "EINVAL"}),
    )
    duel(row, stage, user)
