"""The supervisor of a run that is observed: writes down what is used of the grant, and lets it go on.

This module knows how a call becomes a use: which rule allowed it, which paths and addresses it is about, and which
capabilities would have given them. It refuses to decide: the kernel's own filter has allowed a call on its registers
before it comes here, and Landlock decides on its path afterwards. What is read from memory is for the record.

What it can't see, it says: a place that could not be read makes a capability stay as wide as it was granted.
"""

import os
import struct
from collections.abc import Callable
from dataclasses import replace
from typing import Final, TypeVar

from capsafe import capabilities as caps
from capsafe.capabilities import Capability
from capsafe.errors import Denial
from capsafe.grants import BY_NAME
from capsafe.kernel import notify
from capsafe.policy import Observation, Policy, Rule
from capsafe.policy.baseline import BASELINE
from capsafe.policy.denials import BELL, BELL_ARGUMENT, BELL_CALL
from capsafe.policy.model import LOW_HALF, Right
from capsafe.policy.narrow import ancestors
from capsafe.policy.observation import Need, Use
from capsafe.policy.syscalls import AF_UNIX, PROT_EXEC
from capsafe.policy.trim import fine_rules, narrowest
from capsafe.worker.addresses import address_text
from capsafe.worker.callers import Caller, Label, folder_of, interpreter, real, standing
from capsafe.worker.choices import either, endpoint_of, kind_of, ordered, preferred
from capsafe.worker.givers import Givers
from capsafe.worker.outcome import write_wider
from capsafe.worker.record import MOST
from capsafe.worker.refused import ANSWER, look_up
from capsafe.worker.seen import ENTER, ENTRY, MAKE, READ, RUN, WRITE, Touch, touches
from capsafe.worker.supervisor import Supervisor, call_name
from capsafe.worker.telling import ASKED, REFUSED, Told, read_told

R = TypeVar("R")

#: The most uses of one run that are kept; with more, nothing narrower than the grant is said.
MOST_USES: Final = 4096

#: What a call that the supervisor does may take: of which of them it is, only its own check knows.
_ON_NETWORK: Final = ("Connect", "Listen", "Datagram", "UnixSocket", "Resolve")
_LONGEST_ADDRESS: Final = 128
_MOST_INTERPRETERS: Final = 4
_STREAMS: Final = ((0, "stdin", "Stdin"), (1, "stdout", "Stdout"), (2, "stderr", "Stderr"))
_RIGHTS: Final = {WRITE: Right.WRITE_FILE, ENTRY: Right.MAKE_REG, MAKE: Right.WRITE_FILE, RUN: Right.EXECUTE}


