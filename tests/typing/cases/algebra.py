"""Which grants cover which: groups, unions, scopes, nothing, and both ways of variance."""

from typing import Literal as L
from typing import Never, assert_type

from capsafe import (
    Ambient,
    Broker,
    Connect,
    FileSystem,
    Network,
    ReadFile,
    Resolve,
    Sandbox,
    StatFile,
    WriteFile,
)


def needs_read(broker: Broker[ReadFile]) -> int:
    return len(broker.read_text("a"))


def needs_stat(broker: Broker[StatFile]) -> bool:
    return broker.exists("a")


def needs_data(broker: Broker[ReadFile[L["/data"]]]) -> int:
    return len(broker.read_text("/data/a"))


def needs_both(broker: Broker[ReadFile | WriteFile]) -> None:
    broker.write_text("a", broker.read_text("b"))


def needs_nothing(broker: Broker[Never]) -> int:
    return 1


def brokers(
    read: Broker[ReadFile],
    stat: Broker[StatFile],
    write: Broker[WriteFile],
    two: Broker[WriteFile | ReadFile],
    three: Broker[ReadFile | WriteFile | Connect],
    group: Broker[FileSystem],
    none: Broker[Never],
    bare: Broker,
    data: Broker[ReadFile[L["/data"]]],
    places: Broker[ReadFile[L["/data", "/srv"]]],
    below: Broker[ReadFile[L["/data/x"]]],
    ambient: Broker[Ambient[ReadFile]],
) -> None:
    needs_read(read)
    needs_read(two)
    needs_read(three)
    needs_read(group)
    needs_read(stat)  # E
    needs_read(write)  # E
    needs_read(none)  # E
    needs_read(bare)  # E
    needs_read(data)  # E
    needs_read(places)  # E
    needs_read(ambient)  # E
    needs_stat(read)
    needs_stat(stat)
    needs_stat(group)
    needs_stat(write)  # E
    needs_stat(data)  # E
    needs_data(read)
    needs_data(group)
    needs_data(data)
    needs_data(places)
    needs_data(below)  # E
    needs_data(write)  # E
    needs_both(two)
    needs_both(three)
    needs_both(group)
    needs_both(read)  # E
    needs_both(write)  # E
    needs_nothing(read)
    needs_nothing(none)
    needs_nothing(bare)


def takes_sandbox(sandbox: Sandbox[ReadFile]) -> None: ...


def takes_scoped(sandbox: Sandbox[ReadFile[L["/data"]]]) -> None: ...


def takes_any(sandbox: Sandbox[Never]) -> None: ...


takes_sandbox(Sandbox[ReadFile]())
takes_sandbox(Sandbox[ReadFile | WriteFile]())
takes_sandbox(Sandbox[FileSystem]())
takes_sandbox(Sandbox[WriteFile]())  # E
takes_sandbox(Sandbox[StatFile]())  # E
takes_sandbox(Sandbox[Never]())  # E
takes_sandbox(Sandbox[ReadFile[L["/data"]]]())  # E
takes_scoped(Sandbox[ReadFile]())
takes_scoped(Sandbox[ReadFile[L["/data"]]]())
takes_scoped(Sandbox[ReadFile[L["/srv"]]]())  # E
takes_any(Sandbox[ReadFile]())
takes_any(Sandbox[Never]())

read_box = Sandbox[ReadFile]()
two_box = Sandbox[ReadFile | WriteFile]()
assert_type(read_box.execute(needs_read), int)
two_box.execute(needs_read)
two_box.execute(needs_both)
read_box.execute(needs_both)  # E
read_box.execute(needs_stat)
read_box.execute(needs_data)
read_box.execute(needs_nothing)
Sandbox[StatFile]().execute(needs_read)  # E

scoped_box = Sandbox[ReadFile[L["/data", "/srv"]] | Connect[L["a.example:443"]]]()
scoped_box.execute(needs_data)
scoped_box.execute(lambda broker: broker.read_text("/data/a"))
scoped_box.execute(lambda broker: broker.connect("a.example", 443))
scoped_box.execute(needs_read)  # E
scoped_box.execute(lambda broker: broker.write_text("/data/a", ""))  # E

pure = Sandbox[Never]()
pure.execute(lambda broker: 1)
assert_type(pure.execute(needs_nothing), int)
pure.execute(needs_read)  # E
pure.execute(lambda broker: broker.read_text("a"))  # E

bare_box = Sandbox()
bare_box.execute(lambda broker: broker.read_text("a"))  # E
bare_box.execute(needs_read)  # E

network_box = Sandbox[Network]()
network_box.execute(lambda broker: broker.resolve("a"))
network_box.execute(lambda broker: broker.read_text("a"))  # E
Sandbox[Connect]().execute(lambda broker: broker.resolve("a"))  # E
Sandbox[Connect | Resolve]().execute(lambda broker: broker.resolve("a"))

ambient_box = Sandbox[Ambient[ReadFile] | Connect]()
ambient_box.execute(lambda broker: 1)
ambient_box.execute(lambda broker: broker.read_text("a"))  # E

Sandbox[int]()  # E
Sandbox[ReadFile | int]()  # E
Sandbox[ReadFile[int]]()  # E


class Reader(Sandbox[ReadFile]):
    """A sandbox that reads."""


Reader().execute(needs_read)
Reader().execute(needs_both)  # E
takes_sandbox(Reader())
