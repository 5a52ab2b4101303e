"""Refused calls as the kernel tells of them: seccomp user notification, and the way of its descriptor to the parent.

This module knows how a listener is handed over, how a notification is taken and answered, and how memory is read for a
report. It refuses to decide, which is the caller's; and to let a call go on whose meaning lies in memory.

Sources: seccomp(2), seccomp_unotify(2), unix(7), proc_pid_mem(5).
"""

import ctypes
import errno
import fcntl
import os
import struct
from collections.abc import Sequence
from typing import Final, NamedTuple

from capsafe.kernel.libc import LIBC, check

_BOARD_SIZE: Final = 1024

_SET_MODE_FILTER: Final = 1
_GET_NOTIF_SIZES: Final = 3
_NEW_LISTENER: Final = 1 << 3
#: Once a notification was taken, no signal but a fatal one ends the call, so that none is told twice (Linux 5.19).
_WAIT_KILLABLE_RECV: Final = 1 << 5

#: An answer: the kernel goes on with the call.
_CONTINUE: Final = 1
#: A flag of Linux 5.7, which tells the kernel from one that does not know that answer (5.5).
_TSYNC_ESRCH: Final = 1 << 4

_NOTIFICATION: Final = struct.Struct("=QIIiIQ6Q")
_ANSWER: Final = struct.Struct("=QqiI")
_SIZES: Final = struct.Struct("=HHH")
_KNOWN_SIZES: Final = (_NOTIFICATION.size, _ANSWER.size, 64)
_IOCTL_RECV: Final = 0xC0502100
_IOCTL_SEND: Final = 0xC0182101
_IOCTL_ID_VALID: Final = 0x40082102
_IOCTL_ADD_DESCRIPTOR: Final = 0x40182103
_ADDITION: Final = struct.Struct("=QIIII")
#: Installing the descriptor and answering with its number is one step (Linux 5.14).
_AND_ANSWER: Final = 1 << 1


_AF_UNIX: Final = 1
_SOCK_STREAM_CLOEXEC: Final = 1 | 0o2000000
_SOL_SOCKET: Final = 1
_SCM_RIGHTS: Final = 1
_MSG_CTRUNC: Final = 0x8
_MSG_DONTWAIT: Final = 0x40
_MSG_CMSG_CLOEXEC: Final = 0x40000000
_CONTROL_HEAD: Final = struct.Struct("=Qii")
_MOST_DESCRIPTORS: Final = 2

_LONGEST_STRING: Final = 4096
#: Read first: most paths are shorter, and a page may end.
_FIRST_PIECE: Final = 256

# Their types are told beforehand, so that numbers are converted in C.
_SECCOMP: Final = ctypes.PyDLL(None, use_errno=True)["syscall"]
_SECCOMP.argtypes = (ctypes.c_long, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_void_p)
_SECCOMP.restype = ctypes.c_long


class _Vector(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]


