"""Sockets of the child, made and connected by the supervisor, where their scope is none that the kernel can hold.

This module knows what each call does with a socket, and which scope it is held to. It refuses to let a call go on by
itself: the address is read once, from the child's memory into bytes of its own; those are checked, and those are used.
It acts in the parent, which nothing confines, so that its check is the only one.

The child gets each socket from here, and one more descriptor of it is kept, under the child's number. Both are the same
socket with the same flags. It is closed once the socket is connected or listens, so that the peer is told when the
child closes its own. A number that is not known here (a copy, another socket) is refused.
"""

import errno
import os
from typing import TYPE_CHECKING, Final

from capsafe import capabilities as caps
from capsafe.capabilities import Capability
from capsafe.kernel import notify, sockets
from capsafe.kernel.notify import Notification
from capsafe.policy import hosts
from capsafe.policy.hosts import Address
from capsafe.policy.model import Supervised
from capsafe.policy.syscalls import (
    AF_INET,
    AF_INET6,
    AF_UNIX,
    IPPROTO_TCP,
    IPPROTO_UDP,
    MSG_FASTOPEN,
    SOCK_DGRAM,
    SOCK_STREAM,
    SOCK_TYPE_MASK,
)
from capsafe.worker.addresses import LONGEST, Inet, read_inet, read_unix
from capsafe.worker.held import Held, Table
from capsafe.worker.pending import Memory, Pending
from capsafe.worker.refused import NOT_MINE, Refusal
from capsafe.worker.resolver import Resolver
from capsafe.worker.unix_paths import at_new_path, at_socket, resolve_scopes

if TYPE_CHECKING:
    import select

#: What is said of a socket that is not known.
_UNKNOWN: Final = "use an address with a socket that the supervisor did not make, or made for another number, here"

#: The longest datagram that there is.
_LONGEST_DATAGRAM: Final = 0xFFFF
_SOCK_NONBLOCK: Final = 0o4000
_SOCK_CLOEXEC: Final = 0o2000000
_SOCK_RAW: Final = 3
_SOCK_SEQPACKET: Final = 5
#: MSG_DONTWAIT, MSG_NOSIGNAL, MSG_CONFIRM, MSG_DONTROUTE and MSG_EOR: each is about the one call alone.
_MSG_DONTWAIT: Final = 0x40
_KNOWN_FLAGS: Final = _MSG_DONTWAIT | 0x4000 | 0x800 | 0x4 | 0x80
_UNSPECIFIED: Final = {AF_INET: "0.0.0.0", AF_INET6: "::"}  # noqa: S104 - as data
_CONNECT_TO: Final = "connect to"
_LISTEN_ON: Final = "listen on"
_SEND_TO: Final = "send a datagram to"


