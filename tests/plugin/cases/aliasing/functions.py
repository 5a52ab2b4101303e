"""Functions under other names."""

import builtins
import os
import os as operating
from collections.abc import Callable
from os import remove
from os import remove as erase
from typing import Never

from aliasing import exports, facade
from aliasing.exports import *
from capsafe import Broker, Sandbox

SANDBOX = Sandbox[Never]()
global_open = open
TABLE = {"r": os.remove, "u": os.unlink}


class Holder:
    def __init__(self) -> None:
        self.erase = os.remove


holder = Holder()


def local_alias() -> None:
    def closure(broker: Broker[Never]) -> None:
        o = os.remove
        o("notes.txt")  # E: [capsafe-ambient] WriteFile

    SANDBOX.execute(closure)


def global_alias() -> None:
    SANDBOX.execute(lambda broker: global_open("notes.txt").close())  # E: [capsafe-ambient] ReadFile


def from_import() -> None:
    SANDBOX.execute(lambda broker: remove("notes.txt"))  # E: [capsafe-ambient] WriteFile


def from_import_as() -> None:
    SANDBOX.execute(lambda broker: erase("notes.txt"))  # E: [capsafe-ambient] WriteFile


def module_alias() -> None:
    SANDBOX.execute(lambda broker: operating.remove("notes.txt"))  # E: [capsafe-ambient] WriteFile


def star_import() -> None:
    SANDBOX.execute(lambda broker: starred_remove("notes.txt"))  # E: [capsafe-ambient] WriteFile


def reexport() -> None:
    SANDBOX.execute(lambda broker: facade.rm("notes.txt"))  # E: [capsafe-ambient] WriteFile


def getattr_constant() -> None:
    def closure(broker: Broker[Never]) -> None:
        getattr(os, "remove")("notes.txt")  # E: [capsafe-ambient] WriteFile

    SANDBOX.execute(closure)


def getattr_computed() -> None:
    def closure(broker: Broker[Never], name: str) -> None:
        getattr(os, name)("notes.txt")  # E: [capsafe-unknown]

    SANDBOX.execute(closure, "remove")


def dict_dispatch() -> None:
    SANDBOX.execute(lambda broker: TABLE["r"]("notes.txt"))  # E: [capsafe-ambient] WriteFile


def default_argument() -> None:
    def helper(path: str, eraser: Callable[[str], None] = os.remove) -> None:
        eraser(path)

    SANDBOX.execute(lambda broker: helper("notes.txt"))  # E: [capsafe-ambient] WriteFile


def stored_attribute() -> None:
    SANDBOX.execute(lambda broker: holder.erase("notes.txt"))  # E: [capsafe-ambient] WriteFile


def module_dictionary() -> None:
    def closure(broker: Broker[Never]) -> None:
        os.__dict__["remove"]("notes.txt")  # E: [capsafe-unknown]

    SANDBOX.execute(closure)


def tuple_unpacking() -> None:
    def closure(broker: Broker[Never]) -> None:
        length, eraser = len, os.remove
        length([])
        eraser("notes.txt")  # E: [capsafe-ambient] WriteFile

    SANDBOX.execute(closure)


def walrus() -> None:
    def closure(broker: Broker[Never]) -> None:
        (f := os.remove)("other.txt")  # E: [capsafe-ambient] WriteFile
        f("notes.txt")  # E: [capsafe-ambient] WriteFile

    SANDBOX.execute(closure)


def conditional_expression(flag: bool) -> None:
    def closure(broker: Broker[Never]) -> None:
        (os.remove if flag else os.rmdir)("notes.txt")  # E: [capsafe-ambient] WriteFile

    SANDBOX.execute(closure)


def boolean_or() -> None:
    def closure(broker: Broker[Never]) -> None:
        chosen = None
        (chosen or os.remove)("notes.txt")  # E: [capsafe-ambient] WriteFile

    SANDBOX.execute(closure)


def loop_over_functions() -> None:
    def closure(broker: Broker[Never]) -> None:
        for action in (os.remove, os.rmdir):
            action("notes.txt")  # E: [capsafe-ambient] WriteFile

    SANDBOX.execute(closure)


def list_of_functions() -> None:
    def closure(broker: Broker[Never]) -> None:
        actions = [os.rmdir]
        actions.append(os.remove)
        actions[-1]("notes.txt")  # E: [capsafe-ambient] WriteFile

    SANDBOX.execute(closure)


def table_in_other_module() -> None:
    SANDBOX.execute(lambda broker: exports.ACTIONS["rm"]("notes.txt"))  # E: [capsafe-ambient] WriteFile


def table_lookup_with_get() -> None:
    def closure(broker: Broker[Never]) -> None:
        action = TABLE.get("r")
        if action is not None:
            action("notes.txt")  # E: [capsafe-ambient] WriteFile

    SANDBOX.execute(closure)


def table_values() -> None:
    def closure(broker: Broker[Never]) -> None:
        for action in TABLE.values():
            action("notes.txt")  # E: [capsafe-ambient] WriteFile

    SANDBOX.execute(closure)


def table_items() -> None:
    def closure(broker: Broker[Never]) -> None:
        for _, action in TABLE.items():
            action("notes.txt")  # E: [capsafe-ambient] WriteFile

    SANDBOX.execute(closure)


def alias_of_alias() -> None:
    SANDBOX.execute(lambda broker: exports.second("notes.txt"))  # E: [capsafe-ambient] WriteFile


def class_alias() -> None:
    SANDBOX.execute(lambda broker: exports.P("notes.txt").read_text())  # E: [capsafe-ambient] ReadFile


def module_in_variable() -> None:
    def closure(broker: Broker[Never]) -> None:
        b = builtins
        b.open("notes.txt").close()  # E: [capsafe-ambient] ReadFile

    SANDBOX.execute(closure)


def pure_table() -> None:
    """A table of pure functions is pure."""
    actions: dict[str, Callable[[int], int]] = {"abs": abs, "neg": lambda n: -n}
    SANDBOX.execute(lambda broker: actions["abs"](-1))


def pure_alias() -> None:
    SANDBOX.execute(lambda broker: exports.length([1, 2]))


def pure_entry_beside_an_impure_module_alias() -> None:
    SANDBOX.execute(lambda broker: facade.double(2))


def default_argument_replaced() -> None:
    def helper(path: str, action: Callable[[str], object] = os.remove) -> str:
        return str(action(path))

    SANDBOX.execute(lambda broker: helper("notes.txt", len))


def pure_loop() -> None:
    def closure(broker: Broker[Never]) -> int:
        return sum(f(-1) for f in (abs, int))

    SANDBOX.execute(closure)
