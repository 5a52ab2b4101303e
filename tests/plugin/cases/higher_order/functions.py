"""Functions that are passed on."""

import atexit
import functools
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from threading import Thread
from typing import Never, TypeVar

from capsafe import Broker, Sandbox

SANDBOX = Sandbox[Never]()
T = TypeVar("T")
R = TypeVar("R")


def apply(f: Callable[[T], R], value: T) -> R:
    return f(value)


def twice(f: Callable[[T], T], value: T) -> T:
    return apply(f, apply(f, value))


def shout(text: str) -> str:
    print(text)
    return text


def each(f: Callable[[T], object], values: Iterable[T]) -> None:
    for value in values:
        f(value)


def make_eraser() -> Callable[[str], None]:
    def erase(path: str) -> None:
        os.remove(path)

    return erase


def compose(f: Callable[[T], R], g: Callable[[R], object]) -> Callable[[T], object]:
    return lambda value: g(f(value))


def builtin_map() -> None:
    SANDBOX.execute(lambda broker: list(map(os.remove, ["notes.txt"])))  # E: [capsafe-ambient] WriteFile


def partial() -> None:
    def closure(broker: Broker[Never]) -> None:
        functools.partial(os.remove, "notes.txt")()  # E: [capsafe-ambient] WriteFile

    SANDBOX.execute(closure)


def partial_by_name() -> None:
    def closure(broker: Broker[Never]) -> None:
        erase = functools.partial(os.remove)  # E: [capsafe-ambient] WriteFile
        erase("notes.txt")  # E: [capsafe-ambient] WriteFile

    SANDBOX.execute(closure)


def callback_builtin() -> None:
    SANDBOX.execute(lambda broker: apply(os.remove, "notes.txt"))  # E: [capsafe-ambient] WriteFile


def callback_lambda() -> None:
    SANDBOX.execute(lambda broker: apply(lambda p: open(p).read(), "notes.txt"))  # E: [capsafe-ambient] ReadFile


def callback_user() -> None:
    SANDBOX.execute(lambda broker: apply(shout, "hello"))  # E: [capsafe-ambient] Stdout


def callback_two_levels() -> None:
    SANDBOX.execute(lambda broker: twice(shout, "hello"))  # E: [capsafe-ambient] Stdout


def sorted_key() -> None:
    SANDBOX.execute(lambda broker: sorted(["a"], key=os.path.getsize))  # E: [capsafe-ambient]


def list_sort_key() -> None:
    def closure(broker: Broker[Never]) -> list[str]:
        names = ["a", "b"]
        names.sort(key=os.path.getmtime)  # E: [capsafe-ambient]
        return names

    SANDBOX.execute(closure)


def max_key() -> None:
    SANDBOX.execute(lambda broker: max(["a"], key=lambda p: os.stat(p).st_size))  # E: [capsafe-ambient]


def filter_function() -> None:
    SANDBOX.execute(lambda broker: list(filter(os.path.isfile, ["a"])))  # E: [capsafe-ambient]


def reduce_function() -> None:
    def closure(broker: Broker[Never]) -> str:
        return functools.reduce(lambda a, b: a + open(b).read(), ["a"], "")  # E: [capsafe-ambient] ReadFile

    SANDBOX.execute(closure)


def returned_closure() -> None:
    SANDBOX.execute(lambda broker: make_eraser()("notes.txt"))  # E: [capsafe-ambient] WriteFile


def composed() -> None:
    SANDBOX.execute(lambda broker: compose(str, print)(1))  # E: [capsafe-ambient] Stdout


def each_value() -> None:
    SANDBOX.execute(lambda broker: each(os.remove, ["notes.txt"]))  # E: [capsafe-ambient] WriteFile


def thread() -> None:
    def closure(broker: Broker[Never]) -> None:
        Thread(target=os.remove, args=("notes.txt",)).start()  # E: [capsafe-ambient]

    SANDBOX.execute(closure)


def executor() -> None:
    def closure(broker: Broker[Never]) -> None:
        with ThreadPoolExecutor() as pool:  # E: [capsafe-ambient] Threads
            pool.submit(os.remove, "notes.txt")  # E: [capsafe-ambient] WriteFile

    SANDBOX.execute(closure)


def at_exit() -> None:
    def closure(broker: Broker[Never]) -> None:
        atexit.register(os.remove, "notes.txt")  # E: [capsafe-ambient] WriteFile

    SANDBOX.execute(closure)


def bound_method_passed() -> None:
    from pathlib import Path

    path = Path("notes.txt")
    SANDBOX.execute(lambda broker: apply(path.write_text, "x"))  # E: [capsafe-ambient] WriteFile


def function_in_keyword() -> None:
    SANDBOX.execute(lambda broker: apply(value="notes.txt", f=os.remove))  # E: [capsafe-ambient] WriteFile


def function_in_star() -> None:
    def closure(broker: Broker[Never]) -> None:
        arguments = (os.remove, "notes.txt")
        apply(*arguments)  # E: [capsafe-ambient] WriteFile

    SANDBOX.execute(closure)


def map_pure() -> None:
    SANDBOX.execute(lambda broker: list(map(abs, [1, -1])))


def apply_pure() -> None:
    """The same helper as in the cases above: the impure callers do not taint this one."""
    SANDBOX.execute(lambda broker: apply(abs, -1))


def apply_pure_lambda() -> None:
    SANDBOX.execute(lambda broker: apply(lambda n: n + 1, 1))


def twice_pure() -> None:
    SANDBOX.execute(lambda broker: twice(str.upper, "a"))


def each_append() -> None:
    def closure(broker: Broker[Never]) -> list[int]:
        found: list[int] = []
        each(found.append, [1, 2])
        return found

    SANDBOX.execute(closure)


def compose_pure() -> None:
    SANDBOX.execute(lambda broker: compose(str, len)(1))


def sorted_key_pure() -> None:
    SANDBOX.execute(lambda broker: sorted(["b", "a"], key=str.lower))


def reduce_pure() -> None:
    SANDBOX.execute(lambda broker: functools.reduce(lambda a, b: a * b, [1, 2, 3], 1))


def partial_pure() -> None:
    SANDBOX.execute(lambda broker: functools.partial(int, base=2)("101"))
