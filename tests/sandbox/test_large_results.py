"""Arrays and long runs of bytes: they come back in memory that is the caller's alone, whatever the child does."""

import ctypes
import errno
import os
import resource
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from capsafe import SandboxKilledError, SandboxTimeoutError, Spawn, Threads, TransferError
from capsafe.kernel.lane import Lane
from capsafe.worker import channel
from capsafe.worker.protocol import IN_LANE
from tests.sandbox.boxes import CHANNEL, PURE, caught, sandbox_of

pytestmark = pytest.mark.kernel

MILLION = np.arange(1_000_000)


def mapped() -> int:
    with open("/proc/self/maps") as file:
        return file.read().count("memfd:capsafe")


def owner(array: Any) -> Any:
    """Return what an array's memory belongs to in the end."""
    one = array
    while True:
        base = one.obj if isinstance(one, memoryview) else getattr(one, "base", None)
        if base is None:
            return one
        one = base


@pytest.fixture
def no_lane(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSYS, "no such memory here")

    monkeypatch.setattr(Lane, "__init__", fail)


VALUES: list[Any] = [
    b"x" * IN_LANE,
    b"x" * (IN_LANE - 1),
    bytearray(b"y" * 200_000),
    "é" * 100_000,
    "\ud800" * 100_000,
    [b"1" * 100_001, "2" * 100_002, [b"3" * 100_003], b"short", {"k": b"4" * 40_000}],
]


@pytest.mark.parametrize("value", VALUES, ids=[str(place) for place in range(len(VALUES))])
def test_long_values_come_back(value: Any) -> None:
    assert PURE.execute(lambda _: value) == value
    assert mapped() == 0


@pytest.mark.parametrize("value", VALUES, ids=[str(place) for place in range(len(VALUES))])
@pytest.mark.usefixtures("no_lane")
def test_where_there_is_no_such_memory_the_pipe_serves(value: Any) -> None:
    assert PURE.execute(lambda _: value) == value
    found = PURE.execute(lambda _: {"a": MILLION, "b": MILLION * 1.5})
    assert (found["a"] == MILLION).all()
    assert (found["b"] == MILLION * 1.5).all()
    assert found["a"].flags.writeable


ARRAYS = [
    MILLION,
    MILLION.reshape(1000, 1000),
    np.asfortranarray(MILLION.reshape(1000, 1000)),
    MILLION[::-3],
    np.arange(24.0 * 5000).reshape(2, 3, 4, 5000).transpose(1, 0, 3, 2),
    (MILLION % 2).astype(bool),
    (MILLION * 1j).astype(np.complex64),
    MILLION.astype("M8[s]"),
    MILLION.astype(">f8"),
    np.full(50_000, "text"),
    np.zeros(100_000, [("a", "i1"), ("b", "f8", (2,)), ("c", "M8[ms]")]),
]


@pytest.mark.parametrize("array", ARRAYS, ids=lambda array: f"{array.dtype.str[:8]}-{array.shape}")
def test_a_large_array_is_an_ordinary_one_of_its_own(array: Any) -> None:
    before = mapped()
    found = PURE.execute(lambda _: array)
    assert type(found) is np.ndarray
    assert found.dtype == array.dtype
    assert found.shape == array.shape
    assert found.tobytes() == array.tobytes()
    assert found.flags.writeable
    assert found.flags.aligned or not array.flags.aligned
    assert found.flags.f_contiguous == (array.flags.f_contiguous or array.ndim == 1)
    # No copy was made: the memory is the mapping.
    assert isinstance(owner(found), ctypes.Array)
    assert mapped() == before + 1
    found[...] = found.flat[0]
    del found
    assert mapped() == before


def test_a_small_array_is_copied() -> None:
    """It would hold the memory of all that came with it."""
    small, large = PURE.execute(lambda _: (MILLION[:10], MILLION))
    assert isinstance(owner(large), ctypes.Array)
    del large
    assert mapped() == 0
    assert small.tolist() == list(range(10))


def test_several_large_arrays_share_memory_and_nothing_else() -> None:
    first, second = PURE.execute(lambda _: [MILLION, MILLION.copy()])
    first[:] = 0
    assert (second == MILLION).all()
    del first
    assert (second == MILLION).all()
    pid = os.fork()
    if pid == 0:
        second[:] = 1
        os._exit(0)
    os.waitpid(pid, 0)
    assert (second == MILLION).all()


def test_the_longest_result_crosses_and_one_byte_more_does_not() -> None:
    box = sandbox_of(Threads, result_size=2**22)
    count = 2**22 // (IN_LANE + 100)
    blobs = [bytes(IN_LANE + 1) for _ in range(count)]
    assert box.execute(lambda _: blobs) == blobs
    with pytest.raises(TransferError, match="4,194,304 are the most"):
        box.execute(lambda _: [*blobs, bytes(2**17)])


def test_limits_of_the_closure_do_not_hold_for_the_answer() -> None:
    """It is no file that the closure writes, and no memory of its own."""
    assert sandbox_of(Threads, file_size=0).execute(lambda _: b"x" * 10**6) == b"x" * 10**6
    assert sandbox_of(Threads, open_files=1).execute(lambda _: b"x" * 10**6) == b"x" * 10**6
    found = sandbox_of(Threads, memory="32M").execute(lambda _: MILLION)
    assert (found == MILLION).all()


