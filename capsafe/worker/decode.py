"""Bytes to values, in the parent. Whoever sent them is taken for hostile.

This module knows how each type of the closed list is put together again. It refuses to import what the sender names,
to run the code of the classes it rebuilds, and to raise anything but ``ProtocolError``, whatever the bytes.

What it can't help: dicts and sets are built with the hashes of their keys, and the sender can choose keys that collide.
"""

# One method for each type, whose name says it all.
# ruff: noqa: D102

from collections.abc import Callable
from typing import Any, Final

import msgspec.msgpack

from capsafe.worker import tags
from capsafe.worker.arrays import decode_array
from capsafe.worker.classes import LocalClasses, Shape, find_class, read_shape
from capsafe.worker.objects import OBJECT_READERS
from capsafe.worker.protocol import MAXIMUM_DEPTH, Frame, ProtocolError
from capsafe.worker.values import PLAIN, READERS, Node, read_bytes, read_int, read_str


def decode(frame: Frame, *, local: Callable[[], LocalClasses]) -> object:
    """Return the value of a frame.

    ``local``: finds the classes that are in no module. Raises ``ProtocolError`` and nothing else.
    """
    try:
        keys, node = msgspec.msgpack.decode(frame.structure)
        decoder = Decoder(frame, local)
        decoder.read_classes(keys)
        return decoder.decode(node, 0)
    except ProtocolError:
        raise
    except Exception as error:
        # Constructors raise whatever they like for what they can't take, and so does a key's own __hash__.
        raise ProtocolError(f"it can't be decoded ({type(error).__name__})") from error


class Decoder:
    """Puts one value together. What is none is a ``ProtocolError``."""

    def __init__(self, frame: Frame, local: Callable[[], LocalClasses]) -> None:
        self._blobs = frame.blobs
        self._local = local
        self._shapes: list[Shape] = []
        self._used: set[int] = set()

    def read_classes(self, keys: Node) -> None:
        """Look up the classes that the structure names, and make sure that they are what it takes them for."""
        for module, name, place, kind, fields in keys:
            key = (read_str(module), read_str(name), read_int(place))
            cls = find_class(key, self._local() if place else {})
            shape = None if cls is None else read_shape(cls)
            if shape is None or shape.kind != kind or list(shape.fields) != fields:
                raise ProtocolError(f"it holds a {kind} {key[0]}.{key[1]}, and there is none with its fields here")
            self._shapes.append(shape)

    def decode(self, node: Node, depth: int) -> object:
        cls = type(node)
        if cls in PLAIN:
            return node
        if cls is not list or depth > MAXIMUM_DEPTH or not node:
            raise ProtocolError("a value is of no known form, or nested too deep")
        method = _METHODS.get(node[0]) if type(node[0]) is int else None
        if method is None:
            raise ProtocolError("a value has an unknown mark")
        return method(self, node, depth)

    def items(self, node: list[Node], depth: int) -> list[Any]:
        if set(map(type, node)) <= PLAIN:
            return node[1:]
        decode = self.decode
        return [decode(item, depth + 1) for item in node[1:]]

    def _blob(self, number: Node) -> memoryview:
        if not 0 <= read_int(number) < len(self._blobs):
            raise ProtocolError("it refers to bytes that it does not have")
        if number in self._used:
            # Each reference makes a copy: a short structure could fill the memory with them.
            raise ProtocolError("it refers to the same bytes twice")
        self._used.add(number)
        return memoryview(self._blobs[number])

    # Containers

    def read_list(self, node: list[Node], depth: int) -> object:
        return self.items(node, depth)

    def read_tuple(self, node: list[Node], depth: int) -> object:
        return tuple(self.items(node, depth))

    def read_set(self, node: list[Node], depth: int) -> object:
        return set(self.items(node, depth))

    def read_frozenset(self, node: list[Node], depth: int) -> object:
        return frozenset(self.items(node, depth))

    def read_dict(self, node: list[Node], depth: int) -> object:
        items = self.items(node, depth)
        return dict(zip(items[::2], items[1::2], strict=True))

    def read_range(self, node: list[Node], depth: int) -> object:
        return range(*map(read_int, self.items(node, depth)))

    def read_slice(self, node: list[Node], depth: int) -> object:
        start, stop, step = self.items(node, depth)
        return slice(start, stop, step)

    # Plain values that MessagePack has no form for

    def read_big(self, node: list[Node], _depth: int) -> object:
        _, data = node
        return int.from_bytes(read_bytes(data), "little", signed=True)

    def read_complex(self, node: list[Node], _depth: int) -> object:
        _, real, imaginary = node
        if type(real) is not float or type(imaginary) is not float:
            raise ProtocolError("a complex number has other parts")
        return complex(real, imaginary)

    def read_text(self, node: list[Node], _depth: int) -> object:
        _, data = node
        return read_bytes(data).decode("utf-8", "surrogatepass")

    def read_text_beside(self, node: list[Node], _depth: int) -> object:
        _, number = node
        return str(self._blob(number), "utf-8", "surrogatepass")

    def read_bytes_beside(self, node: list[Node], _depth: int) -> object:
        _, number = node
        return bytes(self._blob(number))

    def read_bytearray(self, node: list[Node], depth: int) -> object:
        (data,) = self.items(node, depth)
        return bytearray(read_bytes(data))

    def shape(self, index: Node, kind: str) -> Shape:
        """Return one of the classes that the answer names."""
        if not 0 <= read_int(index) < len(self._shapes) or self._shapes[index].kind != kind:
            raise ProtocolError(f"it refers to a {kind} that it does not name")
        return self._shapes[index]

    def read_array(self, node: list[Node], _depth: int) -> object:
        return decode_array(node, self._blob)


_METHODS: Final[dict[int, Callable[[Decoder, list[Node], int], object]]] = {
    tags.LIST: Decoder.read_list,
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
    tags.ARRAY: Decoder.read_array,
    tags.SCALAR: Decoder.read_array,
    **OBJECT_READERS,
    **READERS,
}
