"""The supervisor of a run that is observed: writes down what is used of the grant, and lets it go on.

This module knows how a call becomes a use: which rule allowed it, which paths and addresses it is about, and which
capabilities would have given them. It refuses to decide: the kernel's own filter has allowed a call on its registers
before it comes here, and Landlock decides on its path afterwards. What is read from memory is for the record.

What it can't see, it says: a place that could not be read makes a capability stay as wide as it was granted.
"""

import os
import stat
import struct
from collections.abc import Callable
from dataclasses import replace
from typing import Final, NamedTuple, TypeVar

from capsafe import capabilities as caps
from capsafe.capabilities import Capability
from capsafe.errors import Denial, GrantError
from capsafe.kernel import notify
from capsafe.policy import Observation, Policy, Rule
from capsafe.policy.baseline import BASELINE
from capsafe.policy.denials import BELL, BELL_ARGUMENT, BELL_CALL
from capsafe.policy.model import LOW_HALF, Right
from capsafe.policy.narrow import BY_NAME
from capsafe.policy.observation import Need, Use
from capsafe.policy.syscalls import AF_UNIX, PROT_EXEC, SOCK_DGRAM, SOCK_STREAM, SOCK_TYPE_MASK
from capsafe.policy.trim import fine_rules, narrowest
from capsafe.scopes import covers_path, parse_scope
from capsafe.worker.givers import Givers
from capsafe.worker.outcome import write_wider
from capsafe.worker.place import read_board
from capsafe.worker.refused import look_up
from capsafe.worker.seen import ENTER, ENTRY, MAKE, READ, RUN, WRITE, Touch, touches
from capsafe.worker.supervisor import MOST, Supervisor, address_text, call_name
from capsafe.worker.telling import ASKED, REFUSED, Told, read_told

R = TypeVar("R")

#: The most uses of one run that are kept; with more, nothing narrower than the grant is said.
MOST_USES: Final = 4096

_LONGEST_PATH: Final = 4096
_LONGEST_ADDRESS: Final = 128
_AT_FDCWD: Final = -100
_MOST_INTERPRETERS: Final = 4
_STREAMS: Final = ((0, "stdin", "Stdin"), (1, "stdout", "Stdout"), (2, "stderr", "Stderr"))
_RIGHTS: Final = {WRITE: Right.WRITE_FILE, ENTRY: Right.MAKE_REG, MAKE: Right.WRITE_FILE, RUN: Right.EXECUTE}
_WORDS: Final = {READ: "open for reading", RUN: "run"}
_MISSING: Final = {READ: "ReadFile", RUN: "Spawn"}


class _Label(NamedTuple):
    """What the child has written down before a call. ``fresh``: no call before this one was made for it."""

    event: str
    kind: str
    imports: bool
    fresh: bool
    place: tuple[str, int] | None


_NONE: Final = _Label("", "", imports=False, fresh=False, place=None)


class _Caller(NamedTuple):
    """Who makes a call. ``own``: a thread of the child. ``program``: another program; a fork of the child is neither.

    ``memory``: its memory, open to read, -1 where it can't be.
    """

    task: int
    own: bool
    program: bool
    memory: int


