"""The other ways to run a closure: bound, awaited, and the whole process."""

import asyncio
import pickle
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Literal, Never

import pytest

from capsafe import (
    Ambient,
    Broker,
    Connect,
    ReadFile,
    Sandbox,
    SandboxTimeoutError,
    TransferError,
    WriteFile,
)
from tests.sandbox.boxes import (
    PURE,
    children,
)

pytestmark = pytest.mark.kernel


def double(_: Broker[Never], x: int) -> int:
    return 2 * x


def test_a_bound_function_runs_in_its_sandbox_wherever_it_is() -> None:
    bound = Sandbox[Never](timeout=9).bind(double)
    assert list(map(bound, [1, 2])) == [2, 4]
    assert repr(bound) == "Sandbox[Never](timeout=9.0).bind(double)"
    copy = pickle.loads(pickle.dumps(bound))
    assert copy(4) == 8
    assert repr(copy) == repr(bound)


class Reader(Sandbox[ReadFile]):
    """A subclass, to be pickled."""


@pytest.mark.parametrize(
    "box",
    [
        Sandbox[ReadFile[Literal["/data"]] | Connect[Literal["*:443"]] | WriteFile](memory="1G"),
        Sandbox[Ambient[ReadFile]](),
        Reader(cpu_time=3),
    ],
)
def test_a_sandbox_can_be_pickled(box: Any) -> None:
    assert box.grant
    copy = pickle.loads(pickle.dumps(box))
    assert copy.grant == box.grant
    assert repr(copy) == repr(box)


def test_a_bound_function_works_in_a_pool_of_processes() -> None:
    program = """
import multiprocessing
from typing import Never
from capsafe import Sandbox
def double(broker, x): return 2 * x
if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(pool.map(Sandbox[Never]().bind(double), [1, 2]))
"""
    path = Path("/tmp/capsafe_pool_program.py")
    path.write_text(program)
    try:
        done = subprocess.run([sys.executable, path], capture_output=True, text=True, timeout=60, check=False)
    finally:
        path.unlink()
    assert done.stdout == "[2, 4]\n", done.stderr


async def coroutine(_: Broker[Never], x: int) -> list[int]:
    await asyncio.sleep(0.01)
    return list(await asyncio.gather(*(asyncio.sleep(0, n) for n in range(x))))


def test_functions_and_coroutines_can_be_awaited() -> None:
    async def main() -> None:
        assert await PURE.execute_async(double, 3) == 6
        assert await PURE.execute_async(coroutine, 3) == [0, 1, 2]
        assert await asyncio.gather(*(PURE.execute_async(double, n) for n in range(12))) == [2 * n for n in range(12)]
        with pytest.raises(ZeroDivisionError):
            await PURE.execute_async(lambda _: 1 // 0)
        with pytest.raises(RuntimeError, match="StopIteration"):
            await PURE.execute_async(lambda _: next(iter([])))
        with pytest.raises(SandboxTimeoutError):
            await Sandbox[Never](timeout=0.2).execute_async(lambda _: time.sleep(60))

    asyncio.run(main())


def test_the_event_loop_goes_on_meanwhile() -> None:
    async def main() -> int:
        task = asyncio.create_task(PURE.execute_async(lambda _: time.sleep(0.5)))
        ticks = 0
        while not task.done():
            await asyncio.sleep(0.01)
            ticks += 1
        return ticks

    assert asyncio.run(main()) > 5


def test_a_cancelled_call_has_ended() -> None:
    async def main() -> None:
        for delay in (0.0, 0.01, 0.3):
            start = time.monotonic()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(delay):
                    await PURE.execute_async(lambda _: time.sleep(60))
            assert children() == ""
            assert time.monotonic() - start < 5

    asyncio.run(main())


def test_a_coroutine_is_no_result_of_execute() -> None:
    with pytest.raises(
        TransferError, match="is a coroutine and can't cross; send what it returns: await it, or use execute_async"
    ):
        PURE.execute(coroutine, 1)  # type: ignore[unused-coroutine]  # there is none to await


ENTER = """
import os, sys, threading
from typing import Literal as L
from capsafe import *
os.environ["SECRET"] = "x"
held = open("/etc/passwd")
print("before", flush=True)
broker = Sandbox[ReadFile[L["/etc"]] | Stdout]().enter()
print(broker.read_text("/etc/hostname") == open("/etc/hostname").read(), dict(os.environ), bool(held.readline()))
attempts = lambda: open("/usr/bin/env"), lambda: os.fork(), lambda: open("/etc/x", "w"), lambda: sys.stderr.write("x")
for attempt in attempts:
    try:
        attempt()
        print("done")
    except PermissionError as error:
        print(type(error).__name__)
sys.stdout.flush()
"""


def test_enter_confines_the_whole_process() -> None:
    done = subprocess.run([sys.executable, "-c", ENTER], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == ["before", "True {} True", *["PermissionError"] * 4], done.stderr


def test_enter_refuses_where_it_could_not_hold() -> None:
    with pytest.raises(ValueError, match="timeout"):
        Sandbox[Never](timeout=1).enter()
    program = """
import threading
from typing import Never
from capsafe import *
event = threading.Event()
thread = threading.Thread(target=event.wait)
thread.start()
try:
    Sandbox[Never]().enter()
except UnsupportedError as error:
    print(error)
event.set()
thread.join()
open("/etc/hostname")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "2 are running; call it before any is started, or use execute" in done.stdout
