"""Socket addresses as the kernel reads them (``struct sockaddr``), taken apart and put together again.

This module knows their layout on x86_64 and aarch64. It refuses to know who may reach what. What is put together holds
what was taken apart and nothing else, so that the bytes which are used are those which were checked.

Sources: ip(7), ipv6(7), unix(7).
"""

import errno
import os
import struct
from typing import Final, NamedTuple

from capsafe.policy.hosts import LOCALHOST, Address, endpoint
from capsafe.policy.syscalls import AF_INET, AF_INET6, AF_UNIX

#: ``sizeof (struct sockaddr_storage)``: the kernel takes none that is longer.
LONGEST: Final = 128
_FAMILY: Final = struct.Struct("=H")
_INET: Final = struct.Struct("!2xH4s8x")
_SHOWN_INET: Final = struct.Struct("!2xH4s")
_INET6: Final = struct.Struct("!2xH4x16s")
_ZONE: Final = struct.Struct("=I")
_INET6_LENGTH: Final = 28
_UNIX_HEAD: Final = 2
_LONGEST_UNIX: Final = 110

#: A connection to "any" address goes to the own host.
_ANY: Final = {"0.0.0.0": LOCALHOST[0], "::": LOCALHOST[1], "::ffff:0.0.0.0": "::ffff:127.0.0.1"}  # noqa: S104 - as data


class Inet(NamedTuple):
    """An address of the internet."""

    family: int
    address: Address
    port: int

    def as_peer(self) -> "Inet":
        """Return the address that a connection to this one leads to."""
        return self._replace(address=self.address._replace(text=_ANY.get(self.address.text, self.address.text)))

    def pack(self) -> bytes:
        """Return it as the kernel reads it."""
        import _socket  # noqa: PLC0415 - only where there is an address

        head = _FAMILY.pack(self.family)
        host = _socket.inet_pton(self.family, self.address.text)
        if self.family == AF_INET:
            return head + _INET.pack(self.port, host)[2:]
        return head + _INET6.pack(self.port, host)[2:] + _ZONE.pack(self.address.zone)

    def __str__(self) -> str:
        """Return it as a scope is written."""
        return endpoint(self.address.text, self.port)


def read_inet(raw: bytes, family: int) -> Inet | int:
    """Take an address of the internet apart; return an errno where the kernel would refuse it.

    ``family``: that of the socket; an address of another one is refused.
    """
    import _socket  # noqa: PLC0415 - as above

    if len(raw) < _FAMILY.size:
        return errno.EINVAL
    (said,) = _FAMILY.unpack_from(raw)
    if said != family:
        # AF_UNSPEC among them, which would undo a connection.
        return errno.EAFNOSUPPORT
    if len(raw) < (_INET.size if family == AF_INET else _INET6_LENGTH):
        return errno.EINVAL
    if family == AF_INET:
        port, host = _INET.unpack_from(raw)
        return Inet(family, Address(_socket.inet_ntop(family, host)), port)
    port, host = _INET6.unpack_from(raw)
    (zone,) = _ZONE.unpack_from(raw, _INET6.size)
    return Inet(family, Address(_socket.inet_ntop(family, host), zone), port)


def read_unix(raw: bytes) -> bytes | int:
    """Return the path of a Unix address, or an errno: EPERM for abstract names, and where there is no name."""
    if not _UNIX_HEAD <= len(raw) <= _LONGEST_UNIX:
        return errno.EINVAL
    (said,) = _FAMILY.unpack_from(raw)
    if said != AF_UNIX:
        return errno.EINVAL
    return raw[_UNIX_HEAD:].partition(b"\0")[0] or errno.EPERM


def pack_unix(path: bytes) -> bytes | None:
    """Return a path as a Unix address, None where it is too long."""
    packed = _FAMILY.pack(AF_UNIX) + path + b"\0"
    return packed if len(packed) <= _LONGEST_UNIX else None


def address_text(raw: bytes) -> str | None:
    """Return a ``struct sockaddr`` as ``host:port``, ``[host]:port``, a path or ``@name``; None for other families."""
    if len(raw) < _FAMILY.size:
        return None
    (family,) = _FAMILY.unpack_from(raw)
    if family == AF_UNIX:
        name = raw[_UNIX_HEAD:]
        if name[:1] == b"\0":
            return "@" + os.fsdecode(name[1:])
        return os.fsdecode(name.partition(b"\0")[0]) or None
    import _socket  # noqa: PLC0415 - as above

    # Shorter ones than the kernel takes are shown, too.
    try:
        if family == AF_INET:
            port, host = _SHOWN_INET.unpack_from(raw)
        elif family == AF_INET6:
            port, host = _INET6.unpack_from(raw)
        else:
            return None
        return endpoint(_socket.inet_ntop(family, host), port)
    except (struct.error, OSError, ValueError):
        return None
