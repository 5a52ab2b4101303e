"""Closures by name, of all kinds, and where they are flagged."""

import functools
from collections.abc import Callable
from typing import Never

from capsafe import Broker, Sandbox
from closures import jobs
from closures.jobs import Jobs, computes, opens

SANDBOX = Sandbox[Never]()


def module_level(broker: Broker[Never]) -> str:
    return open("notes.txt").read()  # E: [capsafe-ambient] ReadFile


def with_arguments(broker: Broker[Never], path: str, *, times: int = 1) -> str:
    return open(path).read() * times  # E: [capsafe-ambient] ReadFile


def clean_with_arguments(broker: Broker[Never], path: str, *, times: int = 1) -> str:
    return path * times


def with_callback(broker: Broker[Never], f: Callable[[str], object]) -> None:
    f("notes.txt")  # E: [capsafe-ambient] ReadFile


def with_clean_callback(broker: Broker[Never], f: Callable[[str], object]) -> None:
    f("notes.txt")


named_lambda = lambda broker: open("notes.txt").read()  # E: [capsafe-ambient] ReadFile


class Work:
    def __init__(self) -> None:
        self.path = "notes.txt"

    def method(self, broker: Broker[Never]) -> str:
        return open(self.path).read()  # E: [capsafe-ambient] ReadFile

    def clean_method(self, broker: Broker[Never]) -> str:
        return self.path.upper()

    @staticmethod
    def static(broker: Broker[Never]) -> None:
        print("hello")  # E: [capsafe-ambient] Stdout

    @classmethod
    def of_class(cls, broker: Broker[Never]) -> None:
        print(cls)  # E: [capsafe-ambient] Stdout

    def __call__(self, broker: Broker[Never]) -> None:
        print("called")  # E: [capsafe-ambient] Stdout

    def run(self) -> None:
        SANDBOX.execute(self.method)

    def run_clean(self) -> None:
        SANDBOX.execute(self.clean_method)


class CleanCallable:
    def __call__(self, broker: Broker[Never]) -> int:
        return 1


def make(path: str) -> Callable[[Broker[Never]], str]:
    def inner(broker: Broker[Never]) -> str:
        return open(path).read()  # E: [capsafe-ambient] ReadFile

    return inner


def make_clean(path: str) -> Callable[[Broker[Never]], str]:
    return lambda broker: path.upper()


def function_of_the_module() -> None:
    SANDBOX.execute(module_level)


def function_with_arguments() -> None:
    SANDBOX.execute(with_arguments, "notes.txt", times=2)


def function_with_arguments_clean() -> None:
    SANDBOX.execute(clean_with_arguments, "notes.txt", times=2)


def function_given_a_callback() -> None:
    SANDBOX.execute(with_callback, open)


def function_given_a_clean_callback() -> None:
    SANDBOX.execute(with_clean_callback, len)


def lambda_with_a_name() -> None:
    SANDBOX.execute(named_lambda)


def lambda_with_a_local_name() -> None:
    closure = lambda broker: open("notes.txt").read()  # E: [capsafe-ambient] ReadFile
    SANDBOX.execute(closure)


def method_of_an_object() -> None:
    SANDBOX.execute(Work().method)


def clean_method_of_an_object() -> None:
    SANDBOX.execute(Work().clean_method)


def static_method() -> None:
    SANDBOX.execute(Work.static)


def class_method() -> None:
    SANDBOX.execute(Work.of_class)


def callable_object() -> None:
    SANDBOX.execute(Work())


def callable_object_clean() -> None:
    SANDBOX.execute(CleanCallable())


def function_of_another_module() -> None:
    SANDBOX.execute(opens)  # E: [capsafe-ambient] ReadFile


def function_of_another_module_by_attribute() -> None:
    SANDBOX.execute(jobs.opens)  # E: [capsafe-ambient] ReadFile


def function_of_another_module_clean() -> None:
    SANDBOX.execute(computes)


def method_of_another_module() -> None:
    SANDBOX.execute(Jobs().opens)  # E: [capsafe-ambient] ReadFile


def static_method_of_another_module() -> None:
    SANDBOX.execute(Jobs.prints)  # E: [capsafe-ambient] Stdout


def static_method_of_another_module_clean() -> None:
    SANDBOX.execute(Jobs.computes)


def partial_of_a_function() -> None:
    SANDBOX.execute(functools.partial(with_arguments, path="notes.txt"))


def partial_of_a_function_clean() -> None:
    SANDBOX.execute(functools.partial(clean_with_arguments, path="notes.txt"))


def returned_closure() -> None:
    SANDBOX.execute(make("notes.txt"))


def returned_closure_clean() -> None:
    SANDBOX.execute(make_clean("notes.txt"))


def builtin_as_closure() -> None:
    SANDBOX.execute(print)  # E: [capsafe-ambient] Stdout


def builtin_as_closure_clean() -> None:
    SANDBOX.execute(id)


def conditional_closure(flag: bool) -> None:
    SANDBOX.execute(opens if flag else computes)  # E: [capsafe-ambient] ReadFile


def closure_of_a_parameter(closure: Callable[[Broker[Never]], int]) -> None:
    SANDBOX.execute(closure)  # E: [capsafe-unknown] closure


def closure_out_of_a_table() -> None:
    table = {"opens": opens, "also": jobs.opens}
    SANDBOX.execute(table["opens"])  # E: [capsafe-ambient] ReadFile


def closure_out_of_a_loop() -> None:
    for closure in (computes, Jobs.computes):
        SANDBOX.execute(closure)


def lambda_over_several_lines() -> None:
    SANDBOX.execute(
        lambda broker: [
            "a",
            open("notes.txt").read(),  # E: [capsafe-ambient] ReadFile
            str(1),
        ]
    )


def defaults_are_evaluated_outside() -> None:
    def closure(broker: Broker[Never], text: str = open("notes.txt").read()) -> str:
        return text.upper()

    SANDBOX.execute(closure)


def twice_the_same_closure() -> None:
    def closure(broker: Broker[Never]) -> None:
        print("hello")  # E: [capsafe-ambient] Stdout

    SANDBOX.execute(closure)
    SANDBOX.execute(closure)


def arguments_are_evaluated_outside() -> None:
    SANDBOX.execute(lambda broker, text: text.upper(), open("notes.txt").read())


def closure_with_a_decorator() -> None:
    def noisy(f: Callable[[Broker[Never]], int]) -> Callable[[Broker[Never]], int]:
        print("decorating")
        return f

    @noisy
    def closure(broker: Broker[Never]) -> int:
        return 1

    SANDBOX.execute(closure)


def recursive_closure() -> None:
    def closure(broker: Broker[Never], n: int) -> int:
        return 1 if n < 2 else n * closure(broker, n - 1)

    SANDBOX.execute(closure, 5)
