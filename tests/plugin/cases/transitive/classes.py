"""Methods, constructors, properties and operators."""

import dataclasses
import functools
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Never, Protocol

from capsafe import Broker, Sandbox

SANDBOX = Sandbox[Never]()


def read() -> str:
    return open("notes.txt").read()


class Notes:
    limit = 10

    def __init__(self, path: str = "notes.txt") -> None:
        self.path = path

    @property
    def text(self) -> str:
        return open(self.path).read()

    @property
    def name(self) -> str:
        return os.path.basename(self.path)

    @functools.cached_property
    def cached(self) -> str:
        return open(self.path).read()

    @classmethod
    def load(cls) -> "Notes":
        print("loading")
        return cls()

    @classmethod
    def make(cls) -> "Notes":
        return cls("other.txt")

    @staticmethod
    def clear() -> None:
        os.remove("notes.txt")

    def __call__(self) -> str:
        return open(self.path).read()

    def __add__(self, other: "Notes") -> "Notes":
        print("add")
        return self

    def __getitem__(self, key: int) -> str:
        return open(self.path).readlines()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(open(self.path))

    def __str__(self) -> str:
        return open(self.path).read()

    def __len__(self) -> int:
        return os.stat(self.path).st_size

    def __contains__(self, text: str) -> bool:
        return text in open(self.path).read()

    def __eq__(self, other: object) -> bool:
        return open(self.path).read() == other

    def __hash__(self) -> int:
        return hash(open(self.path).read())

    def __lt__(self, other: "Notes") -> bool:
        return os.stat(self.path).st_size < 1

    def __bool__(self) -> bool:
        return os.path.exists(self.path)

    def __neg__(self) -> int:
        print("neg")
        return 0

    def __imul__(self, other: str) -> "Notes":
        open(self.path, "a").write(other)
        return self

    def __setitem__(self, key: int, value: str) -> None:
        open(self.path, "a").write(value)

    def __delitem__(self, key: int) -> None:
        os.remove(self.path)

    def __getattr__(self, name: str) -> int:
        return os.stat(self.path).st_size

    def __format__(self, spec: str) -> str:
        return open(self.path).read()

    def length(self) -> int:
        return len(self.path)


class Opened:
    def __init__(self) -> None:
        self.text = open("notes.txt").read()


@dataclass
class Factory:
    text: str = field(default_factory=read)


@dataclass
class Post:
    path: str

    def __post_init__(self) -> None:
        os.remove(self.path)


@dataclass(frozen=True)
class Plain:
    path: str
    items: list[int] = field(default_factory=list)

    def longer(self) -> "Plain":
        return dataclasses.replace(self, path=self.path * 2)


class Base(ABC):
    def run(self) -> None:
        self.step()

    @abstractmethod
    def step(self) -> None: ...


class Loud(Base):
    def step(self) -> None:
        print("step")


class Silent(Base):
    def step(self) -> None:
        pass


class Louder(Loud):
    def step(self) -> None:
        super().step()


class Runs(Protocol):
    def run(self) -> None: ...


def drive(runner: Runs) -> None:
    runner.run()


def drive_base(base: Base) -> None:
    base.run()


def property_read() -> None:
    SANDBOX.execute(lambda broker: Notes().text)  # E: [capsafe-ambient] ReadFile


def cached_property_read() -> None:
    SANDBOX.execute(lambda broker: Notes().cached)  # E: [capsafe-ambient] ReadFile


def constructor() -> None:
    SANDBOX.execute(lambda broker: Opened().text)  # E: [capsafe-ambient] ReadFile


def default_factory() -> None:
    SANDBOX.execute(lambda broker: Factory().text)  # E: [capsafe-ambient] ReadFile


def default_factory_replaced() -> None:
    SANDBOX.execute(lambda broker: Factory("given").text)


def post_init() -> None:
    SANDBOX.execute(lambda broker: Post("notes.txt").path)  # E: [capsafe-ambient] WriteFile


def dunder_call() -> None:
    SANDBOX.execute(lambda broker: Notes()())  # E: [capsafe-ambient] ReadFile


def dunder_add() -> None:
    SANDBOX.execute(lambda broker: (Notes() + Notes()).path)  # E: [capsafe-ambient] Stdout


def dunder_getitem() -> None:
    SANDBOX.execute(lambda broker: Notes()[0])  # E: [capsafe-ambient] ReadFile


def dunder_iter() -> None:
    SANDBOX.execute(lambda broker: [line for line in Notes()])  # E: [capsafe-ambient] ReadFile


def dunder_iter_in_list() -> None:
    SANDBOX.execute(lambda broker: tuple(Notes()))  # E: [capsafe-ambient] ReadFile


