"""Socket calls with the addresses as the kernel reads them: what a supervisor does in a child's place.

This module knows the calls. It refuses to know who may reach what: an address that comes here was checked, and it is
these very bytes that are used. Nothing here waits for a peer, and nothing raises for what a peer or the kernel refuses:
the errno is the answer.

Sources: socket(2), connect(2), bind(2), sendto(2), openat2(2).
"""

import ctypes
import os
import struct
from typing import Final

from capsafe.kernel.libc import LIBC, check
from capsafe.kernel.support import architecture
from capsafe.policy.numbers import NUMBERS

_SOCK_CLOEXEC: Final = 0o2000000
_MSG_DONTWAIT: Final = 0x40
_MSG_NOSIGNAL: Final = 0x4000

_RESOLVE_NO_MAGICLINKS: Final = 0x02
_HOW: Final = struct.Struct("=QQQ")
_AT_FDCWD: Final = -100

_INT: Final = ctypes.c_int
_BYTES: Final = ctypes.c_char_p

_SOCKET: Final = LIBC["socket"]
_SOCKET.argtypes = (_INT, _INT, _INT)
_CONNECT: Final = LIBC["connect"]
_CONNECT.argtypes = (_INT, _BYTES, ctypes.c_uint)
_BIND: Final = LIBC["bind"]
_BIND.argtypes = (_INT, _BYTES, ctypes.c_uint)
_LISTEN: Final = LIBC["listen"]
_LISTEN.argtypes = (_INT, _INT)
_SENDTO: Final = LIBC["sendto"]
_SENDTO.argtypes = (_INT, _BYTES, ctypes.c_size_t, _INT, _BYTES, ctypes.c_uint)
_SENDTO.restype = ctypes.c_ssize_t

# Without the GIL: whoever looks a path up may wait for a disk, and who asks for a name waits for the parent.
_FREE: Final = ctypes.CDLL(None, use_errno=True)
_OPENAT2: Final = _FREE["syscall"]
_OPENAT2.argtypes = (ctypes.c_long, _INT, _BYTES, _BYTES, ctypes.c_size_t)
_OPENAT2.restype = ctypes.c_long


def make_socket(family: int, kind: int, protocol: int) -> int:
    """Make a socket. ``kind``: with SOCK_NONBLOCK or without. Raises ``OSError``."""
    return check(int(_SOCKET(family, kind | _SOCK_CLOEXEC, protocol)), "socket")


def _code(result: int) -> int:
    return ctypes.get_errno() if result < 0 else 0


def connect(socket: int, address: bytes) -> int:
    """Begin to connect a socket, without waiting; return an errno, 0 where it is connected."""
    blocking = os.get_blocking(socket)
    if blocking:
        # The flag is the child's as well, and back before its call returns.
        os.set_blocking(socket, False)
    try:
        return _code(_CONNECT(socket, address, len(address)))
    finally:
        if blocking:
            os.set_blocking(socket, True)


def bind(socket: int, address: bytes) -> int:
    """Bind a socket; return an errno, 0 where it is bound."""
    return _code(_BIND(socket, address, len(address)))


def listen(socket: int, backlog: int) -> int:
    """Let a socket listen; return an errno, 0 where it does."""
    return _code(_LISTEN(socket, backlog))


def send_to(socket: int, data: bytes, flags: int, address: bytes) -> int:
    """Send a datagram to an address, without waiting; return an errno, 0 where it was sent."""
    flags |= _MSG_DONTWAIT | _MSG_NOSIGNAL
    return _code(_SENDTO(socket, data, len(data), flags, address, len(address)))


def open_place(path: bytes) -> int:
    """Open a path as a mere place, following symlinks but none of those of /proc. Raises ``OSError``."""
    how = _HOW.pack(os.O_PATH | os.O_CLOEXEC, 0, _RESOLVE_NO_MAGICLINKS)
    return check(int(_OPENAT2(NUMBERS[architecture()]["openat2"], _AT_FDCWD, path, how, len(how))), "openat2")
