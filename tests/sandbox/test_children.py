"""Children that die, lie or stay, and what they have started."""

import os
import pickle
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Never

import pytest

from capsafe import (
    Sandbox,
    SandboxKilledError,
    SandboxTimeoutError,
    Spawn,
    WriteFile,
)
from capsafe.worker import tags
from capsafe.worker.channel import send
from capsafe.worker.protocol import VALUE, Frame
from capsafe.worker.structure import read_structure, write_structure
from capsafe.worker.transfer import encode
from tests.sandbox.boxes import CHANNEL, PURE, caught, is_running, sandbox_of, scoped

pytestmark = pytest.mark.kernel


def test_a_child_that_dies_says_how() -> None:
    error: Any = caught(lambda _: os._exit(3))
    assert type(error) is SandboxKilledError
    assert (error.exit_code, error.signal) == (3, None)
    error = caught(lambda _: os._exit(0))
    assert (type(error), error.exit_code) == (SandboxKilledError, 0)


def crash(_: object) -> None:
    import ctypes

    ctypes.string_at(0)


@pytest.mark.parametrize(
    ("closure", "names"),
    [
        (crash, {"SIGSEGV"}),
        (lambda _: os.abort(), {"SIGABRT"}),
        (lambda _: signal.raise_signal(signal.SIGABRT), {"SIGABRT"}),
    ],
)
def test_a_child_that_is_killed_names_the_signal(closure: Callable[..., object], names: set[str]) -> None:
    error: Any = caught(closure)
    assert type(error) is SandboxKilledError
    assert error.signal in names
    assert error.signal in str(error)


def test_a_child_that_kills_itself_names_the_signal() -> None:
    from capsafe import Signal

    error: Any = caught(lambda _: os.kill(os.getpid(), signal.SIGKILL), Sandbox[Signal]())
    assert (type(error), error.signal) == (SandboxKilledError, "SIGKILL")


def flood(_: object) -> None:
    os.write(CHANNEL, b"capsafe\x02" + b"\0" * 8 + (2**62).to_bytes(8, "little"))
    while True:
        os.write(CHANNEL, b"x" * 65536)


def endless(_: object) -> None:
    while True:
        os.write(CHANNEL, b"x" * 65536)


def half(_: object) -> None:
    os.write(CHANNEL, b"capsafe\x02")
    os._exit(0)


def pickled(_: object) -> None:
    class Attack:
        def __reduce__(self) -> tuple[Any, tuple[str]]:
            return os.system, ("touch /tmp/capsafe-was-here",)

    os.write(CHANNEL, pickle.dumps(Attack()))


@pytest.mark.parametrize("closure", [flood, endless, half, pickled, lambda _: os.write(CHANNEL, b"\0")])
def test_a_child_that_writes_garbage_is_ended(closure: Callable[..., object]) -> None:
    start = time.monotonic()
    error = caught(closure)
    assert type(error) is SandboxKilledError
    assert "no answer" in str(error)
    assert time.monotonic() - start < 5
    assert not Path("/tmp/capsafe-was-here").exists()


def test_a_child_that_floods_names_the_limit() -> None:
    error: Any = caught(flood)
    assert error.limit == "result_size"


def test_a_child_that_closes_the_channel_is_no_riddle() -> None:
    error: Any = caught(lambda _: os.close(CHANNEL))
    assert type(error) is SandboxKilledError
    start = time.monotonic()
    box = Sandbox[Never](timeout=0.5)

    def closure(_: object) -> None:
        os.close(CHANNEL)
        time.sleep(60)

    error = caught(closure, box)
    assert type(error) is SandboxTimeoutError
    assert time.monotonic() - start < 5


def test_a_child_that_closes_the_channel_and_goes_on_is_ended() -> None:
    """It can answer no more; without a timeout nothing else would end it."""

    def closure(_: object) -> None:
        os.close(CHANNEL)
        time.sleep(60)

    start = time.monotonic()
    error = caught(closure)
    assert type(error) is SandboxKilledError
    assert "closed its end of the channel and went on" in str(error)
    assert time.monotonic() - start < 5


HEAD = b"capsafe\x02" + bytes(8) + (50_000_000).to_bytes(8, "little")


def slowly(_: object) -> None:
    os.write(CHANNEL, HEAD)
    while True:
        os.write(CHANNEL, b"x")
        time.sleep(0.01)


def half_and_wait(_: object) -> None:
    os.write(CHANNEL, HEAD + b"x" * 1000)
    time.sleep(60)


def head_and_wait(_: object) -> None:
    os.write(CHANNEL, HEAD[:9])
    time.sleep(60)


def closed_half_way(_: object) -> None:
    os.write(CHANNEL, HEAD + b"x" * 1000)
    os.close(CHANNEL)
    time.sleep(60)