def test_a_parent_without_address_space_uses_the_pipe() -> None:
    program = """
import resource
from capsafe import Sandbox
from typing import Never
box = Sandbox[Never](result_size="4G")
assert box.execute(lambda _: 1) == 1
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 2**30, used + 2**30))
assert box.execute(lambda _: b"x" * 10**6) == b"x" * 10**6
"""
    done = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_too_many_descriptors_is_an_error_of_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.EMFILE, "too many")

    monkeypatch.setattr(Lane, "__init__", fail)
    with pytest.raises(OSError, match="too many"):
        PURE.execute(lambda _: 1)


def test_many_threads_at_once_get_each_its_own() -> None:
    wrong: list[object] = []

    def work(number: int) -> None:
        for _ in range(8):
            found = PURE.execute(lambda _: np.full(200_000, number))
            if not (found == number).all():
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert mapped() == 0


# What a hostile child may try

#: As ``capsafe.worker.protocol`` lays it out: magic, kind, whether there is a lane, how many blobs, the structure.
HEAD = struct.Struct("<8sB?xxIQ")
#: A node of bytes beside the structure, of number 0.
TREE = struct.pack("<4I", 1, 5, 2, 0) + b"\x90" + b"\x94\x0e\x01\xff\x01" + b"\x91\x00"


def announce(*lengths: int, lane: bool = True) -> bytes:
    head = HEAD.pack(b"capsafe\x02", 0, lane, len(lengths), len(TREE))
    return head + struct.pack(f"<{len(lengths)}Q", *lengths) + TREE


def sending(data: bytes) -> Callable[[object], object]:
    def closure(_: object) -> None:
        os.write(CHANNEL, data)
        os._exit(0)

    return closure


def test_bytes_that_were_announced_and_not_written_are_zero() -> None:
    assert PURE.execute(sending(announce(100_000))) == bytes(100_000)


@pytest.mark.parametrize("lengths", [(2**40,), (2**63,), (2**28 - 10,), (100_000, 2**28)])
def test_more_than_may_be_is_refused_before_a_look(lengths: tuple[int, ...]) -> None:
    error: Any = caught(sending(announce(*lengths)))
    assert type(error) is SandboxKilledError
    assert error.limit == "result_size"
    assert mapped() == 0


def test_half_an_answer_with_a_lane_is_none() -> None:
    error = caught(sending(announce(100_000)[:-1]))
    assert type(error) is SandboxKilledError
    assert "middle" in str(error)


@pytest.mark.usefixtures("no_lane")
def test_a_lane_that_there_is_not_is_refused() -> None:
    error = caught(sending(announce(100_000)))
    assert type(error) is SandboxKilledError
    assert "memory that it does not have" in str(error)


def test_what_the_closure_started_can_write_no_more() -> None:
    """A fork of it goes on writing over the answer; when the caller has it, it is gone."""

    def closure(_: object) -> Any:
        lane = find_lane()
        if os.fork() == 0:
            end = time.monotonic() + 20
            while time.monotonic() < end:
                ctypes.memset(lane, 0xFF, 8_000_000)
            os._exit(0)
        time.sleep(0.05)
        return MILLION

    box = sandbox_of(Spawn | Threads)
    for _ in range(5):
        found = box.execute(closure)
        once = found.copy()
        time.sleep(0.01)
        assert (found == once).all()
    del found


def find_lane() -> int:
    """Return where the lane is mapped, in a child: the task that it runs refers to it."""
    import gc

    found = [one for one in gc.get_objects() if isinstance(one, Lane)]
    frame: Any = sys._getframe()
    while frame is not None:
        found += [one for one in frame.f_locals.values() if isinstance(one, Lane)]
        frame = frame.f_back
    (address,) = {one.address for one in found if one.address >= 0}
    return address


def test_a_child_that_fills_the_lane_and_waits_is_ended() -> None:
    def closure(_: object) -> None:
        ctypes.memset(find_lane(), 1, 50_000_000)
        time.sleep(60)

    box = sandbox_of(Threads, timeout=1)
    start = time.monotonic()
    with pytest.raises(SandboxTimeoutError):
        box.execute(closure)
    assert time.monotonic() - start < 10
    assert mapped() == 0


def test_a_lane_is_not_there_for_other_children() -> None:
    """The descriptor of a call that goes on in another thread is closed like all others, and it was never mapped."""
    made: list[Lane] = []
    real = channel.make_lane

    def keep(cap: int) -> Lane | None:
        lane = real(cap)
        if lane is not None:
            made.append(lane)
        return lane

    def closure(_: object) -> list[int]:
        return [lane.descriptor for lane in made if opened(lane.descriptor)]

    lane = keep(2**20)
    assert lane is not None
    try:
        assert opened(lane.descriptor)
        assert PURE.execute(closure) == []
    finally:
        lane.close()


def opened(descriptor: int) -> bool:
    try:
        os.lseek(descriptor, 0, os.SEEK_CUR)
    except OSError:
        return False
    return True


def test_no_memory_stays_behind() -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(30):
        PURE.execute(lambda _: MILLION)
    assert mapped() == 0
    # In kilobytes: thirty answers of eight million bytes would be 240 000.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000
