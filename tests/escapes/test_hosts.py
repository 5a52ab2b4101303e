"""Attacks on the supervisor: it acts where nothing confines, so that its check is all there is.

Each stands beside the same attack where nothing stops it. What decides is whether somebody was reached who was not
granted: a server that counts, a mailbox, a folder.
"""

import array
import ctypes
import errno
import itertools
import os
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest

from capsafe import Connect, Datagram, FileSystem, NativeCode, Resolve, Spawn, Threads, UnixSocket
from capsafe.kernel import probe
from tests.escapes.arena import become, in_child
from tests.escapes.pairs import LIBC, NUMBER, USERS, Stage, call, sandbox, stage

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.network,
    pytest.mark.skipif(not probe().answers, reason="this kernel lets no supervisor answer"),
]
__all__ = ["stage"]

#: How long a race is run.
RACE = 0.6
OWN = os.getpid()


@dataclass
class Town:
    """Who may be reached, and who must not be.

    ``granted``, ``other``: ports of TCP servers at 127.0.0.1. ``mail``, ``letter``: those of mailboxes for datagrams.
    ``folder``: has "in" with a server "s" and a mailbox "m", and "out" with the same.
    """

    granted: int
    other: int
    mail: int
    letter: int
    folder: Path
    sockets: dict[str, socket.socket]

    def reached(self) -> bool:
        """Say whether somebody was reached who must not be."""
        found = False
        for name in ("other", "other6", "elsewhere", "letter", "out/s", "out/m", "abstract", "abstract mail"):
            one = self.sockets.get(name)
            if one is None:
                continue
            try:
                one.accept()[0].close() if one.type == socket.SOCK_STREAM else one.recv(100)
            except BlockingIOError:
                continue
            found = True
        return found or any(path.name.startswith("made-") for path in (self.folder / "out").iterdir())


@pytest.fixture
def town(stage: Stage) -> Iterator[Town]:
    sockets: dict[str, socket.socket] = {}

    def put(name: str, family: int, kind: int, address: Any) -> Any:
        one = socket.socket(family, kind)
        one.bind(address)
        if kind == socket.SOCK_STREAM:
            one.listen(512)
        one.settimeout(0)
        sockets[name] = one
        return one.getsockname()

    granted = put("granted", 2, 1, ("127.0.0.1", 0))[1]
    other = put("other", 2, 1, ("127.0.0.1", 0))[1]
    put("elsewhere", 2, 1, ("127.0.0.2", granted))
    try:
        put("other6", 10, 1, ("::1", granted))
    except OSError:
        sockets.pop("other6", None)
    mail = put("mail", 2, 2, ("127.0.0.1", 0))[1]
    letter = put("letter", 2, 2, ("127.0.0.1", 0))[1]
    stage.base.chmod(0o777)
    for name in ("in", "out"):
        (stage.base / name).mkdir()
        (stage.base / name).chmod(0o777)
        put(f"{name}/s", 1, 1, f"{stage.base}/{name}/s")
        put(f"{name}/m", 1, 2, f"{stage.base}/{name}/m")
        os.chmod(stage.base / name / "s", 0o777)
        os.chmod(stage.base / name / "m", 0o777)
    put("abstract", 1, 1, f"\0capsafe-{os.getpid()}")
    put("abstract mail", 1, 2, f"\0capsafe-m-{os.getpid()}")
    yield Town(granted, other, mail, letter, stage.base, sockets)
    for one in sockets.values():
        one.close()


Attack = Callable[[Town], object]


def at(capability: Any, scope: str) -> Any:
    """Give a capability a scope that is only known now."""
    return capability[Literal.__getitem__(scope)]


def grant_of(town: Town, more: Any = None) -> Any:
    """Grant what may be reached, and what attacks work with."""
    tcp, udp, unix = (
        at(capability, scope)
        for capability, scope in (
            (Connect, f"127.0.0.1:{town.granted}"),
            (Datagram, f"127.0.0.1:{town.mail}"),
            (UnixSocket, f"{town.folder}/in"),
        )
    )
    grant: Any = tcp | udp | unix | Threads | NativeCode
    return grant if more is None else grant | more


attacks: list[Any] = []


def attack(more: Any = None) -> Callable[[Attack], Attack]:
    def add(function: Attack) -> Attack:
        attacks.append(pytest.param(function, more, id=getattr(function, "__name__", "")))
        return function

    return add


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize(("function", "more"), attacks)
def test_nobody_else_is_reached(function: Attack, more: Any, user: int | None, town: Town) -> None:
    box = sandbox(grant_of(town, more))

    def attempt() -> object:
        try:
            return function(town)
        except OSError as error:
            return errno.errorcode.get(error.errno or 0)

    def inside() -> object:
        if user is not None:
            become(user)
        return box.execute(lambda _: bool(attempt()))

    assert in_child(inside) is not None
    assert not town.reached(), "in the sandbox"
    outside = False
    for _ in range(5):
        # A race may be lost.
        in_child(attempt, user)
        outside = outside or town.reached()
        if outside:
            break
    assert outside, "without a sandbox nobody was reached either, so that the attack shows nothing"


