"""Run a function in a forked child that a policy confines, and bring back what it did."""

import dataclasses
import errno
import json
import os
import signal
import tempfile
import traceback
from collections.abc import Callable
from typing import Any

from capsafe.grants import Grant, read_grant
from capsafe.kernel import prepare, process
from capsafe.policy import OUTCOME_FD, compile_policy

NOBODY = 65534


class Confined(Exception):  # noqa: N818  # not an error: what the child raised
    """The child raised this."""


def confined(what: Any, function: Callable[[], Any], *, user: int | None = None, hygiene: bool = True) -> Any:
    """Return what ``function`` returns under ``what``; an OSError comes back as its errno's name, as ``"EPERM"``.

    ``user``: the user to become first. ``hygiene``: do what a worker does beside the policy.
    """
    policy = compile_policy(what if isinstance(what, Grant) else read_grant(what))
    if policy.supervised is not None and not policy.supervised.sockets:
        # There is no supervisor to look names up; the filter is the same without.
        policy = dataclasses.replace(policy, supervised=None)
    prepared = prepare(policy)

    def child() -> Any:
        if user is not None:
            become(user)
        if hygiene:
            process.forbid_dumping()
        prepared.restrict()
        return function()

    return forked(child)


def become(user: int) -> None:
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)


def forked(function: Callable[[], Any]) -> Any:
    """Run ``function`` in a child, with the outcome pipe where a policy expects it, and streams that lead nowhere."""
    reader, writer = os.pipe()
    null = os.open(os.devnull, os.O_RDWR)
    pid = process.fork()
    if pid == 0:
        status = 1
        try:
            for stream in (0, 1, 2):
                os.dup2(null, stream)
            if writer != OUTCOME_FD:
                os.dup2(writer, OUTCOME_FD)
            process.close_descriptors({0, 1, 2, OUTCOME_FD})
            try:
                answer = {"value": function()}
            except OSError as error:
                answer = {"value": errno.errorcode.get(error.errno or 0, repr(error))}
            except BaseException:  # noqa: BLE001  # it crosses as text, and the caller raises it
                answer = {"error": traceback.format_exc()}
            os.write(OUTCOME_FD, json.dumps(answer).encode())
            status = 0
        finally:
            os._exit(status)
    os.close(writer)
    os.close(null)
    with open(reader, "rb") as answers:
        text = answers.read()
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        return signal.Signals(os.WTERMSIG(status)).name
    answer = json.loads(text)
    if "error" in answer:
        raise Confined(answer["error"])
    return answer["value"]


def scratch() -> str:
    """Return a new folder that every user can work in."""
    folder = tempfile.mkdtemp(prefix="capsafe-test-")
    os.chmod(folder, 0o777)
    return folder
