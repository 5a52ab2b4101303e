"""What the supervisor does in the child's place: sockets whose scope no rule of the kernel holds, and names.

This module knows which calls are its own, and that it does them for the child's own threads alone: of a program that
the closure started neither memory nor numbers are known here. It refuses to do any of them itself
(``capsafe.worker.sockets``, ``capsafe.worker.resolver``).
"""

import contextlib
import errno
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from capsafe.capabilities import Resolve
from capsafe.kernel import notify
from capsafe.kernel.notify import Notification
from capsafe.policy.hosts import normal_name
from capsafe.policy.model import QUESTION_CALL, SOCKET_CALLS, Supervised
from capsafe.worker.answers import RESOLVE, Answer, write_answer
from capsafe.worker.pending import Memory
from capsafe.worker.refused import NOT_MINE, Refusal
from capsafe.worker.resolver import Resolver
from capsafe.worker.sockets import Sockets

if TYPE_CHECKING:
    import select

_LONGEST_NAME: Final = 512


class Acting:
    """Acts for one run. ``supervised``: what is left to the supervisor."""

    def __init__(self, supervised: Supervised) -> None:
        self._supervised = supervised
        self._resolver = Resolver()
        self._sockets = Sockets(supervised, self._resolver)
        self._listener = -1
        self._memory: Memory | None = None

    def attach(
        self,
        listener: int,
        read: Callable[[int, int], bytes],
        is_waiting: Callable[[Notification], bool],
        waiting: "select.poll",
    ) -> None:
        """Begin. ``listener``: where calls are answered. ``waiting``: tells when something has ended.

        ``read``: reads the child's memory, as far as it is there. ``is_waiting``: says that a call still waits.
        """
        self._listener, self._memory = listener, Memory(read, is_waiting)
        self._resolver.register(waiting)
        self._sockets.attach(listener, self._memory, waiting)

    def handle(self, call: str, taken: Notification, *, of_child: bool) -> Refusal | int | None:
        """Do a call, and answer it, now or later.

        ``of_child``: it is one of the child's own threads. Returns what was not granted, ``NOT_MINE`` for a call that
        is not for here, or the errno that is still to be answered; None where there is no more to do.
        """
        if call == QUESTION_CALL:
            return self._ask(taken) if of_child else NOT_MINE
        if call not in SOCKET_CALLS or not self._supervised.sockets:
            return NOT_MINE
        if not of_child:
            return Refusal(_IN_A_PROGRAM[call], None)
        return self._sockets.handle(call, taken)

    def owns(self, descriptor: int) -> bool:
        """Say whether a descriptor that is ready is one of these."""
        return self._sockets.pending.owns(descriptor) or self._resolver.owns(descriptor)

    def serve(self, descriptor: int) -> None:
        """Do what there is to do on a descriptor that is ready. Raises ``OSError``."""
        if self._sockets.pending.owns(descriptor):
            self._sockets.pending.finish(descriptor)
        else:
            self._resolver.finish(descriptor)

    def retry(self) -> float | None:
        """Try again what would have waited; return after how many milliseconds to come again, None for never."""
        return self._sockets.pending.retry()

    def close(self) -> None:
        """Close everything."""
        self._resolver.close()
        self._sockets.close()

    def _ask(self, taken: Notification) -> Refusal | int | None:
        if self._memory is None:
            return NOT_MINE
        kind, question = (self._memory.read(at, _LONGEST_NAME).partition(b"\0")[0] for at in taken.arguments[1::-1])
        if kind != RESOLVE:
            return NOT_MINE
        if not self._memory.is_waiting(taken):
            return None
        name = normal_name(question.decode("ascii", errors="replace"))
        if name is None:
            return errno.EINVAL
        if self._supervised.names is not None and name not in self._supervised.names:
            return Refusal("resolve", Resolve, name)
        self._resolver.ask(name, lambda answer: self._tell(taken, answer))
        return None

    def _tell(self, taken: Notification, answer: Answer) -> None:
        """Give the child a pipe with the answer in it."""
        reading, writing = os.pipe()
        try:
            # A pipe has room for it, so that nobody waits here.
            os.set_blocking(writing, False)
            with contextlib.suppress(BlockingIOError):
                os.write(writing, write_answer(answer))
            os.close(writing)
            writing = -1
            notify.give(self._listener, taken, reading, inheritable=False)
        except OSError as error:
            if error.errno != errno.ENOENT:
                notify.refuse(self._listener, taken, error.errno or errno.EMFILE)
        finally:
            os.close(reading)
            if writing >= 0:
                os.close(writing)


#: By call, what is said of one that a program makes.
_IN_A_PROGRAM: Final = {
    "socket": "make a socket in a program that the closure started, where scopes of the network do not reach,",
    "connect": "connect in a program that the closure started, where scopes of the network do not reach,",
    "bind": "bind in a program that the closure started, where scopes of the network do not reach,",
    "listen": "listen in a program that the closure started, where scopes of the network do not reach,",
    "sendto": "send to an address in a program that the closure started, where scopes of the network do not reach,",
}