def inet(port: int, host: tuple[int, ...] = (127, 0, 0, 1), family: int = 2) -> bytes:
    return struct.pack("=H", family) + struct.pack("!H", port) + bytes(host) + bytes(8)


def dial(number: int, address: Any, length: int = 16) -> str:
    try:
        call("connect", number, address, length)
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, "")
    return "done"


def tcp(family: int = socket.AF_INET) -> socket.socket:
    return socket.socket(family, socket.SOCK_STREAM)


# --- memory that changes --------------------------------------------------------------------------------------------


def while_it_changes(change: Callable[[], None], act: Callable[[], None]) -> None:
    """Act again and again while a thread changes what the call reads."""
    ends = time.monotonic() + RACE
    done = threading.Event()

    def changing() -> None:
        while not done.is_set():
            change()

    thread = threading.Thread(target=changing, daemon=True)
    sys.setswitchinterval(1e-5)
    thread.start()
    try:
        while time.monotonic() < ends:
            act()
    finally:
        done.set()
        thread.join()


def writable(content: bytes) -> tuple[object, memoryview]:
    """Return memory that a call can read, and a view to write it by."""
    memory = (ctypes.c_ubyte * len(content)).from_buffer_copy(content)
    return memory, memoryview(memory).cast("B")


@attack()
def rewrite_the_port_while_it_is_read(town: Town) -> None:
    memory, view = writable(inet(town.granted))
    ports = itertools.cycle(struct.pack("!H", port) for port in (town.other, town.granted))

    def change() -> None:
        view[2:4] = next(ports)

    def act() -> None:
        with tcp() as stream:
            stream.settimeout(0)
            dial(stream.fileno(), memory)

    while_it_changes(change, act)


@attack()
def rewrite_the_host_while_a_datagram_is_sent(town: Town) -> None:
    memory, view = writable(inet(town.mail))
    ports = itertools.cycle(struct.pack("!H", port) for port in (town.letter, town.mail))
    data = ctypes.create_string_buffer(b"x")
    with socket.socket(type=socket.SOCK_DGRAM) as one:

        def change() -> None:
            view[2:4] = next(ports)

        def act() -> None:
            LIBC.syscall(NUMBER["sendto"], one.fileno(), data, ctypes.c_long(1), 0x40, memory, ctypes.c_long(16))

        while_it_changes(change, act)


@attack()
def rewrite_the_path_while_it_is_read(town: Town) -> None:
    good, bad = (struct.pack("=H", 1) + f"{town.folder}/{name}/s\0".encode() for name in ("in", "out"))
    memory, view = writable(good.ljust(len(bad), b"\0"))
    paths = itertools.cycle((bad, good.ljust(len(bad), b"\0")))

    def change() -> None:
        view[:] = next(paths)

    def act() -> None:
        with socket.socket(socket.AF_UNIX) as stream:
            stream.settimeout(0)
            dial(stream.fileno(), memory, len(bad))

    while_it_changes(change, act)


# --- numbers --------------------------------------------------------------------------------------------------------


@attack()
def put_another_socket_over_the_number(town: Town) -> None:
    with tcp() as one, tcp() as other:
        os.dup2(one.fileno(), other.fileno())
        dial(other.fileno(), inet(town.other))
        dial(one.fileno(), inet(town.other))


@attack()
def use_the_number_again(town: Town) -> None:
    number = os.dup(0)
    os.close(number)
    for _ in range(3):
        made = call("socket", 2, 1, 0)
        dial(made, inet(town.granted))
        os.close(made)
        made = call("socket", 2, 2, 0)
        dial(made, inet(town.mail))
        dial(made, inet(town.letter))
        LIBC.syscall(NUMBER["sendto"], made, b"x", ctypes.c_long(1), 0, inet(town.letter), ctypes.c_long(16))
        os.close(made)
    with socket.socket(type=socket.SOCK_DGRAM) as one:
        one.sendto(b"x", ("127.0.0.1", town.letter))


@attack()
def use_numbers_that_are_somebody_elses(town: Town) -> None:
    """Of the supervisor, which has other sockets under them: the servers themselves."""
    for number in range(-2, 40):
        dial(number, inet(town.other))
        LIBC.syscall(NUMBER["sendto"], number, b"x", ctypes.c_long(1), 0x40, inet(town.letter), ctypes.c_long(16))
    with tcp() as stream:
        dial(stream.fileno() | 1 << 32, inet(town.other))
        dial(stream.fileno(), inet(town.other))


@attack()
def pass_a_socket_to_oneself(town: Town) -> None:
    one, other = socket.socketpair()
    with one, other, tcp() as stream:
        message = [b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [stream.fileno()]))]
        number = stream.fileno()
        try:
            one.sendmsg(*message)
            number = socket.recv_fds(other, 1, 1)[1][0]
        finally:
            dial(number, inet(town.other))


# --- forms of addresses ---------------------------------------------------------------------------------------------


