"""Every network operation, with its capability and without it."""

import socket
from typing import Literal as L
from typing import assert_type

from capsafe import Broker, Connect, Datagram, Listen, Network, ReadFile, Resolve, UnixSocket


def connecting(connect: Broker[Connect], other: Broker[Listen | Resolve | Datagram | UnixSocket]) -> None:
    assert_type(connect.connect("localhost", 80), socket.socket)
    assert_type(connect.connect("localhost", 80, timeout=1.5), socket.socket)
    connect.connect("localhost", "80")  # E
    connect.listen("localhost", 80)  # E
    connect.resolve("localhost")  # E
    connect.datagram()  # E
    connect.unix_connect("a")  # E
    connect.unix_listen("a")  # E
    other.connect("localhost", 80)  # E


def serving(broker: Broker[Listen | Resolve | Datagram | UnixSocket], files: Broker[ReadFile]) -> None:
    assert_type(broker.listen("127.0.0.1", 0, backlog=5), socket.socket)
    assert_type(broker.resolve("localhost", 80), list[tuple[str, int]])
    assert_type(broker.datagram("127.0.0.1", 0), socket.socket)
    assert_type(broker.unix_connect("a", timeout=1), socket.socket)
    assert_type(broker.unix_listen("a"), socket.socket)
    files.listen("127.0.0.1", 0)  # E
    files.resolve("localhost")  # E
    files.datagram()  # E
    files.unix_connect("a")  # E
    files.unix_listen("a")  # E


def group(network: Broker[Network], scoped: Broker[Network[L["example.org:443"]]]) -> None:
    network.connect("localhost", 80)
    network.listen("localhost", 80)
    network.resolve("localhost")
    network.datagram()
    network.unix_connect("a")
    scoped.connect("example.org", 443)
    # Names are not scoped, so a scoped group does not grant them.
    scoped.resolve("example.org")  # E
