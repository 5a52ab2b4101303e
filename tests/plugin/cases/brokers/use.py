"""What goes through the broker is granted, by whatever route."""

import functools
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Never

from brokers.helpers import Reader, each, read, save, sneaky
from capsafe import Ambient, Broker, Clock, Connect, Environ, Random, ReadFile, Sandbox, Spawn, Stdout, WriteFile

NOTHING = Sandbox[Never]()
READER = Sandbox[ReadFile]()
BOTH = Sandbox[ReadFile | WriteFile]()
PATHS = ["a.txt", "b.txt"]


def read_text() -> None:
    READER.execute(lambda broker: broker.read_text("notes.txt").upper())


def opened() -> None:
    def closure(broker: Broker[ReadFile]) -> int:
        with broker.open("notes.txt") as file:
            return sum(len(line) for line in file)

    READER.execute(closure)


def opened_to_write() -> None:
    def closure(broker: Broker[WriteFile]) -> None:
        with broker.open("notes.txt", "w") as file:
            file.write("x")
            print("more", file=file)
            json.dump([1], file)

    BOTH.execute(closure)


def helper() -> None:
    READER.execute(lambda broker: read(broker, "notes.txt"))


def helper_of_helper() -> None:
    BOTH.execute(lambda broker: save(broker, "notes.txt"))


def helper_that_does_more() -> None:
    READER.execute(lambda broker: sneaky(broker, "notes.txt"))  # E: [capsafe-ambient] Stdout


def object_with_the_broker() -> None:
    READER.execute(lambda broker: Reader(broker).lines("notes.txt"))


def object_with_the_broker_that_does_more() -> None:
    READER.execute(lambda broker: Reader(broker).secretly("notes.txt"))  # E: [capsafe-ambient] ReadFile


def method_as_callback() -> None:
    READER.execute(lambda broker: list(map(broker.read_text, PATHS)))


def method_to_own_helper() -> None:
    READER.execute(lambda broker: each(broker.read_text, PATHS))


def method_by_name() -> None:
    def closure(broker: Broker[ReadFile]) -> list[str]:
        get = broker.read_text
        return [get(path) for path in PATHS]

    READER.execute(closure)


def method_in_partial() -> None:
    READER.execute(lambda broker: functools.partial(broker.read_text, "notes.txt")())


def sorted_by_the_broker() -> None:
    READER.execute(lambda broker: sorted(PATHS, key=lambda path: broker.stat(path).st_size))


def broker_path() -> None:
    READER.execute(lambda broker: [p.name for p in broker.path("/data").iterdir() if p.is_file()])


def broker_iterdir() -> None:
    READER.execute(lambda broker: [str(p) for p in broker.iterdir(".")])


def written() -> None:
    BOTH.execute(lambda broker: broker.write_text("b.txt", broker.read_text("a.txt")))


def printed() -> None:
    Sandbox[Stdout]().execute(lambda broker: broker.print("hello", 1))


def environment() -> None:
    Sandbox[Environ]().execute(lambda broker: broker.env.get("HOME", ""))


def clock() -> None:
    Sandbox[Clock]().execute(lambda broker: broker.now().isoformat())


def chance() -> None:
    Sandbox[Random]().execute(lambda broker: broker.rng().choice([1, 2]))


def program() -> None:
    Sandbox[Spawn]().execute(lambda broker: broker.run(["/bin/ls"]).returncode)


def connection() -> None:
    def closure(broker: Broker[Connect]) -> bytes:
        with broker.connect("example.com", 80) as connection:
            connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
            return connection.recv(100)

    Sandbox[Connect]().execute(closure)


def granted_is_not_ambient() -> None:
    READER.execute(lambda broker: open("notes.txt").read())  # E: [capsafe-ambient] broker.open


def ambient_grant() -> None:
    Sandbox[Ambient[ReadFile]]().execute(lambda broker: open("notes.txt").read())


def ambient_grant_of_another() -> None:
    Sandbox[Ambient[ReadFile]]().execute(lambda broker: open("notes.txt", "w").close())  # E: [capsafe-ambient] WriteFile


def ambient_grant_in_a_union() -> None:
    Sandbox[Ambient[Stdout] | ReadFile]().execute(lambda broker: print(broker.read_text("notes.txt")))


def not_granted() -> None:
    NOTHING.execute(lambda broker: broker.read_text("notes.txt"))  # E: [capsafe-grant] ReadFile


def not_granted_to_write() -> None:
    READER.execute(lambda broker: broker.write_text("notes.txt", "x"))  # E: [capsafe-grant] WriteFile


def thread_pool_of_ones_own() -> None:
    def closure(broker: Broker[ReadFile]) -> list[str]:
        with ThreadPoolExecutor() as pool:  # E: [capsafe-ambient] Threads
            return list(pool.map(broker.read_text, PATHS))

    READER.execute(closure)
