"""Statements of a body, each with a use in it."""

import os
from collections.abc import Callable, Iterator
from typing import Never

from capsafe import Broker, Sandbox

SANDBOX = Sandbox[Never]()


class Loud:
    __match_args__ = ("x",)

    def __init__(self) -> None:
        self.y = 1

    @property
    def x(self) -> int:
        print("x")
        return 1

    def __enter__(self) -> "Loud":
        return self

    def __exit__(self, *error: object) -> None:
        print("exit")

    def __iter__(self) -> Iterator[int]:
        print("iter")
        return iter([1])

    def __bool__(self) -> bool:
        print("bool")
        return True

    def __del__(self) -> None:
        self.y = 0

    def __getitem__(self, n: int) -> int:
        print(n)
        return n

    def __lt__(self, other: object) -> bool:
        print("lt")
        return True


class LoudError(Exception):
    def __init__(self) -> None:
        super().__init__()
        print("error")


def statements_if() -> None:
    def closure(broker: Broker[Never], n: int) -> int:
        if n > 1:
            return 1
        elif os.path.exists("x"):  # E: [capsafe-ambient]
            return 2
        else:
            print("else")  # E: [capsafe-ambient] Stdout
        return 3

    SANDBOX.execute(closure, 1)


def statements_while() -> None:
    def closure(broker: Broker[Never]) -> None:
        while input():  # E: [capsafe-ambient] Stdin
            pass
        else:
            print("done")  # E: [capsafe-ambient] Stdout

    SANDBOX.execute(closure)


def statements_for_else() -> None:
    def closure(broker: Broker[Never]) -> None:
        for _ in range(3):
            pass
        else:
            print("done")  # E: [capsafe-ambient] Stdout

    SANDBOX.execute(closure)


def statements_for_over_object() -> None:
    def closure(broker: Broker[Never]) -> None:
        for _ in Loud():  # E: [capsafe-ambient] Stdout
            pass

    SANDBOX.execute(closure)


def unpacking_object() -> None:
    def closure(broker: Broker[Never]) -> int:
        (one,) = Loud()  # E: [capsafe-ambient] Stdout
        return one

    SANDBOX.execute(closure)


def starred_object_in_list() -> None:
    SANDBOX.execute(lambda broker: [*Loud()])  # E: [capsafe-ambient] Stdout


def starred_object_in_call() -> None:
    SANDBOX.execute(lambda broker: max(*Loud(), 1))  # E: [capsafe-ambient] Stdout


def try_and_handlers() -> None:
    def closure(broker: Broker[Never]) -> None:
        try:
            int("x")
        except ValueError:
            print("handler")  # E: [capsafe-ambient] Stdout
        else:
            print("else")  # E: [capsafe-ambient] Stdout
        finally:
            os.remove("x")  # E: [capsafe-ambient] WriteFile

    SANDBOX.execute(closure)


def exception_group_handler() -> None:
    def closure(broker: Broker[Never]) -> None:
        try:
            int("x")
        except* ValueError as group:
            print(group)  # E: [capsafe-ambient] Stdout

    SANDBOX.execute(closure)


def raise_with_effect() -> None:
    def closure(broker: Broker[Never]) -> None:
        raise LoudError  # E: [capsafe-ambient] Stdout

    SANDBOX.execute(closure)


def raise_call_with_effect() -> None:
    def closure(broker: Broker[Never]) -> None:
        raise LoudError()  # E: [capsafe-ambient] Stdout

    SANDBOX.execute(closure)


def assert_message() -> None:
    def closure(broker: Broker[Never], n: int) -> None:
        assert n, input("why? ")  # E: [capsafe-ambient] Stdin

    SANDBOX.execute(closure, 1)


def delete_file_by_del() -> None:
    def closure(broker: Broker[Never]) -> None:
        table = {"a": 1}
        del table[input()]  # E: [capsafe-ambient] Stdin

    SANDBOX.execute(closure)


def match_subject_and_body() -> None:
    def closure(broker: Broker[Never]) -> None:
        match input():  # E: [capsafe-ambient] Stdin
            case "a" if os.path.exists("x"):  # E: [capsafe-ambient]
                print("a")  # E: [capsafe-ambient] Stdout
            case _:
                pass

    SANDBOX.execute(closure)


def match_class_pattern_reads_attributes() -> None:
    def closure(broker: Broker[Never], thing: object) -> int:
        match thing:
            case Loud(x=n):  # E: [capsafe-ambient] Stdout
                return n
        return 0

    SANDBOX.execute(closure, 1)


