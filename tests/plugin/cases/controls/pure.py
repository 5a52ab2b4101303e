"""The controls: everything here is clean."""

import datetime
import functools
import hashlib
import io
import json
import math
import os.path
import random
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath
from typing import TYPE_CHECKING, Never, TypeVar

from capsafe import Broker, Sandbox

if TYPE_CHECKING:
    from subprocess import Popen

SANDBOX = Sandbox[Never]()
R = TypeVar("R")


def decode_json() -> None:
    SANDBOX.execute(lambda broker: json.loads("[1]"))


def regular_expression() -> None:
    SANDBOX.execute(lambda broker: re.sub("a+", "b", "aa"))


def pure_path() -> None:
    SANDBOX.execute(lambda broker: str(PurePath("a") / "b"))


def path_name() -> None:
    SANDBOX.execute(lambda broker: Path("a/b.txt").name)


def string_io() -> None:
    def closure(broker: Broker[Never]) -> str:
        out = io.StringIO()
        out.write("x")
        return out.getvalue()

    SANDBOX.execute(closure)


def print_to_string_io() -> None:
    def closure(broker: Broker[Never]) -> str:
        out = io.StringIO()
        print("x", file=out)
        return out.getvalue()

    SANDBOX.execute(closure)


def dict_get() -> None:
    SANDBOX.execute(lambda broker: {"a": 1}.get("a"))


def list_remove() -> None:
    SANDBOX.execute(lambda broker: [1, 2].remove(1))


class Door:
    def open(self) -> str:
        return "open"

    def system(self) -> int:
        return 1


def own_open() -> None:
    SANDBOX.execute(lambda broker: Door().open())


def own_system() -> None:
    SANDBOX.execute(lambda broker: Door().system())


def user_remove() -> None:
    def remove(path: str) -> str:
        return path

    SANDBOX.execute(lambda broker: remove("notes.txt"))


def user_connect() -> None:
    def connect(a: int, b: int) -> int:
        return a + b

    SANDBOX.execute(lambda broker: connect(1, 2))


def shadowed_open() -> None:
    def open(path: str) -> str:
        return path

    SANDBOX.execute(lambda broker: open("notes.txt"))


def partial_of_int() -> None:
    SANDBOX.execute(lambda broker: functools.partial(int, "5")())


def map_upper() -> None:
    SANDBOX.execute(lambda broker: list(map(str.upper, ["a"])))


def path_join() -> None:
    SANDBOX.execute(lambda broker: os.path.join("a", "b"))


def date_arithmetic() -> None:
    SANDBOX.execute(lambda broker: datetime.date(2024, 1, 1) + datetime.timedelta(days=1))


def digest() -> None:
    SANDBOX.execute(lambda broker: hashlib.sha256(b"x").hexdigest())


def mathematics() -> None:
    SANDBOX.execute(lambda broker: math.sqrt(2) + math.pi)


@dataclass
class Point:
    x: int
    y: int = 0

    def moved(self, by: int) -> "Point":
        return Point(self.x + by, self.y)


def data_class() -> None:
    SANDBOX.execute(lambda broker: Point(1).moved(2).x)


def call(f: Callable[[str], R], value: str) -> R:
    return f(value)


def helper_that_others_call_impurely() -> None:
    call(print, "hello")
    SANDBOX.execute(lambda broker: call(len, "hello"))


def reference_without_call() -> None:
    def closure(broker: Broker[Never]) -> bool:
        import os

        return os.remove is os.rmdir

    SANDBOX.execute(closure)


def type_checking_import() -> None:
    def closure(broker: Broker[Never], process: "Popen[bytes] | None" = None) -> int:
        return 1

    SANDBOX.execute(closure)


def named_uuid() -> None:
    SANDBOX.execute(lambda broker: uuid.uuid5(uuid.NAMESPACE_DNS, "example.com").hex)


def seeded_random() -> None:
    SANDBOX.execute(lambda broker: random.Random(1).random())



@functools.lru_cache(maxsize=None)
def fibonacci(n: int) -> int:
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)


def cached_function() -> None:
    SANDBOX.execute(lambda broker: fibonacci(10))


def mention_in_a_string() -> None:
    SANDBOX.execute(lambda broker: "os.remove('notes.txt'); open('x')")


def posix_path() -> None:
    SANDBOX.execute(lambda broker: PurePosixPath("/a/../b").parts)
