"""The parent: fork, wait, end, reap, and say what became of it.

This module knows that whatever happens, the child and all it started end, and no process and no descriptor stays
behind. It refuses to know what ran.
"""

import contextlib
import fcntl
import gc
import math
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable
from functools import lru_cache
from resource import struct_rusage
from types import CodeType
from typing import TYPE_CHECKING, Final, NoReturn

from capsafe.errors import Denial, SandboxKilledError, UnsupportedError
from capsafe.kernel import pools, process
from capsafe.kernel.cleaning import FIRST_FREE
from capsafe.kernel.restrict import Places, Prepared
from capsafe.policy import Policy
from capsafe.worker import child, hygiene
from capsafe.worker.channel import check_time, close_all, collect, make_lane, receive
from capsafe.worker.classes import LocalClasses, find_local_classes
from capsafe.worker.denial import Recorder
from capsafe.worker.encode import encode
from capsafe.worker.failure import describe_failure
from capsafe.worker.hints import add_hints
from capsafe.worker.limits import Limits
from capsafe.worker.modules import load_modules
from capsafe.worker.outcome import read_outcome
from capsafe.worker.protocol import ERROR, Frame, ProtocolError, TooLargeError
from capsafe.worker.signals import NoSignals
from capsafe.worker.streams import NAMES, flush_inherited
from capsafe.worker.supervisor import Supervisor
from capsafe.worker.tally import Tally
from capsafe.worker.telling import Learner

if TYPE_CHECKING:
    from capsafe.kernel.lane import Lane

#: The socket, the memory, and the listener or the ruleset.
_ROOM_TO_REPORT: Final = 3


