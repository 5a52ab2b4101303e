"""Which addresses a scope of the network covers.

This module knows how a scope that names a host, a block of addresses or a port is read, and compares addresses as
numbers. It refuses to ask anybody: what a name stands for it is told. It acts on nothing, so that the supervisor's one
check can be tried with any address there is.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from capsafe.scopes import is_host_name

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

#: RFC 6761, section 6.3: it is always the loopback, so that nobody needs to be asked.
LOCALHOST: Final = ("127.0.0.1", "::1")

_ADDRESS: Final = re.compile(r"\[.*\]|[0-9./]+")


class Where(NamedTuple):
    """A scope, taken apart: any host, a block of addresses, or a name; ``port`` is None for any."""

    network: "IPv4Network | IPv6Network | None"
    name: str | None
    port: int | None


class Address(NamedTuple):
    """A numeric address. ``zone``: the number of the interface that a link-local one is behind, 0 for none."""

    text: str
    zone: int = 0


@lru_cache(maxsize=1024)
def read_scope(scope: str) -> Where:
    """Take a scope in its normal form apart."""
    import ipaddress  # noqa: PLC0415  # takes a tenth of the time that importing capsafe may take

    host, _, port = scope.rpartition(":")
    number = None if port == "*" else int(port)
    if host == "*":
        return Where(None, None, number)
    if _ADDRESS.fullmatch(host):
        return Where(ipaddress.ip_network(host.strip("[]")), None, number)
    return Where(None, host, number)


def is_port_alone(scope: str) -> bool:
    """Say whether a scope is ``*:port``, which the kernel can hold TCP to."""
    host, _, port = scope.rpartition(":")
    return host == "*" and port != "*"


def host_names(*scopes: str) -> frozenset[str]:
    """Return the names of hosts among scopes; paths, ports and addresses have none."""
    hosts = (scope.rpartition(":")[0] for scope in scopes if not scope.startswith("/"))
    return frozenset(host for host in hosts if host and host != "*" and not _ADDRESS.fullmatch(host))


def normal_name(text: str) -> str | None:
    """Return the form in which a host name is compared, None where it is no host name."""
    name = text.lower().removesuffix(".")
    return name if is_host_name(name) else None


@lru_cache(maxsize=4096)
def _number(text: str) -> "IPv4Address | IPv6Address":
    import ipaddress  # noqa: PLC0415  # as above

    found = ipaddress.ip_address(text)
    # To a socket of IPv6 it stands for the host of IPv4, so that it is that host.
    return getattr(found, "ipv4_mapped", None) or found


def covers(
    scopes: frozenset[str] | None, address: Address, port: int, names: Mapping[str, Collection[Address]]
) -> bool:
    """Say whether scopes cover an address and port.

    ``scopes``: in their normal form, None for anywhere. ``names``: what host names stand for; of one that is not there
    nothing is covered, but for localhost. Raises ``ValueError`` for what is no address.
    """
    number = _number(address.text)
    if scopes is None:
        return True
    return any(_covers(read_scope(scope), number, address.zone, port, names) for scope in scopes)


def _covers(
    where: Where,
    number: "IPv4Address | IPv6Address",
    zone: int,
    port: int,
    names: Mapping[str, Collection[Address]],
) -> bool:
    if where.port is not None and where.port != port:
        return False
    if where.name is not None:
        known: Iterable[Address] = names.get(where.name, ())
        if where.name == "localhost":
            known = map(Address, LOCALHOST)
        return any(_number(one.text) == number and one.zone == zone for one in known)
    # A block does not name an interface, so it holds behind each.
    return where.network is None or number in where.network


def covers_name(scopes: frozenset[str] | None, name: str, port: int) -> bool:
    """Say whether scopes name a host with a port, or let any host pass."""
    if scopes is None:
        return True
    return any(
        where.port in (None, port) and where.network is None and where.name in (None, name)
        for where in map(read_scope, scopes)
    )


def endpoint(host: str, port: int) -> str:
    """Write a host and port as a scope is written."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