def match_positional_pattern_reads_attributes() -> None:
    def closure(broker: Broker[Never], thing: object) -> int:
        match thing:
            case Loud(n):  # E: [capsafe-ambient] Stdout
                return n
        return 0

    SANDBOX.execute(closure, 1)


def match_captures_function() -> None:
    def closure(broker: Broker[Never]) -> None:
        match [os.remove, "x"]:
            case [f, path]:
                f(path)  # type: ignore[operator] # E: [capsafe-ambient] WriteFile

    SANDBOX.execute(closure)


def walrus_in_condition() -> None:
    def closure(broker: Broker[Never]) -> str:
        while (line := input()) != "":  # E: [capsafe-ambient] Stdin
            return line
        return ""

    SANDBOX.execute(closure)


def with_several() -> None:
    def closure(broker: Broker[Never]) -> None:
        with Loud(), open("x") as file:  # E: [capsafe-ambient]
            file.read()

    SANDBOX.execute(closure)


def subscript_of_object() -> None:
    SANDBOX.execute(lambda broker: Loud()[1])  # E: [capsafe-ambient] Stdout


def chained_comparison() -> None:
    SANDBOX.execute(lambda broker: 1 < 2 < len(input()))  # E: [capsafe-ambient] Stdin


def comparison_of_objects() -> None:
    SANDBOX.execute(lambda broker: Loud() < Loud())  # E: [capsafe-ambient] Stdout


def reflected_comparison() -> None:
    SANDBOX.execute(lambda broker: object() > Loud())  # E: [capsafe-ambient] Stdout


def truth_in_and() -> None:
    SANDBOX.execute(lambda broker: Loud() and 1)  # E: [capsafe-ambient] Stdout


def truth_in_conditional_expression() -> None:
    SANDBOX.execute(lambda broker: 1 if Loud() else 2)  # E: [capsafe-ambient] Stdout


def truth_in_comprehension() -> None:
    SANDBOX.execute(lambda broker: [1 for loud in [Loud()] if loud])  # E: [capsafe-ambient] Stdout


def truth_in_while() -> None:
    def closure(broker: Broker[Never]) -> None:
        while Loud():  # E: [capsafe-ambient] Stdout
            break

    SANDBOX.execute(closure)


def truth_in_any() -> None:
    SANDBOX.execute(lambda broker: any([Loud()]))  # E: [capsafe-ambient] Stdout


def truth_in_assert() -> None:
    def closure(broker: Broker[Never]) -> None:
        assert Loud()  # E: [capsafe-ambient] Stdout

    SANDBOX.execute(closure)


def class_body() -> None:
    def closure(broker: Broker[Never]) -> int:
        class Inner:
            text = open("x").read()  # E: [capsafe-ambient] ReadFile

        return len(Inner.text)

    SANDBOX.execute(closure)


def class_body_of_method_not_called() -> None:
    def closure(broker: Broker[Never]) -> int:
        class Inner:
            def method(self) -> None:
                print("never")

        return 1 if Inner else 0  # type: ignore[truthy-function]

    SANDBOX.execute(closure)


def class_with_init_subclass() -> None:
    class Parent:
        def __init_subclass__(cls) -> None:
            print("subclass")

    def closure(broker: Broker[Never]) -> int:
        class Child(Parent):  # E: [capsafe-ambient] Stdout
            pass

        return 1

    SANDBOX.execute(closure)


def decorator_inside() -> None:
    def shout(f: Callable[[], int]) -> Callable[[], int]:
        print("decorate")
        return f

    def closure(broker: Broker[Never]) -> int:
        @shout  # E: [capsafe-ambient] Stdout
        def inner() -> int:
            return 1

        return inner()

    SANDBOX.execute(closure)


def default_inside() -> None:
    def closure(broker: Broker[Never]) -> int:
        def inner(text: str = open("x").read()) -> int:  # E: [capsafe-ambient] ReadFile
            return len(text)

        return inner("")

    SANDBOX.execute(closure)


def lambda_called_at_once() -> None:
    SANDBOX.execute(lambda broker: (lambda path: open(path).read())("x"))  # E: [capsafe-ambient] ReadFile


def generator_expression_iterated() -> None:
    SANDBOX.execute(lambda broker: sum(len(open(p).read()) for p in ["x"]))  # E: [capsafe-ambient] ReadFile


def nested_comprehension() -> None:
    SANDBOX.execute(lambda broker: [[open(p).read() for p in row] for row in [["x"]]])  # E: [capsafe-ambient] ReadFile


def comprehension_condition() -> None:
    SANDBOX.execute(lambda broker: [p for p in ["x"] if os.path.isfile(p)])  # E: [capsafe-ambient]


