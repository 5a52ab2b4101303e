"""Write the seeds of the corpus: inputs made of honest answers, from which a fuzzer finds its way.

    python tests/fuzz/seeds.py

Values of every type that crosses, exceptions of every form, and some attacks. What a fuzzer has found stands beside
them under other names and is left alone.
"""

import datetime as dt
import decimal
import fractions
import ipaddress
import os
import pathlib
import subprocess
import sys
import uuid
import zoneinfo
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from capsafe.worker import tags
from capsafe.worker.denial import Denial
from capsafe.worker.failure import describe_failure
from capsafe.worker.outcome import SETUP_FAILED
from capsafe.worker.protocol import ERROR, MAXIMUM_DEPTH, VALUE, write_frame
from capsafe.worker.structure import Structure, read_structure, write_structure
from capsafe.worker.transfer import encode
from tests.fuzz.targets import CAP, CLASSES, Color, Frozen, Pair, Perm, Point, pack

FOLDER = Path(__file__).parent / "corpus"


def as_deep_as_may_be() -> object:
    found: object = None
    for _ in range(MAXIMUM_DEPTH):
        found = [found]
    return found


VALUES: dict[str, Any] = {
    "plain": [None, True, 1, 2**63, -5, 1.5, "text", b"bytes"],
    "containers": {"a": [1, (2, {3}), frozenset({4})], (1, 2): {}, None: []},
    "long": [2**70, -(2**99), "\ud800", bytearray(b"x"), 1 + 2j],
    "ranges": [range(1, 9, 2), slice(1, None, -1)],
    "beside": [b"x" * 40_000],
    "text-beside": ["é" * 20_000],
    "bytearray-beside": [bytearray(40_000)],
    "times": [
        dt.datetime(2020, 1, 2, 3, 4, 5, 6, tzinfo=dt.UTC),
        dt.date(2020, 1, 1),
        dt.time(1, 2, tzinfo=dt.timezone(dt.timedelta(hours=1), "x")),
        dt.timedelta(1, 2, 3),
        zoneinfo.ZoneInfo("UTC"),
    ],
    "numbers": [decimal.Decimal("1.5"), fractions.Fraction(1, 3), uuid.UUID(int=5)],
    "names": [pathlib.PurePosixPath("/a"), ipaddress.ip_address("10.0.0.1"), ipaddress.ip_network("::/64")],
    "records": [os.terminal_size((80, 24)), subprocess.CompletedProcess(["a"], 1, b"o", "e")],
    "stat": os.stat_result(range(10)),
    "classes": [Color.RED, Perm(3), Perm(9), Frozen("f"), Pair(1, "r"), ValueError("x", 1)],
    "point": object.__new__(Point),
    "array": np.arange(5),
    "arrays": [np.zeros((2, 3), "<f4"), np.array(["a"]), np.array([True]), np.float64(1), np.zeros((0, 3))],
    "structured": np.zeros(2, [("a", "i1"), ("b", "f8", (2,))]),
    "times-array": np.array(["2020-01-01"], "M8[D]"),
    "deep": [[[[[[[[[[1]]]]]]]]]],
    "as-deep-as-may-be": as_deep_as_may_be,
    "sets": [{1, 2}, {(1, 2), (3,)}, frozenset({frozenset({1})})],
    "rows": [{"id": n, "name": "x"} for n in range(5)],
}


class OwnError(ValueError):
    """An exception of a class of its own."""


def raised(make: Callable[[], BaseException], cause: BaseException | None = None) -> BaseException:
    try:
        raise make() from cause  # noqa: TRY301 - it is to have a traceback
    except BaseException as error:  # noqa: BLE001 - it is what was made
        error.add_note("a note")
        return error


ERRORS: dict[str, BaseException] = {
    "plain": raised(lambda: ValueError("x", 1, (2, [3.5, b"z"]))),
    "own": raised(lambda: OwnError("own")),
    "system": raised(lambda: FileNotFoundError(2, "not there", "/a", None, "/b")),
    "name": raised(lambda: ImportError("x", name="n", path="p")),
    "decode": raised(lambda: UnicodeDecodeError("utf-8", b"x", 0, 1, "why")),
    "group": raised(lambda: ExceptionGroup("g", [ValueError("x"), ExceptionGroup("h", [KeyError(1)])])),
    "chain": raised(lambda: KeyError("k"), raised(lambda: OSError(5, "io"))),
    "exit": raised(lambda: SystemExit(3)),
}