class Observer(Supervisor):
    """Sees what one run uses. ``policy``: of the sandbox. ``on_denial``: as for ``Supervisor``."""

    def __init__(self, policy: Policy, on_denial: Callable[[Denial], object] | None = None) -> None:
        super().__init__(policy.grant, on_denial, policy.left_out)
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
            self._settle_tried(task, _NONE)

    def _standing(self, need: Need) -> Need:
        """Return a need with a path that is there for the next run, too: not one that this run has made, or removed."""
        place = need.place
        if not place.startswith("/"):
            return need
        made = {path for path in self._created if covers_path(path, place)}
        if made:
            place = os.path.dirname(min(made, key=len))  # noqa: PTH120 - a text
        while not os.path.lexists(place):
            place = os.path.dirname(place)  # noqa: PTH120 - a text
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
        notify.go_on(self._listener, taken)

    def _note(self, uses: list[Use]) -> None:
        for use in uses:
            if len(self._uses) >= MOST_USES and use not in self._uses:
                self._complete = False
            elif use:
                self._uses.add(use)

    def _caller(self, task: int, *, own: bool) -> _Caller:
        if own or task == 0:
            return _Caller(task, own, program=False, memory=self._memory if own else -1)
        try:
            return _Caller(task, own, program=True, memory=os.open(f"/proc/{task}/mem", os.O_RDONLY | os.O_CLOEXEC))
        except OSError:
            # It can't be looked into, as the child can't: it is a fork that has not become a program yet, and has the
            # same at the same addresses.
            return _Caller(task, own, program=False, memory=self._memory)

    def _uses_of(self, caller: _Caller, call: str, arguments: tuple[int, ...]) -> list[Use]:
        """Return what a call would take, and write down by which rule it is allowed."""
        label = self._label(caller)
        self._settle_tried(caller.task, label)
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
            needs = _ordered(self._givers.of_call(call, arguments), caller)
            joint = self._givers.of_joint(call, arguments)
            together = not {need.capability for need in joint} & {need.capability for need in needs}
            uses += [(need, *needs) for need in joint] if joint and together else [tuple(needs)]
        if call == "socket":
            self._sockets[caller.task] = _kind(arguments)
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

    def _label(self, caller: _Caller) -> _Label:
        found = read_board(self._memory, caller.task) if caller.own else None
        if found is None:
            return _NONE
        text, file, line = found
        event, _, rest = text.partition("|")
        kind, _, rest = rest.partition("|")
        imports, _, serial = rest.partition("|")
        return _Label(
            event,
            kind,
            imports=bool(imports),
            fresh=self._serials.get(caller.task) != serial,
            place=(file, line) if file else None,
        )

    def _spend(self, caller: _Caller) -> None:
        """Note that the call which was announced has been made."""
        found = read_board(self._memory, caller.task) if caller.own else None
        if found is not None:
            self._serials[caller.task] = found[0].rpartition("|")[2]

    # --- streams and sockets -----------------------------------------------------------------------------------------

    def _stream(self, caller: _Caller, call: str, arguments: tuple[int, ...]) -> str | None:
        for number, name, capability in _STREAMS:
            calls = ("read",) if number == 0 else ("write", "writev")
            if call in calls and arguments[0] & LOW_HALF == number and name in self._policy.streams:
                return capability if caller.own or _is_same_file(caller.task, number) else None
        return None

    def _may_be_idle(self, caller: _Caller, label: _Label, arguments: tuple[int, ...]) -> bool:
        """Say whether this is a socket by which the C library looks for a service, such as nscd, that need not be."""
        by_python = label.event == "socket.__new__" and label.fresh
        return caller.own and not by_python and _kind(arguments) == "unix"

    def _made(self, caller: _Caller, label: _Label, arguments: tuple[int, ...]) -> list[Use]:
        """Return what a socket takes where its number of capabilities leaves a choice that who makes it decides."""
        by_python = label.event == "socket.__new__" and label.fresh
        self._spend(caller)
        if _kind(arguments) != "udp":
            return []
        return [_either(by_python or caller.program, "Datagram", "Resolve")]

    def _reached(self, caller: _Caller, label: _Label, call: str, arguments: tuple[int, ...]) -> list[Use]:
        length = min(arguments[2] & LOW_HALF, _LONGEST_ADDRESS)
        raw = notify.read_memory(caller.memory, arguments[1], length) if caller.memory >= 0 else b""
        by_python = label.event == f"socket.{call}" and label.fresh
        kind = label.kind if by_python else self._sockets.get(caller.task, "")
        self._spend(caller)
        if raw[:2] == struct.pack("=H", AF_UNIX):
            idle = self._idle.pop(caller.task, None)
            if idle is not None and not os.path.exists(address_text(raw) or ""):  # noqa: PTH110 - a text
                return []
            self._rules.update(idle or ())
            return [(Need("UnixSocket"),)]
        if kind == "udp":
            return [_either(by_python or caller.program, "Datagram", "Resolve")]
        capability: type[Capability] = caps.Connect if call == "connect" else caps.Listen
        endpoint = _endpoint(capability, address_text(raw))
        if endpoint is None:
            return [(Need(capability.__name__, wide=True),)]
        need = self._givers.of_endpoint(capability, endpoint)
        if need is None:
            words = "connect to" if call == "connect" else "listen on"
            self._refuse(words, call, endpoint, capability.__name__, f"*:{endpoint.rpartition(':')[2]}", label)
            return []
        return [(need,)]

    # --- paths -------------------------------------------------------------------------------------------------------

    def _touched(
        self, caller: _Caller, label: _Label, call: str, touch: Touch, arguments: tuple[int, ...]
    ) -> list[Use]:
        name = {READ: "ReadFile", RUN: "Spawn"}.get(touch.how, "WriteFile")
        path = self._locate(caller, arguments[touch.path], None if touch.folder is None else arguments[touch.folder])
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
            self._created.add(_real(path))
        real = _folder_of(path) if how == ENTRY else _real(path)
        if not os.path.lexists(real):
            # Python looks for compiled forms, and the path is searched for programs.
            if touch.how != RUN and not label.imports:
                self._note_absent(name, real)
            return []
        right = _RIGHTS.get(how, Right.READ_FILE)
        if how == READ and os.path.isdir(real):  # noqa: PTH112 - a text
            right = Right.READ_DIR
        if how == RUN:
            return self._run(caller, label, real)
        by_python = label.event in ("open", "os.listdir", "os.scandir") and label.fresh
        self._spend(caller)
        needs = _preferred(self._givers.of_path(right, real), caller, label if by_python else _NONE, real)
        if caller.program and real in self._programs and right is Right.READ_FILE:
            # A program reads itself, and a script is read by its interpreter.
            needs = [Need("Spawn", real), *needs]
        if not needs:
            shown = path if how == READ else real
            self._refuse(look_up(call, arguments).attempt.operation, None, shown, name, real, label)
            return []
        return [tuple(needs)]

    def _run(self, caller: _Caller, label: _Label, real: str) -> list[Use]:
        self._spend(caller)
        uses: list[Use] = []
        for _ in range(_MOST_INTERPRETERS):
            if not os.access(real, os.X_OK):
                break
            needs = [need for need in self._givers.of_path(Right.EXECUTE, real) if need.capability == "Spawn"]
            if not needs:
                self._refuse("run", None, real, "Spawn", real, label)
                break
            if not self._givers.of_path(Right.READ_FILE, real):
                # The kernel reads what it runs.
                self._refuse("run", None, real, "ReadFile", real, label)
                break
            self._programs.add(real)
            uses.append(tuple(needs))
            interpreter = _interpreter(real)
            if interpreter is None:
                break
            real = _real(interpreter)
        return uses

    def _locate(self, caller: _Caller, address: int, folder: int | None) -> str | None:
        """Return the absolute path that an argument means, None where it can't be read."""
        raw = _read_text(caller.memory, address)
        if not raw:
            return None
        path = os.fsdecode(raw)
        if path.startswith("/"):
            return os.path.normpath("/" + path.lstrip("/")) if ".." not in path else path
        number = _AT_FDCWD if folder is None else struct.unpack("=i", struct.pack("=I", folder & LOW_HALF))[0]
        if number == _AT_FDCWD and not caller.program:
            return os.path.join(self._folder, path)  # noqa: PTH118 - a text
        link = "cwd" if number == _AT_FDCWD else f"fd/{number}"
        try:
            base = os.readlink(f"/proc/{caller.task}/{link}")  # noqa: PTH115 - as above
        except OSError:
            return None
        return os.path.join(base, path) if base.startswith("/") else None  # noqa: PTH118 - as above

    def _note_absent(self, name: str, path: str) -> None:
        parent = path
        while not os.path.lexists(parent):
            parent = os.path.dirname(parent)  # noqa: PTH120 - a text
        if parent != "/" and len(self._absent) < MOST_USES:
            self._absent.add(Need(name, parent))

    # --- what the child tells ----------------------------------------------------------------------------------------

    def _hear(self, task: int, told: Told) -> None:
        capability = BY_NAME.get(told.capability)
        self._settle_tried(task, _NONE)
        if told.what == ASKED:
            if capability is not None and self._grant.has(capability):
                self._note([(Need(told.capability, self._asked_place(capability, told.target)),)])
            return
        write = None if capability is None else write_wider(self._grant, capability, told.scope or None)
        missing = None if capability is None else told.capability
        file, line = self._label(_Caller(task, own=True, program=False, memory=self._memory)).place or (None, None)
        denial = Denial(told.operation, None, told.target or None, missing, write, file, line)
        if told.what == REFUSED:
            self.add(denial)
        else:
            self._tried[task] = (told.event, denial)

    def _asked_place(self, capability: type[Capability], target: str) -> str:
        """Return where the broker was asked for something that the kernel does not tell: a host, metadata."""
        if capability is caps.Connect:
            return _endpoint(capability, target) or ""
        if capability is caps.StatFile and target:
            return _real(os.path.join(self._folder, target))  # noqa: PTH118 - a text
        return ""

    def _settle_tried(self, task: int, label: _Label) -> None:
        """Decide on what a thread has announced: where its call comes here, the filter has allowed it."""
        event, denial = self._tried.pop(task, ("", None))
        if denial is not None and not (label.event == event and label.fresh):
            self.add(denial)

    def _refuse(
        self, operation: str, call: str | None, target: str, capability: str, scope: str, label: _Label
    ) -> None:
        """Write down what Landlock is about to refuse."""
        if len(self._denials) >= MOST:
            return
        file, line = label.place or (None, None)
        write = write_wider(self._grant, getattr(caps, capability), scope)
        self.add(Denial(operation, call, target, capability, write, file, line))


