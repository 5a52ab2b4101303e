"""functools, descriptors, dataclasses, attrs, protocols, generics: calls that do not look like one."""

import abc
import asyncio
import collections
import contextlib
import copy
import dataclasses
import enum
import functools
import itertools
import operator
import os
import threading
import weakref
from collections.abc import AsyncIterator, Callable, Generator, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from types import MethodType
from typing import Any, Generic, NamedTuple, Never, ParamSpec, Protocol, TypeVar, overload

import attrs

from capsafe import Broker, Sandbox

SANDBOX = Sandbox[Never]()
T = TypeVar("T")
P = ParamSpec("P")
R = TypeVar("R")


def load() -> str:
    return open("x").read()


@functools.lru_cache(maxsize=None)
def cached_load(path: str) -> str:
    return open(path).read()


@functools.cache
def cached_square(n: int) -> int:
    return n * n


@functools.singledispatch
def show(value: object) -> str:
    return str(value)


@show.register
def _(value: int) -> str:
    print(value)
    return ""


@functools.singledispatch
def quietly(value: object) -> str:
    return str(value)


@quietly.register
def _(value: int) -> str:
    return f"{value:d}"


class Descriptor:
    def __get__(self, instance: object, owner: type | None = None) -> str:
        return open("x").read()


class Setter:
    def __get__(self, instance: object, owner: type | None = None) -> int:
        return 1

    def __set__(self, instance: object, value: int) -> None:
        print(value)


class Things:
    text = Descriptor()
    number = Setter()

    def __init__(self) -> None:
        self._size = 1

    @property
    def size(self) -> int:
        return self._size

    @size.setter
    def size(self, value: int) -> None:
        print(value)
        self._size = value

    @size.deleter
    def size(self) -> None:
        print("gone")

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, value)

    def load(self) -> str:
        return load()


class Tracing:
    """A decorator that is a class."""

    def __init__(self, function: Callable[[int], int]) -> None:
        self.function = function

    def __call__(self, n: int) -> int:
        print(n)
        return self.function(n)


@Tracing
def traced(n: int) -> int:
    return n


def repeat(times: int) -> Callable[[Callable[P, R]], Callable[P, list[R]]]:
    def decorate(function: Callable[P, R]) -> Callable[P, list[R]]:
        @functools.wraps(function)
        def wrapper(*args: P.args, **kwargs: P.kwargs) -> list[R]:
            return [function(*args, **kwargs) for _ in range(times)]

        return wrapper

    return decorate


@repeat(3)
def repeated_load(path: str) -> str:
    return open(path).read()


@repeat(3)
def repeated_square(n: int) -> int:
    return n * n


HOOKS: list[Callable[[], object]] = []


def hook(function: Callable[[], R]) -> Callable[[], R]:
    HOOKS.append(function)
    return function


@hook
def hooked() -> str:
    return input()


class Shape(Protocol):
    def area(self) -> float: ...


class Square:
    def __init__(self, side: float) -> None:
        self.side = side

    def area(self) -> float:
        return self.side**2


class Measured:
    def area(self) -> float:
        return float(open("x").read())


def total(shapes: Iterable[Shape]) -> float:
    return sum(shape.area() for shape in shapes)


class Box(Generic[T]):
    def __init__(self, item: T, on_open: Callable[[T], object] = repr) -> None:
        self.item = item
        self.on_open = on_open

    def open(self) -> T:
        self.on_open(self.item)
        return self.item

    def map(self, f: Callable[[T], R]) -> "Box[R]":
        return Box(f(self.item))


class Template(abc.ABC):
    def run(self) -> str:
        return self.prefix() + self.body()

    def prefix(self) -> str:
        return "> "

    @abc.abstractmethod
    def body(self) -> str: ...


class FromFile(Template):
    def body(self) -> str:
        return load()


class FromText(Template):
    def body(self) -> str:
        return "text"


class Logged(FromText):
    def prefix(self) -> str:
        print("prefix")
        return super().prefix()


class Mixin:
    def extra(self) -> str:
        return super().__repr__() + load()


class Mixed(Mixin, Square):
    pass


class Table(Mapping[str, str]):
    def __getitem__(self, key: str) -> str:
        return open(key).read()

    def __iter__(self) -> Iterator[str]:
        return iter(["a"])

    def __len__(self) -> int:
        return 1


class LoudDict(dict[str, int]):
    def __missing__(self, key: str) -> int:
        print(key)
        return 0


class LoudEnum(enum.Enum):
    A = 1

    @classmethod
    def _missing_(cls, value: object) -> "LoudEnum":
        print(value)
        return cls.A


class Meta(type):
    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        print("made")
        return super().__call__(*args, **kwargs)


