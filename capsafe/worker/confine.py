"""Confining the process that is running, for ever, in place of a child.

This module knows which of the child's steps make sense in a process that goes on. It refuses to touch what a program
has opened on purpose: as with pledge(2), what is open stays open.
"""

import errno
import os
import sys
from typing import Final

from capsafe.capabilities import Import
from capsafe.errors import UnsupportedError
from capsafe.kernel import process
from capsafe.kernel.restrict import Prepared
from capsafe.policy import Policy
from capsafe.worker import hygiene
from capsafe.worker.limits import Limits
from capsafe.worker.modules import load_modules, refuse_imports
from capsafe.worker.streams import refuse_streams

_TASKS: Final = "/proc/self/task"


def confine(prepared: Prepared, policy: Policy, limits: Limits) -> None:
    """Confine this process under a policy, for ever.

    Raises ``UnsupportedError`` where other threads run, since the kernel confines a thread and they would stay free;
    and where the kernel refuses a part: the process is then confined in part, and should end.
    """
    if policy.supervised is not None:
        raise UnsupportedError(
            f"Sandbox[{policy.grant}] leaves sockets or names to a supervisor in the parent, and enter() has none; use "
            "execute, or write a scope that the kernel holds by itself (capsafe explain says which)"
        )
    threads = len(os.listdir(_TASKS))  # noqa: PTH208 - pathlib may not be loaded
    if threads > 1:
        raise UnsupportedError(
            f"enter() confines the one thread that calls it, and {threads} are running; call it before any is started, "
            "or use execute"
        )
    load_modules(policy.preload)
    try:
        refuse_streams(frozenset({"stdin", "stdout", "stderr"}) - policy.streams)
        sys.dont_write_bytecode = True
        hygiene.apply_limits(limits)
        hygiene.forbid_core_files()
        process.forbid_dumping()
        if not policy.environ:
            hygiene.empty_environment()
        if not policy.files:
            os.chdir("/")
        if not policy.grant.has(Import):
            refuse_imports()
        prepared.restrict()
    except OSError as error:
        code = errno.errorcode.get(error.errno or 0, "?")
        raise UnsupportedError(
            f"the kernel refused to confine this process ({code}: {error}); it is confined in part, so end it"
        ) from error