@attack()
def connect_plainly(town: Town) -> None:
    with tcp() as stream:
        stream.connect(("127.0.0.1", town.other))


@attack()
def connect_to_another_host(town: Town) -> None:
    with tcp() as stream:
        stream.connect(("127.0.0.2", town.granted))


@attack()
def connect_by_ipv6(town: Town) -> None:
    with tcp(socket.AF_INET6) as stream:
        stream.connect(("::ffff:127.0.0.1", town.other))


@attack()
def connect_to_any_address(town: Town) -> None:
    with tcp() as stream:
        stream.connect(("0.0.0.0", town.other))


@attack()
def connect_to_any_address_of_ipv6(town: Town) -> None:
    with tcp(socket.AF_INET6) as stream:
        try:
            stream.connect(("::", town.granted))
        finally:
            with tcp() as plain:
                plain.connect(("127.0.0.2", town.granted))


@attack()
def connect_with_lengths_and_families_that_lie(town: Town) -> None:
    for family in (0, 1, 2, 10, 0xFFFF):
        for length in (0, 1, 2, 8, 15, 16, 28, 110, 128, 129, 1 << 31, (1 << 32) | 16, -1):
            with tcp() as stream:
                stream.settimeout(0)
                dial(stream.fileno(), inet(town.other, family=family) + bytes(112), length)


@attack()
def connect_anew_after_undoing_a_connection(town: Town) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as one:
        dial(one.fileno(), inet(town.mail))
        dial(one.fileno(), inet(0, family=0))
        dial(one.fileno(), inet(town.letter))
        one.send(b"x")


@attack()
def connect_while_sending(town: Town) -> None:
    with tcp() as stream:
        sent = LIBC.syscall(
            NUMBER["sendto"], stream.fileno(), b"x", ctypes.c_long(1), 0x20000000, inet(town.other), ctypes.c_long(16)
        )
        if sent < 0 and ctypes.get_errno() != errno.EPERM:
            # Where fast open is switched off
            dial(stream.fileno(), inet(town.other))


# --- datagrams ------------------------------------------------------------------------------------------------------


@attack()
def send_elsewhere(town: Town) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as one:
        one.sendto(b"x", ("127.0.0.1", town.letter))


@attack()
def send_elsewhere_from_a_connected_socket(town: Town) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as one:
        one.connect(("127.0.0.1", town.mail))
        one.sendto(b"x", ("127.0.0.1", town.letter))


@attack()
def send_a_message_elsewhere(town: Town) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as one:
        one.connect(("127.0.0.1", town.mail))
        one.sendmsg([b"x"], [], 0, ("127.0.0.1", town.letter))


@attack()
def send_elsewhere_by_ipv6(town: Town) -> None:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as one:
        one.sendto(b"x", ("::ffff:127.0.0.1", town.letter))


@attack(Resolve)
def send_from_a_pair(town: Town) -> None:
    one, _other = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    one.sendto(b"x", f"{town.folder}/out/m")


# --- paths ----------------------------------------------------------------------------------------------------------


def unix() -> socket.socket:
    return socket.socket(socket.AF_UNIX)


@attack()
def connect_to_a_path_beside_the_scope(town: Town) -> None:
    with unix() as stream:
        stream.connect(f"{town.folder}/in/../out/s")


@attack()
def send_to_a_path_beside_the_scope(town: Town) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as one:
        one.sendto(b"x", f"{town.folder}/out/m")


@attack()
def connect_to_an_abstract_name(_: Town) -> None:
    with unix() as stream:
        stream.connect(f"\0capsafe-{OWN}")


@attack()
def send_to_an_abstract_name(_: Town) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as one:
        one.sendto(b"x", f"\0capsafe-m-{OWN}")


@attack(FileSystem)
def swap_a_symlink_while_it_is_followed(town: Town) -> None:
    places = [f"{town.folder}/{name}/s" for name in ("in", "out")]
    link = f"{town.folder}/in/link-{os.getpid()}"

    def change() -> None:
        for place in places:
            os.symlink(place, link + "-new")
            os.rename(link + "-new", link)

    def act() -> None:
        with unix() as stream:
            stream.settimeout(0)
            try:
                stream.connect(link)
            except OSError:
                return

    change()
    while_it_changes(change, act)


@attack(FileSystem)
def swap_a_folder_while_it_is_bound_in(town: Town) -> None:
    link = f"{town.folder}/in/folder-{os.getpid()}"

    def change() -> None:
        for name in ("in", "out"):
            os.symlink(f"{town.folder}/{name}", link + "-new")
            os.rename(link + "-new", link)

    def act() -> None:
        with unix() as one:
            try:
                one.bind(f"{link}/made-{time.monotonic_ns()}")
            except OSError:
                return

    change()
    while_it_changes(change, act)


@attack(Spawn)
def connect_from_a_program(town: Town) -> None:
    import subprocess

    subprocess.run(
        ["/bin/bash", "-c", f"exec 3<>/dev/tcp/127.0.0.1/{town.other}"], check=False, capture_output=True, timeout=20
    )
