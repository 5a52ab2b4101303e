"""Code that is found, made or loaded while it runs."""

import builtins
import ctypes
import gc
import importlib
import inspect
import operator
import sys
from typing import Any, Never

from capsafe import Broker, Sandbox

SANDBOX = Sandbox[Never]()


def import_in_function() -> None:
    def closure(broker: Broker[Never]) -> None:
        import os

        os.remove("notes.txt")  # E: [capsafe-ambient] WriteFile

    SANDBOX.execute(closure)


def from_import_in_function() -> None:
    def closure(broker: Broker[Never]) -> None:
        from os import remove

        remove("notes.txt")  # E: [capsafe-ambient] WriteFile

    SANDBOX.execute(closure)


def import_with_effects() -> None:
    def closure(broker: Broker[Never]) -> None:
        import dynamic.noisy  # E: [capsafe-ambient]

    SANDBOX.execute(closure)


def import_without_effects() -> None:
    def closure(broker: Broker[Never]) -> float:
        import math

        return math.sqrt(4)

    SANDBOX.execute(closure)


def import_of_own_module_without_effects() -> None:
    """Its file is read where no file may be."""

    def closure(broker: Broker[Never]) -> int:
        from dynamic.quiet import double  # E: [capsafe-ambient] Import

        return double(2)

    SANDBOX.execute(closure)


def import_module() -> None:
    def closure(broker: Broker[Never]) -> None:
        importlib.import_module("os").remove("notes.txt")  # E: [capsafe-unknown] [capsafe-ambient]

    SANDBOX.execute(closure)


def dunder_import() -> None:
    def closure(broker: Broker[Never]) -> None:
        __import__("os").remove("notes.txt")  # E: [capsafe-unknown] [capsafe-ambient]

    SANDBOX.execute(closure)


def sys_modules() -> None:
    def closure(broker: Broker[Never]) -> None:
        sys.modules["os"].remove("notes.txt")  # E: [capsafe-unknown] [capsafe-ambient]

    SANDBOX.execute(closure)


def run_exec() -> None:
    SANDBOX.execute(lambda broker: exec("open('notes.txt')"))  # E: [capsafe-unknown]


def run_eval() -> None:
    def closure(broker: Broker[Never]) -> int:
        return int(eval("1 + 1"))  # E: [capsafe-unknown]

    SANDBOX.execute(closure)


def run_compiled() -> None:
    def closure(broker: Broker[Never]) -> None:
        code = compile("1", "x", "eval")
        eval(code)  # E: [capsafe-unknown]

    SANDBOX.execute(closure)


def load_library() -> None:
    def closure(broker: Broker[Never]) -> None:
        ctypes.CDLL("libc.so.6")  # E: [capsafe-unknown] [capsafe-ambient]

    SANDBOX.execute(closure)


def call_globals() -> None:
    def closure(broker: Broker[Never]) -> None:
        globals()["run_exec"]()  # E: [capsafe-unknown]

    SANDBOX.execute(closure)


def call_vars() -> None:
    def closure(broker: Broker[Never]) -> None:
        vars(builtins)["open"]("notes.txt")  # E: [capsafe-unknown]

    SANDBOX.execute(closure)


def subclasses() -> None:
    def closure(broker: Broker[Never]) -> int:
        return len(object.__subclasses__())  # E: [capsafe-unknown]

    SANDBOX.execute(closure)


def subclasses_of_a_tuple() -> None:
    def closure(broker: Broker[Never]) -> int:
        return len(().__class__.__base__.__subclasses__())  # type: ignore[union-attr] # E: [capsafe-unknown]

    SANDBOX.execute(closure)


def function_globals() -> None:
    def closure(broker: Broker[Never]) -> None:
        run_exec.__globals__["run_eval"]()  # E: [capsafe-unknown]

    SANDBOX.execute(closure)


def frames() -> None:
    def closure(broker: Broker[Never]) -> int:
        frame = inspect.currentframe()  # E: [capsafe-unknown]
        return 0 if frame is None else 1

    SANDBOX.execute(closure)


def own_frame() -> None:
    def closure(broker: Broker[Never]) -> int:
        return sys._getframe().f_lineno  # E: [capsafe-unknown]

    SANDBOX.execute(closure)


def garbage() -> None:
    def closure(broker: Broker[Never]) -> int:
        return len(gc.get_objects())  # E: [capsafe-unknown]

    SANDBOX.execute(closure)


def dunder_builtins() -> None:
    def closure(broker: Broker[Never]) -> None:
        builtins.__dict__["open"]("notes.txt")  # E: [capsafe-unknown]

    SANDBOX.execute(closure)


def attrgetter() -> None:
    def closure(broker: Broker[Never]) -> None:
        operator.attrgetter("remove")(importlib)()  # E: [capsafe-unknown]

    SANDBOX.execute(closure)


def any_parameter() -> None:
    def closure(broker: Broker[Never], thing: Any) -> None:
        thing.run()  # E: [capsafe-unknown]

    SANDBOX.execute(closure, len)


def any_from_json() -> None:
    """Data out of a decoder is data."""
    import json

    def closure(broker: Broker[Never]) -> str:
        rows = json.loads("[]")
        return ",".join(str(row["name"]).upper() for row in rows)

    SANDBOX.execute(closure)


def getattr_constant_of_data() -> None:
    SANDBOX.execute(lambda broker: getattr("text", "upper")())


def getattr_with_default() -> None:
    def closure(broker: Broker[Never]) -> int:
        return int(getattr(1, "numerator", 0))

    SANDBOX.execute(closure)


def isinstance_and_type() -> None:
    SANDBOX.execute(lambda broker: isinstance(1, int) and type(1).__name__)


def setattr_on_own_object() -> None:
    class Thing:
        name = ""

    def closure(broker: Broker[Never]) -> str:
        thing = Thing()
        setattr(thing, "name", "x")
        return thing.name

    SANDBOX.execute(closure)


def literal_eval() -> None:
    import ast

    def closure(broker: Broker[Never]) -> object:
        return ast.literal_eval("[1, 2]")

    SANDBOX.execute(closure)