class Sockets:
    """The sockets of one run. ``resolver``: knows what names stand for."""

    def __init__(self, supervised: Supervised, resolver: Resolver) -> None:
        self._supervised = supervised
        self._unix = resolve_scopes(supervised.unix)
        self._resolver = resolver
        self._table = Table()
        #: What has not ended yet.
        self.pending = Pending(self._table)
        self._listener = -1
        self._memory: Memory | None = None

    def attach(self, listener: int, memory: Memory, waiting: "select.poll") -> None:
        """Begin. ``listener``: where calls are answered. ``waiting``: tells when something has ended."""
        self._listener, self._memory = listener, memory
        self.pending.attach(listener, memory, waiting)

    def close(self) -> None:
        """Close everything; who waits is answered by the end of the listener."""
        self._table.close()
        self.pending.close()

    # --- calls -------------------------------------------------------------------------------------------------------

    def handle(self, call: str, taken: Notification) -> Refusal | int | None:
        """Do a call of the child's own threads, and answer it, now or later.

        Returns what was not granted, or the errno that is still to be answered; None where there is no more to do.
        """
        numbers = tuple(_signed(argument) for argument in taken.arguments)
        if call == "socket":
            return self._make(taken, *numbers[:3])
        held = self._table.find(numbers[0])
        if held is None:
            return self._again(taken, call, numbers[0])
        if call == "listen":
            return self._listen(taken, held, numbers[1])
        if call == "sendto":
            return self._send(taken, held)
        raw = self._read_address(taken.arguments[1], numbers[2])
        if isinstance(raw, int):
            return raw
        if not self.pending.still(taken):
            return None
        if call == "bind":
            return self._bind(taken, held, raw)
        return self._connect(taken, held, raw)

    def _again(self, taken: Notification, call: str, number: int) -> Refusal | int | None:
        """Answer for a socket that is not held, or not any more."""
        listens = self._table.listens(number)
        if listens is None or call not in ("connect", "listen"):
            return Refusal(_UNKNOWN, None, str(number))
        if call == "listen" and listens:
            # Event loops do so with a socket that listens already. Its backlog stays.
            self.pending.answer(taken, 0)
            return None
        return errno.EISCONN if call == "connect" else errno.EINVAL

    def _read(self, address: int, length: int) -> bytes:
        return b"" if self._memory is None or length == 0 else self._memory.read(address, length)

    def _read_address(self, address: int, length: int) -> bytes | int:
        if not 0 <= length <= LONGEST:
            return errno.EINVAL
        raw = self._read(address, length)
        return raw if len(raw) == length else errno.EFAULT

    def _make(self, taken: Notification, family: int, kind: int, protocol: int) -> Refusal | int | None:
        plain = kind & SOCK_TYPE_MASK
        if kind & ~(SOCK_TYPE_MASK | _SOCK_NONBLOCK | _SOCK_CLOEXEC):
            return errno.EINVAL
        allowed = False
        if family in (AF_INET, AF_INET6) and plain == SOCK_STREAM:
            given = _is_given(self._supervised.connect) or _is_given(self._supervised.listen)
            allowed = protocol in (0, IPPROTO_TCP) and given
        elif family in (AF_INET, AF_INET6) and plain == SOCK_DGRAM:
            allowed = protocol in (0, IPPROTO_UDP) and _is_given(self._supervised.datagram)
        elif family == AF_UNIX and plain in (SOCK_STREAM, SOCK_DGRAM, _SOCK_RAW, _SOCK_SEQPACKET):
            allowed = protocol in (0, AF_UNIX) and _is_given(self._supervised.unix)
        if not allowed:
            return NOT_MINE
        try:
            made = sockets.make_socket(family, kind & ~_SOCK_CLOEXEC, protocol)
        except OSError as error:
            return error.errno or errno.EMFILE
        try:
            number = notify.give(self._listener, taken, made, inheritable=not kind & _SOCK_CLOEXEC)
        except OSError as error:
            os.close(made)
            return None if error.errno == errno.ENOENT else error.errno or errno.EMFILE
        # The kernel makes a datagram socket of a raw one, too.
        self._table.keep(Held(made, number, family, SOCK_DGRAM if plain == _SOCK_RAW else plain))
        return None

    # --- connect -----------------------------------------------------------------------------------------------------

    def _connect(self, taken: Notification, held: Held, raw: bytes) -> Refusal | int | None:
        if held.family == AF_UNIX:
            return self._connect_to_path(taken, held, raw)
        scopes = self._supervised.connect if held.kind == SOCK_STREAM else self._supervised.datagram
        peer = self._peer(held, raw, scopes, _CONNECT_TO)
        if not isinstance(peer, Inet):
            return peer
        if held.waits is not None:
            return errno.EALREADY
        packed = peer.pack()
        code = sockets.connect(held.descriptor, packed)
        if code in (errno.EINPROGRESS, errno.EALREADY):
            blocks = held.blocks
            self.pending.follow(held, packed, taken if blocks else None)
            return None if blocks else code
        if held.kind == SOCK_STREAM and code in (0, errno.EISCONN):
            self._table.let_go(held)
        self.pending.answer(taken, code)
        return None

    def _peer(self, held: Held, raw: bytes, scopes: frozenset[str] | None, operation: str) -> Inet | Refusal | int:
        """Return the address to use, or why not."""
        found = read_inet(raw, held.family)
        if isinstance(found, int):
            return found
        peer = found.as_peer()
        if hosts.covers(scopes, peer.address, peer.port, self._resolver.addresses):
            return peer
        return Refusal(operation, _capability(held.kind, operation), str(peer), self._scope_of(peer))

    def _scope_of(self, peer: Inet) -> str:
        """Return the scope that would have covered an address: by the name that it was asked for."""
        for name, addresses in self._resolver.addresses.items():
            if peer.address in addresses:
                return hosts.endpoint(name, peer.port)
        text = peer.address.text
        return hosts.endpoint(text.removeprefix("::ffff:") if "." in text else text, peer.port)

    # --- bind and listen ---------------------------------------------------------------------------------------------

    def _bind(self, taken: Notification, held: Held, raw: bytes) -> Refusal | int | None:
        if held.family == AF_UNIX:
            return self._bind_to_path(taken, held, raw)
        found = read_inet(raw, held.family)
        if isinstance(found, int):
            return found
        scopes = self._supervised.listen if held.kind == SOCK_STREAM else self._supervised.datagram
        # A port of the kernel's choice is what a socket gets that sends without being bound.
        free = held.kind == SOCK_DGRAM and found.port == 0
        if not free and not hosts.covers(scopes, found.address, found.port, self._resolver.addresses):
            return Refusal(_LISTEN_ON, _capability(held.kind, _LISTEN_ON), str(found), self._scope_of(found))
        code = sockets.bind(held.descriptor, found.pack())
        held.bound = held.bound or not code
        self.pending.answer(taken, code)
        return None

    def _listen(self, taken: Notification, held: Held, backlog: int) -> Refusal | int | None:
        if held.family != AF_UNIX and held.kind == SOCK_STREAM and not held.bound:
            # The kernel would bind it to a port of its choice, on every interface.
            address = Address(_UNSPECIFIED[held.family])
            if not hosts.covers(self._supervised.listen, address, 0, {}):
                return Refusal("listen without being bound, on", caps.Listen, hosts.endpoint(address.text, 0))
        code = sockets.listen(held.descriptor, backlog)
        if not code:
            self._table.let_go(held, listens=True)
        self.pending.answer(taken, code)
        return None

    # --- Unix sockets ------------------------------------------------------------------------------------------------

    def _connect_to_path(self, taken: Notification, held: Held, raw: bytes) -> Refusal | int | None:
        path = _read_path(raw)
        if not isinstance(path, bytes):
            return path

        def once() -> int | None:
            if held.descriptor < 0:
                return errno.EBADF
            code = at_socket(path, self._unix, lambda to: sockets.connect(held.descriptor, to))
            if code == errno.EAGAIN and held.blocks:
                # The server's queue is full.
                return None
            if not code and held.kind != SOCK_DGRAM:
                self._table.let_go(held)
            return code

        return self.pending.until_done(taken, once, path, _CONNECT_TO)

    def _bind_to_path(self, taken: Notification, held: Held, raw: bytes) -> Refusal | int | None:
        path = _read_path(raw)
        if not isinstance(path, bytes):
            return path
        return self.pending.until_done(
            taken, lambda: at_new_path(path, self._unix, lambda to: sockets.bind(held.descriptor, to)), path, _LISTEN_ON
        )

    # --- sending -----------------------------------------------------------------------------------------------------

    def _send(self, taken: Notification, held: Held) -> Refusal | int | None:
        length, flags = taken.arguments[2], _signed(taken.arguments[3])
        if flags & MSG_FASTOPEN or held.kind != SOCK_DGRAM:
            return NOT_MINE
        if flags & ~_KNOWN_FLAGS or length > _LONGEST_DATAGRAM:
            return errno.EMSGSIZE if length > _LONGEST_DATAGRAM else errno.EOPNOTSUPP
        raw = self._read_address(taken.arguments[4], _signed(taken.arguments[5]))
        data = self._read(taken.arguments[1], length)
        if isinstance(raw, int) or len(data) != length:
            return raw if isinstance(raw, int) else errno.EFAULT
        if not self.pending.still(taken):
            return None

        def send(to: bytes) -> int | None:
            if held.descriptor < 0:
                return errno.EBADF
            code = sockets.send_to(held.descriptor, data, flags, to)
            return None if code == errno.EAGAIN and held.blocks and not flags & _MSG_DONTWAIT else code

        if held.family == AF_UNIX:
            path = _read_path(raw)
            if not isinstance(path, bytes):
                return path
            return self.pending.until_done(taken, lambda: at_socket(path, self._unix, send), path, _SEND_TO, length)
        peer = self._peer(held, raw, self._supervised.datagram, _SEND_TO)
        if not isinstance(peer, Inet):
            return peer
        packed = peer.pack()
        return self.pending.until_done(taken, lambda: send(packed), b"", _SEND_TO, length)


def _read_path(raw: bytes) -> bytes | Refusal | int:
    path = read_unix(raw)
    if path == errno.EPERM:
        return Refusal("use an abstract name, or none, of Unix sockets", None)
    if isinstance(path, bytes) and not path.startswith(b"/"):
        # It would be relative to the child's folder, which is not known here.
        return Refusal("use a relative path of Unix sockets:", None, os.fsdecode(path))
    return path


def _capability(kind: int, operation: str) -> type[Capability]:
    if kind == SOCK_DGRAM:
        return caps.Datagram
    return caps.Connect if operation == _CONNECT_TO else caps.Listen


def _is_given(scopes: frozenset[str] | None) -> bool:
    return scopes is None or bool(scopes)


def _signed(argument: int) -> int:
    """Return a C int as it is in a register."""
    low = argument & 0xFFFFFFFF
    return low - (1 << 32) if low & 0x80000000 else low
