"""What a closure takes with it."""

import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, Never

from capsafe import Broker, ReadFile, Sandbox

SANDBOX = Sandbox[Never]()
READER = Sandbox[ReadFile]()
LIMIT = 10
LOG = open(os.devnull, "w")
TEXTS = ["a", "b"]


def open_file() -> None:
    file = open("notes.txt")
    SANDBOX.execute(lambda broker: file.read())  # E: [capsafe-capture] open file


def open_file_in_with() -> None:
    with open("notes.txt") as file:
        SANDBOX.execute(lambda broker: file.readline())  # E: [capsafe-capture]


def open_file_in_nested_function() -> None:
    file = open("notes.txt")

    def closure(broker: Broker[Never]) -> str:
        return file.read()  # E: [capsafe-capture]

    SANDBOX.execute(closure)


def global_file() -> None:
    SANDBOX.execute(lambda broker: LOG.write("x"))  # E: [capsafe-capture]


def connected_socket() -> None:
    connection = socket.create_connection(("localhost", 80))
    SANDBOX.execute(lambda broker: connection.recv(10))  # E: [capsafe-capture] socket


def process() -> None:
    child = subprocess.Popen(["ls"])
    SANDBOX.execute(lambda broker: child.wait())  # E: [capsafe-capture] process


def captured_lambda() -> None:
    def action() -> None:
        os.remove("notes.txt")

    SANDBOX.execute(lambda broker: action())  # E: [capsafe-ambient] WriteFile


def captured_bound_method() -> None:
    write = Path("notes.txt").write_text
    SANDBOX.execute(lambda broker: write("x"))  # E: [capsafe-ambient] WriteFile


def captured_method_of_a_file() -> None:
    write = open("notes.txt", "w").write
    SANDBOX.execute(lambda broker: write("x"))  # E: [capsafe-capture]


def captured_parameter(file: IO[str]) -> None:
    SANDBOX.execute(lambda broker: file.read())  # E: [capsafe-capture]


def captured_stdout() -> None:
    out = sys.stdout
    SANDBOX.execute(lambda broker: out.write("x"))  # E: [capsafe-capture]


def passed_file() -> None:
    with open("notes.txt") as file:
        SANDBOX.execute(lambda broker, f: f.read(), file)  # E: [capsafe-capture] passed


def passed_file_by_keyword() -> None:
    def closure(broker: Broker[Never], *, file: IO[str]) -> str:
        return file.read()

    with open("notes.txt") as file:
        SANDBOX.execute(closure, file=file)  # E: [capsafe-capture] passed


def other_broker() -> None:
    outer = READER.enter()
    SANDBOX.execute(lambda broker: outer.read_text("notes.txt"))  # E: [capsafe-capture] broker


def other_sandbox() -> None:
    SANDBOX.execute(lambda broker: READER.grant)  # E: [capsafe-capture] sandbox


def list_of_files() -> None:
    files = [open("a.txt"), open("b.txt")]
    SANDBOX.execute(lambda broker: files[0].read())  # E: [capsafe-capture]


def dictionary_of_files() -> None:
    files = {"a": open("a.txt")}
    SANDBOX.execute(lambda broker: files["a"].read())  # E: [capsafe-capture]


class Job:
    def __init__(self) -> None:
        self.log = open("notes.log", "a")
        self.limit = 10

    def run(self) -> None:
        SANDBOX.execute(lambda broker: self.log.write("x"))  # E: [capsafe-capture]

    def run_plain(self) -> None:
        limit = self.limit
        SANDBOX.execute(lambda broker: limit + 1)


def object_with_a_file(job: Job) -> None:
    SANDBOX.execute(lambda broker: job.log.read())  # E: [capsafe-capture]


def captured_thread() -> None:
    thread = threading.Thread(target=len)
    SANDBOX.execute(lambda broker: thread.start())  # E: [capsafe-capture] [capsafe-ambient]


def captured_lock() -> None:
    lock = threading.Lock()

    def closure(broker: Broker[Never]) -> int:
        with lock:  # E: [capsafe-capture]
            return 1

    SANDBOX.execute(closure)


def plain_data() -> None:
    count, names, table = 3, ["a"], {"a": 1}
    SANDBOX.execute(lambda broker: (count, names, table))


def plain_globals() -> None:
    SANDBOX.execute(lambda broker: [t.upper() for t in TEXTS][:LIMIT])


def path_is_data() -> None:
    path = Path("notes.txt")
    SANDBOX.execute(lambda broker: path.name + path.suffix + str(path.parent / "x"))


def passed_data() -> None:
    SANDBOX.execute(lambda broker, n, path: (n + 1, path.name), 1, Path("notes.txt"))


def file_read_before() -> None:
    with open("notes.txt") as file:
        text = file.read()
    SANDBOX.execute(lambda broker: text.upper())


def opened_inside_through_the_broker() -> None:
    def closure(broker: Broker[ReadFile]) -> str:
        with broker.open("notes.txt") as file:
            return file.read()

    READER.execute(closure)
