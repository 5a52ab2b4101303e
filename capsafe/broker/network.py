"""Sockets, on plain system calls.

This module knows how each socket is made. It refuses to know what was granted, but for one thing it is told: whether
names may be resolved, since resolving needs a capability of its own (Resolve).
"""

import socket
from collections.abc import Callable
from typing import TypeAlias

from capsafe.broker.arguments import StrPath, path_text

#: A numeric address and a port.
Address: TypeAlias = tuple[str, int]

#: RFC 6761, section 6.3: it is always the loopback, so it needs no resolver.
LOCALHOST = ("127.0.0.1", "::1")


def resolve(host: str, port: int) -> list[Address]:
    """Return the numeric addresses of a name, in the order of getaddrinfo(3), each once."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys((str(address[0]), int(address[1])) for *_, address in found))


def addresses(host: str, port: int, resolver: Callable[[str, int], list[Address]]) -> list[Address]:
    """Return the numeric addresses to try: the host itself where it is one, else what ``resolver`` says."""
    if family_of(host) is not None:
        return [(host, port)]
    if host == "localhost":
        return [(address, port) for address in LOCALHOST]
    return resolver(host, port)


def family_of(host: str) -> socket.AddressFamily | None:
    """Return the family of a numeric address, None for a name."""
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host.partition("%")[0])
        except OSError:
            continue
        return family
    return None


def _family(host: str) -> socket.AddressFamily:
    return family_of(host) or socket.AF_INET


def connect(candidates: list[Address], timeout: float | None) -> socket.socket:
    """Connect to the first address that answers; raise the first error where none does."""
    failures: list[OSError] = []
    for host, port in candidates:
        stream = socket.socket(_family(host), socket.SOCK_STREAM)
        try:
            stream.settimeout(timeout)
            stream.connect((host, port))
        except OSError as error:
            stream.close()
            failures.append(error)
        else:
            return stream
    raise failures[0]


def listen(host: str, port: int, backlog: int) -> socket.socket:
    """Bind a TCP socket and listen."""
    stream = socket.socket(_family(host), socket.SOCK_STREAM)
    try:
        # As every server does: else a restart within a minute finds its own port taken.
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        stream.bind((host, port))
        stream.listen(backlog)
    except OSError:
        stream.close()
        raise
    return stream


def datagram(host: str, port: int) -> socket.socket:
    """Bind a UDP socket."""
    packets = socket.socket(_family(host), socket.SOCK_DGRAM)
    try:
        packets.bind((host, port))
    except OSError:
        packets.close()
        raise
    return packets


def unix_connect(path: StrPath, timeout: float | None) -> socket.socket:
    """Connect to a Unix stream socket."""
    stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        stream.settimeout(timeout)
        stream.connect(path_text(path))
    except OSError:
        stream.close()
        raise
    return stream


def unix_listen(path: StrPath, backlog: int) -> socket.socket:
    """Bind a Unix stream socket and listen."""
    stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        stream.bind(path_text(path))
        stream.listen(backlog)
    except OSError:
        stream.close()
        raise
    return stream
