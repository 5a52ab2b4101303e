"""Bytes to values, in the parent. Whoever sent them is taken for hostile.

This module knows how each type of the closed list is put together again. It refuses to import what the sender names,
to run the code of the classes it rebuilds, to take more memory than the longest answer justifies, and to raise anything
but ``ProtocolError``, whatever the bytes.

Dicts and sets are built with the hashes of their keys, among them those that dataclasses define. Keys that collide are
counted before: each of them would be compared with all the others.
"""

# One method for each type, whose name says it all.
# ruff: noqa: D102

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final, NoReturn

from capsafe.errors import SandboxTimeoutError
from capsafe.worker import tags
from capsafe.worker.arrays import read_array, read_scalar
from capsafe.worker.classes import LocalClasses, Shape, find_class, read_shape
from capsafe.worker.objects import OBJECT_READERS
from capsafe.worker.protocol import ERROR, MAXIMUM_DEPTH, VALUE, Frame, ProtocolError, TooLargeError
from capsafe.worker.structure import BYTES, PLAIN, ClassRow, cost_of, memory_budget, read_one, read_structure
from capsafe.worker.values import PLAIN as UNPARTED
from capsafe.worker.values import READERS, read_bytes, read_int

#: Values of the innermost container have parts of their own, such as a time's zone and its offset.
_DEEPEST: Final = MAXIMUM_DEPTH + 4
#: How often the clock is looked at, in values with parts.
_BETWEEN_LOOKS: Final = 2**12

#: What a mark costs besides what was counted before; for want of it a mark is unknown.
_EXTRA: Final = {tag: cost - tags.COST for tag, cost in tags.COSTS.items()}
_EXTRA_OF_ERRORS: Final = {tag: _EXTRA[tag] for tag in tags.OF_ERRORS}

#: How many pairs of keys may have the same hash: so many for each key, and so many in any case. Honest ones have few:
#: -1 and -2 have the same hash, and so have tuples that differ in them alone.
_PAIRS_FOR_EACH: Final = 4
#: The square of this is no more than those.
_FEW: Final = 2**10
_PAIRS: Final = 2**20


def decode(
    frame: Frame, *, local: Callable[[], LocalClasses], cap: int, look: Callable[[], None] = lambda: None
) -> object:
    """Return the value of a frame.

    ``local``: finds the classes that are in no module. ``cap``: the longest answer, in bytes; the values take a small
    multiple of it in memory. ``look``: is called now and then, to raise ``SandboxTimeoutError`` when it is time. Raises
    ``ProtocolError`` and nothing else.
    """
    try:
        if frame.kind == VALUE and not frame.lengths and (one := read_one(frame.structure)) is not None:
            return one[0]
        left = memory_budget(cap) - cost_of(frame.structure)
        look()
        return Decoder(frame, local, left, look).decode()
    except (ProtocolError, SandboxTimeoutError):
        raise
    except Exception as error:
        # Constructors raise whatever they like for what they can't take, and so does a key's own __hash__.
        raise ProtocolError(f"it can't be decoded ({type(error).__name__})") from error


