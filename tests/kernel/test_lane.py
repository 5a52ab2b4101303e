"""Memory that a child fills and its parent keeps: what the parent has taken is its own, whoever wants to change it."""

import ctypes
import faulthandler
import fcntl
import mmap
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from capsafe.kernel.calls import Call, Calls
from capsafe.kernel.lane import READ_WRITE, SHARED, Lane, StillWrittenError
from tests.kernel.confined import NOBODY, become

SIZE = 2**20
USERS = [pytest.param(None, id="self"), *([pytest.param(NOBODY, id="nobody")] if os.geteuid() == 0 else [])]

LIBC = ctypes.CDLL(None, use_errno=True)


@contextmanager
def child(function: Callable[[], object], user: int | None = None) -> Iterator[int]:
    """Run a function in a fork, which then waits to be killed; it has run when this yields."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            if user is not None:
                become(user)
            function()
            os.write(writing, b".")
            time.sleep(60)
        finally:
            os._exit(1)
    try:
        os.close(writing)
        assert os.read(reading, 1) == b".", "the child failed"
        yield pid
    finally:
        os.close(reading)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


@pytest.fixture
def lane() -> Iterator[Lane]:
    before = mapped()
    found = Lane(SIZE)
    yield found
    found.close()
    assert mapped() == before


def mapped() -> int:
    with open("/proc/self/maps") as file:
        return file.read().count("memfd:capsafe")


def map_lane(lane: Lane) -> None:
    """Do what a child does as it is cleaned up."""
    (lane.address,) = Calls([Call("mmap", (0, lane.size, READ_WRITE, SHARED, lane.descriptor, 0))])()


def fill(lane: Lane, text: bytes) -> None:
    map_lane(lane)
    view = lane.view(len(text))
    assert view is not None
    view[:] = text


@pytest.mark.parametrize("user", USERS)
def test_what_a_child_wrote_is_there(lane: Lane, user: int | None) -> None:
    with child(lambda: fill(lane, b"abc" * 1000), user):
        pass
    view = lane.take(3000, None)
    assert bytes(view) == b"abc" * 1000
    view[:3] = b"xyz"
    assert bytes(view[:4]) == b"xyza"
    assert not view.readonly


def test_it_is_one_mapping_and_no_descriptor_and_goes_with_the_last_view(lane: Lane) -> None:
    with child(lambda: fill(lane, b"abc")):
        pass
    descriptors = len(os.listdir("/proc/self/fd"))
    view = lane.take(SIZE, None)
    lane.close()
    assert len(os.listdir("/proc/self/fd")) == descriptors - 1
    part = view[1:3]
    del view
    assert mapped() == 1
    assert bytes(part) == b"bc"
    del part
    assert mapped() == 0


def test_memory_that_was_never_written_is_zero(lane: Lane) -> None:
    with child(lambda: map_lane(lane)):
        pass
    assert bytes(lane.take(SIZE, None)) == bytes(SIZE)


def test_a_lane_takes_no_memory_until_it_is_written_to() -> None:
    lane = Lane(2**45)
    try:
        assert os.fstat(lane.descriptor).st_blocks == 0
        assert os.fstat(lane.descriptor).st_size == 2**40
    finally:
        lane.close()


def test_what_is_mapped_in_a_fork_changes_nothing_here(lane: Lane) -> None:
    with child(lambda: fill(lane, b"abc")):
        pass
    view = lane.take(SIZE, None)

    def write() -> None:
        view[:3] = b"xyz"

    with child(write):
        assert bytes(view[:3]) == b"abc"


# Whoever wants to change it afterwards


@pytest.mark.parametrize("user", USERS)
def test_while_somebody_can_write_to_it_nothing_is_taken(lane: Lane, user: int | None) -> None:
    start = time.monotonic()
    with child(lambda: fill(lane, b"abc"), user), pytest.raises(StillWrittenError):
        lane.take(SIZE, start + 0.2)
    assert 0.2 <= time.monotonic() - start < 5
    # Its end is what was missing.
    assert bytes(lane.take(3, None)) == b"abc"


def test_ordinary_shared_memory_changes_under_its_reader() -> None:
    """The control: what was checked is not what is used."""
    shared = mmap.mmap(-1, SIZE)
    shared[:3] = b"abc"

    def write() -> None:
        shared[:3] = b"xyz"

    with child(write):
        assert shared[:3] == b"xyz"


def test_a_child_of_the_child_holds_it_as_well(lane: Lane) -> None:
    reading, writing = os.pipe()

    def leave_one() -> None:
        map_lane(lane)
        pid = os.fork()
        if pid == 0:
            time.sleep(60)
            os._exit(0)
        os.write(writing, pid.to_bytes(4, "little"))

    with child(leave_one):
        pass
    left = int.from_bytes(os.read(reading, 4), "little")
    os.close(reading)
    os.close(writing)
    try:
        with pytest.raises(StillWrittenError):
            lane.take(SIZE, time.monotonic() + 0.1)
    finally:
        os.kill(left, signal.SIGKILL)
    # It is no child of this process, and dies when it does.
    lane.take(SIZE, None)


SHORTER: dict[str, Callable[[int], object]] = {
    "ftruncate": lambda fd: os.ftruncate(fd, 0),
    "a hole": lambda fd: LIBC.fallocate(fd, 1 | 2, ctypes.c_long(0), ctypes.c_long(SIZE)),
    "write": lambda fd: os.pwrite(fd, b"xyz", 0),
    "a new mapping": lambda fd: mmap.mmap(fd, SIZE).write(b"xyz"),
}


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("name", SHORTER)
def test_who_kept_a_descriptor_changes_nothing(lane: Lane, name: str, user: int | None) -> None:
    """No child of capsafe has one; if it had, the seals would hold."""
    with child(lambda: fill(lane, b"abc")):
        pass
    kept = os.dup(lane.descriptor)
    view = lane.take(SIZE, None)
    try:
        with child(lambda: tried(SHORTER[name], kept), user):
            assert bytes(view[:3]) == b"abc"
            assert bytes(view[-3:]) == bytes(3)
    finally:
        os.close(kept)


def tried(attack: Callable[[int], Any], descriptor: int) -> None:
    try:
        failed = attack(descriptor) == -1
    except PermissionError:
        return
    assert failed, "it was allowed"


@pytest.mark.parametrize("name", SHORTER)
def test_without_a_seal_each_of_them_works(name: str) -> None:
    """The control; a reader of what has become shorter would die of SIGBUS."""
    descriptor = os.memfd_create("capsafe-test")
    os.write(descriptor, b"abc" + bytes(SIZE - 3))
    try:
        with child(lambda: SHORTER[name](descriptor)):
            assert os.pread(descriptor, 3, 0) != b"abc"
    finally:
        os.close(descriptor)


def test_a_reader_of_memory_that_became_shorter_dies() -> None:
    """The control of the lengths: why no child may have a descriptor before the seal, either."""
    descriptor = os.memfd_create("capsafe-test")
    os.truncate(descriptor, SIZE)
    pid = os.fork()
    if pid == 0:
        faulthandler.disable()
        view = mmap.mmap(descriptor, SIZE)
        os.truncate(descriptor, 0)
        os._exit(view[0])
    os.close(descriptor)
    assert os.WTERMSIG(os.waitpid(pid, 0)[1]) == signal.SIGBUS


def test_a_lane_that_somebody_else_has_sealed_is_refused(lane: Lane) -> None:
    fcntl.fcntl(lane.descriptor, 1033, 1)
    with pytest.raises(StillWrittenError):
        lane.take(SIZE, None)


def test_it_can_never_be_run() -> None:
    """Linux 6.3; without a descriptor in any child it is a second lock."""
    lane = Lane(SIZE)
    try:
        assert not os.fstat(lane.descriptor).st_mode & 0o111
        with pytest.raises(PermissionError):
            os.fchmod(lane.descriptor, 0o755)
    finally:
        lane.close()