def _either(first: bool, one: str, other: str) -> Use:  # noqa: FBT001 - which of two comes first
    return (Need(one), Need(other)) if first else (Need(other), Need(one))


def _ordered(needs: list[Need], caller: _Caller) -> list[Need]:
    """Put first what is likelier: of a program what programs need, of the child's own code anything else."""
    return sorted(needs, key=lambda need: (need.wide, (need.capability == "Spawn") is not caller.program))


def _preferred(needs: list[Need], caller: _Caller, label: _Label, path: str) -> list[Need]:
    """Order what gives a right on a path by who opens it.

    A program has its libraries by Spawn; Python's own code that opens a file means it, unless it imports; the C library
    opens what the system has for it.
    """
    order = ["Resolve", "SystemInfo", "ReadFile", "WriteFile", "Spawn", "Import", "NativeCode"]
    if caller.program:
        order = ["Spawn", "ReadFile", "WriteFile"]
    elif label.imports:
        order = ["Import", "NativeCode", "ReadFile"]
    elif label.event:
        # What is opened as a file is meant as one, wherever it lies.
        meant = [need for need in needs if need.capability in ("ReadFile", "WriteFile")]
        return meant or needs
    elif ".so" in os.path.basename(path):  # noqa: PTH119 - a text
        order = ["NativeCode", "Import", "Spawn"]
    rank = {name: at for at, name in enumerate(order)}
    return sorted(needs, key=lambda need: (need.wide, rank.get(need.capability, len(order))))


