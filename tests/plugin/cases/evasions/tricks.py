"""What a clever or an unlucky author writes: each has an effect that no name at the call shows."""

import builtins
import collections
import contextlib
import contextvars
import functools
import inspect
import json
import os
import pathlib
import re
import shelve
import string
import sys
import tempfile
import types
import typing
import warnings
import weakref
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Never

from capsafe import Broker, Sandbox

SANDBOX = Sandbox[Never]()
STATE: dict[str, Callable[[str], object]] = {}
CALLBACKS: list[Callable[[], object]] = []
CURRENT: contextvars.ContextVar[Callable[[str], object]] = contextvars.ContextVar("current", default=os.remove)


class Meta(type):
    def __getattr__(cls, name: str) -> str:
        return open(name).read()

    def __iter__(cls) -> Iterator[str]:
        return iter(open("x"))


class ByMeta(metaclass=Meta):
    pass


class Lazy:
    def __init__(self, make: Callable[[], str]) -> None:
        self._make = make

    def __getattribute__(self, name: str) -> Any:
        if name == "value":
            print("reading")
        return object.__getattribute__(self, name)


class Default:
    hooks: ClassVar[list[Callable[[], object]]] = [input]

    def run(self) -> None:
        for hook in self.hooks:
            hook()


class Chain:
    def __init__(self) -> None:
        self.steps: list[Callable[[str], object]] = []

    def add(self, step: Callable[[str], object]) -> "Chain":
        self.steps.append(step)
        return self

    def run(self, text: str) -> None:
        for step in self.steps:
            step(text)


class Subclassed(dict[str, str]):
    def __getitem__(self, key: str) -> str:
        return open(key).read()


class Str(str):
    def upper(self) -> str:
        return open(self).read()


class Int(int):
    def __add__(self, other: int) -> int:
        print(other)
        return 1


class FsPath:
    def __fspath__(self) -> str:
        print("fspath")
        return "x"


class Encoder(json.JSONEncoder):
    def default(self, o: object) -> object:
        return open(str(o)).read()


class Formatter(string.Formatter):
    def get_value(self, key: int | str, args: object, kwargs: object) -> Any:
        return open(str(key)).read()


@dataclass
class Lazily:
    text: str = field(default_factory=lambda: open("x").read())


def outer() -> Callable[[str], str]:
    cache: dict[str, str] = {}

    def inner(path: str) -> str:
        if path not in cache:
            cache[path] = open(path).read()
        return cache[path]

    return inner


reader = outer()


def late(path: str) -> None:
    STATE["go"](path)


def choose(flag: bool) -> Callable[[str], object]:
    if flag:
        return len
    return os.remove


def forward(*args: Any, **kwargs: Any) -> object:
    return open(*args, **kwargs)


def trampoline(f: Callable[..., Any]) -> None:
    while callable(f):
        f = f()


def write_to(out: typing.IO[str] = sys.stdout) -> None:
    out.write("x")


def print_to(out: typing.TextIO | None = None) -> None:
    print("x", file=out)


def attribute_of_meta_class() -> None:
    SANDBOX.execute(lambda broker: ByMeta.anything)  # MISSED: [capsafe-ambient] ReadFile


def iteration_of_a_class() -> None:
    SANDBOX.execute(lambda broker: list(ByMeta))  # MISSED: [capsafe-ambient] ReadFile


def get_attribute() -> None:
    SANDBOX.execute(lambda broker: Lazy(str).value)  # MISSED: [capsafe-ambient] Stdout


def class_variable_of_hooks() -> None:
    SANDBOX.execute(lambda broker: Default().run())  # E: [capsafe-ambient] Stdin


def chain_of_steps() -> None:
    SANDBOX.execute(lambda broker: Chain().add(len).add(os.remove).run("x"))  # MISSED: [capsafe-ambient] WriteFile  # FALSE: [capsafe-unknown]


def subclass_of_dict() -> None:
    SANDBOX.execute(lambda broker: Subclassed()["x"])  # E: [capsafe-ambient] ReadFile


def subclass_of_dict_through_base(table: dict[str, str] | None = None) -> None:
    def get(table: dict[str, str]) -> str:
        return table["x"]

    SANDBOX.execute(lambda broker: get(Subclassed()))  # E: [capsafe-ambient] ReadFile


