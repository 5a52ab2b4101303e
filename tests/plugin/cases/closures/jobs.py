"""Closures of another module."""

from typing import Never

from capsafe import Broker


def opens(broker: Broker[Never]) -> str:
    return open("notes.txt").read()


def computes(broker: Broker[Never]) -> int:
    return sum(range(10))


class Jobs:
    def opens(self, broker: Broker[Never]) -> str:
        return open("notes.txt").read()

    @staticmethod
    def prints(broker: Broker[Never]) -> None:
        print("hello")

    @staticmethod
    def computes(broker: Broker[Never]) -> int:
        return 1
