"""Every other operation, with its capability and without it."""

import ctypes
import os
import random
from collections.abc import Mapping
from datetime import UTC, datetime
from subprocess import CompletedProcess, Popen
from types import ModuleType
from typing import Literal as L
from typing import TextIO, assert_type

from capsafe import (
    Broker,
    Clock,
    Environ,
    Import,
    NativeCode,
    Process,
    Random,
    ReadFile,
    Signal,
    Spawn,
    Stderr,
    Stdin,
    Stdio,
    Stdout,
    SystemInfo,
    Threads,
)


def processes(spawn: Broker[Spawn], signal: Broker[Signal], group: Broker[Process]) -> None:
    assert_type(spawn.run(["ls"]), CompletedProcess[bytes])
    assert_type(spawn.run(["ls"], input=b"a", timeout=None, check=True, cwd="/"), CompletedProcess[bytes])
    assert_type(group.run(["ls"], timeout=3), CompletedProcess[bytes])
    assert_type(group.run(["ls"], timeout=3, text=True), CompletedProcess[str])
    assert_type(spawn.run(["ls"], input="a", text=True, env={"A": "b"}), CompletedProcess[str])
    assert_type(spawn.popen(["ls"]), Popen[bytes])
    assert_type(spawn.popen(["ls"], text=True), Popen[str])
    signal.kill(1, 15)
    group.run(["ls"])
    group.kill(1, 15)
    spawn.kill(1, 15)  # E
    signal.run(["ls"])  # E
    signal.popen(["ls"])  # E
    spawn.run(["ls"], timeout=3)  # E
    spawn.run(["ls"], timeout=3, text=True)  # E
    spawn.run(["ls"], input="a")  # E
    spawn.run(["ls"], input=b"a", text=True)  # E
    spawn.run(["ls"], shell=True)  # E


def programs(scoped: Broker[Spawn[L["/bin/ls"]]]) -> None:
    scoped.run(["/bin/ls"])
    scoped.kill(1, 15)  # E


def streams(stdin: Broker[Stdin], stdout: Broker[Stdout], stderr: Broker[Stderr], group: Broker[Stdio]) -> None:
    assert_type(stdin.input(), str)
    assert_type(group.input("name? "), str)
    stdout.print("a", 1, sep=",", end="", flush=True)
    assert_type(stdin.stdin, TextIO)
    assert_type(stdout.stdout, TextIO)
    assert_type(stderr.stderr, TextIO)
    assert_type(group.stdin.readline(), str)
    stdin.input("name? ")  # E
    stdout.input()  # E
    stdout.input("name? ")  # E
    stdin.print("a")  # E
    stderr.print("a")  # E
    stdout.stdin  # E
    stderr.stdout  # E
    stdout.stderr  # E


def environment(environ: Broker[Environ], other: Broker[ReadFile]) -> None:
    assert_type(environ.env, Mapping[str, str])
    assert_type(environ.env.get("HOME", ""), str)
    environ.env["HOME"] = "/"  # E
    environ.env = {}  # E
    other.env  # E


def clock_and_chance(clock: Broker[Clock], chance: Broker[Random]) -> None:
    assert_type(clock.now(), datetime)
    assert_type(clock.now(UTC), datetime)
    assert_type(clock.monotonic(), float)
    clock.sleep(0.1)
    assert_type(chance.random_bytes(3), bytes)
    assert_type(chance.rng(), random.Random)
    assert_type(chance.rng(3).random(), float)
    chance.now()  # E
    chance.monotonic()  # E
    chance.sleep(0.1)  # E
    clock.random_bytes(3)  # E
    clock.rng()  # E


def length(text: str) -> int:
    return len(text)


def threads_and_modules(threads: Broker[Threads], imports: Broker[Import], scoped: Broker[Import[L["json"]]]) -> None:
    assert_type(threads.run_in_threads(length, ["a", "b"], workers=2), list[int])
    assert_type(imports.import_module("json"), ModuleType)
    scoped.import_module("json")
    threads.run_in_threads(length, [1, 2])  # E
    imports.run_in_threads(length, ["a"])  # E
    threads.import_module("json")  # E


def system(info: Broker[SystemInfo], native: Broker[NativeCode]) -> None:
    assert_type(info.hostname(), str)
    assert_type(info.uname(), os.uname_result)
    assert_type(info.users()[0].name, str)
    assert_type(info.cpu_count(), int)
    assert_type(native.load_library("libm.so.6"), ctypes.CDLL)
    native.hostname()  # E
    native.uname()  # E
    native.users()  # E
    native.cpu_count()  # E
    info.load_library("libm.so.6")  # E
