"""Overriding methods, where the type that a checker knows is the class above."""

import os
from typing import Never

from capsafe import Broker, Sandbox

SANDBOX = Sandbox[Never]()


class Base:
    def run(self) -> int:
        return 1


class Derived(Base):
    def run(self) -> int:
        return os.getpid()


class Holder:
    def __init__(self, item: Base) -> None:
        self.item = item

    def go(self) -> int:
        return self.item.run()


ALL: list[Base] = [Base(), Derived()]
TABLE: dict[str, Base] = {"a": Derived()}
CAPTURED: Base = Derived()


def make() -> Base:
    return Derived()


def either() -> None:
    def closure(broker: Broker[Never], flag: bool) -> int:
        x = Derived() if flag else Base()
        return x.run()  # E: [capsafe-ambient] SystemInfo

    SANDBOX.execute(closure, True)


def appended() -> None:
    def closure(broker: Broker[Never]) -> int:
        items: list[Base] = []
        items.append(Derived())
        return items[0].run()  # E: [capsafe-ambient] SystemInfo

    SANDBOX.execute(closure)


def made_by_a_function() -> None:
    SANDBOX.execute(lambda broker: make().run())  # E: [capsafe-ambient] SystemInfo


def held() -> None:
    SANDBOX.execute(lambda broker: Holder(Derived()).go())  # E: [capsafe-ambient] SystemInfo


def held_clean() -> None:
    SANDBOX.execute(lambda broker: Holder(Base()).go())


def in_a_loop() -> None:
    def closure(broker: Broker[Never]) -> int:
        total = 0
        for item in (Base(), Derived()):
            total += item.run()  # E: [capsafe-ambient] SystemInfo
        return total

    SANDBOX.execute(closure)


def captured() -> None:
    SANDBOX.execute(lambda broker: CAPTURED.run())  # E: [capsafe-ambient] SystemInfo


def in_a_list() -> None:
    SANDBOX.execute(lambda broker: ALL[0].run())  # E: [capsafe-ambient] SystemInfo


def in_a_table() -> None:
    SANDBOX.execute(lambda broker: TABLE["a"].run())  # E: [capsafe-ambient] SystemInfo


def passed() -> None:
    def closure(broker: Broker[Never], holder: Holder) -> int:
        return holder.go()  # E: [capsafe-ambient] SystemInfo

    SANDBOX.execute(closure, Holder(Derived()))


def passed_clean() -> None:
    def closure(broker: Broker[Never], holder: Holder) -> int:
        return holder.go()

    SANDBOX.execute(closure, Holder(Base()))


def base_clean() -> None:
    SANDBOX.execute(lambda broker: Base().run())