class Made(metaclass=Meta):
    pass


class Newly:
    def __new__(cls) -> "Newly":
        print("new")
        return super().__new__(cls)


@attrs.define
class Attrs:
    name: str = attrs.field(factory=load)


@attrs.define
class PlainAttrs:
    name: str
    items: list[int] = attrs.field(factory=list)


class Row(NamedTuple):
    name: str

    def load(self) -> str:
        return open(self.name).read()

    def upper(self) -> str:
        return self.name.upper()


@dataclasses.dataclass
class Job:
    run: Callable[[str], object]
    path: str = "x"

    def go(self) -> None:
        self.run(self.path)


@dataclasses.dataclass
class Parent:
    name: str

    def __post_init__(self) -> None:
        self.check()

    def check(self) -> None:
        pass


@dataclasses.dataclass
class Child(Parent):
    def check(self) -> None:
        os.stat(self.name)


class AsyncLoud:
    async def __aenter__(self) -> int:
        print("enter")
        return 1

    async def __aexit__(self, *error: object) -> None:
        pass

    def __aiter__(self) -> AsyncIterator[int]:
        print("iter")
        return self.numbers()

    async def numbers(self) -> AsyncIterator[int]:
        yield 1

    def __await__(self) -> Generator[Any, None, None]:
        print("await")
        yield


@contextlib.asynccontextmanager
async def opened() -> AsyncIterator[int]:
    print("open")
    yield 1


@overload
def flexible(value: int) -> int: ...
@overload
def flexible(value: str) -> str: ...
def flexible(value: int | str) -> int | str:
    print(value)
    return value


def lru_cached() -> None:
    SANDBOX.execute(lambda broker: cached_load("x"))  # E: [capsafe-ambient] ReadFile


def lru_cached_clean() -> None:
    SANDBOX.execute(lambda broker: cached_square(2) + len(str(cached_square.cache_info())))


def single_dispatch() -> None:
    SANDBOX.execute(lambda broker: show(1))  # MISSED: [capsafe-ambient] Stdout  # FALSE: [capsafe-unknown]


def single_dispatch_clean() -> None:
    SANDBOX.execute(lambda broker: quietly(1))  # FALSE: [capsafe-unknown]


def descriptor_get() -> None:
    SANDBOX.execute(lambda broker: Things().text)  # E: [capsafe-ambient] ReadFile


def descriptor_set() -> None:
    def closure(broker: Broker[Never]) -> None:
        Things().number = 3  # E: [capsafe-ambient] Stdout

    SANDBOX.execute(closure)


def property_set() -> None:
    def closure(broker: Broker[Never]) -> None:
        Things().size = 3  # E: [capsafe-ambient] Stdout

    SANDBOX.execute(closure)


def property_delete() -> None:
    def closure(broker: Broker[Never]) -> None:
        del Things().size  # E: [capsafe-ambient] Stdout

    SANDBOX.execute(closure)


def property_clean() -> None:
    SANDBOX.execute(lambda broker: Things().size)


def class_as_decorator() -> None:
    SANDBOX.execute(lambda broker: traced(1))  # E: [capsafe-ambient] Stdout


def decorator_with_arguments() -> None:
    SANDBOX.execute(lambda broker: repeated_load("x"))  # E: [capsafe-ambient] ReadFile


def decorator_with_arguments_clean() -> None:
    SANDBOX.execute(lambda broker: repeated_square(2))


def registered_hook() -> None:
    SANDBOX.execute(lambda broker: hooked())  # E: [capsafe-ambient] Stdin


def registry_run() -> None:
    SANDBOX.execute(lambda broker: [f() for f in HOOKS])  # E: [capsafe-unknown]


def protocol_in_a_list() -> None:
    SANDBOX.execute(lambda broker: total([Square(1), Measured()]))  # E: [capsafe-ambient] ReadFile


def protocol_in_a_list_clean() -> None:
    SANDBOX.execute(lambda broker: total([Square(1), Square(2)]))


def protocol_parameter_unknown(shape: Shape) -> None:
    SANDBOX.execute(lambda broker: shape.area())  # E: [capsafe-unknown]


def stored_callback() -> None:
    SANDBOX.execute(lambda broker: Box("x", os.remove).open())  # E: [capsafe-ambient] WriteFile


def stored_callback_clean() -> None:
    SANDBOX.execute(lambda broker: Box("x", len).open())


def generic_map() -> None:
    SANDBOX.execute(lambda broker: Box("x").map(open))  # E: [capsafe-ambient] ReadFile


def generic_map_clean() -> None:
    SANDBOX.execute(lambda broker: Box("x").map(len).map(str).item)


def template_method() -> None:
    SANDBOX.execute(lambda broker: FromFile().run())  # E: [capsafe-ambient] ReadFile


