"""Names, looked up for the child: each once in a run, in a thread, so that nobody waits for a name server.

This module knows who waits for which name and what came of it. It refuses to know who may ask, and what an address is
used for. The first answer holds for the whole run: an address that was checked is the one that is connected to.
"""

import contextlib
import os
import select
import socket
import threading
from collections import deque
from collections.abc import Callable, Mapping
from socket import getaddrinfo
from typing import Final

from capsafe.policy.hosts import LOCALHOST, Address
from capsafe.worker.answers import MOST_ADDRESSES, Answer
from capsafe.worker.signals import NoSignals

#: So many look-ups at a time; the others wait for their turn.
_MOST_AT_ONCE: Final = 8
#: The most names of one run.
_MOST_NAMES: Final = 4096

Waiter = Callable[[Answer], None]


class Resolver:
    """The names of one run."""

    def __init__(self) -> None:
        self._answers: dict[str, Answer] = {"localhost": Answer(tuple(map(Address, LOCALHOST)))}
        self._addresses: dict[str, tuple[Address, ...]] = {}
        self._waiters: dict[str, list[Waiter]] = {}
        self._queue: deque[str] = deque()
        #: The end that tells of a look-up, with its name and where its answer comes.
        self._running: dict[int, tuple[str, list[Answer]]] = {}
        self._waiting: select.poll | None = None

    @property
    def addresses(self) -> Mapping[str, tuple[Address, ...]]:
        """What each name that was found stands for."""
        return self._addresses

    def register(self, waiting: "select.poll") -> None:
        """Have a poll tell when a look-up has ended."""
        self._waiting = waiting

    def ask(self, name: str, waiter: Waiter) -> None:
        """Have ``waiter`` called with the answer: now where it is known, else once it is."""
        known = self._answers.get(name)
        if known is not None:
            waiter(known)
        elif name in self._waiters:
            self._waiters[name].append(waiter)
        elif len(self._answers) + len(self._waiters) >= _MOST_NAMES:
            waiter(Answer(code=socket.EAI_AGAIN, text=f"a run may ask for {_MOST_NAMES} names"))
        else:
            self._waiters[name] = [waiter]
            self._queue.append(name)
            self._start()

    def owns(self, descriptor: int) -> bool:
        """Say whether a descriptor tells of a look-up."""
        return descriptor in self._running

    def finish(self, descriptor: int) -> None:
        """Take the answer of a look-up that has ended, and pass it on."""
        # As long as there is nothing to read it has not: the number may be another one's by now.
        ready = select.poll()
        ready.register(descriptor, select.POLLIN)
        if not ready.poll(0):
            return
        name, answers = self._running.pop(descriptor)
        if self._waiting is not None:
            self._waiting.unregister(descriptor)
        os.close(descriptor)
        answer = answers[0] if answers else Answer(code=socket.EAI_FAIL, text="the look-up has failed")
        self._answers[name] = answer
        self._addresses[name] = answer.addresses
        for waiter in self._waiters.pop(name, ()):
            waiter(answer)
        self._start()

    def close(self) -> None:
        """Forget it all; a look-up that is under way ends by itself, and closes its own end."""
        while self._running:
            os.close(self._running.popitem()[0])
        self._queue.clear()
        self._waiters.clear()

    def _start(self) -> None:
        while self._queue and len(self._running) < _MOST_AT_ONCE:
            name = self._queue.popleft()
            answers: list[Answer] = []
            with NoSignals():
                reading, writing = os.pipe()
                self._running[reading] = name, answers
                # A daemon: the program does not wait for a name server when it ends. It starts with signals held
                # back, so that handlers run elsewhere.
                thread = threading.Thread(target=_work, args=(name, answers, writing), name="capsafe", daemon=True)
                try:
                    thread.start()
                except RuntimeError:
                    # There can be no more threads: the end that is closed says so.
                    os.close(writing)
            if self._waiting is not None:
                self._waiting.register(reading, select.POLLIN)


def _work(name: str, answers: list[Answer], writing: int) -> None:
    try:
        answers.append(look_up(name))
    finally:
        # To be closed is to be readable.
        with contextlib.suppress(OSError):
            os.close(writing)


def look_up(name: str) -> Answer:
    """Ask the system's own resolver. Raises nothing."""
    try:
        rows = getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        return Answer(code=error.errno or socket.EAI_FAIL, text=str(error.strerror))
    except (OSError, UnicodeError) as error:
        return Answer(code=socket.EAI_FAIL, text=str(error))
    found: dict[Address, None] = {}
    for family, _, _, _, sockaddr in rows:
        if family in (socket.AF_INET, socket.AF_INET6):
            text = str(sockaddr[0]).partition("%")[0]
            zone = int(sockaddr[3]) if family == socket.AF_INET6 else 0  # type: ignore[misc]  # as the manual says
            found.setdefault(Address(text, zone))
    addresses = tuple(found)[:MOST_ADDRESSES]
    return Answer(addresses) if addresses else Answer(code=socket.EAI_NONAME, text="Name or service not known")
