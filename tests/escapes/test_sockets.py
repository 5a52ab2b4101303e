"""Sockets of every family: what the network's capabilities give, and nothing beside it."""

import array
import ctypes
import fcntl
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, Never

import pytest

from capsafe import Connect, Datagram, FileSystem, Listen, Network, Process, ReadFile, Resolve, Stdin, UnixSocket
from tests.escapes.arena import SECRET
from tests.escapes.pairs import (
    EVERYTHING,
    USERS,
    Family,
    Row,
    Stage,
    call,
    duel,
    raw_socket_address,
    sandbox,
    stage,
)

pytestmark = [pytest.mark.kernel, pytest.mark.network]
__all__ = ["stage"]

attacks = Family()
NONE = "this kernel is made without it"
INTERNET: Any = Connect | Listen | Datagram | Resolve | FileSystem
MPTCP, SCTP = 262, 132


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("row", attacks)
def test_it_is_refused(row: Row, user: int | None, stage: Stage) -> None:
    duel(row, stage, user)


def opened(*arguments: int) -> bool:
    with socket.socket(*arguments) as made:
        return made.fileno() >= 0


@attacks.attack(unless=NONE)
def ask_the_kernel_by_netlink(_: Stage) -> object:
    return opened(socket.AF_NETLINK, socket.SOCK_RAW, 0)


@attacks.attack(root_only=True)
def send_packets(_: Stage) -> object:
    return opened(socket.AF_PACKET, socket.SOCK_RAW, 0)


@attacks.attack(root_only=True)
def send_raw_internet_packets(_: Stage) -> object:
    return opened(socket.AF_INET, socket.SOCK_RAW, 1)


@attacks.attack(reached="EACCES", unless=NONE)
def ping(_: Stage) -> object:
    return opened(socket.AF_INET, socket.SOCK_DGRAM, 1)


@attacks.attack(unless=NONE)
def use_the_kernels_ciphers(_: Stage) -> object:
    return opened(socket.AF_ALG, socket.SOCK_SEQPACKET, 0)


@attacks.attack(unless=NONE)
def talk_to_the_host_of_the_machine(_: Stage) -> object:
    return opened(socket.AF_VSOCK, socket.SOCK_STREAM, 0)


@attacks.attack(unless=NONE)
def connect_by_several_paths(_: Stage) -> object:
    """Landlock's rules on TCP do not see it."""
    return opened(socket.AF_INET, socket.SOCK_STREAM, MPTCP)


@attacks.attack(reached="EPROTONOSUPPORT ESOCKTNOSUPPORT")
def connect_by_another_protocol(_: Stage) -> object:
    return opened(socket.AF_INET, socket.SOCK_STREAM, SCTP)


@attacks.attack(INTERNET)
def make_a_unix_socket(_: Stage) -> object:
    return opened(socket.AF_UNIX, socket.SOCK_STREAM, 0)


@attacks.attack(FileSystem)
def make_a_unix_socket_with_high_bits_set(_: Stage) -> object:
    return call("socket", socket.AF_UNIX | 1 << 32, socket.SOCK_STREAM | 1 << 32, 1 << 32) >= 0


_kept: list[socket.socket] = []


def keep(one: socket.socket) -> socket.socket:
    """Hold a socket open for as long as its process lives."""
    _kept.append(one)
    return one


def answer_by_path(stage: Stage) -> None:
    keep(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)).bind(str(stage.folder / "mail"))
    listening = keep(socket.socket(socket.AF_UNIX))
    listening.bind(str(stage.folder / "door"))
    listening.listen()


def answer_by_name(_: Stage) -> None:
    keep(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)).bind(f"\0capsafe-mail-{os.getpid()}")
    listening = keep(socket.socket(socket.AF_UNIX))
    listening.bind(f"\0capsafe-door-{os.getpid()}")
    listening.listen()


@attacks.attack(INTERNET, prepare=answer_by_path)
def send_from_a_pair_to_a_path(stage: Stage) -> object:
    # A pair of datagram sockets is two sockets that may send anywhere
    one, _other = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    return one.sendto(b"x", str(stage.folder / "mail")) == 1