class _Message(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint),
        ("vectors", ctypes.POINTER(_Vector)),
        ("vector_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    ]


_RECVMSG: Final = ctypes.PyDLL(None, use_errno=True)["recvmsg"]
_RECVMSG.argtypes = (ctypes.c_int, ctypes.POINTER(_Message), ctypes.c_int)
_RECVMSG.restype = ctypes.c_ssize_t


def _message(control: bytes) -> "tuple[_Message, tuple[ctypes.Array[ctypes.c_char], object, object]]":
    """Lay out a message of one byte; it is valid for as long as what comes with it is kept."""
    held = ctypes.create_string_buffer(control, len(control))
    byte = ctypes.create_string_buffer(b".", 1)
    vector = _Vector(ctypes.addressof(byte), 1)
    message = _Message(None, 0, ctypes.pointer(vector), 1, ctypes.addressof(held), len(control), 0)
    return message, (held, byte, vector)


class Letter:
    """A message that carries descriptors, laid out in the parent. ``numbers``: those that they have in the child.

    ``address``: of its ``struct msghdr``, valid as long as this is kept.
    """

    def __init__(self, numbers: Sequence[int]) -> None:
        length = _CONTROL_HEAD.size + 4 * len(numbers)
        head = _CONTROL_HEAD.pack(length, _SOL_SOCKET, _SCM_RIGHTS)
        # The kernel wants the control data in whole words.
        control = (head + struct.pack(f"={len(numbers)}i", *numbers)).ljust(-(-length // 8) * 8, b"\0")
        self._message, self._held = _message(control)
        self.address: Final = ctypes.addressof(self._message)


class Notification(NamedTuple):
    """One refused call. ``task``: the thread that waits for the answer, 0 where it is not seen from here."""

    cookie: int
    task: int
    number: int
    arguments: tuple[int, ...]


class Board:
    """A place in the child's memory where it writes down what it is doing, and the parent reads when a call waits.

    It is made in the parent, so that its address is known there; after the fork each child has its own copy, and the
    parent's is never written.
    """

    def __init__(self, size: int = _BOARD_SIZE) -> None:
        self._memory = ctypes.create_string_buffer(size)
        self.address: Final = ctypes.addressof(self._memory)
        self.view: Final = memoryview(self._memory).cast("B")
        self.size: Final = size


#: One is enough for all children.
BOARD: Final = Board()
#: The same for what an observed child says by itself.
BELL_BOARD: Final = Board(8192)


def can_notify(number: int) -> bool:
    """Say whether the kernel hands refused calls to a listener in the form that is known here (Linux 5.0).

    ``number``: that of seccomp(2). Changes nothing: no filter is given.
    """
    sizes = ctypes.create_string_buffer(_SIZES.size)
    if _SECCOMP(number, _GET_NOTIF_SIZES, 0, ctypes.addressof(sizes)) != 0:
        return False
    return _SIZES.unpack(sizes.raw) == _KNOWN_SIZES and _takes(number, _NEW_LISTENER)


def can_let_go_on(number: int) -> bool:
    """Say whether ``let_go_on`` works. ``number``: that of seccomp(2). Changes nothing."""
    return _takes(number, _TSYNC_ESRCH)


def _takes(number: int, flags: int) -> bool:
    # The flags are looked at before the filter, which is not there.
    return _SECCOMP(number, _SET_MODE_FILTER, flags, None) == -1 and ctypes.get_errno() == errno.EFAULT


def can_answer(number: int) -> bool:
    """Say whether a supervisor can do a call in the child's place, and answer it once.

    No signal may end the call while it waits, because it would be made again (Linux 5.19); that a descriptor can be
    handed over with the answer is older.
    """
    return can_notify(number) and _takes(number, _NEW_LISTENER | _WAIT_KILLABLE_RECV)


def listener_flags(number: int) -> int:
    """Return the flags to install a filter with that has a listener; asked in the parent."""
    return _NEW_LISTENER | (_WAIT_KILLABLE_RECV if _takes(number, _NEW_LISTENER | _WAIT_KILLABLE_RECV) else 0)


def make_pair() -> tuple[int, int]:
    """Return two connected sockets. Raises ``OSError``."""
    pair = (ctypes.c_int * 2)()
    check(int(LIBC.socketpair(_AF_UNIX, _SOCK_STREAM_CLOEXEC, 0, pair)), "socketpair")
    return pair[0], pair[1]


def receive_descriptors(socket: int) -> list[int]:
    """Take the descriptors that were sent; none where the other end was closed without. Raises ``OSError``."""
    message, buffers = _message(bytes(_CONTROL_HEAD.size + 4 * _MOST_DESCRIPTORS))
    if check(int(_RECVMSG(socket, message, _MSG_DONTWAIT | _MSG_CMSG_CLOEXEC)), "recvmsg") == 0:
        return []
    control = buffers[0].raw[: message.control_length]
    found: list[int] = []
    if len(control) >= _CONTROL_HEAD.size:
        length, level, kind = _CONTROL_HEAD.unpack_from(control)
        if (level, kind) == (_SOL_SOCKET, _SCM_RIGHTS):
            found = list(struct.unpack_from(f"={(length - _CONTROL_HEAD.size) // 4}i", control, _CONTROL_HEAD.size))
    if message.flags & _MSG_CTRUNC or not found:
        for descriptor in found:
            os.close(descriptor)
        raise OSError(errno.EMFILE, f"no descriptor was left for the child's listener ({os.strerror(errno.EMFILE)})")
    return found


def take(listener: int) -> Notification | None:
    """Take the next notification; None where the one that was there has gone with its thread.

    Called when the listener is readable, and by one thread alone: otherwise it would wait.
    """
    # The kernel wants it all zero.
    buffer = bytearray(_NOTIFICATION.size)
    try:
        fcntl.ioctl(listener, _IOCTL_RECV, buffer)
    except (FileNotFoundError, InterruptedError):
        return None
    cookie, task, _, number, _, _, *arguments = _NOTIFICATION.unpack(buffer)
    return Notification(cookie, task, number, tuple(arguments))


def is_waiting(listener: int, notification: Notification) -> bool:
    """Say whether the call still waits: else what was read meanwhile may be another process's."""
    try:
        fcntl.ioctl(listener, _IOCTL_ID_VALID, struct.pack("=Q", notification.cookie))
    except OSError:
        return False
    return True


def refuse(listener: int, notification: Notification, code: int) -> bool:
    """Let the call fail with an errno. Returns False where nobody waits for it any more. Raises ``OSError``."""
    return _send(listener, _ANSWER.pack(notification.cookie, 0, -code, 0))


def let_go_on(listener: int, notification: Notification) -> bool:
    """Let the kernel make the call as it is. Returns False where nobody waits for it any more. Raises ``OSError``.

    For calls whose meaning is all in their registers: what a pointer leads to may change in between (Linux 5.5).
    """
    return _send(listener, _ANSWER.pack(notification.cookie, 0, 0, _CONTINUE))


def answer(listener: int, notification: Notification, value: int = 0) -> bool:
    """Let the call return a value, as if the kernel had made it. Returns False where nobody waits for it any more."""
    return _send(listener, _ANSWER.pack(notification.cookie, value, 0, 0))


def _send(listener: int, said: bytes) -> bool:
    try:
        fcntl.ioctl(listener, _IOCTL_SEND, said)
    except FileNotFoundError:
        return False
    return True


def give(listener: int, notification: Notification, descriptor: int, *, inheritable: bool) -> int:
    """Let the call return a descriptor: a copy of this one, under the number that is returned.

    ``inheritable``: it stays open in programs. Raises ``OSError`` where there is none: the call then still waits, where
    the child has too many open (EMFILE), and is gone where its thread is (ENOENT).
    """
    flags = 0 if inheritable else os.O_CLOEXEC
    addition = bytearray(_ADDITION.pack(notification.cookie, _AND_ANSWER, descriptor, 0, flags))
    while True:
        try:
            return int(fcntl.ioctl(listener, _IOCTL_ADD_DESCRIPTOR, addition))
        except InterruptedError:
            # A handler of the parent ran; nothing was installed.
            continue


def read_memory(memory: int, address: int, length: int) -> bytes:
    """Read another process's memory for a report, as far as it can be: what is not there is left out.

    ``memory``: its memory, open to read.
    """
    try:
        return os.pread(memory, length, address)
    except (OSError, OverflowError, ValueError):
        return b""


def read_string(memory: int, address: int) -> tuple[bytes, bool]:
    """Return a C string, at most 4096 bytes and as far as it can be read, and whether its end was there."""
    found = read_memory(memory, address, _FIRST_PIECE)
    if b"\0" not in found and len(found) == _FIRST_PIECE:
        found += read_memory(memory, address + _FIRST_PIECE, _LONGEST_STRING - _FIRST_PIECE)
    text, end, _ = found.partition(b"\0")
    return text, bool(end)
