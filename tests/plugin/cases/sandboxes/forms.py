"""Sandboxes, however they are written, held and handed on."""

import asyncio
from typing import Final, Literal, Never, TypeAlias

from capsafe import Broker, Connect, FileSystem, ReadFile, Sandbox, WriteFile

ReadWrite: TypeAlias = ReadFile | WriteFile
SHARED: Final = Sandbox[ReadFile]()


class Reader(Sandbox[ReadFile]):
    pass


class Service:
    shared = Sandbox[ReadFile]()

    def __init__(self) -> None:
        self.sandbox = Sandbox[ReadFile]()

    def run(self) -> None:
        self.sandbox.execute(lambda broker: open("notes.txt").read())  # E: [capsafe-ambient] ReadFile

    def run_clean(self) -> str:
        return self.sandbox.execute(lambda broker: broker.read_text("notes.txt"))

    def run_shared(self) -> None:
        self.shared.execute(lambda broker: print("x"))  # E: [capsafe-ambient] Stdout


def make() -> Sandbox[ReadFile]:
    return Sandbox[ReadFile]()


def inline() -> None:
    Sandbox[ReadFile]().execute(lambda broker: open("notes.txt").read())  # E: [capsafe-ambient] ReadFile


def with_limits() -> None:
    Sandbox[ReadFile](timeout=3).execute(lambda broker: print("x"))  # E: [capsafe-ambient] Stdout


def of_a_function() -> None:
    make().execute(lambda broker: open("notes.txt").read())  # E: [capsafe-ambient] ReadFile


def a_parameter(sandbox: Sandbox[ReadFile]) -> None:
    sandbox.execute(lambda broker: open("notes.txt").read())  # E: [capsafe-ambient] ReadFile


def a_parameter_clean(sandbox: Sandbox[ReadFile]) -> None:
    sandbox.execute(lambda broker: broker.read_text("notes.txt"))


def an_optional_parameter(sandbox: Sandbox[ReadFile] | None = None) -> None:
    if sandbox is not None:
        sandbox.execute(lambda broker: open("notes.txt").read())  # E: [capsafe-ambient] ReadFile


def a_subclass() -> None:
    Reader().execute(lambda broker: open("notes.txt").read())  # E: [capsafe-ambient] ReadFile


def a_subclass_clean() -> None:
    Reader().execute(lambda broker: broker.read_text("notes.txt"))


def an_attribute(service: Service) -> None:
    service.sandbox.execute(lambda broker: open("notes.txt").read())  # E: [capsafe-ambient] ReadFile


def in_a_list() -> None:
    sandboxes = [Sandbox[ReadFile](), Sandbox[ReadFile]()]
    for sandbox in sandboxes:
        sandbox.execute(lambda broker: open("notes.txt").read())  # E: [capsafe-ambient] ReadFile


def in_a_comprehension() -> None:
    paths = ["a", "b"]
    texts = [SHARED.execute(lambda broker, path: open(path).read(), path) for path in paths]  # E: [capsafe-ambient] ReadFile
    del texts


def an_alias() -> None:
    Sandbox[ReadWrite]().execute(lambda broker: open("notes.txt").read())  # E: [capsafe-ambient] ReadFile


def a_group() -> None:
    Sandbox[FileSystem]().execute(lambda broker: broker.write_text("a", broker.read_text("b")))


def a_scope() -> None:
    sandbox = Sandbox[ReadFile[Literal["/data"]] | Connect[Literal["example.com:443"]]]()
    sandbox.execute(lambda broker: open("/data/notes.txt").read())  # E: [capsafe-ambient] ReadFile


def bound() -> None:
    work = SHARED.bind(lambda broker, path: open(path).read())  # E: [capsafe-ambient] ReadFile
    del work


def bound_clean() -> None:
    def closure(broker: Broker[ReadFile], path: str) -> str:
        return broker.read_text(path)

    work = SHARED.bind(closure)
    work("notes.txt")


def bound_function() -> None:
    def closure(broker: Broker[ReadFile], path: str) -> str:
        return open(path).read()  # E: [capsafe-ambient] ReadFile

    SHARED.bind(closure)("notes.txt")


def asynchronous() -> None:
    async def main() -> None:
        await SHARED.execute_async(lambda broker: open("notes.txt").read())  # E: [capsafe-ambient] ReadFile

    asyncio.run(main())


def asynchronous_clean() -> None:
    async def closure(broker: Broker[ReadFile]) -> str:
        await asyncio.sleep(0)  # E: [capsafe-ambient] Clock
        return broker.read_text("notes.txt")

    async def main() -> None:
        await SHARED.execute_async(closure)

    asyncio.run(main())


def asynchronous_gathered() -> None:
    async def main() -> None:
        await asyncio.gather(
            SHARED.execute_async(lambda broker: broker.read_text("a")),
            SHARED.execute_async(lambda broker: open("b").read()),  # E: [capsafe-ambient] ReadFile
        )

    asyncio.run(main())


def execute_as_a_value() -> None:
    run = SHARED.execute  # E: [capsafe-unknown] value
    run(lambda broker: open("notes.txt").read())


def execute_passed_on() -> None:
    list(map(SHARED.execute, [lambda broker: open("notes.txt").read()]))  # E: [capsafe-unknown] value


def execute_by_its_class() -> None:
    Sandbox.execute(SHARED, lambda broker: open("notes.txt").read())  # E: [capsafe-unknown] value


def execute_by_getattr() -> None:
    getattr(SHARED, "execute")(lambda broker: open("notes.txt").read())  # E: [capsafe-unknown] value


def starred_arguments() -> None:
    def closure(broker: Broker[ReadFile], path: str) -> str:
        return open(path).read()  # E: [capsafe-ambient] ReadFile

    arguments = ("notes.txt",)
    SHARED.execute(closure, *arguments)


def result_used() -> None:
    text = SHARED.execute(lambda broker: broker.read_text("notes.txt"))
    print(text.upper())


def work_outside_is_not_checked() -> None:
    with open("notes.txt", "w") as file:
        file.write(SHARED.execute(lambda broker: broker.read_text("a.txt")))


def walrus() -> None:
    if (sandbox := Sandbox[Never]()) is not None:
        sandbox.execute(lambda broker: print("x"))  # E: [capsafe-ambient] Stdout


def closure_that_needs_more() -> None:
    def closure(broker: Broker[WriteFile]) -> None:
        broker.write_text("a", "b")

    SHARED.execute(closure)  # E: [arg-type]


def observed() -> None:
    SHARED.observe(lambda broker: open("notes.txt").read())  # E: [capsafe-ambient] ReadFile


def observed_clean() -> str:
    return SHARED.observe(lambda broker, path: broker.read_text(path), "notes.txt").result


def trimmed() -> None:
    box = SHARED.trimmed(SHARED.observe(lambda broker: broker.read_text("notes.txt")))
    box.execute(lambda broker: open("notes.txt").read())  # E: [capsafe-ambient] ReadFile


def trimmed_clean() -> str:
    box = SHARED.trimmed(SHARED.observe(lambda broker: broker.read_text("notes.txt")))
    return box.execute(lambda broker: broker.read_text("notes.txt"))