def read_from_a_datagram_socket(stage: Stage) -> None:
    """Make standard input a socket of the parent's; somebody else listens on a path."""
    mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    mail = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    mail.bind(str(stage.folder / "mail"))
    keep(mine)
    keep(mail)
    os.dup2(theirs.fileno(), 0)


@attacks.attack(Stdin, prepare=read_from_a_datagram_socket)
def send_anywhere_from_a_stream_that_is_a_socket(stage: Stage) -> object:
    return from_stdin(lambda stream: stream.sendto(b"x", str(stage.folder / "mail")))


@attacks.attack(Stdin | INTERNET, prepare=read_from_a_datagram_socket)
def send_a_message_anywhere_from_a_stream(stage: Stage) -> object:
    # The scope holds sockets that are made inside; a stream was there before
    return from_stdin(lambda stream: stream.sendmsg([b"x"], [], 0, str(stage.folder / "mail")))


@attacks.attack(Stdin | INTERNET, prepare=read_from_a_datagram_socket)
def give_a_stream_another_peer(stage: Stage) -> object:
    def send(stream: socket.socket) -> int:
        stream.connect(str(stage.folder / "mail"))
        return stream.send(b"x")

    return from_stdin(send)


def from_stdin(send: Callable[[socket.socket], int]) -> bool:
    """Send one byte from standard input itself: a copy of it would be refused."""
    channel = socket.socket(fileno=0)
    try:
        return send(channel) == 1
    finally:
        channel.detach()


@attacks.attack(INTERNET, prepare=answer_by_path)
def connect_to_a_path(stage: Stage) -> object:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(stage.folder / "door"))
    return True


@attacks.attack(EVERYTHING, prepare=answer_by_name)
def connect_to_an_abstract_name(_: Stage) -> object:
    # It is no path, so that Landlock's scope has to refuse it
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(f"\0capsafe-door-{os.getppid()}")
    return True


@attacks.attack(EVERYTHING, prepare=answer_by_name)
def send_to_an_abstract_name(_: Stage) -> object:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
        return client.sendto(b"x", f"\0capsafe-mail-{os.getppid()}") == 1


# --- descriptors in messages ----------------------------------------------------------------------------------------


def offer_a_descriptor(stage: Stage) -> None:
    # Standard input is a Unix socket, and the secret's descriptor waits in it
    mine, theirs = socket.socketpair(socket.AF_UNIX)
    socket.send_fds(keep(mine), [b"x"], [stage.descriptor])
    os.dup2(theirs.fileno(), 0)


@attacks.attack(Stdin | FileSystem | UnixSocket | Process, prepare=offer_a_descriptor)
def receive_a_descriptor(_: Stage) -> object:
    channel = socket.socket(fileno=0)
    received = socket.recv_fds(channel, 1, 1)[1]
    channel.detach()
    return os.pread(received[0], len(SECRET), 0).decode() == SECRET


@attacks.attack(Stdin | INTERNET, prepare=offer_a_descriptor)
def receive_a_descriptor_by_a_stream(stage: Stage) -> object:
    # Connect brings recvmsg, for sockets that are made inside
    return receive_a_descriptor(stage)


def descriptors() -> list[int]:
    found = []
    for number in range(256):
        try:
            os.fstat(number)
        except OSError:
            continue
        found.append(number)
    return found


@attacks.attack(Stdin | ReadFile | UnixSocket | Process, prepare=offer_a_descriptor)
def send_a_descriptor(stage: Stage) -> object:
    with open(stage.own, "rb") as file, socket.socket(fileno=os.dup(0)) as channel:
        message = [b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [file.fileno()]))]
        return channel.sendmsg(*message) == 1


# --- options and requests -------------------------------------------------------------------------------------------


def tcp() -> socket.socket:
    return socket.socket(socket.AF_INET, socket.SOCK_STREAM)


@attacks.attack(Network, unless="this kernel compiles such programs for root alone")
def filter_packets_in_the_kernel(_: Stage) -> object:
    code = ctypes.create_string_buffer(bytes.fromhex("0600000000000000"), 8)
    program = (1).to_bytes(8, "little") + ctypes.addressof(code).to_bytes(8, "little")
    with tcp() as made:
        made.setsockopt(socket.SOL_SOCKET, 26, program)
    return True