def dunder_str() -> None:
    SANDBOX.execute(lambda broker: str(Notes()))  # E: [capsafe-ambient] ReadFile


def dunder_format() -> None:
    SANDBOX.execute(lambda broker: f"{Notes()}")  # E: [capsafe-ambient] ReadFile


def dunder_str_in_percent() -> None:
    SANDBOX.execute(lambda broker: "%s" % Notes())  # E: [capsafe-ambient] ReadFile


def dunder_str_in_format_method() -> None:
    SANDBOX.execute(lambda broker: "{}".format(Notes()))  # E: [capsafe-ambient] ReadFile


def dunder_len() -> None:
    SANDBOX.execute(lambda broker: len(Notes()))  # E: [capsafe-ambient]


def dunder_contains() -> None:
    SANDBOX.execute(lambda broker: "x" in Notes())  # E: [capsafe-ambient] ReadFile


def dunder_eq() -> None:
    SANDBOX.execute(lambda broker: Notes() == 1)  # E: [capsafe-ambient] ReadFile


def dunder_hash_in_set() -> None:
    SANDBOX.execute(lambda broker: len({Notes()}))  # E: [capsafe-ambient] ReadFile


def dunder_hash_in_dict() -> None:
    SANDBOX.execute(lambda broker: len({Notes(): 1}))  # E: [capsafe-ambient] ReadFile


def dunder_lt_in_sorted() -> None:
    SANDBOX.execute(lambda broker: len(sorted([Notes(), Notes()])))  # E: [capsafe-ambient]


def dunder_bool_in_if() -> None:
    def closure(broker: Broker[Never]) -> int:
        if Notes():  # E: [capsafe-ambient]
            return 1
        return 0

    SANDBOX.execute(closure)


def dunder_bool_in_not() -> None:
    SANDBOX.execute(lambda broker: not Notes())  # E: [capsafe-ambient]


def dunder_neg() -> None:
    SANDBOX.execute(lambda broker: -Notes())  # E: [capsafe-ambient] Stdout


def dunder_imul() -> None:
    def closure(broker: Broker[Never]) -> None:
        notes = Notes()
        notes *= "x"  # E: [capsafe-ambient] WriteFile

    SANDBOX.execute(closure)


def dunder_setitem() -> None:
    def closure(broker: Broker[Never]) -> None:
        Notes()[0] = "x"  # E: [capsafe-ambient] WriteFile

    SANDBOX.execute(closure)


def dunder_delitem() -> None:
    def closure(broker: Broker[Never]) -> None:
        del Notes()[0]  # E: [capsafe-ambient] WriteFile

    SANDBOX.execute(closure)


def dunder_getattr() -> None:
    SANDBOX.execute(lambda broker: Notes().whatever)  # E: [capsafe-ambient]


def class_method() -> None:
    SANDBOX.execute(lambda broker: Notes.load().path)  # E: [capsafe-ambient] Stdout


def static_method() -> None:
    SANDBOX.execute(lambda broker: Notes.clear())  # E: [capsafe-ambient] WriteFile


def super_call() -> None:
    SANDBOX.execute(lambda broker: Louder().step())  # E: [capsafe-ambient] Stdout


def override_reached() -> None:
    SANDBOX.execute(lambda broker: Loud().run())  # E: [capsafe-ambient] Stdout


def override_reached_through_base() -> None:
    SANDBOX.execute(lambda broker: drive_base(Loud()))  # E: [capsafe-ambient] Stdout


def protocol_reached() -> None:
    SANDBOX.execute(lambda broker: drive(Loud()))  # E: [capsafe-ambient] Stdout


def unbound_method() -> None:
    SANDBOX.execute(lambda broker: Notes.__len__(Notes()))  # E: [capsafe-ambient]


def override_not_reached() -> None:
    SANDBOX.execute(lambda broker: Silent().run())


def override_not_reached_through_base() -> None:
    SANDBOX.execute(lambda broker: drive_base(Silent()))


def protocol_not_reached() -> None:
    SANDBOX.execute(lambda broker: drive(Silent()))


def pure_property() -> None:
    SANDBOX.execute(lambda broker: Notes().name)


def pure_method() -> None:
    SANDBOX.execute(lambda broker: Notes().length())


def pure_class_attribute() -> None:
    SANDBOX.execute(lambda broker: Notes.limit)


def pure_class_method() -> None:
    SANDBOX.execute(lambda broker: Notes.make().path)


def pure_dataclass() -> None:
    SANDBOX.execute(lambda broker: Plain("a").longer() == Plain("aa"))


def pure_dataclass_in_set() -> None:
    SANDBOX.execute(lambda broker: len({"a": Plain("a")}))
