"""Names that come by way of imports, and imports in bodies."""

from typing import TYPE_CHECKING, Never

import imports.pack
import imports.pack.lazy as lazy
from capsafe import Broker, Sandbox
from imports import loud, options, pack
from imports.pack import deep, own, own_clean, starred, starred_clean
from imports.pack.inner.deep import hidden as concealed

if TYPE_CHECKING:
    import subprocess

SANDBOX = Sandbox[Never]()


def helper_in_package_init() -> None:
    SANDBOX.execute(lambda broker: own("x"))  # E: [capsafe-ambient] ReadFile


def helper_in_package_init_by_path() -> None:
    SANDBOX.execute(lambda broker: imports.pack.own("x"))  # E: [capsafe-ambient] ReadFile


def helper_in_package_init_clean() -> None:
    SANDBOX.execute(lambda broker: own_clean("x"))


def star_in_package_init() -> None:
    SANDBOX.execute(lambda broker: starred("x"))  # E: [capsafe-ambient]


def star_in_package_init_clean() -> None:
    SANDBOX.execute(lambda broker: starred_clean(1))


def submodule_through_package() -> None:
    SANDBOX.execute(lambda broker: pack.deep.hidden("x"))  # E: [capsafe-ambient] WriteFile


def submodule_as_name() -> None:
    SANDBOX.execute(lambda broker: deep.hidden("x"))  # E: [capsafe-ambient] WriteFile


def function_under_another_name() -> None:
    SANDBOX.execute(lambda broker: concealed("x"))  # E: [capsafe-ambient] WriteFile


def late_import_in_helper() -> None:
    SANDBOX.execute(lambda broker: lazy.later("x"))  # E: [capsafe-ambient]


def late_import_in_helper_clean() -> None:
    SANDBOX.execute(lambda broker: lazy.later_clean("x"))


def conditional_module_clean() -> None:
    SANDBOX.execute(lambda broker: options.parse("a = 1"))


def conditional_by_platform() -> None:
    SANDBOX.execute(lambda broker: options.platform_remove("x"))  # E: [capsafe-ambient] WriteFile


def conditional_by_import_error() -> None:
    SANDBOX.execute(lambda broker: options.read("x"))  # E: [capsafe-ambient] ReadFile


def constant_of_another_module_clean() -> None:
    SANDBOX.execute(lambda broker: options.LIMIT + deep.LIMIT)  # type: ignore[attr-defined]


def module_imported_at_the_top_clean() -> None:
    """What importing it did, it did before."""
    SANDBOX.execute(lambda broker: loud.get())


def type_checking_name_clean() -> None:
    def closure(broker: Broker[Never], process: "subprocess.Popen[bytes] | None" = None) -> int:
        return 0 if process is None else 1

    SANDBOX.execute(closure)


def import_in_body_with_effect() -> None:
    def closure(broker: Broker[Never]) -> str:
        from imports import loud_late  # E: [capsafe-ambient] ReadFile

        return loud_late.SETTINGS

    SANDBOX.execute(closure)


def import_in_body_with_effect_by_class_body() -> None:
    def closure(broker: Broker[Never]) -> str:
        import imports.loud_by_class as found  # E: [capsafe-ambient]

        return found.VALUE

    SANDBOX.execute(closure)


def import_in_helper_with_effect() -> None:
    def helper() -> str:
        from imports.loud_late import SETTINGS

        return SETTINGS

    SANDBOX.execute(lambda broker: helper())  # E: [capsafe-ambient] ReadFile


def import_in_body_of_what_is_imported_clean() -> None:
    """The module is there already, whatever importing it did."""

    def closure(broker: Broker[Never]) -> str:
        from imports import loud

        return loud.SETTINGS

    SANDBOX.execute(closure)


def import_in_body_of_the_standard_library_clean() -> None:
    def closure(broker: Broker[Never]) -> str:
        import json
        from collections import Counter

        return json.dumps(Counter("banana"))

    SANDBOX.execute(closure)


def import_in_body_that_nothing_has_loaded() -> None:
    """Its file is read where no file may be."""

    def closure(broker: Broker[Never]) -> str:
        import colorsys  # E: [capsafe-ambient] Import

        return str(colorsys.rgb_to_hsv(1, 0, 0))

    SANDBOX.execute(closure)


def import_under_type_checking_in_body_clean() -> None:
    def closure(broker: Broker[Never]) -> int:
        if TYPE_CHECKING:
            from imports import loud

        return 1

    SANDBOX.execute(closure)