def template_method_clean() -> None:
    SANDBOX.execute(lambda broker: FromText().run())


def template_method_overridden() -> None:
    SANDBOX.execute(lambda broker: Logged().run())  # E: [capsafe-ambient] Stdout


def mixin_super() -> None:
    SANDBOX.execute(lambda broker: Mixed(1).extra())  # E: [capsafe-ambient] ReadFile


def mixin_clean() -> None:
    SANDBOX.execute(lambda broker: Mixed(1).area())


def mapping_get() -> None:
    SANDBOX.execute(lambda broker: Table().get("a"))  # E: [capsafe-ambient] ReadFile


def mapping_items() -> None:
    SANDBOX.execute(lambda broker: dict(Table().items()))  # E: [capsafe-ambient] ReadFile


def mapping_length_clean() -> None:
    SANDBOX.execute(lambda broker: len(Table()))


def dict_missing() -> None:
    SANDBOX.execute(lambda broker: LoudDict()["a"])  # E: [capsafe-ambient] Stdout


def enum_missing() -> None:
    SANDBOX.execute(lambda broker: LoudEnum(2))  # E: [capsafe-ambient] Stdout


def meta_class_call() -> None:
    SANDBOX.execute(lambda broker: str(Made()))  # E: [capsafe-ambient] Stdout


def dunder_new() -> None:
    SANDBOX.execute(lambda broker: Newly() is None)  # E: [capsafe-ambient] Stdout


def attrs_factory() -> None:
    SANDBOX.execute(lambda broker: Attrs().name)  # E: [capsafe-ambient] ReadFile


def attrs_clean() -> None:
    SANDBOX.execute(lambda broker: PlainAttrs("a").name)


def named_tuple_method() -> None:
    SANDBOX.execute(lambda broker: Row("x").load())  # E: [capsafe-ambient] ReadFile


def named_tuple_method_clean() -> None:
    SANDBOX.execute(lambda broker: Row("x").upper())


def callable_field() -> None:
    SANDBOX.execute(lambda broker: Job(os.remove).go())  # E: [capsafe-ambient] WriteFile


def callable_field_clean() -> None:
    SANDBOX.execute(lambda broker: Job(len).go())


def post_init_calls_override() -> None:
    SANDBOX.execute(lambda broker: Child("x"))  # E: [capsafe-ambient]


def post_init_clean() -> None:
    SANDBOX.execute(lambda broker: Parent("x").name)


def async_with() -> None:
    async def closure(broker: Broker[Never]) -> int:
        async with AsyncLoud() as n:  # E: [capsafe-ambient] Stdout
            return n

    async def main() -> None:
        await SANDBOX.execute_async(closure)

    asyncio.run(main())


def async_with_function() -> None:
    async def closure(broker: Broker[Never]) -> int:
        async with opened() as n:  # E: [capsafe-ambient] Stdout
            return n

    async def main() -> None:
        await SANDBOX.execute_async(closure)

    asyncio.run(main())


def async_for() -> None:
    async def closure(broker: Broker[Never]) -> int:
        async for n in AsyncLoud():  # E: [capsafe-ambient] Stdout
            return n
        return 0

    async def main() -> None:
        await SANDBOX.execute_async(closure)

    asyncio.run(main())


def await_object() -> None:
    async def closure(broker: Broker[Never]) -> None:
        await AsyncLoud()  # E: [capsafe-ambient] Stdout

    async def main() -> None:
        await SANDBOX.execute_async(closure)

    asyncio.run(main())


def task_group() -> None:
    async def closure(broker: Broker[Never]) -> None:
        async def inner() -> None:
            print("x")

        async with asyncio.TaskGroup() as group:
            group.create_task(inner())  # E: [capsafe-ambient] Stdout

    async def main() -> None:
        await SANDBOX.execute_async(closure)

    asyncio.run(main())


def gathered_clean() -> None:
    async def closure(broker: Broker[Never]) -> list[int]:
        async def inner(n: int) -> int:
            return n

        return list(await asyncio.gather(inner(1), inner(2)))

    async def main() -> None:
        await SANDBOX.execute_async(closure)

    asyncio.run(main())


def overloaded() -> None:
    SANDBOX.execute(lambda broker: flexible(1))  # E: [capsafe-ambient] Stdout


def method_type() -> None:
    SANDBOX.execute(lambda broker: MethodType(open, "x")())  # E: [capsafe-ambient] ReadFile


def operator_methodcaller() -> None:
    SANDBOX.execute(lambda broker: operator.methodcaller("unlink")(Path("x")))  # E: [capsafe-unknown]


def operator_attrgetter_clean() -> None:
    SANDBOX.execute(lambda broker: sorted([Row("b"), Row("a")], key=operator.attrgetter("name")))


