"""The child: from the fork to its end, in the one order that works.

This module knows the order of the steps. It refuses to return: whatever happens, the process ends here, without the
parent's exit handlers.
"""

import gc
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NoReturn

from capsafe.capabilities import Import
from capsafe.errors import TransferError
from capsafe.kernel import process
from capsafe.kernel.notify import Handover
from capsafe.kernel.restrict import Prepared
from capsafe.policy import OUTCOME_FD, Policy
from capsafe.worker import hygiene
from capsafe.worker.channel import send
from capsafe.worker.classes import LocalClasses
from capsafe.worker.denial import Recorder, find_denial
from capsafe.worker.encode import encode
from capsafe.worker.failure import describe_failure
from capsafe.worker.limits import Limits
from capsafe.worker.modules import refuse_imports
from capsafe.worker.outcome import SETUP_FAILED
from capsafe.worker.protocol import ERROR, VALUE, Frame
from capsafe.worker.streams import flush_streams, replace_streams
from capsafe.worker.telling import Learner

#: The result may be nested deeper than the closure's own calls were.
_ROOM_FOR_ENCODING: Final = 2000


@dataclass(frozen=True, slots=True)
class Task:
    """One call, as the child needs it.

    ``call``: the closure with its arguments. ``before``: runs after the clean-up and before confinement, None for
    nothing. ``local``: finds classes that are in no module. ``exhausted``: the answer to give when there is no memory
    to make one. ``files``: those that the closure is in.
    """

    prepared: Prepared
    policy: Policy
    limits: Limits
    call: Callable[[], object]
    before: Callable[[], None] | None
    local: Callable[[], LocalClasses]
    exhausted: Frame
    files: frozenset[str] = frozenset()


def run_child(task: Task, parent: int, channel: int, socket: int = -1) -> NoReturn:
    """Confine this process, run the closure, answer, end.

    ``parent``: its process id. ``channel``: the end of the pipe to write to. ``socket``: where the listener for refused
    calls goes, -1 for none. Called right after the fork, with all
    signals blocked.
    """
    status = 70
    try:
        _run(task, parent, channel, socket)
        status = 0
    finally:
        # Not even SystemExit gets past this, nor an error while another one is told.
        os._exit(status)


def _run(task: Task, parent: int, channel: int, socket: int) -> None:
    policy = task.policy
    observed = task.prepared.observing
    recorder = Learner(task.files, policy.grant, environ=policy.environ) if observed else Recorder(task.files)
    try:
        handover = _clean_up(task, parent, channel, socket)
        if task.before is not None:
            task.before()
        recorder.install()
        task.prepared.restrict(handover)
    except BaseException as error:  # noqa: BLE001 - nothing may run unconfined, whatever went wrong
        told = describe_failure(error, lambda _: None)
        told["name"] = SETUP_FAILED
        send(OUTCOME_FD, encode(told, ERROR, cap=task.limits.result_size, local=dict))
        return
    send(OUTCOME_FD, _answer(task, recorder))


def _clean_up(task: Task, parent: int, channel: int, socket: int) -> Handover | None:
    # What the parent made is never collected here: looking at it would copy its pages.
    gc.freeze()
    policy = task.policy
    process.die_with_parent(parent)
    # A session of its own: no terminal, and one group with all it will start, so that they can be ended together.
    os.setsid()
    hygiene.reset_signals()
    hygiene.quiet_interpreter()
    socket = hygiene.arrange_descriptors(channel, policy.streams, socket)
    handover = None if socket < 0 else Handover(socket, hygiene.open_memory())
    replace_streams(policy.streams)
    hygiene.apply_limits(task.limits)
    process.forbid_dumping()
    if not policy.environ:
        hygiene.empty_environment()
    if not policy.files:
        os.chdir("/")
    if not policy.grant.has(Import):
        refuse_imports()
    return handover


def _answer(task: Task, recorder: Recorder) -> Frame:
    """Run the closure and return what to send."""
    cap, local = task.limits.result_size, task.local
    try:
        value = task.call()
        sys.setrecursionlimit(sys.getrecursionlimit() + _ROOM_FOR_ENCODING)
        frame = encode(value, VALUE, cap=cap, local=local)
        flush_streams(task.policy.streams)
    except MemoryError as error:
        # The frames hold what filled the memory.
        error.__traceback__ = None
        return task.exhausted
    except BaseException as error:  # noqa: BLE001 - all of them are outcomes
        return _failure(task, recorder, error)
    return frame


def _failure(task: Task, recorder: Recorder, error: BaseException) -> Frame:
    flush_streams(task.policy.streams)
    sys.setrecursionlimit(sys.getrecursionlimit() + _ROOM_FOR_ENCODING)
    told = describe_failure(error, lambda one: find_denial(one, recorder, task.policy.grant))
    try:
        return encode(told, ERROR, cap=task.limits.result_size, local=dict)
    except TransferError:
        # Longer than an answer may be: the last line alone.
        told |= {"args": None, "notes": [], "chain": [], "parts": [], "text": str(told["text"])[:1000]}
        return encode(told, ERROR, cap=task.limits.result_size, local=dict)