@pytest.mark.parametrize("closure", [slowly, half_and_wait, head_and_wait, closed_half_way])
def test_the_timeout_holds_for_the_answer(closure: Callable[..., object]) -> None:
    start = time.monotonic()
    error = caught(closure, Sandbox[Never](timeout=0.5))
    assert type(error) is SandboxTimeoutError
    assert 0.5 <= time.monotonic() - start < 5


def empty_lists(count: int) -> bytes:
    """Return an answer: a list of so many empty lists."""
    tree = b"\xdd" + struct.pack(">I", 2 * count + 2) + b"\x00\xce" + struct.pack(">I", count) + b"\x00\x00" * count
    structure = struct.pack("<4I", 1, len(tree), 1, 0) + b"\x90" + tree + b"\x90"
    return b"capsafe\x02" + bytes(8) + len(structure).to_bytes(8, "little") + structure


def test_the_timeout_holds_for_what_the_parent_makes_of_it() -> None:
    """The child has told all that it has to tell, and is gone."""
    assert PURE.execute(lambda _: send_raw(empty_lists(3))) == [[], [], []]
    many = empty_lists(2_000_000)
    start = time.monotonic()
    assert len(PURE.execute(lambda _: send_raw(many))) == 2_000_000
    honest = time.monotonic() - start
    start = time.monotonic()
    error = caught(lambda _: send_raw(many), Sandbox[Never](timeout=honest / 3))
    assert type(error) is SandboxTimeoutError
    assert time.monotonic() - start < honest


def send_raw(data: bytes) -> Any:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(CHANNEL, rest) :]
    os._exit(0)


def test_what_follows_an_answer_is_no_part_of_it() -> None:
    for more in (b"\0", empty_lists(1)):
        error = caught(lambda _: send_raw(empty_lists(3) + more))  # noqa: B023 - it runs at once
        assert type(error) is SandboxKilledError
        assert "after its end" in str(error)


def test_thirty_megabytes_of_empty_lists_cost_the_parent_little() -> None:
    """They cross, as they are no more than an honest answer may hold, or are refused before one of them is made."""
    program = """
import os, resource, sys
from typing import Never
from capsafe import Sandbox, SandboxKilledError
from tests.sandbox.test_children import empty_lists, send_raw
box = Sandbox[Never]()
data = empty_lists(15_000_000)
box.execute(lambda _: 1)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    box.execute(lambda _: send_raw(data))
except SandboxKilledError as error:
    assert error.limit == "result_size", error
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    # In megabytes: the answer itself, as it comes and as it is looked at.
    assert int(done.stdout) < 150


def test_keys_that_collide_are_refused_in_time() -> None:
    """Each would be compared with all the others, here for minutes."""

    def closure(_: object) -> None:
        encoder = encode([n * sys.hash_info.modulus for n in range(1, 400_000)], VALUE, cap=2**28, local=dict)
        found = read_structure(encoder.structure)
        found.tree[0] = tags.SET
        send(CHANNEL, Frame(VALUE, write_structure(found)))
        os._exit(0)

    start = time.monotonic()
    error = caught(closure)
    assert type(error) is SandboxKilledError
    assert "share their hashes" in str(error)
    assert time.monotonic() - start < 30


def test_what_the_closure_started_ends_with_it() -> None:
    def closure(b: Any) -> list[int]:
        return [b.popen(["sleep", "100"]).pid for _ in range(3)]

    box = sandbox_of(Spawn)
    pids = box.execute(closure)
    time.sleep(0.05)
    assert not [pid for pid in pids if is_running(pid)]


def test_what_the_closure_started_ends_with_a_timeout(tmp_path: Path) -> None:
    marker = tmp_path / "pids"
    marker.touch()

    def closure(b: Any) -> None:
        pids = [b.popen(["sleep", "100"]).pid for _ in range(3)]
        # A fork without exec holds the channel open.
        pid = os.fork()
        if pid == 0:
            time.sleep(100)
        b.write_text(str(marker), " ".join(map(str, [*pids, pid])))
        time.sleep(100)

    box = sandbox_of(Spawn | scoped(WriteFile, tmp_path), timeout=1)
    with pytest.raises(SandboxTimeoutError):
        box.execute(closure)
    time.sleep(0.05)
    pids = list(map(int, marker.read_text().split()))
    assert len(pids) == 4
    assert not [pid for pid in pids if is_running(pid)]


def test_a_child_that_is_gone_while_its_own_child_holds_the_channel_is_noticed() -> None:
    def closure(_: object) -> None:
        if os.fork() == 0:
            time.sleep(100)
        os._exit(7)

    start = time.monotonic()
    error: Any = caught(closure, sandbox_of(Spawn))
    assert (type(error), error.exit_code) == (SandboxKilledError, 7)
    assert time.monotonic() - start < 5