def _kind(arguments: tuple[int, ...]) -> str:
    if arguments[0] & LOW_HALF == AF_UNIX:
        return "unix"
    return {SOCK_STREAM: "tcp", SOCK_DGRAM: "udp"}.get(arguments[1] & SOCK_TYPE_MASK, "")


def _endpoint(capability: type[Capability], text: str | None) -> str | None:
    try:
        return None if text is None else parse_scope(capability, text)
    except GrantError:
        return None


def _real(path: str) -> str:
    # In /proc names mean who looks.
    return os.path.normpath(path) if path.startswith("/proc") else os.path.realpath(path)


def _folder_of(path: str) -> str:
    return _real(os.path.dirname(path.rstrip("/")) or "/")  # noqa: PTH120 - a text


def _read_text(memory: int, address: int) -> bytes:
    found = notify.read_memory(memory, address, 256) if memory >= 0 and address else b""
    if b"\0" not in found and found:
        found += notify.read_memory(memory, address + len(found), _LONGEST_PATH - len(found))
    text, end, _ = found.partition(b"\0")
    return text if end else b""


def _is_same_file(task: int, number: int) -> bool:
    try:
        return os.path.samestat(os.stat(f"/proc/{task}/fd/{number}"), os.fstat(number))  # noqa: PTH116 - a name
    except OSError:
        return False


def _interpreter(path: str) -> str | None:
    """Return the program that runs a script, None for what is none."""
    try:
        # Not a pipe: it would be waited for.
        if not stat.S_ISREG(os.stat(path).st_mode):  # noqa: PTH116 - a text
            return None
        with open(path, "rb") as file:  # noqa: PTH123 - as above
            head = file.read(256)
    except OSError:
        return None
    if not head.startswith(b"#!"):
        return None
    words = head[2:].partition(b"\n")[0].split()
    return os.fsdecode(words[0]) if words and words[0].startswith(b"/") else None