@attacks.attack(Network)
def leave_by_a_device_of_choice(_: Stage) -> object:
    with tcp() as made:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo\0")
    return True


# Kernels such as 6.18.44 keep source routes for CAP_NET_RAW; older ones let everybody set them.
@attacks.attack(Network, root_only=True)
def send_packets_by_another_host(_: Stage) -> object:
    # A loose source route by 127.0.0.2: what is connected to is not what is reached first
    with tcp() as made:
        made.setsockopt(socket.IPPROTO_IP, 4, bytes([131, 7, 4, 127, 0, 0, 2, 0]))
    return True


@attacks.attack(Network)
def put_options_on_packets(_: Stage) -> object:
    # Record route, which everybody may: the same call as above, so that it is the filter which refuses that one
    with tcp() as made:
        made.setsockopt(socket.IPPROTO_IP, 4, bytes([7, 7, 4, 0, 0, 0, 0, 0]))
    return True


@attacks.attack(Network, root_only=True)
def repair_a_connection(_: Stage) -> object:
    with tcp() as made:
        made.setsockopt(socket.IPPROTO_TCP, 19, 1)
    return True


@attacks.attack(Network)
def list_the_interfaces(_: Stage) -> object:
    with tcp() as made:
        return fcntl.ioctl(made, 0x8912, bytes(16))


@attacks.attack(Network, reached="ENODEV EPERM")
def take_an_interface_down(_: Stage) -> object:
    with tcp() as made:
        # Of no interface: it is the request which is refused, before any is looked for.
        return fcntl.ioctl(made, 0x8914, b"none".ljust(40, b"\0"))


# --- all of them ----------------------------------------------------------------------------------------------------


def families() -> list[tuple[int, int]]:
    """Return each family and type of which a socket can be made."""
    found = []
    for family in range(48):
        for kind in (1, 2, 3, 4, 5, 6, 10):
            try:
                os.close(call("socket", family, kind, 0))
            except OSError:
                continue
            found.append((family, kind))
    return found


GIVEN: list[tuple[Any, set[tuple[int, int]]]] = [
    (Never, set()),
    (FileSystem | Process, set()),
    (Connect, {(2, 1), (10, 1)}),
    (Listen, {(2, 1), (10, 1)}),
    (Datagram, {(2, 2), (10, 2)}),
    (Resolve, set()),
    # The kernel makes a datagram socket where a raw Unix socket is asked for.
    (UnixSocket, {(1, 1), (1, 2), (1, 3), (1, 5)}),
]


@pytest.mark.parametrize(("grant", "given"), GIVEN, ids=["Never", "others", *(str(g.__name__) for g, _ in GIVEN[2:])])
def test_no_other_family_is_given(grant: Any, given: set[tuple[int, int]]) -> None:
    outside = set(families())
    assert outside - given
    assert set(map(tuple, sandbox(grant).execute(lambda _: families()))) == given & outside


def test_a_connection_that_is_not_granted_is_refused_by_the_kernel(stage: Stage) -> None:
    """By the call itself and to a server that is there: it is not merely unreachable."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = raw_socket_address(server.getsockname()[1])
        row = Row(lambda _: call("connect", call("socket", 2, 1, 0), address, 16) == 0, Listen, frozenset({"EPERM"}))
        duel(row, stage, None)
        row = Row(row.attack, Datagram | FileSystem, frozenset({"EPERM"}))
        duel(row, stage, None)


def test_plain_reading_drops_descriptors() -> None:
    """What comes with a byte that is merely read is closed by the kernel: the parent reads its answers so, too."""
    mine, theirs = socket.socketpair(socket.AF_UNIX)
    with mine, theirs, Path("/etc/hostname").open("rb") as file:
        socket.send_fds(mine, [b"x"], [file.fileno()])
        before = descriptors()
        assert os.read(theirs.fileno(), 1) == b"x"
        assert descriptors() == before