def attacks() -> dict[str, dict[str, bytes]]:
    """Return what must be refused, by target and name: from here a fuzzer finds what would let it pass."""
    told_of = describe_failure(ValueError("x"), lambda _: None) | {"chain": [["", [("closure.py", 7, "f")], "x"]]}
    frames = [["", [("closure.py", decimal.Decimal("1e999999"), "f")], "x"]]
    hostile: dict[str, Any] = {
        "error-with-a-class": told_of | {"text": object.__new__(Point)},
        "error-with-a-class-as-name": told_of | {"name": object.__new__(Point)},
        "error-with-a-line-that-takes-for-ever": told_of | {"chain": frames},
        "error-with-a-note-of-a-class": told_of | {"notes": [object.__new__(Point)]},
    }
    colliding = [(n * sys.hash_info.modulus,) for n in range(1, 30)]
    found = {
        name: pack(ERROR, told(encode(value, ERROR, cap=CAP, local=dict).structure)) for name, value in hostile.items()
    }
    found["lists-too-deep"] = pack(VALUE, Structure(CLASSES, [*[tags.LIST, 1] * 499, tags.LIST, 0]))
    found["set-of-keys-that-collide"] = pack(VALUE, told(encode(set(colliding), VALUE, cap=CAP, local=dict).structure))
    return {"tree": found}


def seeds() -> dict[str, dict[str, bytes]]:
    """Return the seeds of each target, by name."""
    wire: dict[str, bytes] = {}
    tree: dict[str, bytes] = {}
    for name, made in VALUES.items():
        value = made() if callable(made) else made
        frame = encode(value, VALUE, cap=CAP, local=dict)
        wire[f"value-{name}"] = b"\xff" + b"".join(map(bytes, write_frame(frame)))
        if not frame.blobs:
            tree[f"value-{name}"] = pack(VALUE, told(frame.structure))
    for name, error in ERRORS.items():
        described = describe_failure(error, lambda _: None)
        described["chain"] = [[relation, [("closure.py", 7, "f")], last] for relation, _, last in chain_of(described)]
        frame = encode(described, ERROR, cap=CAP, local=dict)
        wire[f"error-{name}"] = b"\x08" + b"".join(map(bytes, write_frame(frame)))
        tree[f"error-{name}"] = pack(ERROR, told(frame.structure))
    denied = describe_failure(
        PermissionError(1, "no"), lambda _: Denial("open", "/x", "ReadFile", (("ReadFile", "/x"),), 1)
    )
    setup = describe_failure(OSError(1, "no"), lambda _: None) | {"name": SETUP_FAILED}
    for name, described in (("denied", denied), ("setup", setup)):
        tree[f"error-{name}"] = pack(ERROR, told(encode(described, ERROR, cap=CAP, local=dict).structure))
    return {"wire": {name: data for name, data in wire.items() if len(data) < 4096}, "tree": tree}


def chain_of(described: dict[str, Any]) -> list[Any]:
    """Return the chain of an exception: how each came of the next, its frames, its last line."""
    return list(described["chain"])


def told(structure: bytes) -> Structure:
    """Return a structure whose classes are those of the target, in its order."""
    found = read_structure(structure)
    if found.classes:
        order = {row: place for place, row in enumerate(CLASSES)}
        places = [order[row] for row in found.classes]
        # The number of a class is the first value of its node.
        found.values = [places[one] if type(one) is int and one in range(len(places)) else one for one in found.values]
    found.values = [
        one.encode("latin-1", "replace").decode("latin-1")[:200] if type(one) is str else one for one in found.values
    ]
    found.classes = CLASSES
    write_structure(found)
    return found


def main() -> None:
    """Write them."""
    for kind in (seeds(), attacks()):
        for target, found in kind.items():
            folder = FOLDER / target
            folder.mkdir(parents=True, exist_ok=True)
            for name, data in found.items():
                (folder / name).write_bytes(data)


if __name__ == "__main__":
    main()