def subclass_of_str() -> None:
    def shout(text: str) -> str:
        return text.upper()

    SANDBOX.execute(lambda broker: shout(Str("x")))  # MISSED: [capsafe-ambient] ReadFile


def subclass_of_int() -> None:
    SANDBOX.execute(lambda broker: sum([Int(1), 2]))  # E: [capsafe-ambient] Stdout


def fspath_protocol() -> None:
    SANDBOX.execute(lambda broker: os.fspath(FsPath()))  # E: [capsafe-ambient] Stdout


def pure_path_of_fspath() -> None:
    SANDBOX.execute(lambda broker: pathlib.PurePath(FsPath()))  # E: [capsafe-ambient] Stdout


def json_default() -> None:
    SANDBOX.execute(lambda broker: json.dumps({}, default=lambda o: open(o).read()))  # E: [capsafe-ambient] ReadFile


def json_encoder_class() -> None:
    SANDBOX.execute(lambda broker: json.dumps({}, cls=Encoder))  # E: [capsafe-ambient] ReadFile


def json_object_hook() -> None:
    SANDBOX.execute(lambda broker: json.loads("{}", object_hook=print))  # E: [capsafe-ambient] Stdout


def formatter_subclass() -> None:
    SANDBOX.execute(lambda broker: Formatter().format("{a}"))  # E: [capsafe-ambient] ReadFile


def lambda_as_default_factory() -> None:
    SANDBOX.execute(lambda broker: Lazily().text)  # E: [capsafe-ambient] ReadFile


def closure_with_cache() -> None:
    SANDBOX.execute(lambda broker: reader("x"))  # E: [capsafe-ambient] ReadFile


def table_filled_elsewhere() -> None:
    SANDBOX.execute(lambda broker: late("x"))  # E: [capsafe-unknown]


def function_chosen_by_a_function() -> None:
    SANDBOX.execute(lambda broker: choose(True)("x"))  # E: [capsafe-ambient] WriteFile


def forwarded_arguments() -> None:
    SANDBOX.execute(lambda broker: forward("x"))  # E: [capsafe-ambient] ReadFile  # FALSE: [capsafe-unknown]


def trampolined() -> None:
    SANDBOX.execute(lambda broker: trampoline(lambda: lambda: input()))  # E: [capsafe-unknown]


def default_stdout() -> None:
    SANDBOX.execute(lambda broker: write_to())  # E: [capsafe-capture]


def default_file_of_print() -> None:
    SANDBOX.execute(lambda broker: print_to())  # E: [capsafe-ambient] Stdout


def context_variable() -> None:
    SANDBOX.execute(lambda broker: CURRENT.get()("x"))  # E: [capsafe-ambient] WriteFile


def nested_partial() -> None:
    SANDBOX.execute(lambda broker: functools.partial(functools.partial, os.remove)()("x"))  # E: [capsafe-unknown]


FUNCTIONS: list[Callable[[str], object]] = [len, os.remove]


def map_of_map() -> None:
    SANDBOX.execute(lambda broker: list(map(lambda f: f("x"), FUNCTIONS)))  # E: [capsafe-ambient] WriteFile  # FALSE: [capsafe-unknown]


def zip_of_functions() -> None:
    SANDBOX.execute(lambda broker: [f(a) for f, a in zip(FUNCTIONS, ["x", "y"])])  # E: [capsafe-ambient] WriteFile


def enumerate_of_functions() -> None:
    SANDBOX.execute(lambda broker: [f("x") for _, f in enumerate(FUNCTIONS)])  # E: [capsafe-ambient] WriteFile


def dict_comprehension_of_functions() -> None:
    SANDBOX.execute(lambda broker: {f.__name__: f for f in (len, os.remove)}["remove"]("x"))  # E: [capsafe-ambient] WriteFile


def pop_of_functions() -> None:
    def closure(broker: Broker[Never]) -> None:
        todo = collections.deque([os.remove])  # E: [capsafe-ambient] WriteFile
        todo.pop()("x")  # E: [capsafe-ambient] WriteFile

    SANDBOX.execute(closure)


