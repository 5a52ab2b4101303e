"""The supervisor: takes the child's refused calls from the kernel, refuses them, and says what they were.

This module knows how a refused call becomes a ``Denial``. It refuses to know who is told (``capsafe.worker.record``),
to let anything through that is not allowed, and to decide on what it reads: memory is read for the report alone. Where
a grant leaves something to the supervisor, it is done elsewhere (``capsafe.worker.acting``), in the call's place.

The child waits for the answer, so that it comes before anything that takes time. Who asks more than ``MOST`` times is
answered and counted, and no longer read.
"""

import contextlib
import errno
import os
import select
import signal
import struct
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Final

from capsafe.capabilities import Capability
from capsafe.errors import Denial
from capsafe.grants import BY_NAME, Grant
from capsafe.kernel import notify
from capsafe.kernel.support import architecture
from capsafe.policy.model import LOW_HALF, Rule, Supervised
from capsafe.policy.numbers import NUMBERS
from capsafe.policy.table import ROWS
from capsafe.worker.addresses import LONGEST, address_text
from capsafe.worker.advice import Help, beside_anywhere
from capsafe.worker.events import Attempt
from capsafe.worker.outcome import write_wider
from capsafe.worker.place import TELLING_EVENT, read_place, read_refused
from capsafe.worker.record import MOST, Record
from capsafe.worker.refused import ANSWER, NOT_MINE, Refusal, Refused, look_up
from capsafe.worker.signals import NoSignals
from capsafe.worker.tally import Tally

if TYPE_CHECKING:
    from capsafe.worker.acting import Acting

#: OpenBLAS interrupts itself where it can start no threads.
_GIVING_UP: Final = frozenset({signal.SIGABRT, signal.SIGINT})


