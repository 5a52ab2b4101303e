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

from capsafe.errors import TransferError
from capsafe.kernel import pools, process
from capsafe.kernel.cleaning import Cleaning
from capsafe.kernel.lane import Lane
from capsafe.kernel.restrict import Kept, Plan, Prepared
from capsafe.policy import OUTCOME_FD, Policy
from capsafe.worker import hygiene
from capsafe.worker.channel import send
from capsafe.worker.classes import LocalClasses
from capsafe.worker.denial import Recorder, find_denial
from capsafe.worker.encode import encode, encode_at_once
from capsafe.worker.failure import describe_failure
from capsafe.worker.limits import Limits
from capsafe.worker.modules import send_plainly
from capsafe.worker.outcome import SETUP_FAILED
from capsafe.worker.protocol import ERROR, VALUE, Frame
from capsafe.worker.streams import flush_streams, open_streams

#: The result may be nested deeper than the closure's own calls were.
_ROOM_FOR_ENCODING: Final = 2000


# Not frozen: that takes a call for each field as it is made.
@dataclass(slots=True)
class Task:
    """One call, as the child needs it: what can be made before the fork is.

    ``call``: the closure with its arguments. ``before``: runs after the clean-up and before confinement, None for
    nothing. ``local``: finds classes that are in no module. ``exhausted``: the answer to give when there is no memory
    to make one. ``recorder``: of what it tries. ``settings``: what is to be undone of the parent's.
    ``limited``: there are limits for the kernel to keep. ``collects``: the garbage collector is on.
    """

    prepared: Prepared
    policy: Policy
    limits: Limits
    call: Callable[[], object]
    before: Callable[[], None] | None
    local: Callable[[], LocalClasses]
    exhausted: Frame
    recorder: Recorder
    settings: hygiene.Settings
    limited: bool
    collects: bool


def run_child(task: Task, plan: Plan, parent: int, lane: Lane | None = None) -> NoReturn:
    """Confine this process, run the closure, answer, end.

    ``plan``: the calls that leave the parent's descriptors, session and folder, and those that confine. ``parent``: its
    process id. ``lane``: where long runs of bytes go, None for the pipe. Called right after the fork, with all signals
    blocked.
    """
    status = 70
    try:
        _run(task, plan, parent, lane)
        status = 0
    finally:
        # Not even SystemExit gets past this, nor an error while another one is told.
        os._exit(status)


def _run(task: Task, plan: Plan, parent: int, lane: Lane | None) -> None:
    try:
        kept = _clean_up(task, plan.cleaning, parent)
        if lane is not None:
            lane.address = plan.cleaning.lane
        if task.before is not None:
            task.before()
        task.recorder.install()
        # A finalizer that makes a refused call before the listener is where it belongs would wait for ever.
        gc.disable()
        (plan.steps if kept is plan.cleaning.kept else task.prepared.lay_out(kept))()
        if task.collects:
            gc.enable()
    except BaseException as error:  # noqa: BLE001 - nothing may run unconfined, whatever went wrong
        told = describe_failure(error, lambda _: None)
        told["name"] = SETUP_FAILED
        # At the fixed number is the parent's own, until descriptors are in their places.
        send(plan.cleaning.channel, encode(told, ERROR, cap=task.limits.result_size, local=dict))
        return
    answer = _answer(task)
    if isinstance(answer, bytes):
        # A pipe has room for it.
        os.write(OUTCOME_FD, answer)
    else:
        send(OUTCOME_FD, answer, lane)


def _clean_up(task: Task, cleaning: Cleaning, parent: int) -> Kept:
    # What the parent made is never collected here: looking at it would copy its pages.
    gc.freeze()
    settings, policy = task.settings, task.policy
    hygiene.reset_signals(settings)
    kept = cleaning(parent)
    if policy.programs:
        process.guard_group()
    opened = open_streams(policy.streams) if policy.streams else None
    hygiene.undo_settings(settings)
    if opened is not None:
        vars(sys).update(opened)
    if task.limited:
        hygiene.apply_limits(task.limits)
    if not policy.threads:
        pools.use_one_thread()
    if policy.supervised is not None:
        from capsafe.worker import names  # noqa: PLC0415 - the parent has loaded it

        names.replace_functions()
        if policy.supervised.sends:
            send_plainly()
    return kept


def _answer(task: Task) -> Frame | bytes:
    """Run the closure and return what to send: a frame, or the few bytes of one."""
    try:
        value = task.call()
        answer: Frame | bytes | None = encode_at_once(value)
        if answer is None:
            sys.setrecursionlimit(sys.getrecursionlimit() + _ROOM_FOR_ENCODING)
            answer = encode(value, VALUE, cap=task.limits.result_size, local=task.local)
        if task.policy.streams:
            flush_streams(task.policy.streams)
    except MemoryError as error:
        # The frames hold what filled the memory.
        error.__traceback__ = None
        return task.exhausted
    except BaseException as error:  # noqa: BLE001 - all of them are outcomes
        return _failure(task, error)
    return answer


def _failure(task: Task, error: BaseException) -> Frame:
    flush_streams(task.policy.streams)
    sys.setrecursionlimit(sys.getrecursionlimit() + _ROOM_FOR_ENCODING)
    told = describe_failure(error, lambda one: find_denial(one, task.recorder, task.policy.grant))
    try:
        return encode(told, ERROR, cap=task.limits.result_size, local=dict)
    except TransferError:
        # Longer than an answer may be: the last line alone.
        told |= {"args": None, "notes": [], "chain": [], "parts": [], "text": str(told["text"])[:1000]}
        return encode(told, ERROR, cap=task.limits.result_size, local=dict)