def generator_of_functions() -> None:
    def functions() -> Iterator[Callable[[str], object]]:
        yield len
        yield os.remove

    SANDBOX.execute(lambda broker: [f("x") for f in functions()])  # E: [capsafe-ambient] WriteFile


def generator_send() -> None:
    def worker() -> Iterator[int]:
        print("started")
        yield 1

    SANDBOX.execute(lambda broker: [n for n in worker()])  # E: [capsafe-ambient] Stdout


def warnings_shown() -> None:
    SANDBOX.execute(lambda broker: warnings.warn("x"))  # E: [capsafe-ambient] Stderr


def warnings_filtered_out() -> None:
    SANDBOX.execute(lambda broker: tempfile.gettempdir())  # E: [capsafe-ambient]


def shelves() -> None:
    SANDBOX.execute(lambda broker: shelve.open("x").close())  # E: [capsafe-ambient] [capsafe-unknown]


def zip_of_a_file() -> None:
    SANDBOX.execute(lambda broker: zipfile.ZipFile("x").namelist())  # E: [capsafe-ambient] ReadFile


def source_of_a_function() -> None:
    SANDBOX.execute(lambda broker: inspect.getsource(late))  # E: [capsafe-ambient]


def assigned_builtins() -> None:
    def closure(broker: Broker[Never]) -> None:
        builtins.print = print  # MISSED: [capsafe-unknown]

    SANDBOX.execute(closure)


def code_object() -> None:
    SANDBOX.execute(lambda broker: types.FunctionType(late.__code__, {})("x"))  # E: [capsafe-unknown]


def function_closure_cells() -> None:
    SANDBOX.execute(lambda broker: reader.__closure__)  # E: [capsafe-unknown]


def exit_hook() -> None:
    def closure(broker: Broker[Never]) -> None:
        weakref.ref(Path("x"), lambda _: os.remove("x"))  # E: [capsafe-ambient] WriteFile

    SANDBOX.execute(closure)


def redirected() -> None:
    def closure(broker: Broker[Never]) -> None:
        with contextlib.redirect_stdout(None):  # E: [capsafe-ambient] Stdout
            sys.stdout.write("x")  # E: [capsafe-ambient] Stdout

    SANDBOX.execute(closure)


def path_subclass() -> None:
    class Mine(type(Path())):  # type: ignore[misc]
        pass

    SANDBOX.execute(lambda broker: Mine("x").read_text())  # E: [capsafe-unknown]


def regular_expression_with_effect() -> None:
    SANDBOX.execute(lambda broker: re.sub("a", lambda m: open(m.group()).read(), "a"))  # E: [capsafe-ambient] ReadFile


def chain_of_pure_steps() -> None:
    SANDBOX.execute(lambda broker: Chain().add(len).add(str.upper).run("x"))  # FALSE: [capsafe-unknown]


def lazy_pure_attribute() -> None:
    SANDBOX.execute(lambda broker: json.dumps({"a": 1}, default=str))


PURE: list[Callable[[str], object]] = [len, str.upper]


def pure_zip_of_functions() -> None:
    SANDBOX.execute(lambda broker: [f(a) for f, a in zip(PURE, ["x", "y"])])


def pure_choice() -> None:
    def pick(flag: bool) -> Callable[[str], object]:
        return len if flag else str.upper

    SANDBOX.execute(lambda broker: pick(True)("x"))


def pure_closure_with_cache() -> None:
    def memo() -> Callable[[int], int]:
        cache: dict[int, int] = {}

        def inner(n: int) -> int:
            return cache.setdefault(n, n * n)

        return inner

    SANDBOX.execute(lambda broker: memo()(2))


def pure_object_hook() -> None:
    SANDBOX.execute(lambda broker: json.loads("{}", object_hook=lambda d: sorted(d)))


def pure_forwarding() -> None:
    def call(f: Callable[..., int], *args: Any, **kwargs: Any) -> int:
        return f(*args, **kwargs)

    SANDBOX.execute(lambda broker: call(len, "x") + call(int, "1", base=2))


def pure_iterables(rows: Iterable[str]) -> None:
    names = list(rows)
    SANDBOX.execute(lambda broker: [n.strip() for n in names if n])
