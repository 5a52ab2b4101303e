"""A granted stream is the parent's own: it can be read or written, and nothing about it be changed for the parent.

Whether it blocks, where in its file it stands and what was written before are matters of what is open, which both
share. Where it is a socket, it leads to who is at its other end and to nobody else.
"""

import fcntl
import os
import socket
from typing import Any

import pytest

from capsafe import Connect, Sandbox, Spawn, Stdin, Stdio, Stdout, WriteFile
from tests.escapes.pairs import USERS, Family, Row, Stage, call, duel, stage

pytestmark = pytest.mark.kernel
__all__ = ["stage"]

attacks = Family()
_kept: list[Any] = []
FIONBIO, F_DUPFD_CLOEXEC = 0x5421, 1030
#: Before the parent's text, and what is written over it.
TEXT, OVER = b"the parent's text", b"X"


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("row", attacks)
def test_it_stays_as_the_parent_has_it(row: Row, user: int | None, stage: Stage) -> None:
    duel(row, stage, user)


def a_pipe(_: Stage) -> None:
    """Make standard output a pipe that blocks."""
    reading, writing = os.pipe()
    _kept.append(reading)
    os.dup2(writing, 1)


def a_file(stage: Stage) -> None:
    """Make standard output a file that has text in it."""
    descriptor = os.open(stage.base / "log", os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o666)
    os.write(descriptor, TEXT)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 0)


def a_datagram_socket(stage: Stage) -> None:
    """Make standard input a socket of the parent's; somebody else listens on a path."""
    mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    mail = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    mail.bind(str(stage.folder / "mail"))
    _kept.extend((mine, mail))
    os.dup2(theirs.fileno(), 0)


@attacks.attack(Stdout, prepare=a_pipe)
def make_it_not_block(_: Stage) -> object:
    call("fcntl", 1, fcntl.F_SETFL, os.O_NONBLOCK)
    return not os.get_blocking(1)


@attacks.attack(Stdio | Connect, prepare=a_pipe)
def make_it_not_block_by_its_own_request(_: Stage) -> object:
    os.set_blocking(1, False)  # it has no other form
    return not os.get_blocking(1)


@attacks.attack(Stdout, prepare=a_pipe)
def make_it_not_block_with_a_high_bit_set(_: Stage) -> object:
    call("fcntl", 1 << 40 | 1, 1 << 40 | fcntl.F_SETFL, os.O_NONBLOCK)
    return not os.get_blocking(1)


def not_blocking(copy: int) -> bool:
    os.set_blocking(copy, False)
    return not os.get_blocking(1)


@attacks.attack(Stdout, prepare=a_pipe)
def make_a_copy_not_block(_: Stage) -> object:
    return not_blocking(os.dup(1))


@attacks.attack(Stdout, prepare=a_pipe)
def make_a_copy_at_a_number_not_block(_: Stage) -> object:
    return not_blocking(os.dup2(1, 77))


@attacks.attack(Stdout, prepare=a_pipe)
def make_a_copy_not_block_that_programs_do_not_get(_: Stage) -> object:
    return not_blocking(os.dup2(1, 77, inheritable=False))


@attacks.attack(Stdout, prepare=a_pipe)
def make_a_copy_by_fcntl_not_block(_: Stage) -> object:
    return not_blocking(fcntl.fcntl(1, F_DUPFD_CLOEXEC, 50))


@attacks.attack(Stdin | Stdout, prepare=a_file)
def write_over_what_is_there(_: Stage) -> object:
    os.lseek(1, 0, os.SEEK_SET)
    os.write(1, OVER)
    return True


@attacks.attack(Stdout | WriteFile, prepare=a_file)
def write_over_what_is_there_in_one_step(_: Stage) -> object:
    return os.pwrite(1, OVER, 0) == 1


@attacks.attack(Stdout | WriteFile, prepare=a_file)
def cut_off_what_is_there(_: Stage) -> object:
    os.ftruncate(1, 0)
    return True


@attacks.attack(Stdin, prepare=a_datagram_socket)
def send_to_anybody(stage: Stage) -> object:
    channel = socket.socket(fileno=0)
    sent = channel.sendto(b"x", str(stage.folder / "mail")) == 1
    channel.detach()
    return sent


def test_programs_put_their_own_pipes_there() -> None:
    """They could not be started otherwise; so with Spawn the streams are the parent's in all."""
    said = Sandbox[Spawn | Stdout](timeout=30).execute(
        lambda b: b.run(["sh", "-c", "echo x 2>&1"], capture=True).stdout
    )
    assert said.strip() in ("x", b"x")


def test_an_event_loop_works_beside_granted_streams() -> None:
    """Its own pair may be made not to block."""
    import asyncio

    async def closure(_: object) -> int:
        await asyncio.sleep(0)
        return 1

    assert asyncio.run(Sandbox[Stdio](timeout=30).execute_async(closure)) == 1
