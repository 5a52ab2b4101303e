"""Observing lets nothing through that execute refuses: the same attacks, in a run that is observed.

That each of them works where nothing confines it is asserted beside them, in test_escapes; those that are about
observing itself have their controls here.
"""

import ctypes
import os
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from capsafe import ReadFile, Sandbox
from capsafe import Threads as ThreadsGranted
from tests.escapes.arena import SECRET, Arena, Attack, free, in_child, make_arena, scoped
from tests.escapes.pairs import LIBC, call
from tests.escapes.test_escapes import USERS, cases, give
from tests.kernel.listening import listen

pytestmark = pytest.mark.kernel

#: How often an attack that is a race is tried.
TRIES = 200


@pytest.fixture
def arena() -> Iterator[Arena]:
    with make_arena() as made:
        yield made


def observed(attack: Attack, arena: Arena, user: int | None, grant: Any) -> bool:
    """Run an attack in an observed run, started by ``user``; return whether it worked."""
    sandbox: Any = Sandbox.__class_getitem__(grant)(timeout=20)  # type: ignore[attr-defined]  # Generic has it
    # What is looked up and loaded once is so before the user changes, who may not read it.
    sandbox.observe(lambda _: None)

    def watched() -> bool:
        observation = sandbox.observe(lambda _: attack(arena))
        assert observation.error is None or isinstance(
            observation.error, OSError | ImportError | RuntimeError | MemoryError
        )
        return bool(observation.value) or bool(arena.received)

    return bool(in_child(watched, user)) or arena.happened()


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize(("attack", "grant"), list(cases()))
def test_an_attack_fails_in_an_observed_run(attack: Attack, grant: Any, user: int | None, arena: Arena) -> None:
    give(arena, user)
    assert not observed(attack, arena, user, grant(arena))


def change_the_path_while_the_call_waits(a: Arena) -> object:
    """Open a file of the scope, and have another thread write the path of the secret over its own meanwhile."""
    allowed, secret = os.fsencode(a.inside / "note"), os.fsencode(a.secret)
    path = ctypes.create_string_buffer(allowed, 512)
    stop = False

    def flip() -> None:
        while not stop:
            ctypes.memmove(path, secret + b"\0", len(secret) + 1)
            ctypes.memmove(path, allowed + b"\0", len(allowed) + 1)

    flipper = threading.Thread(target=flip, daemon=True)
    flipper.start()
    found = False
    try:
        end = time.monotonic() + 3
        for _ in range(TRIES):
            if found or time.monotonic() > end:
                break
            # The other one's turn.
            time.sleep(0.0005)
            descriptor = LIBC.open(path, os.O_RDONLY)
            if descriptor >= 0:
                found = SECRET.encode() in os.read(descriptor, 1000)
                os.close(descriptor)
    finally:
        stop = True
        flipper.join(5)
    return found


def take_the_listener(_: Arena) -> object:
    """Answer one's own calls: any descriptor that takes a notification's ioctl is a listener."""
    for descriptor in range(3, 256):
        try:
            # Is this cookie one that waits? A listener says ENOENT.
            call("ioctl", descriptor, 0x40082102, ctypes.byref(ctypes.c_uint64(0)))
        except FileNotFoundError:
            return True
        except OSError:
            continue
    return False


@pytest.mark.parametrize("user", USERS)
def test_a_path_that_changes_while_its_call_waits_leads_nowhere(user: int | None, arena: Arena) -> None:
    give(arena, user)
    grant = scoped(ReadFile, arena.inside) | ThreadsGranted
    assert not observed(change_the_path_while_the_call_waits, arena, user, grant)
    assert free(change_the_path_while_the_call_waits, arena, user)


@pytest.mark.parametrize("user", USERS)
def test_the_closure_has_no_listener_to_answer_itself(user: int | None, arena: Arena) -> None:
    assert not observed(take_the_listener, arena, user, ReadFile)

    def control() -> object:
        listen()
        return take_the_listener(arena)

    assert in_child(control, user)