def map_of_bound_methods() -> None:
    SANDBOX.execute(lambda broker: list(map(Path.unlink, [Path("x")])))  # E: [capsafe-ambient] WriteFile


def starmap() -> None:
    SANDBOX.execute(lambda broker: list(itertools.starmap(os.rename, [("a", "b")])))  # E: [capsafe-ambient] WriteFile


def star_map_clean() -> None:
    SANDBOX.execute(lambda broker: list(itertools.starmap(pow, [(1, 2)])))


def default_dict_factory() -> None:
    def closure(broker: Broker[Never]) -> str:
        table: collections.defaultdict[str, str] = collections.defaultdict(load)  # E: [capsafe-ambient] ReadFile
        return table["a"]

    SANDBOX.execute(closure)


def iter_with_sentinel() -> None:
    SANDBOX.execute(lambda broker: list(iter(input, "")))  # E: [capsafe-ambient] Stdin


def exit_stack_callback() -> None:
    def closure(broker: Broker[Never]) -> None:
        with contextlib.ExitStack() as stack:
            stack.callback(os.remove, "x")  # E: [capsafe-ambient] WriteFile

    SANDBOX.execute(closure)


def exit_stack_enter() -> None:
    def closure(broker: Broker[Never]) -> str:
        with contextlib.ExitStack() as stack:
            return stack.enter_context(open("x")).read()  # E: [capsafe-ambient] ReadFile

    SANDBOX.execute(closure)


def weak_finalizer() -> None:
    def closure(broker: Broker[Never]) -> None:
        weakref.finalize(Square(1), os.remove, "x")  # E: [capsafe-ambient] WriteFile

    SANDBOX.execute(closure)


def timer() -> None:
    def closure(broker: Broker[Never]) -> None:
        threading.Timer(1, load).start()  # E: [capsafe-ambient]

    SANDBOX.execute(closure)


def pool_map() -> None:
    def closure(broker: Broker[Never]) -> list[str]:
        with ThreadPoolExecutor() as pool:  # E: [capsafe-ambient] Threads
            return list(pool.map(cached_load, ["x"]))  # E: [capsafe-ambient] ReadFile

    SANDBOX.execute(closure)


def process_pool() -> None:
    def closure(broker: Broker[Never]) -> None:
        ProcessPoolExecutor()  # E: [capsafe-ambient]

    SANDBOX.execute(closure)


def deep_copy_clean() -> None:
    SANDBOX.execute(lambda broker: copy.deepcopy(Row("x")))


def reduce_pure_helper_of_callbacks() -> None:
    def compose(*functions: Callable[[int], int]) -> Callable[[int], int]:
        return functools.reduce(lambda f, g: lambda n: g(f(n)), functions)

    SANDBOX.execute(lambda broker: compose(abs, lambda n: n + 1)(3))  # FALSE: [capsafe-unknown]


def composed_with_effect() -> None:
    def compose(*functions: Callable[[str], str]) -> Callable[[str], str]:
        return functools.reduce(lambda f, g: lambda n: g(f(n)), functions)

    SANDBOX.execute(lambda broker: compose(str.upper, input)("x"))  # E: [capsafe-ambient] Stdin  # FALSE: [capsafe-unknown]


def keyword_callbacks() -> None:
    def run(**actions: Callable[[str], object]) -> None:
        for action in actions.values():
            action("x")

    SANDBOX.execute(lambda broker: run(a=len, b=os.remove))  # E: [capsafe-ambient] WriteFile


def keyword_callbacks_clean() -> None:
    def run(**actions: Callable[[str], object]) -> None:
        for action in actions.values():
            action("x")

    SANDBOX.execute(lambda broker: run(a=len, b=str.upper))


def callback_in_a_container() -> None:
    def run(actions: list[Callable[[str], object]]) -> None:
        for action in actions:
            action("x")

    SANDBOX.execute(lambda broker: run([len, os.remove]))  # E: [capsafe-ambient] WriteFile


def callback_in_a_container_clean() -> None:
    def run(actions: list[Callable[[str], object]]) -> None:
        for action in actions:
            action("x")

    SANDBOX.execute(lambda broker: run([len, str.upper]))


def optional_callback_clean() -> None:
    def run(n: int, progress: Callable[[int], object] | None = None) -> int:
        if progress is not None:
            progress(n)
        return n

    SANDBOX.execute(lambda broker: run(1))


def optional_callback() -> None:
    def run(n: int, progress: Callable[[int], object] | None = None) -> int:
        if progress is not None:
            progress(n)
        return n

    SANDBOX.execute(lambda broker: run(1, print))  # E: [capsafe-ambient] Stdout
