"""Functions that call functions."""

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Never, ParamSpec, TypeVar

from capsafe import Broker, Sandbox
from transitive import helpers
from transitive.helpers import even, ping, remove

SANDBOX = Sandbox[Never]()
P = ParamSpec("P")
R = TypeVar("R")


def write(text: str) -> None:
    with open("notes.txt", "w") as file:
        file.write(text)


def one_level() -> None:
    SANDBOX.execute(lambda broker: write("x"))  # E: [capsafe-ambient] WriteFile


def two_levels_in_other_modules() -> None:
    SANDBOX.execute(lambda broker: helpers.remove("notes.txt"))  # E: [capsafe-ambient] transitive.far.really_remove


def imported_by_name() -> None:
    SANDBOX.execute(lambda broker: remove("notes.txt"))  # E: [capsafe-ambient] far.py


def mutual_recursion() -> None:
    SANDBOX.execute(lambda broker: ping(5))  # E: [capsafe-ambient] Stdout


def mutual_recursion_pure() -> None:
    SANDBOX.execute(lambda broker: even(5))


def nested_function() -> None:
    def closure(broker: Broker[Never]) -> None:
        def inner() -> None:
            write("x")

        inner()  # E: [capsafe-ambient] WriteFile

    SANDBOX.execute(closure)


def nested_function_not_called() -> None:
    def closure(broker: Broker[Never]) -> int:
        def inner() -> None:
            write("x")

        del inner
        return 1

    SANDBOX.execute(closure)


def logged(function: Callable[P, R]) -> Callable[P, R]:
    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        print("called")
        return function(*args, **kwargs)

    return wrapper


def silent(function: Callable[P, R]) -> Callable[P, R]:
    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        return function(*args, **kwargs)

    return wrapper


@logged
def decorated_double(n: int) -> int:
    return n * 2


@silent
def silently_double(n: int) -> int:
    return n * 2


@silent
def silently_shout(n: int) -> None:
    print(n)


def decorator() -> None:
    SANDBOX.execute(lambda broker: decorated_double(2))  # E: [capsafe-ambient] Stdout


def decorator_pure() -> None:
    SANDBOX.execute(lambda broker: silently_double(2))


def decorator_around_impure() -> None:
    SANDBOX.execute(lambda broker: silently_shout(2))  # E: [capsafe-ambient] Stdout


@contextlib.contextmanager
def announced() -> Iterator[int]:
    print("enter")
    yield 1


@contextlib.contextmanager
def quiet() -> Iterator[int]:
    yield 1


class Announcing:
    def __enter__(self) -> int:
        return 1

    def __exit__(self, *error: object) -> None:
        print("leave")


def context_manager_function() -> None:
    def closure(broker: Broker[Never]) -> int:
        with announced() as n:  # E: [capsafe-ambient] Stdout
            return n

    SANDBOX.execute(closure)


def context_manager_class() -> None:
    def closure(broker: Broker[Never]) -> int:
        with Announcing() as n:  # E: [capsafe-ambient] Stdout
            return n

    SANDBOX.execute(closure)


def context_manager_pure() -> None:
    def closure(broker: Broker[Never]) -> int:
        with quiet() as n:
            return n

    SANDBOX.execute(closure)


def lines() -> Iterator[str]:
    with open("notes.txt") as file:
        yield from file


def counts() -> Iterator[int]:
    yield 1
    yield 2


def generator() -> None:
    SANDBOX.execute(lambda broker: list(lines()))  # E: [capsafe-ambient] ReadFile


def generator_in_for() -> None:
    def closure(broker: Broker[Never]) -> int:
        total = 0
        for line in lines():  # E: [capsafe-ambient] ReadFile
            total += len(line)
        return total

    SANDBOX.execute(closure)


def generator_pure() -> None:
    SANDBOX.execute(lambda broker: sum(counts()))


async def fetch() -> str:
    with open("notes.txt") as file:
        return file.read()


async def compute() -> int:
    return 1


def asynchronous() -> None:
    async def closure(broker: Broker[Never]) -> str:
        return await fetch()  # E: [capsafe-ambient] ReadFile

    async def main() -> None:
        await SANDBOX.execute_async(closure)

    asyncio.run(main())


def asynchronous_pure() -> None:
    async def closure(broker: Broker[Never]) -> int:
        return await compute()

    async def main() -> None:
        await SANDBOX.execute_async(closure)

    asyncio.run(main())


def asynchronous_generator() -> None:
    async def produce() -> AsyncIterator[str]:
        yield open("notes.txt").read()

    async def closure(broker: Broker[Never]) -> list[str]:
        return [text async for text in produce()]  # E: [capsafe-ambient] ReadFile

    async def main() -> None:
        await SANDBOX.execute_async(closure)

    asyncio.run(main())


def to_thread() -> None:
    async def closure(broker: Broker[Never]) -> None:
        await asyncio.to_thread(write, "x")  # E: [capsafe-ambient]

    async def main() -> None:
        await SANDBOX.execute_async(closure)

    asyncio.run(main())


def pure_helper_beside_impure_ones() -> None:
    SANDBOX.execute(lambda broker: helpers.pure(2))
