"""Overriding methods, where the type that a checker knows is the class above."""

import os
from typing import Never
from capsafe import Sandbox, Broker

s = Sandbox[Never]()


class Base:
    def run(self) -> int:
        return 1


class Derived(Base):
    def run(self) -> int:
        return os.getpid()


ALL: list[Base] = [Base(), Derived()]
TABLE: dict[str, Base] = {"a": Derived()}
captured: Base = Derived()


def make() -> Base:
    return Derived()


class Holder:
    def __init__(self, item: Base) -> None:
        self.item = item

    def go(self) -> int:
        return self.item.run()


def c(b: Broker[Never], flag: bool) -> int:
    x = Derived() if flag else Base()
    x.run()  # E: [capsafe-ambient] SystemInfo
    items: list[Base] = []
    items.append(Derived())
    items[0].run()  # E: [capsafe-ambient] SystemInfo
    make().run()  # E: [capsafe-ambient] SystemInfo
    Holder(Derived()).go()  # E: [capsafe-ambient] SystemInfo
    Holder(Base()).go()
    for i in (Base(), Derived()):
        i.run()  # E: [capsafe-ambient] SystemInfo
    captured.run()  # E: [capsafe-ambient] SystemInfo
    ALL[0].run()  # E: [capsafe-ambient] SystemInfo
    TABLE["a"].run()  # E: [capsafe-ambient] SystemInfo
    {"a": Base, "b": Derived}["b"]().run()  # E: [capsafe-ambient] SystemInfo
    return Base().run()


s.execute(c, True)
s.execute(lambda b: captured.run())  # E: [capsafe-ambient] SystemInfo


def f(b: Broker[Never], h: Holder) -> int:
    return h.go()  # E: [capsafe-ambient] SystemInfo


s.execute(f, Holder(Derived()))


def g(b: Broker[Never], h: Holder) -> int:
    return h.go()


s.execute(g, Holder(Base()))