class Cancellation:
    """Ends a call from another thread, or before it has begun."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pidfd: int | None = None
        self._cancelled = False

    def cancel(self) -> None:
        """Kill the child now; where there is none yet, as soon as there is."""
        with self._lock:
            self._cancelled = True
            self._kill()

    def attach(self, pidfd: int | None) -> None:
        """Name the child that is to be ended; None when there is none any more."""
        with self._lock:
            self._pidfd = pidfd
            if self._cancelled:
                self._kill()

    def _kill(self) -> None:
        if self._pidfd is not None:
            # It has ended; or it was gone before it could be watched (EBADF).
            with contextlib.suppress(OSError):
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)


def run(  # noqa: PLR0913 - each has its name
    prepared: Prepared,
    policy: Policy,
    call: Callable[[], object],
    *,
    limits: Limits,
    about: Iterable[object] = (),
    before: Callable[[], None] | None = None,
    cancellation: Cancellation | None = None,
    on_denial: Callable[[Denial], object] | None = None,
    supervisor: Supervisor | None = None,
) -> object:
    """Run ``call`` in a child under a policy, and return its result or raise what it raised.

    ``prepared``: of the same policy. ``about``: the closure and its arguments, in which classes that are in no module
    are looked for. ``before``: runs in the child before it is confined. ``cancellation``: ends it from elsewhere.
    ``on_denial``: is told of each refused operation as it comes, in this thread. ``supervisor``: one in place of the
    usual, for a run that is observed.
    Raises the exceptions of ``capsafe.errors``; ``OSError`` where there can be no more processes or descriptors; what
    ``on_denial`` raises.
    """
    load_modules(policy.preload)
    if not policy.threads:
        pools.find_pools()
    roots = tuple(about)
    found: list[LocalClasses] = []

    def local() -> LocalClasses:
        if not found:
            found.append(find_local_classes(roots))
        return found[0]

    codes = (getattr(root, "__code__", None) for root in roots)
    files = frozenset(code.co_filename for code in codes if isinstance(code, CodeType))
    hygiene.hold_parents()
    recorder, settings = _recorder(files, reads=prepared.reads), hygiene.find_settings(policy, imports=prepared.imports)
    if prepared.observing:
        recorder = Learner(files, policy.grant, environ=policy.environ)
    task = child.Task(
        prepared,
        policy,
        limits,
        call,
        before,
        local,
        _exhausted(limits),
        recorder,
        settings,
        limits.for_kernel,
        gc.isenabled(),
    )
    deadline = None if limits.timeout is None else time.monotonic() + limits.timeout
    if prepared.counted and not _can_report(task):
        raise UnsupportedError(f"processes= needs {_ROOM_TO_REPORT} descriptors: give open_files at least as many")
    flush_inherited(policy.streams)
    if policy.supervised is not None:
        if not _can_report(task):
            raise UnsupportedError(
                f"Sandbox[{policy.grant}] leaves sockets or names to the supervisor, and with "
                f"open_files={limits.open_files} there is no room for the way to it; it takes {_ROOM_TO_REPORT}"
            )
        from capsafe.worker import names  # noqa: PLC0415 - for these grants alone

        names.prepare()
    if supervisor is None:
        supervisor = Supervisor(policy.grant, on_denial, policy.supervised, policy.left_out)
    if prepared.counted and limits.processes is not None:
        supervisor.tally = Tally(policy.rules, limits.processes)

    def read(frame: Frame) -> object:
        return read_outcome(
            frame,
            policy.grant,
            cap=limits.result_size,
            local=local,
            sources=lambda: files,
            look=lambda: check_time(deadline, limits.timeout),
            refused=supervisor.last_denial,
        )

    try:
        answered, value, usage, status = _converse(task, deadline, cancellation, supervisor, read)
        if not answered:
            _raise_killed(status, usage, limits)
    except BaseException as error:
        told = supervisor.explain(error)
        supervisor.mark(told)
        add_hints(told, limits, started_too_many=supervisor.tally is not None and supervisor.tally.reached)
        if told is error:
            raise
        raise told from None
    finally:
        supervisor.finish()
    return value


def _converse(  # noqa: PLR0915 - one conversation, of which nothing may be left half-way
    task: child.Task,
    deadline: float | None,
    cancellation: Cancellation | None,
    supervisor: Supervisor,
    read: Callable[[Frame], object],
) -> tuple[bool, object, struct_rusage | None, int | None]:
    """Fork, and read the answer. Returns whether there was one, what ``read`` makes of it, and how the child ended.

    Raises what ``read`` raises, once the child is gone.
    """
    value: object = None
    open_here: list[int] = []
    pid = 0
    lane: Lane | None = None
    try:
        # A signal that comes between the fork and the reset of handlers would run the parent's handler in the child;
        # one whose handler raises, or reaps every child, must find all that is there noted.
        with NoSignals():
            lane = make_lane(task.limits.result_size)
            reading, places = _make_descriptors(task, supervisor, lane, open_here)
            plan = task.prepared.plan(places)
            parent = os.getpid()
            pid = _fork()
            if pid == 0:
                child.run_child(task, plan, parent, lane)
            # It must not be held open here: the ends tell of each other.
            close_all(open_here[1:])
            del open_here[1:]
            supervisor.process = pid
            pidfd = _watch(pid)
            open_here.append(pidfd)
        if cancellation is not None:
            cancellation.attach(pidfd)
        cap = task.limits.result_size
        timeout = task.limits.timeout
        frame = receive(reading, pidfd, deadline=deadline, timeout=timeout, cap=cap, watcher=supervisor)
        if frame is not None:
            if frame.lane:
                # Nobody may write to the lane any more.
                with NoSignals():
                    _end(pid, guarded=task.policy.programs)
                    pid = 0
                frame = collect(frame, lane, deadline)
            else:
                # It takes its time to go, meanwhile.
                _kill(pid)
            value = read(frame)
    except ProtocolError as error:
        raise _no_answer(error) from None
    finally:
        usage, status = None, None
        interrupted: BaseException | None = None
        left = True
        while left:
            try:
                with NoSignals():
                    if cancellation is not None:
                        cancellation.attach(None)
                    if pid:
                        usage, status = _end(pid, guarded=task.policy.programs)
                        pid = 0
                    close_all(open_here)
                    open_here.clear()
                    if lane is not None:
                        lane.close()
                    supervisor.close()
                    left = False
            except BaseException as error:  # noqa: BLE001 - a handler's, before signals were held back: once more, then it
                interrupted = error
        if interrupted is not None:
            raise interrupted
    return frame is not None, value, usage, status


def _watch(pid: int) -> int:
    """Return a descriptor that is ready to read once a child has ended. Raises ``OSError``."""
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError:
        # Where the program ignores SIGCHLD it may have ended and be gone; this one is always ready.
        return os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)


def _make_descriptors(
    task: child.Task, supervisor: Supervisor, lane: "Lane | None", open_here: list[int]
) -> tuple[int, Places]:
    """Make what the two talk through, and note it. Returns the end to read from, and what the child gets."""
    open_here += os.pipe()
    socket = ruleset = -1
    if _can_report(task):
        socket = supervisor.connect()
        open_here.append(socket)
    ruleset = task.prepared.make_ruleset()
    if ruleset >= 0:
        open_here.append(ruleset)
    streams = task.policy.streams
    kept = frozenset(at for at, name in enumerate(NAMES) if name in streams and _is_open(at)) if streams else _NONE
    if min(open_here[1:]) < FIRST_FREE:
        # Standard streams are closed, and the numbers that have a meaning in the child were free.
        for at in range(1, len(open_here)):
            moved = fcntl.fcntl(open_here[at], fcntl.F_DUPFD_CLOEXEC, FIRST_FREE)
            os.close(open_here[at])
            open_here[at] = moved
        socket = open_here[2] if socket >= 0 else -1
        ruleset = open_here[-1] if ruleset >= 0 else -1
    given = (-1, 0) if lane is None else (lane.descriptor, lane.size)
    return open_here[0], Places(open_here[1], socket, ruleset, kept, *given)


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def _can_report(task: child.Task) -> bool:
    """Say whether the child can hand a listener over: while it confines itself it has some descriptors more."""
    most = task.limits.open_files
    return task.prepared.reporting is not None and (most is None or most >= _ROOM_TO_REPORT)


def _fork() -> int:
    try:
        return process.fork()
    except OSError as error:
        raise OSError(
            error.errno,
            f"no process could be started for the sandbox ({error.strerror}); "
            "there are too many (RLIMIT_NPROC, a container's limit) or too little memory",
        ) from error


def _end(pid: int, *, guarded: bool) -> tuple[struct_rusage | None, int | None]:
    """Kill the child and all it started, and reap it. Its number is its group's, and taken until it is reaped.

    ``guarded``: there may be a guard in its group, which is reaped, too.
    """
    _kill(pid)
    usage, status = None, None
    try:
        _, status, usage = os.wait4(pid, 0)
        while guarded:
            os.waitpid(-pid, 0)
    except ChildProcessError:
        # There is no more; or a handler of SIGCHLD, or another thread, waits for any child.
        pass
    return usage, status


def _kill(pid: int) -> None:
    # It may not have made its group yet, and then it has started nothing.
    for kill in (os.killpg, os.kill):
        try:
            kill(pid, 9)
        except (ProcessLookupError, PermissionError):
            continue


def _no_answer(error: ProtocolError) -> SandboxKilledError:
    limit = "result_size" if isinstance(error, TooLargeError) else None
    hint = "; raise result_size if it is honest" if limit else ""
    return SandboxKilledError(f"the child was ended, because what it sent is no answer: {error}{hint}", limit=limit)


def _raise_killed(status: int | None, usage: struct_rusage | None, limits: Limits) -> NoReturn:
    if status is None or usage is None:
        raise SandboxKilledError("the child ended without an answer; another part of the program waited for its status")
    if os.WIFEXITED(status):
        code = os.WEXITSTATUS(status)
        raise SandboxKilledError(
            f"the closure ended its process with exit code {code}, without an answer", exit_code=code
        )
    number = os.WTERMSIG(status)
    name = _name_of(number)
    used = usage.ru_utime + usage.ru_stime
    # These two signals come from the limit alone; of SIGKILL the time tells, which the kernel counts in ticks.
    timed = number in {signal.SIGXCPU, signal.SIGPROF}
    if limits.cpu_time is not None and (timed or used >= limits.cpu_time * 0.9 - 0.05):
        text = f"the closure used more than cpu_time={limits.cpu_time:g} s, and was ended by {name}"
        raise SandboxKilledError(text, signal=name, limit="cpu_time")
    raise SandboxKilledError(f"the child was ended by {name}{_HINTS.get(name, '')}", signal=name)


def _name_of(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"SIGRTMIN+{number - signal.SIGRTMIN}"


#: What a signal says of its cause.
_HINTS: Final = {
    "SIGSYS": ": it made a system call of another architecture (i386 or x32), which nothing grants",
    "SIGSEGV": ": native code crashed or gave up (abort), or its stack is full",
    "SIGABRT": ": native code gave up",
    "SIGINT": (
        ": a library gave up, as OpenBLAS does where it may start no threads; grant Threads, or have it use one "
        "(OPENBLAS_NUM_THREADS=1)"
    ),
    "SIGBUS": ": a mapped file has become shorter, or memory is out",
    "SIGKILL": ": it killed itself, or the system ran out of memory",
}


def _exhausted(limits: Limits) -> Frame:
    """Make the answer of a child without memory beforehand: it may have none left to make one."""
    key = limits.memory
    if key not in _exhausted_frames:
        limit = "" if key is None else f" (memory={math.ceil(key / 2**20)}M)"
        error = MemoryError(f"the closure ran out of memory{limit}")
        _exhausted_frames[key] = encode(
            describe_failure(error, lambda _: None), ERROR, cap=limits.result_size, local=dict
        )
    return _exhausted_frames[key]


_NONE: Final[frozenset[int]] = frozenset()

#: Each child has its own copy.
_recorder = lru_cache(maxsize=64)(Recorder)

_exhausted_frames: dict[int | None, Frame] = {}