class Decoder:
    """Puts one value together. What is none is a ``ProtocolError``. ``memory``: what its values may yet take."""

    def __init__(self, frame: Frame, local: Callable[[], LocalClasses], memory: int, look: Callable[[], None]) -> None:
        if memory < 0:
            raise TooLargeError("it announces more values than an answer of its length may hold")
        self.combinations: set[tuple[int, int]] = set()
        self._found = read_structure(frame.structure)
        self._blobs = frame.blobs
        self._extra = _EXTRA if frame.kind != ERROR else _EXTRA_OF_ERRORS
        self._local = local
        #: Whether there is an int of more than 64 bits: any number of those can share a hash.
        self._long = False
        self._memory = memory
        self._look = look
        self._used: set[int] = set()
        self._shapes = [self._read_class(row) for row in self._found.classes]

    def _read_class(self, row: ClassRow) -> Shape:
        """Look up a class that the structure names, and make sure that it is what it is taken for."""
        module, name, place, kind, fields = row
        cls = find_class((module, name, place), self._local() if place else {})
        shape = None if cls is None else read_shape(cls)
        if shape is None or shape.kind != kind or shape.fields != fields:
            raise ProtocolError(f"it holds a {kind} {module}.{name}, and there is none with its fields here")
        return shape

    def decode(self) -> object:
        """Go through the tree, by a list and not by calls: the caller may have few of them left."""
        values, short = self._found.values, self._found.short
        pairs = iter(self._found.tree)
        next_value = next_byte = nodes = 0
        memory, extra, build = self._memory, self._extra, self._build
        #: Marks that still want parts, each with how many, and the parts it has; the outermost stands for the whole.
        outer: list[tuple[int, int, list[Any]]] = []
        tag, wanted, parts = tags.LIST, 1, list[Any]()
        for mark in pairs:
            count = next(pairs)
            if mark == PLAIN:
                if not 0 < count <= min(wanted, len(values) - next_value):
                    raise ProtocolError("it has fewer plain values than it says")
                parts += values[next_value : next_value + count]
                next_value += count
                wanted -= count
            elif mark == BYTES:
                if not 0 <= count <= len(short) - next_byte:
                    raise ProtocolError("it has fewer bytes than it says")
                parts.append(short[next_byte : next_byte + count])
                next_byte += count
                wanted -= 1
            else:
                memory -= extra.get(mark, memory + 1)
                if memory < 0 or count < 0 or len(outer) > _DEEPEST:
                    self._refuse(mark, count, len(outer))
                nodes += 1
                if nodes % _BETWEEN_LOOKS == 0:
                    self._look()
                outer.append((tag, wanted, parts))
                tag, wanted, parts = mark, count, []
            while not wanted and outer:
                value = parts if tag == tags.LIST else build(tag, parts)
                tag, wanted, parts = outer.pop()
                parts.append(value)
                wanted -= 1
            if not wanted:
                break
        if wanted or next(pairs, None) is not None or (next_value, next_byte) != (len(values), len(short)):
            raise ProtocolError("it is no one value")
        return parts[0]

    def _refuse(self, tag: int, count: int, depth: int) -> NoReturn:
        if tag not in self._extra or count < 0:
            raise ProtocolError("a value has an unknown mark")
        if depth > _DEEPEST:
            raise ProtocolError("a value is nested too deep")
        raise TooLargeError("its values take more memory than an answer of its length may")

    def _build(self, tag: int, parts: list[Any]) -> object:
        reader = READERS.get(tag)
        return _METHODS[tag](self, parts) if reader is None else reader(parts)

    def _blob(self, number: object) -> memoryview:
        place = read_int(number)
        if not 0 <= place < len(self._blobs):
            raise ProtocolError("it refers to bytes that it does not have")
        if place in self._used:
            # Each reference makes a copy: a short structure could fill the memory with them.
            raise ProtocolError("it refers to the same bytes twice")
        self._used.add(place)
        return memoryview(self._blobs[place])

    def shape(self, index: object, kind: str) -> Shape:
        """Return one of the classes that the answer names."""
        place = read_int(index)
        if not 0 <= place < len(self._shapes) or self._shapes[place].kind != kind:
            raise ProtocolError(f"it refers to a {kind} that it does not name")
        return self._shapes[place]

    # Containers

    def read_tuple(self, parts: list[Any]) -> object:
        return tuple(parts)

    def read_set(self, parts: list[Any]) -> object:
        self._check_hashes(parts)
        return set(parts)

    def read_frozenset(self, parts: list[Any]) -> object:
        self._check_hashes(parts)
        return frozenset(parts)

    def read_dict(self, parts: list[Any]) -> object:
        keys = parts[::2]
        self._check_hashes(keys)
        return dict(zip(keys, parts[1::2], strict=True))

    def _check_hashes(self, keys: Sequence[Any]) -> None:
        """Refuse keys of which too many share their hash; of plain ones, but for long numbers, only a handful can."""
        if len(keys) < _FEW or (not self._long and set(map(type, keys)) <= UNPARTED):
            return
        same = Counter(map(hash, keys)).values()
        if sum(count * count for count in same) > _PAIRS_FOR_EACH * len(keys) + _PAIRS:
            raise ProtocolError("its keys share their hashes")

    def read_range(self, parts: list[Any]) -> object:
        return range(*map(read_int, parts))

    def read_slice(self, parts: list[Any]) -> object:
        start, stop, step = parts
        return slice(start, stop, step)

    # Plain values that MessagePack has no form for

    def read_big(self, parts: list[Any]) -> object:
        (data,) = parts
        self._long = True
        return int.from_bytes(read_bytes(data), "little", signed=True)

    def read_complex(self, parts: list[Any]) -> object:
        real, imaginary = parts
        if type(real) is not float or type(imaginary) is not float:
            raise ProtocolError("a complex number has other parts")
        return complex(real, imaginary)

    def read_text(self, parts: list[Any]) -> object:
        (data,) = parts
        return read_bytes(data).decode("utf-8", "surrogatepass")

    def read_text_beside(self, parts: list[Any]) -> object:
        (number,) = parts
        return str(self._blob(number), "utf-8", "surrogatepass")

    def read_bytes_beside(self, parts: list[Any]) -> object:
        (number,) = parts
        return bytes(self._blob(number))

    def read_bytearray(self, parts: list[Any]) -> object:
        (data,) = parts
        return bytearray(read_bytes(data))

    def read_bytearray_beside(self, parts: list[Any]) -> object:
        (number,) = parts
        return bytearray(self._blob(number))

    def read_array(self, parts: list[Any]) -> object:
        return read_array(parts, self._blob)

    def read_scalar(self, parts: list[Any]) -> object:
        return read_scalar(parts)


_METHODS: Final[dict[int, Callable[[Decoder, list[Any]], object]]] = {
    tags.TUPLE: Decoder.read_tuple,
    tags.DICT: Decoder.read_dict,
    tags.SET: Decoder.read_set,
    tags.FROZENSET: Decoder.read_frozenset,
    tags.RANGE: Decoder.read_range,
    tags.SLICE: Decoder.read_slice,
    tags.INT: Decoder.read_big,
    tags.COMPLEX: Decoder.read_complex,
    tags.TEXT: Decoder.read_text,
    tags.TEXT_BESIDE: Decoder.read_text_beside,
    tags.BYTES_BESIDE: Decoder.read_bytes_beside,
    tags.BYTEARRAY: Decoder.read_bytearray,
    tags.BYTEARRAY_BESIDE: Decoder.read_bytearray_beside,
    tags.ARRAY: Decoder.read_array,
    tags.SCALAR: Decoder.read_scalar,
    **OBJECT_READERS,
}