class Supervisor(Record):
    """Sees the denials of one run, and keeps them.

    ``grant``: of the sandbox. ``on_denial``: is called with each denial, in the thread that waits for the child; what
    it raises ends the run. ``supervised``: what is done for the child, None for nothing. ``left_out``: what was trimmed
    away of the grant. ``process``: the child's process id, set once it is there.
    """

    def __init__(
        self,
        grant: Grant,
        on_denial: Callable[[Denial], object] | None = None,
        supervised: Supervised | None = None,
        left_out: frozenset[Rule] = frozenset(),
    ) -> None:
        super().__init__(on_denial)
        self._grant = grant
        self._left_out = left_out
        self._socket = -1
        self._listener = -1
        self._memory = -1
        self._acting = None if supervised is None else _acting(supervised)
        self.process = 0
        #: Counts what is started, where that is limited.
        self.tally: Tally | None = None

    # --- descriptors -------------------------------------------------------------------------------------------------

    def connect(self) -> int:
        """Make the pair through which the listener comes, and return the child's end. Raises ``OSError``."""
        self._socket, other = notify.make_pair()
        return other

    @property
    def is_needed(self) -> bool:
        """Whether the child waits for more than a refusal."""
        return self._acting is not None

    def register(self, waiting: "select.poll") -> None:
        """Have a poll tell when there is something to do."""
        if self._socket >= 0:
            waiting.register(self._socket, select.POLLIN)

    def serve(self, waiting: "select.poll", descriptor: int, event: int) -> None:
        """Do what there is to do on a descriptor that is ready. Raises what ``on_denial`` raises, and ``OSError``."""
        if descriptor == self._socket:
            self._receive(waiting)
        elif self._acting is not None and self._acting.owns(descriptor):
            with NoSignals():
                self._acting.serve(descriptor)
        elif descriptor != self._listener:
            # It was closed as another one was served.
            return
        elif event & select.POLLIN:
            self._notified()
        else:
            # Nobody is left under the filter.
            waiting.unregister(descriptor)

    def retry(self) -> float | None:
        """Try again what would have waited; return after how many milliseconds to come again, None for never."""
        if self._acting is None:
            return None
        with NoSignals():
            return self._acting.retry()

    def close(self) -> None:
        """Close what is open; the child is gone, or its refused calls fail with ENOSYS from here on."""
        if self._acting is not None:
            self._acting.close()
        for descriptor in (self._socket, self._listener, self._memory):
            if descriptor >= 0:
                os.close(descriptor)
        self._socket = self._listener = self._memory = -1

    def _receive(self, waiting: "select.poll") -> None:
        waiting.unregister(self._socket)
        # What has arrived must be noted before a handler may raise.
        with NoSignals():
            found = notify.receive_descriptors(self._socket)
            os.close(self._socket)
            self._socket = -1
            if found:
                self._listener, *rest = found
                self._memory = rest[0] if rest else -1
        if found:
            waiting.register(self._listener, select.POLLIN)
            if self._acting is not None:
                self._acting.attach(self._listener, self._read_exactly, self._is_waiting, waiting)

    # --- one refused call --------------------------------------------------------------------------------------------

    def _notified(self) -> None:
        taken = notify.take(self._listener)
        if taken is None or (self._acting is not None and self._act(self._acting, taken)):
            return
        if self.tally is not None and self.tally.counts(call_name(taken.number), taken.arguments):
            self._start(self.tally, taken)
            return
        if self._is_abort(taken):
            # What it may do to itself it may be helped with: without, the C library goes on to crash in another way.
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.process, taken.arguments[2] & LOW_HALF)
            notify.refuse(self._listener, taken, 0)
            return
        if self._count >= MOST:
            if notify.refuse(self._listener, taken, ANSWER):
                self._count += 1
            return
        call: str | None = call_name(taken.number)
        refused = look_up(str(call), taken.arguments)
        target, place = None, None
        if self._is_child(taken.task):
            if call == "removexattr" and (told := read_refused(self._read(taken.arguments[1]))):
                # The broker refused, and made this call to say so.
                call = None
                refused = Refused(Attempt(told[0], told[1:]), path=0, event=TELLING_EVENT)
            target = self._target(refused, taken.arguments)
            place = read_place(self._memory, taken.task, refused.event)
            if not notify.is_waiting(self._listener, taken):
                target, place = None, None
        if notify.refuse(self._listener, taken, ANSWER):
            self.add(self._describe(call, taken.arguments, refused, target, place))

    def _start(self, tally: Tally, taken: notify.Notification) -> None:
        """Let a process or thread be started, or say that there are too many: all is in the call's registers."""
        if not tally.admits(self.process, taken.task):
            notify.refuse(self._listener, taken, errno.EAGAIN)
        elif notify.let_go_on(self._listener, taken):
            tally.note(taken.task)

    def _is_abort(self, taken: notify.Notification) -> bool:
        """Say whether the child's first process sends itself a signal by which programs and libraries give up."""
        process, _, number, *_ = taken.arguments
        if call_name(taken.number) != "tgkill" or number & LOW_HALF not in _GIVING_UP:
            return False
        return process & LOW_HALF == self.process and self._is_child(taken.task)

    def _act(self, acting: "Acting", taken: notify.Notification) -> bool:
        """Do a call in the child's place; returns False for one that is to be refused as any other."""
        call = call_name(taken.number)
        # What is opened must be noted before a handler may raise.
        with NoSignals():
            said = acting.handle(call, taken, of_child=self._is_child(taken.task))
        if said is NOT_MINE:
            return False
        if isinstance(said, int):
            notify.refuse(self._listener, taken, said)
        elif said is not None:
            self._refuse(call, taken, said)
        return True

    def _refuse(self, call: str, taken: notify.Notification, refusal: Refusal) -> None:
        place = read_place(self._memory, taken.task, look_up(call, taken.arguments).event)
        if not notify.refuse(self._listener, taken, ANSWER):
            return
        needed = refusal.capability
        file, line = place or (None, None)
        self.add(
            Denial(
                operation=refusal.operation,
                call=call,
                target=refusal.target,
                capability=None if needed is None else needed.__name__,
                write=None if needed is None else write_wider(self._grant, [(needed, refusal.scope)]),
                file=file,
                line=line,
            )
        )

    def _read_exactly(self, address: int, length: int) -> bytes:
        return notify.read_memory(self._memory, address, length)

    def _is_waiting(self, taken: notify.Notification) -> bool:
        return notify.is_waiting(self._listener, taken)

    def _is_child(self, task: int) -> bool:
        """Say whether a thread is the child's: other processes have other memory at the same addresses."""
        if self._memory < 0 or task == 0:
            return False
        return task == self.process or os.path.exists(f"/proc/{self.process}/task/{task}")  # noqa: PTH110 - a name

    def _target(self, refused: Refused, arguments: tuple[int, ...]) -> str | None:
        if refused.path is not None:
            return self._read_path(arguments[refused.path])
        if refused.address is not None:
            length = arguments[refused.address + 1] & 0xFFFFFFFF
            address = arguments[refused.address]
            return address_text(notify.read_memory(self._memory, address, min(length, LONGEST)))
        if refused.number is not None:
            return str(struct.unpack("=i", struct.pack("=I", arguments[refused.number] & 0xFFFFFFFF))[0])
        return None

    def _read_path(self, address: int) -> str | None:
        if address == 0:
            return None
        return os.fsdecode(self._read(address)) or None

    def _read(self, address: int) -> bytes:
        """Return a C string, as far as it can be read."""
        return notify.read_string(self._memory, address)[0]

    def _describe(
        self,
        call: str | None,
        arguments: tuple[int, ...],
        refused: Refused,
        target: str | None,
        place: tuple[str, int] | None,
    ) -> Denial:
        file, line = place or (None, None)
        if any(rule.allows(call, arguments) for rule in self._left_out if call):
            return Denial(refused.attempt.operation, call, target, file=file, line=line, trimmed=True)
        missing = self._missing(refused.attempt, call, arguments)
        scope: str | Help | None = Help.ANYWHERE
        if missing and refused.attempt.on == "path" and target is not None and target.startswith("/"):
            scope = beside_anywhere(os.path.dirname(target) if refused.attempt.entry else target)  # noqa: PTH120 - a name
            missing = [] if scope is Help.NOTHING else missing
        if call is None and missing and self._grant.scopes_of(missing[0]):
            # What the broker refuses of a capability that is granted elsewhere, it refuses there.
            scope = target
        wanted = [(one, scope if isinstance(scope, str) else None) for one in missing]
        return Denial(
            operation=refused.attempt.operation,
            call=call,
            target=target,
            capability=missing[0].__name__ if missing else None,
            write=write_wider(self._grant, wanted) if wanted else None,
            file=file,
            line=line,
        )

    def _missing(self, attempt: Attempt, call: str | None, arguments: tuple[int, ...]) -> list[type[Capability]]:
        # What the broker said may be anything: the closure can make the call itself.
        named = [BY_NAME[name] for name in attempt.needs if name in BY_NAME]
        missing = [capability for capability in named if self._lacks(capability, attempt, call)]
        if missing or not call:
            return missing
        # What the table of policies says is right by itself, and the last word where the words above know nothing.
        return [capability for capability in _allowing(call, arguments) if self._lacks(capability, attempt, call)][:1]

    def _lacks(self, capability: type[Capability], attempt: Attempt, call: str | None) -> bool:
        scopes = self._grant.scopes_of(capability)
        return scopes is not None and (not scopes or attempt.unscoped or call is None)


def _acting(supervised: Supervised) -> "Acting":
    from capsafe.worker.acting import Acting  # noqa: PLC0415 - for the grants that need it alone

    return Acting(supervised)


@cache
def _names() -> dict[int, str]:
    return {number: name for name, number in NUMBERS[architecture()].items()}


def call_name(number: int) -> str:
    """Return what the system call with a number is called on this machine."""
    return _names().get(number, f"number {number}")


def _allowing(call: str, arguments: tuple[int, ...]) -> list[type[Capability]]:
    """Return the capabilities whose rows in the policy table allow a call."""
    return [
        capability for capability, row in ROWS.items() if any(rule.allows(call, arguments) for rule in row.every_call)
    ]
