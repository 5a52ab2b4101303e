"""What a sandbox takes and returns: functions and their arguments, bound, awaited and entered."""

from collections.abc import Callable
from typing import assert_type

from capsafe import Broker, Clock, ReadFile, Sandbox, WriteFile

sandbox = Sandbox[ReadFile]()
both = Sandbox[ReadFile | WriteFile](timeout=3.0, cpu_time=2.5, memory="64M")
Sandbox[ReadFile](timeout="3")  # E
Sandbox[ReadFile](unknown=3)  # E


def work(broker: Broker[ReadFile], count: int, *, name: str = "a") -> list[str]:
    return [broker.read_text(name)] * count


def save(broker: Broker[WriteFile], text: str) -> None:
    broker.write_text("a", text)


def no_broker() -> int:
    return 1


def wants_text(text: str) -> int:
    return len(text)


assert_type(sandbox.execute(work, 3), list[str])
assert_type(sandbox.execute(work, 3, name="b"), list[str])
assert_type(sandbox.execute(lambda broker: broker.read_text("a")), str)
assert_type(sandbox.execute(lambda broker: len(broker.read_bytes("a"))), int)
sandbox.execute(lambda broker, count: broker.read_text("a") * count, 3)
both.execute(save, "text")
sandbox.execute(work)  # E
sandbox.execute(work, "3")  # E
sandbox.execute(work, 3, 4)  # E
sandbox.execute(work, 3, name=4)  # E
sandbox.execute(work, 3, other="b")  # E
sandbox.execute(save, "text")  # E
sandbox.execute(no_broker)  # E
sandbox.execute(wants_text)  # E
sandbox.execute(3)  # E
sandbox.execute(lambda broker: broker.write_text("a", "b"))  # E
sandbox.execute(lambda broker: broker.no_such_method())  # E
assert_type(sandbox.execute(work, 3), list[int])  # E


def nested(limit: int) -> int:
    def count(broker: Broker[ReadFile]) -> int:
        return min(limit, len(broker.read_text("a")))

    def erase(broker: Broker[WriteFile]) -> None:
        broker.write_text("a", "")

    sandbox.execute(erase)  # E
    both.execute(erase)
    return sandbox.execute(count)


class Job:
    def __init__(self, name: str) -> None:
        self.name = name

    def load(self, broker: Broker[ReadFile]) -> str:
        return broker.read_text(self.name)

    def store(self, broker: Broker[WriteFile]) -> None:
        broker.write_text(self.name, "")


assert_type(sandbox.execute(Job("a").load), str)
sandbox.execute(Job("a").store)  # E

bound = sandbox.bind(work)
assert_type(bound(3), list[str])
plain: Callable[[int], list[str]] = sandbox.bind(work)
bound("3")  # E
bound()  # E
sandbox.bind(save)  # E
sandbox.bind(no_broker)  # E


async def coroutine(broker: Broker[ReadFile], count: int) -> bytes:
    return broker.read_bytes("a") * count


async def coroutine_saves(broker: Broker[WriteFile]) -> None:
    broker.write_text("a", "")


async def awaited() -> None:
    assert_type(await sandbox.execute_async(work, 3), list[str])
    assert_type(await sandbox.execute_async(coroutine, 3), bytes)
    await both.execute_async(coroutine_saves)
    await sandbox.execute_async(work, "3")  # E
    await sandbox.execute_async(coroutine)  # E
    await sandbox.execute_async(save, "text")  # E
    await sandbox.execute_async(coroutine_saves)  # E


entered = sandbox.enter()
assert_type(entered, Broker[ReadFile])
entered.read_text("a")
entered.write_text("a", "b")  # E
entered.now()  # E


def generic_helper(broker: Broker[ReadFile | Clock]) -> str:
    return broker.read_text(broker.now().isoformat())


Sandbox[ReadFile | Clock]().execute(generic_helper)
sandbox.execute(generic_helper)  # E
