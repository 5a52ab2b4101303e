"""Sockets, on plain system calls.

This module knows how each socket is made. It refuses to know what was granted, but for one thing it is told: whether
names may be resolved, since resolving needs a capability of its own (Resolve).
"""

import os
import socket
from collections.abc import Callable
from typing import TypeAlias

from capsafe.broker.arguments import StrPath, path_text
from capsafe.policy.hosts import LOCALHOST, normal_name, read_scope

#: A numeric address and a port.
Address: TypeAlias = tuple[str, int]


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


def name_of(host: str) -> str | None:
    """Return the normal form of a host's name; None for a numeric address, for localhost and for what is no name."""
    name = normal_name(host)
    return None if name == "localhost" or family_of(host) is not None else name


def named(scopes: frozenset[str]) -> set[tuple[str, int | None]]:
    """Return the hosts that scopes name, each with its port, None for any."""
    found = map(read_scope, scopes)
    return {(one.name, one.port) for one in found if one.name is not None}


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


def _absolute(path: StrPath) -> str:
    """Return a path in full: whoever connects in the sandbox's place does not know its current folder."""
    text = path_text(path)
    return text if not text or text.startswith(("/", "\0")) else os.path.join(os.getcwd(), text)  # noqa: PTH109, PTH118 - text


def unix_connect(path: StrPath, timeout: float | None) -> socket.socket:
    """Connect to a Unix stream socket."""
    stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        stream.settimeout(timeout)
        stream.connect(_absolute(path))
    except OSError:
        stream.close()
        raise
    return stream


def unix_listen(path: StrPath, backlog: int) -> socket.socket:
    """Bind a Unix stream socket and listen."""
    stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        stream.bind(_absolute(path))
        stream.listen(backlog)
    except OSError:
        stream.close()
        raise
    return stream