class Observer(Supervisor):
    """Sees what one run uses. ``policy``: of the sandbox. ``on_denial``: as for ``Supervisor``."""

    def __init__(self, policy: Policy, on_denial: Callable[[Denial], object] | None = None) -> None:
        super().__init__(policy.grant, on_denial, policy.supervised, policy.left_out)
        self._policy = policy
        self._givers = Givers(policy.grant)
        self._fine = fine_rules(policy.grant) - policy.left_out
        self._folder = os.getcwd() if policy.files else "/"  # noqa: PTH109 - a text
        self._rules: set[Rule] = set()
        self._uses: set[Use] = set()
        self._absent: set[Need] = set()
        self._complete = True
        self._created: set[str] = set()
        self._sockets: dict[int, str] = {}
        self._idle: dict[int, list[Rule]] = {}
        self._programs: set[str] = set()
        self._serials: dict[int, str] = {}
        self._tried: dict[int, tuple[str, Denial]] = {}

    def observation(self, value: R | None, error: Exception | None) -> Observation[R]:
        """Return what was seen. ``value``, ``error``: what the run returned or raised."""
        self._settle_all()
        return Observation(
            granted=self._grant,
            rules=frozenset(self._rules),
            uses=frozenset(tuple(map(self._standing, use)) for use in self._uses),
            absent=frozenset(self._absent),
            denials=tuple(dict.fromkeys(self._denials)),
            complete=self._complete,
            failed=int(error is not None),
            error=error,
            value=value,
        )

    def mark(self, error: BaseException) -> None:
        """Write the denials on what ends the run; what was announced last is one of them."""
        self._settle_all()
        super().mark(error)

    def _settle_all(self) -> None:
        for task in list(self._tried):
            self._settle_tried(task, Label())

    def _standing(self, need: Need) -> Need:
        """Return a need with a path that is there for the next run, too: not one that this run has made, or removed."""
        place = need.place
        if not place.startswith("/"):
            return need
        made = [path for path in (place, *ancestors(place)) if path in self._created]
        place = standing(folder_of(made[-1]) if made else place)
        # Never the root: of that as much as was granted.
        return replace(need, place="", wide=True) if place == "/" else replace(need, place=place)

    # --- one call ----------------------------------------------------------------------------------------------------

    def _notified(self) -> None:
        taken = notify.take(self._listener)
        if taken is None:
            return
        call = call_name(taken.number)
        # Without the child's memory neither paths nor what the child tells can be read.
        self._complete &= self._memory >= 0
        own = self._is_child(taken.task)
        if self.tally is not None and self.tally.counts(call, taken.arguments):
            self._start(self.tally, taken)
            return
        if self._is_handed(call, taken.arguments):
            # The filters let it come here and no further: it is done, or refused, as in any other run.
            self._note([(Need(name, wide=True),) for name in _ON_NETWORK if self._grant.has(getattr(caps, name))])
            if self._acting is None or not self._act(self._acting, taken):
                notify.refuse(self._listener, taken, ANSWER)
            return
        if call == BELL_CALL and taken.arguments[BELL_ARGUMENT] & LOW_HALF == BELL:
            if own and (told := read_told(self._memory)):
                self._hear(taken.task, told)
        else:
            caller = self._caller(taken.task, own=own)
            try:
                found = self._uses_of(caller, call, taken.arguments)
                # Otherwise what was read may be another process's.
                if notify.is_waiting(self._listener, taken):
                    self._note(found)
            finally:
                if caller.memory not in (-1, self._memory):
                    os.close(caller.memory)
        notify.let_go_on(self._listener, taken)

    def _is_handed(self, call: str, arguments: tuple[int, ...]) -> bool:
        """Say whether a call is the supervisor's to do, since the policy itself does not allow it."""
        supervised = self._policy.supervised
        if supervised is None or call not in supervised.calls:
            return False
        return not any(rule.allows(call, arguments) for rule in self._policy.rules)

    def _note(self, uses: list[Use]) -> None:
        for use in uses:
            if len(self._uses) >= MOST_USES and use not in self._uses:
                self._complete = False
            elif use:
                self._uses.add(use)

    def _caller(self, task: int, *, own: bool) -> Caller:
        if own or task == 0:
            return Caller(task, own, program=False, memory=self._memory if own else -1)
        try:
            return Caller(task, own, program=True, memory=os.open(f"/proc/{task}/mem", os.O_RDONLY | os.O_CLOEXEC))
        except OSError:
            # It can't be looked into, as the child can't: it is a fork that has not become a program yet, and has the
            # same at the same addresses.
            return Caller(task, own, program=False, memory=self._memory)

    def _uses_of(self, caller: Caller, call: str, arguments: tuple[int, ...]) -> list[Use]:
        """Return what a call would take, and write down by which rule it is allowed."""
        label = caller.label()
        # A call that no event announces is another one, which comes after what was refused.
        self._settle_tried(caller.task, label if look_up(call, arguments).event else Label())
        rules = [rule for rule in narrowest(self._fine, call, arguments) if rule not in BASELINE]
        if call == "socket" and self._may_be_idle(caller, label, arguments):
            self._idle[caller.task] = rules
            return []
        self._rules.update(rules)
        stream = self._stream(caller, call, arguments)
        if stream is not None:
            return [(Need(stream),)]
        uses: list[Use] = []
        if rules:
            needs = ordered(self._givers.of_call(call, arguments), caller)
            joint = self._givers.of_joint(call, arguments)
            together = not {need.capability for need in joint} & {need.capability for need in needs}
            uses += [(need, *needs) for need in joint] if joint and together else [tuple(needs)]
        if call == "socket":
            self._sockets[caller.task] = kind_of(arguments)
            uses += self._made(caller, label, arguments)
        elif call in ("connect", "bind"):
            uses += self._reached(caller, label, call, arguments)
        elif (
            call in ("mmap", "mprotect")
            and arguments[2] & PROT_EXEC
            and caller.own
            and self._grant.has(caps.NativeCode)
        ):
            uses.append((Need("NativeCode"),))
        for touch in touches(call, arguments):
            uses += self._touched(caller, label, call, touch, arguments)
        return uses

    def _announces(self, caller: Caller, label: Label, *events: str) -> bool:
        """Say whether a label is about this call: the first one that is made for one of these events."""
        fresh = label.event in events and self._serials.get(caller.task) != label.serial
        self._serials[caller.task] = label.serial
        return fresh

    # --- streams and sockets -----------------------------------------------------------------------------------------

    def _stream(self, caller: Caller, call: str, arguments: tuple[int, ...]) -> str | None:
        for number, name, capability in _STREAMS:
            calls = ("read",) if number == 0 else ("write", "writev")
            if call in calls and arguments[0] & LOW_HALF == number and name in self._policy.streams:
                return capability if caller.own or caller.has_same_file(number) else None
        return None

    def _may_be_idle(self, caller: Caller, label: Label, arguments: tuple[int, ...]) -> bool:
        """Say whether this is a socket by which the C library looks for a service, such as nscd, that need not be."""
        is_own = caller.own and kind_of(arguments) == "unix"
        return is_own and not self._announces(caller, label, "socket.__new__")

    def _made(self, caller: Caller, label: Label, arguments: tuple[int, ...]) -> list[Use]:
        """Return what a socket takes where its number of capabilities leaves a choice that who makes it decides."""
        by_python = self._announces(caller, label, "socket.__new__")
        if kind_of(arguments) != "udp":
            return []
        return [either(by_python or caller.program, "Datagram", "Resolve")]

    def _reached(self, caller: Caller, label: Label, call: str, arguments: tuple[int, ...]) -> list[Use]:
        length = min(arguments[2] & LOW_HALF, _LONGEST_ADDRESS)
        raw = caller.read(arguments[1], length)
        by_python = self._announces(caller, label, f"socket.{call}")
        kind = label.kind if by_python else self._sockets.get(caller.task, "")
        if raw[:2] == struct.pack("=H", AF_UNIX):
            idle = self._idle.pop(caller.task, None)
            if idle is not None and not os.path.exists(address_text(raw) or ""):  # noqa: PTH110 - a text
                return []
            self._rules.update(idle or ())
            return [(Need("UnixSocket"),)]
        if kind == "udp":
            return [either(by_python or caller.program, "Datagram", "Resolve")]
        capability: type[Capability] = caps.Connect if call == "connect" else caps.Listen
        endpoint = endpoint_of(capability, address_text(raw))
        if endpoint is None:
            return [(Need(capability.__name__, wide=True),)]
        need = self._givers.of_endpoint(capability, endpoint)
        if need is None:
            words = "connect to" if call == "connect" else "listen on"
            self._write_refused(words, call, endpoint, capability.__name__, f"*:{endpoint.rpartition(':')[2]}", label)
            return []
        return [(need,)]

    # --- paths -------------------------------------------------------------------------------------------------------

    def _touched(self, caller: Caller, label: Label, call: str, touch: Touch, arguments: tuple[int, ...]) -> list[Use]:
        name = {READ: "ReadFile", RUN: "Spawn"}.get(touch.how, "WriteFile")
        start = None if touch.folder is None else arguments[touch.folder]
        path = caller.locate(arguments[touch.path], start, self._folder)
        if path is None:
            # What it is about is not known, so that no scope would surely do.
            return [] if touch.how == ENTER else [(Need(name, wide=True),)]
        if touch.how == ENTER:
            if caller.own and os.path.isdir(path):  # noqa: PTH112 - a text
                self._folder = path
            return []
        how = touch.how
        if how == MAKE:
            # The folder gets an entry, unless the file is there already.
            how = WRITE if os.path.exists(path) else ENTRY  # noqa: PTH110 - a text
        if how == ENTRY and not os.path.lexists(path) and len(self._created) < MOST_USES:
            self._created.add(real(path))
        found = folder_of(path) if how == ENTRY else real(path)
        if not os.path.lexists(found):
            # Python looks for compiled forms, and the path is searched for programs.
            if touch.how != RUN and not label.imports:
                self._note_absent(name, found)
            return []
        right = _RIGHTS.get(how, Right.READ_FILE)
        if how == READ and os.path.isdir(found):  # noqa: PTH112 - a text
            right = Right.READ_DIR
        if how == RUN:
            return self._run(label, found)
        by_python = self._announces(caller, label, "open", "os.listdir", "os.scandir")
        needs = preferred(self._givers.of_path(right, found), caller, label if by_python else Label(), found)
        if caller.program and found in self._programs and right is Right.READ_FILE:
            # A program reads itself, and a script is read by its interpreter.
            needs = [Need("Spawn", found), *needs]
        if not needs:
            shown = path if how == READ else found
            self._write_refused(look_up(call, arguments).attempt.operation, None, shown, name, found, label)
            return []
        return [tuple(needs)]

    def _run(self, label: Label, path: str) -> list[Use]:
        """Return what a program takes, and what runs it where it is a script."""
        uses: list[Use] = []
        program: str | None = path
        for _ in range(_MOST_INTERPRETERS):
            if program is None or not os.access(program, os.X_OK):
                break
            needs = [need for need in self._givers.of_path(Right.EXECUTE, program) if need.capability == "Spawn"]
            # The kernel reads what it runs.
            if not needs or not self._givers.of_path(Right.READ_FILE, program):
                self._write_refused("run", None, program, "ReadFile" if needs else "Spawn", program, label)
                break
            self._programs.add(program)
            uses.append(tuple(needs))
            program = interpreter(program)
            program = None if program is None else real(program)
        return uses

    def _note_absent(self, name: str, path: str) -> None:
        parent = standing(path)
        if parent != "/" and len(self._absent) < MOST_USES:
            self._absent.add(Need(name, parent))

    # --- what the child tells ----------------------------------------------------------------------------------------

    def _hear(self, task: int, told: Told) -> None:
        capability = BY_NAME.get(told.capability)
        self._settle_tried(task, Label())
        if told.what == ASKED:
            if capability is not None and self._grant.has(capability):
                self._note([(Need(told.capability, self._asked_place(capability, told.target)),)])
            return
        write = None if capability is None else write_wider(self._grant, [(capability, told.scope or None)])
        missing = None if capability is None else told.capability
        file, line = Caller(task, own=True, program=False, memory=self._memory).label().place or (None, None)
        denial = Denial(told.operation, None, told.target or None, missing, write, file, line)
        if told.what == REFUSED:
            self.add(denial)
        else:
            self._tried[task] = (told.event, denial)

    def _asked_place(self, capability: type[Capability], target: str) -> str:
        """Return where the broker was asked for something that the kernel does not tell: a host, metadata."""
        if capability is caps.Connect:
            return endpoint_of(capability, target) or ""
        if capability is caps.StatFile and target:
            return real(os.path.join(self._folder, target))  # noqa: PTH118 - a text
        return ""

    def _settle_tried(self, task: int, label: Label) -> None:
        """Decide on what a thread has announced: where its call comes here, the filter has allowed it."""
        event, denial = self._tried.pop(task, ("", None))
        if denial is not None and (label.event != event or self._serials.get(task) == label.serial):
            self.add(denial)

    def _write_refused(
        self, operation: str, call: str | None, target: str, capability: str, scope: str, label: Label
    ) -> None:
        """Write down what Landlock is about to refuse."""
        if len(self._denials) >= MOST:
            return
        file, line = label.place or (None, None)
        write = write_wider(self._grant, [(getattr(caps, capability), scope)])
        self.add(Denial(operation, call, target, capability, write, file, line))
