"""What capsafe does not stop. Where one of these fails, a hole has been closed: then docs/threats.md is out of date."""

import ctypes
import os
import random
import socket
import time
from pathlib import Path
from typing import Any, Literal, Never

import pytest

from capsafe import Connect, Datagram, ReadFile, Sandbox, Spawn, Stdin, Stdout, UnixSocket
from tests.escapes.arena import SECRET
from tests.escapes.pairs import WORKED, Family, Stage, as_parent, stage, try_inside
from tests.escapes.test_metadata import in_the_folder
from tests.escapes.test_sockets import (
    from_stdin,
    offer_a_descriptor,
    read_from_a_datagram_socket,
    receive_a_descriptor,
)

pytestmark = pytest.mark.kernel
__all__ = ["stage"]

PURE = Sandbox[Never](timeout=30)
KEY = ctypes.create_string_buffer(SECRET.encode())


def test_the_time_can_be_read() -> None:
    """From the vDSO, without a system call."""
    assert abs(PURE.execute(lambda _: time.time()) - time.time()) < 60


def test_random_numbers_can_be_had() -> None:
    assert len(PURE.execute(lambda _: os.urandom(8))) == 8
    assert PURE.execute(lambda _: random.SystemRandom().random()) < 1


def test_what_the_parent_had_in_memory_can_be_read() -> None:
    """By name, and by address."""
    address = ctypes.addressof(KEY)
    assert PURE.execute(lambda _: KEY.value.decode()) == SECRET
    assert PURE.execute(lambda _: ctypes.string_at(address)).decode() == SECRET


def test_the_environments_text_stays_in_memory() -> None:
    """The child has no environment; the block that the program was started with is where it was."""
    array = ctypes.POINTER(ctypes.c_char_p).in_dll(ctypes.CDLL(None), "environ")
    first = ctypes.cast(array, ctypes.POINTER(ctypes.c_void_p))[0]
    text = ctypes.string_at(first)
    assert PURE.execute(lambda _: os.environ.copy()) == {}
    assert PURE.execute(lambda _: ctypes.string_at(first)) == text


family = Family()


@family.attack(in_the_folder(ReadFile), WORKED)
def see_metadata_beside_the_scope(stage: Stage) -> object:
    return os.stat(stage.secret).st_size == len(SECRET)


@family.attack(in_the_folder(ReadFile), WORKED)
def go_to_a_folder_beside_the_scope(stage: Stage) -> object:
    # What is there stays shut; that it is there, and may be entered, is seen
    os.chdir(stage.base)
    return not can_open("secret")


def can_open(path: str) -> bool:
    try:
        os.close(os.open(path, os.O_RDONLY))
    except PermissionError:
        return False
    return True


@family.attack(Stdin | Connect | Spawn, WORKED, prepare=offer_a_descriptor)
def receive_a_descriptor_where_messages_and_programs_are_granted(stage: Stage) -> object:
    # Standard input is a Unix socket in which somebody has put one: Connect brings recvmsg, and with Spawn the streams
    # are the programs'
    return receive_a_descriptor(stage)


@family.attack(Stdin | Datagram, WORKED, prepare=read_from_a_datagram_socket)
def send_anywhere_from_a_stream_where_datagrams_are_granted(stage: Stage) -> object:
    return from_stdin(lambda stream: stream.sendto(b"x", str(stage.folder / "mail")))


def a_server_at_a_path(stage: Stage) -> None:
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(stage.folder / "door"))
    listening.listen()
    _kept.append(listening)


_kept: list[socket.socket] = []


@family.attack(UnixSocket, WORKED, prepare=a_server_at_a_path)
def connect_to_any_path(stage: Stage) -> object:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(stage.folder / "door"))
    return True


@pytest.mark.parametrize("row", family)
def test_it_works_inside(row: Any, stage: Stage) -> None:
    assert as_parent(try_inside, row, stage, None) == WORKED


def test_a_terminal_gets_what_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    """Control sequences, too: the stream is the parent's."""
    Sandbox[Stdout]().execute(lambda _: print("\x1b]0;title\x07", flush=True))
    assert "\x1b]0;" in capfd.readouterr().out


def test_a_processor_is_used_without_a_limit() -> None:
    """None is set unless it is asked for."""

    def work(_: object) -> float:
        end = time.process_time() + 0.2
        while time.process_time() < end:
            pass
        return time.process_time()

    assert PURE.execute(work) >= 0.2


def test_a_program_that_may_be_read_may_be_run_by_the_loader() -> None:
    """A scoped Spawn holds what is executed; the loader that it needs executes whatever it can read."""
    loader = next((str(path) for path in Path("/lib64").glob("ld-linux*")), None)
    if loader is None:
        pytest.skip("no loader where one is known to be")

    def run(_: object) -> int:
        import subprocess

        return subprocess.run([loader, "/usr/bin/true"], check=False).returncode

    sandbox = Sandbox[Spawn[Literal["/usr/bin/env"]] | ReadFile[Literal["/usr/bin"]]]()
    assert sandbox.execute(run) == 0
