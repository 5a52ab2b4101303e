"""Why an error has come that is no denial: a limit that was reached, or root's powers, which a sandbox takes away.

This module knows which error each limit causes. It refuses to decide anything: what it writes is a note on the error.
"""

import errno
import math

from capsafe.errors import CapabilityError
from capsafe.kernel import credentials
from capsafe.worker.limits import Limits

_NO_THREAD = "can't start new thread"


def add_hints(error: BaseException, limits: Limits, *, started_too_many: bool) -> None:
    """Write on what ended a run which limit it may come from.

    ``limits``: of the sandbox. ``started_too_many``: a process or thread was refused because of their number.
    """
    for hint in _find(error, limits, started_too_many=started_too_many):
        error.add_note(hint)


def _find(error: BaseException, limits: Limits, *, started_too_many: bool) -> list[str]:
    code = error.errno if isinstance(error, OSError) and not isinstance(error, CapabilityError) else None
    starting = code == errno.EAGAIN or (isinstance(error, RuntimeError) and _NO_THREAD in str(error))
    found = []
    if code == errno.EMFILE and limits.open_files is not None:
        found.append(f"open_files={limits.open_files} is reached: the sandbox may hold no more descriptors at a time")
    if code == errno.EFBIG and limits.file_size is not None:
        found.append(f"file_size={limits.file_size} is reached: no file may become longer than that many bytes")
    if starting and started_too_many:
        found.append(
            f"processes={limits.processes} is reached: the sandbox may have no more processes and threads at a time"
        )
    elif limits.memory is not None and (code == errno.ENOMEM or starting):
        found.append(
            f"memory={math.ceil(limits.memory / 2**20)}M may be reached: each thread takes address space for its "
            "stack, too (threading.stack_size makes it smaller)"
        )
    if code in (errno.EACCES, errno.EPERM) and credentials.has_privileges():
        found.append(
            "In a sandbox root is a user like others: its Linux capabilities are given up; files that "
            "belong to others open as far as their modes say"
        )
    return found