def dict_comprehension_values() -> None:
    SANDBOX.execute(lambda broker: {p: os.stat(p) for p in ["x"]})  # E: [capsafe-ambient]


def slice_with_effect() -> None:
    SANDBOX.execute(lambda broker: [1, 2, 3][: int(input())])  # E: [capsafe-ambient] Stdin


def f_string_with_effect() -> None:
    SANDBOX.execute(lambda broker: f"{1:{input()}}")  # E: [capsafe-ambient] Stdin


def yield_in_closure() -> None:
    def numbers() -> Iterator[str]:
        yield input()

    SANDBOX.execute(lambda broker: next(numbers()))  # E: [capsafe-ambient] Stdin


def yield_from_in_closure() -> None:
    def numbers() -> Iterator[str]:
        yield from map(input, ["a"])

    SANDBOX.execute(lambda broker: list(numbers()))  # E: [capsafe-ambient] Stdin


def nonlocal_function() -> None:
    def closure(broker: Broker[Never]) -> None:
        action: Callable[[str], object] = len

        def choose() -> None:
            nonlocal action
            action = os.remove

        choose()
        action("x")  # MISSED: [capsafe-ambient] WriteFile

    SANDBOX.execute(closure)


def reassigned_in_loop() -> None:
    def closure(broker: Broker[Never]) -> None:
        action: Callable[[str], object] = len
        for _ in range(2):
            action("x")  # E: [capsafe-ambient] WriteFile
            action = os.remove

    SANDBOX.execute(closure)


def attribute_assigned_a_function() -> None:
    class Holder:
        action: Callable[[str], object] = staticmethod(len)

    def closure(broker: Broker[Never]) -> None:
        holder = Holder()
        holder.action = os.remove
        holder.action("x")  # E: [capsafe-ambient] WriteFile

    SANDBOX.execute(closure)


def item_assigned_a_function() -> None:
    def closure(broker: Broker[Never]) -> None:
        table: dict[str, Callable[[str], object]] = {}
        table["rm"] = os.remove
        table["rm"]("x")  # E: [capsafe-ambient] WriteFile

    SANDBOX.execute(closure)


def unreachable_code_by_type_checking() -> None:
    from typing import TYPE_CHECKING

    def closure(broker: Broker[Never]) -> int:
        if TYPE_CHECKING:
            print("never runs")
        return 1

    SANDBOX.execute(closure)


def clean_loop() -> None:
    def closure(broker: Broker[Never]) -> int:
        total = 0
        for n in range(10):
            if n % 2:
                continue
            total += n
        else:
            total -= 1
        while total > 3:
            total //= 2
        return total

    SANDBOX.execute(closure)


def clean_match() -> None:
    def closure(broker: Broker[Never], value: object) -> str:
        match value:
            case int(n) if n > 3:
                return "large"
            case [first, *rest]:
                return str(first) + str(len(rest))
            case {"a": a, **others}:
                return str(a) + str(len(others))
            case str() | bytes():
                return "text"
            case _:
                return ""

    SANDBOX.execute(closure, 1)


def clean_walrus() -> None:
    SANDBOX.execute(lambda broker: [half for n in range(9) if (half := n // 2) > 1])


def clean_handler() -> None:
    def closure(broker: Broker[Never], text: str) -> int | None:
        try:
            return int(text)
        except (ValueError, TypeError) as error:
            if error.args:
                return len(str(error))
            return None
        finally:
            text = ""

    SANDBOX.execute(closure, "1")


def clean_nested_functions() -> None:
    def closure(broker: Broker[Never], n: int) -> int:
        cache: dict[int, int] = {}

        def fibonacci(k: int) -> int:
            if k not in cache:
                cache[k] = k if k < 2 else fibonacci(k - 1) + fibonacci(k - 2)
            return cache[k]

        return fibonacci(n)

    SANDBOX.execute(closure, 10)


def clean_generator() -> None:
    def closure(broker: Broker[Never]) -> list[int]:
        def squares(limit: int) -> Iterator[int]:
            for n in range(limit):
                got = yield n * n
                del got

        return [n for n in squares(5)]

    SANDBOX.execute(closure)


def clean_global_constant() -> None:
    SANDBOX.execute(lambda broker: [name for name in __name__.split(".")])


def clean_unused_parameter(file_name: str) -> None:
    SANDBOX.execute(lambda broker: file_name.removesuffix(".txt"))


def clean_delete() -> None:
    def closure(broker: Broker[Never]) -> list[int]:
        values = [1, 2, 3]
        del values[0], values[-1]
        values[0] += 1
        return values

    SANDBOX.execute(closure)
