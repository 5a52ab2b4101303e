"""How an answer looks on the wire: a header, a structure, and large runs of bytes beside it.

This module knows lengths, caps and kinds, as bytes in and bytes out. It refuses to know what the structure means
(``capsafe.worker.structure``) and where the bytes come from (``capsafe.worker.channel``).

The sender is not trusted. A length is checked against its cap before anything is allocated for it.
"""

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

#: The closure returned: the structure is its result.
VALUE: Final = 0
#: It raised: the structure describes the exception.
ERROR: Final = 1

#: A nested value: more levels than this are refused, on both sides.
MAXIMUM_DEPTH: Final = 200

#: A structure is decoded into objects that take more than its length, so it has a cap of its own; what is large in
#: honest answers (bytes, text, arrays) travels beside it at its own length.
MAXIMUM_STRUCTURE: Final = 64 * 2**20

#: Bytes and text from this length on travel beside the structure.
BESIDE: Final = 32 * 2**10

#: What is in the lane begins at a multiple of this: no element of an array needs more.
ALIGNMENT: Final = 64

#: From this length on they travel in the lane, which is memory that both sides have, and not through the pipe.
IN_LANE: Final = 64 * 2**10

_MAGIC: Final = b"capsafe\x02"
_HEAD: Final = struct.Struct("<8sB?xxIQ")
_LENGTH: Final = struct.Struct("<Q")


class ProtocolError(Exception):
    """What the child sent is no answer. Internal: users see a ``SandboxKilledError``."""


class TooLargeError(ProtocolError):
    """What the child announced is longer than it may be."""


class Refusal(Exception):  # noqa: N818 - no error for users: it becomes a TransferError at the top
    """A value can't cross. Containers add where they have it as it passes them."""

    def __init__(self, value: object, reason: str) -> None:
        super().__init__(reason)
        self.type = type(value)
        self.reason = reason
        self.path: list[str] = []


@dataclass(frozen=True, slots=True)
class Frame:
    """One answer. ``kind``: VALUE or ERROR. ``blobs``: the runs of bytes that the structure refers to by number.

    ``lane``: whether the long ones among them are in the lane; as long as that has not been read they are empty.
    ``lengths``: of the blobs, wherever they are.
    """

    kind: int
    structure: bytes
    blobs: Sequence[bytes | memoryview] = ()
    lane: bool = False
    lengths: tuple[int, ...] = ()


def length_of(frame: Frame) -> int:
    """Return how many bytes a frame takes, those in the lane included."""
    return _HEAD.size + sum(_LENGTH.size + len(blob) for blob in frame.blobs) + len(frame.structure)


def write_frame(frame: Frame, *, lane: bool = False) -> list[bytes | memoryview]:
    """Return the runs of bytes to send, one after the other. ``lane``: whether the long ones are in the lane."""
    head = _HEAD.pack(_MAGIC, frame.kind, lane, len(frame.blobs), len(frame.structure))
    lengths = b"".join(_LENGTH.pack(len(blob)) for blob in frame.blobs)
    return [head + lengths + frame.structure, *(one for one in frame.blobs if not lane or len(one) < IN_LANE)]


def write_plain(structure: bytes) -> bytes:
    """Return all the bytes of a value that is a structure alone: what ``write_frame`` returns, in one piece."""
    return _HEAD.pack(_MAGIC, VALUE, False, 0, len(structure)) + structure  # noqa: FBT003 - the form's own order


def lane_size(cap: int) -> int:
    """Return how long a lane must be for any answer that is no longer than ``cap``."""
    return cap + (cap // IN_LANE + 1) * ALIGNMENT


def lane_places(lengths: Iterable[int]) -> tuple[list[tuple[int, int, int]], int]:
    """Return number, start and end in the lane of each blob that is in it, and where the last one ends."""
    places = []
    end = 0
    for number, length in enumerate(lengths):
        if length >= IN_LANE:
            start = -(-end // ALIGNMENT) * ALIGNMENT
            end = start + length
            places.append((number, start, end))
    return places, end


class FrameReader:
    """Puts a frame together from whatever pieces arrive.

    ``cap``: the longest answer, in bytes. ``feed`` takes a piece and says whether the frame is complete; it raises
    ``ProtocolError`` at the first byte that can't be part of one.
    """

    def __init__(self, cap: int) -> None:
        self._cap = cap
        self._buffer = bytearray()
        self._wanted = _HEAD.size
        self._kind = VALUE
        self._lane = False
        self._count = 0
        self._structure = 0
        self._lengths: tuple[int, ...] | None = None

    @property
    def missing(self) -> int:
        """How many bytes are known to be missing; 0 when the frame is complete."""
        return max(self._wanted - len(self._buffer), 0)

    @property
    def started(self) -> bool:
        """Whether anything has arrived."""
        return bool(self._buffer)

    def feed(self, piece: bytes) -> bool:
        """Take the next piece. What follows the end of a frame is no part of an answer, and neither is what it ends."""
        self._buffer += piece
        if self._lengths is None and not self._read_lengths():
            return False
        if len(self._buffer) > self._wanted:
            raise ProtocolError("it goes on after its end")
        return len(self._buffer) == self._wanted

    def _read_lengths(self) -> bool:
        buffer = self._buffer
        if not _MAGIC.startswith(buffer[: len(_MAGIC)]):
            raise ProtocolError("it does not begin like an answer")
        if len(buffer) < _HEAD.size:
            return False
        _, self._kind, self._lane, self._count, self._structure = _HEAD.unpack_from(buffer)
        end = _HEAD.size + self._count * _LENGTH.size
        if self._kind not in (VALUE, ERROR):
            raise ProtocolError(f"it is of kind {self._kind}, which there is not")
        if self._count > self._cap // BESIDE + 1:
            raise TooLargeError(f"it announces {self._count} runs of bytes")
        if self._structure > MAXIMUM_STRUCTURE:
            raise TooLargeError(f"it announces a structure of {self._structure} bytes")
        self._wanted = max(self._wanted, end)
        if len(buffer) < end:
            return False
        lengths = struct.unpack_from(f"<{self._count}Q", buffer, _HEAD.size)
        whole = end + self._structure + sum(lengths)
        if whole > self._cap:
            raise TooLargeError(f"it announces {whole} bytes")
        self._lengths = lengths
        self._wanted = end + self._structure + sum(filter(self._is_piped, lengths))
        return True

    def _is_piped(self, length: int) -> bool:
        return not self._lane or length < IN_LANE

    def frame(self) -> Frame:
        """Return the frame, once it is complete; what is in the lane is left out."""
        if self._lengths is None or self.missing:
            raise ProtocolError("it ends in the middle")
        start = _HEAD.size + self._count * _LENGTH.size
        whole = memoryview(self._buffer)
        structure = bytes(whole[start : start + self._structure])
        blobs: list[bytes | memoryview] = []
        start += self._structure
        for length in self._lengths:
            end = start + length * self._is_piped(length)
            blobs.append(whole[start:end])
            start = end
        return Frame(self._kind, structure, blobs, self._lane, self._lengths)
