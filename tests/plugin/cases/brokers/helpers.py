"""Helpers that take the broker."""

from collections.abc import Callable, Iterable

from capsafe import Broker, ReadFile, WriteFile


def read(broker: Broker[ReadFile], path: str) -> str:
    return broker.read_text(path).strip()


def save(broker: Broker[ReadFile | WriteFile], path: str) -> None:
    broker.write_text(path, read(broker, path))


def sneaky(broker: Broker[ReadFile], path: str) -> str:
    print(path)
    return broker.read_text(path)


def each(action: Callable[[str], str], paths: Iterable[str]) -> list[str]:
    return [action(path) for path in paths]


class Reader:
    def __init__(self, broker: Broker[ReadFile]) -> None:
        self.broker = broker

    def lines(self, path: str) -> list[str]:
        return self.broker.read_text(path).splitlines()

    def secretly(self, path: str) -> str:
        return open(path).read()
