"""NumPy arrays and scalars, as their own bytes beside the structure.

This module knows element types that are plain numbers, text or times, and structures of them. It refuses to know
object arrays, whose elements are anything, and never loads NumPy: who has an array has loaded it.
"""

import math
import re
import sys
from collections.abc import Callable, Sequence
from typing import Any, Final

from capsafe.worker import tags
from capsafe.worker.protocol import IN_LANE, MAXIMUM_DEPTH, ProtocolError

#: Byte order, kind, size, and for times their unit: what ``dtype.str`` says of element types that have no parts.
_PLAIN_TYPE: Final = re.compile(r"[<>|=][?biufcSUVmM][0-9]{1,9}(\[[0-9]{0,6}[a-zA-Z]{1,2}\])?")

_MOST_DIMENSIONS: Final = 64


class ArrayRefusedError(Exception):
    """An array has elements that can't cross; the message says which, to follow the name."""


def is_array(cls: type) -> bool:
    """Say whether values of a class are NumPy's own arrays or scalars."""
    numpy = sys.modules.get("numpy")
    return numpy is not None and (cls is numpy.ndarray or (issubclass(cls, numpy.generic) and _is_numpys(cls)))


def _is_numpys(cls: type) -> bool:
    return cls.__module__.partition(".")[0] == "numpy"


def take_apart(value: Any, beside: Callable[[memoryview], int]) -> tuple[int, tuple[object, ...]]:  # noqa: ANN401 - NumPy may not be there
    """Return the mark and the parts of an array or scalar. ``beside``: takes its bytes and gives their number.

    Raises ``ArrayRefusedError`` for elements that can't cross.
    """
    numpy = sys.modules["numpy"]
    if not isinstance(value, numpy.ndarray):
        # Empty text has an element type of length 0 and yet four bytes; as an array it is consistent.
        alone = numpy.asarray(value)
        return tags.SCALAR, (_describe(alone.dtype), alone.tobytes())
    described = _describe(value.dtype)
    fortran = value.flags.f_contiguous and not value.flags.c_contiguous
    rows = value if fortran or value.flags.c_contiguous else numpy.ascontiguousarray(value)
    # Times and structures have no buffer of their own type; as plain bytes all have. No copy is made.
    flat = rows.T if fortran else rows
    data = memoryview(flat.reshape(-1).view(numpy.uint8)) if flat.size and flat.dtype.itemsize else memoryview(b"")
    return tags.ARRAY, (described, list(value.shape), fortran, beside(data))


def _describe(dtype: Any) -> object:  # noqa: ANN401 - NumPy may not be there
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        return [_describe(base), list(shape)]
    if dtype.names is not None:
        parts = [[name, _describe(dtype.fields[name][0]), dtype.fields[name][1]] for name in dtype.names]
        return {"fields": parts, "size": dtype.itemsize}
    if dtype.hasobject or not _PLAIN_TYPE.fullmatch(dtype.str):
        raise ArrayRefusedError(
            f"has elements of {dtype}, which can be anything; send .tolist(), or an array of numbers"
        )
    return str(dtype.str)


def _read_type(described: object, depth: int = 0) -> Any:  # noqa: ANN401 - NumPy may not be there
    numpy = sys.modules["numpy"]
    if depth > MAXIMUM_DEPTH:
        raise ProtocolError("an element type is nested too deep")
    if isinstance(described, str) and _PLAIN_TYPE.fullmatch(described):
        return numpy.dtype(described)
    if isinstance(described, list):
        base, shape = described
        return numpy.dtype((_read_type(base, depth + 1), tuple(_read_shape(shape))))
    if isinstance(described, dict):
        names, formats, offsets = [], [], []
        for name, part, offset in described["fields"]:
            if type(name) is not str or type(offset) is not int:
                raise ProtocolError("a field of an element type has no name or place")
            names.append(name)
            formats.append(_read_type(part, depth + 1))
            offsets.append(offset)
        found = numpy.dtype({"names": names, "formats": formats, "offsets": offsets, "itemsize": described["size"]})
        if found.hasobject:
            raise ProtocolError("an element type holds objects")
        return found
    raise ProtocolError("an element type is none")


def _read_shape(shape: object) -> Sequence[int]:
    if type(shape) is not list or len(shape) > _MOST_DIMENSIONS:
        raise ProtocolError("an array has no shape")
    if not all(type(length) is int and 0 <= length < 2**62 for length in shape):
        raise ProtocolError("an array has an impossible shape")
    return shape


def read_scalar(parts: list[Any]) -> object:
    """Return the scalar of its parts. Raises for anything that is none."""
    numpy = _numpy()
    described, data = parts
    dtype = _read_type(described)
    if type(data) is not bytes or len(data) != dtype.itemsize:
        raise ProtocolError("a scalar has the wrong length")
    # An element of length 0 is no buffer's.
    return _checked(numpy.frombuffer(data, dtype))[0] if data else numpy.zeros((), dtype)[()]


def read_array(parts: list[Any], blob: Callable[[object], memoryview]) -> object:
    """Return the array of its parts. ``blob``: gives the bytes of a number. Raises for anything that is none."""
    numpy = _numpy()
    described, shape, fortran, number = parts
    dtype = _read_type(described)
    shape = tuple(_read_shape(shape))
    data = blob(number)
    if math.prod(shape) * dtype.itemsize != len(data):
        raise ProtocolError("an array has the wrong length")
    if not len(data):
        return numpy.zeros(shape, dtype)
    # What is large has memory of its own; what came through the pipe lies in one piece with all the rest.
    buffer = data if len(data) >= IN_LANE and not data.readonly else bytearray(data)
    return _checked(numpy.ndarray(shape, dtype, buffer=buffer, order="F" if fortran else "C"))


def _numpy() -> Any:  # noqa: ANN401 - NumPy may not be there
    numpy = sys.modules.get("numpy")
    if numpy is None:
        raise ProtocolError("it holds an array, and NumPy is not loaded here")
    return numpy


def _checked(array: Any) -> Any:  # noqa: ANN401 - NumPy may not be there
    """Let through what holds what its element type may hold: NumPy itself relies on a bool being 0 or 1."""
    numpy = sys.modules["numpy"]
    if array.dtype.kind == "b" and array.reshape(-1, order="A").view(numpy.uint8).max() > 1:
        raise ProtocolError("an array of truth values holds something else")
    return array
