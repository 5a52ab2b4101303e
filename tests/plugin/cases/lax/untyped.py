"""Functions without annotations, which mypy by default does not look into."""

import os
from pathlib import Path

from capsafe import ReadFile, Sandbox

SANDBOX = Sandbox[ReadFile]()


def helper(path):
    return open(path).read()


def double(n):
    return n * 2


def call(f, value):
    return f(value)


class Notes:
    def __init__(self, path):
        self.path = path

    def read(self):
        return Path(self.path).read_text()

    def name(self):
        return os.path.basename(self.path)


def lambda_opens():
    SANDBOX.execute(lambda broker: open("notes.txt").read())  # E: [capsafe-ambient] ReadFile


def lambda_asks_the_broker():
    return SANDBOX.execute(lambda broker: broker.read_text("notes.txt"))


def local_sandbox():
    sandbox = Sandbox[ReadFile]()
    sandbox.execute(lambda broker: os.remove("notes.txt"))  # E: [capsafe-ambient] WriteFile


def local_sandbox_is_clean():
    sandbox = Sandbox[ReadFile]()
    return sandbox.execute(lambda broker: broker.read_text("notes.txt").upper())


def nested_def():
    def closure(broker):
        with open("notes.txt") as file:  # E: [capsafe-ambient] ReadFile
            return file.read()

    return SANDBOX.execute(closure)


def nested_def_is_clean():
    def closure(broker):
        rows = [line.split(",") for line in broker.read_text("notes.txt").splitlines()]
        return {row[0]: row[1:] for row in rows}

    return SANDBOX.execute(closure)


def untyped_helper():
    SANDBOX.execute(lambda broker: helper("notes.txt"))  # E: [capsafe-ambient] ReadFile


def untyped_helper_is_clean():
    SANDBOX.execute(lambda broker: double(2))


def untyped_callback():
    SANDBOX.execute(lambda broker: call(os.remove, "notes.txt"))  # E: [capsafe-ambient] WriteFile


def untyped_callback_is_clean():
    SANDBOX.execute(lambda broker: call(len, "notes.txt"))


def untyped_method():
    SANDBOX.execute(lambda broker: Notes("notes.txt").read())  # E: [capsafe-ambient] ReadFile


def untyped_method_is_clean():
    SANDBOX.execute(lambda broker: Notes("notes.txt").name())


def unknown_parameter(thing):
    SANDBOX.execute(lambda broker: thing.run())  # E: [capsafe-unknown]


def unknown_closure(closure):
    SANDBOX.execute(closure)  # E: [capsafe-unknown]


def captured_file():
    file = open("notes.txt")
    SANDBOX.execute(lambda broker: file.read())  # E: [capsafe-capture]


def passed_file():
    file = open("notes.txt")
    SANDBOX.execute(lambda broker, f: f.read(), file)  # E: [capsafe-capture]


def captured_data():
    names = ["a", "b"]
    SANDBOX.execute(lambda broker: [name.upper() for name in names])


class Service:
    def __init__(self):
        self.sandbox = Sandbox[ReadFile]()

    def run(self):
        return self.sandbox.execute(lambda broker: open("notes.txt").read())  # E: [capsafe-ambient] ReadFile

    def run_clean(self):
        return self.sandbox.execute(lambda broker: broker.read_text("notes.txt"))


async def asynchronous():
    return await SANDBOX.execute_async(lambda broker: open("notes.txt").read())  # E: [capsafe-ambient] ReadFile


def bound():
    return SANDBOX.bind(lambda broker, path: open(path).read())  # E: [capsafe-ambient] ReadFile
