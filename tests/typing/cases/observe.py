"""Observing takes what execute takes, and gives the result's type with the record."""

from typing import assert_type

from capsafe import Broker, Observation, ReadFile, Sandbox, WriteFile

sandbox = Sandbox[ReadFile]()
both = Sandbox[ReadFile | WriteFile](timeout=3.0)


def work(broker: Broker[ReadFile], count: int, *, name: str = "a") -> list[str]:
    return [broker.read_text(name)] * count


def save(broker: Broker[WriteFile], text: str) -> None:
    broker.write_text("a", text)


observed = sandbox.observe(work, 3, name="b")
assert_type(observed, Observation[list[str]])
assert_type(observed.result, list[str])
assert_type(observed.write, str)
assert_type(observed.error, Exception | None)
assert_type(sandbox.observe(lambda broker: len(broker.read_bytes("a"))).result, int)
both.observe(save, "text")
sandbox.observe(work)  # E
sandbox.observe(work, "3")  # E
sandbox.observe(work, 3, other="b")  # E
sandbox.observe(save, "text")  # E
sandbox.observe(3)  # E
sandbox.observe(lambda broker: broker.write_text("a", "b"))  # E
assert_type(observed.result, list[int])  # E

joined = observed | both.observe(save, "text")
assert_type(joined, Observation[None])
assert_type(Observation.from_json(joined.to_json()), Observation[None])
Observation.from_json(3)  # E
observed | 3  # E
anything: Observation[object] = observed
texts: Observation[str] = observed  # E

trimmed = both.trimmed(joined)
assert_type(trimmed, Sandbox[ReadFile | WriteFile])
trimmed.execute(save, "text")
sandbox.trimmed(joined).execute(save, "text")  # E
sandbox.trimmed(work)  # E
observed.runs = 3  # E


class Reader(Sandbox[ReadFile]):
    pass


assert_type(Reader().trimmed(observed), Reader)
