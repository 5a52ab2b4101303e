"""The order in which a process is confined: no_new_privs, Landlock, then the filters, last.

This module knows the order and prepares it all in the parent. It refuses to know what is in any of them.
"""

import errno
import gc
import os
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from capsafe.errors import UnsupportedError
from capsafe.kernel import landlock, seccomp
from capsafe.kernel.support import architecture, probe
from capsafe.policy.model import Policy
from capsafe.policy.numbers import NUMBERS

if TYPE_CHECKING:
    from capsafe.kernel.libc import Program
    from capsafe.kernel.notify import Handover

_PR_SET_NO_NEW_PRIVS = 38


@dataclass(frozen=True, slots=True)
class Prepared:
    """A policy that this system can enforce, with everything looked up: paths, numbers, compiled filters.

    ``ruleset`` is None where the kernel has no Landlock and the filter alone is exact. ``programs``: the filters as the
    kernel reads them, in the order in which they are installed. ``seccomp_number``: that of the call on this machine.
    ``reporting``: the same filters with a listener, None where the kernel has none. ``listener_flags``: how the first
    of them is installed.
    """

    policy: Policy
    ruleset: landlock.Ruleset | None
    filters: seccomp.Filters
    programs: tuple["Program", ...] = field(repr=False, compare=False)
    seccomp_number: int
    reporting: "tuple[Program, Program] | None" = field(default=None, repr=False, compare=False)
    listener_flags: int = 0

    def restrict(self, handover: "Handover | None" = None) -> None:
        """Confine this thread and all it will start, for ever.

        ``handover``: where the listener goes that tells of refused calls; None for no listener. What is refused is the
        same. Called in the child, as the last thing before the closure: nothing is imported or searched for. Raises
        ``OSError`` where the kernel refuses any part; the process is then confined in part or not at all and must end.
        """
        from capsafe.kernel.libc import install_filter, prctl  # noqa: PLC0415  # loaded by prepare; loads ctypes

        prctl(_PR_SET_NO_NEW_PRIVS, 1)
        if self.ruleset is not None:
            landlock.restrict(self.ruleset)
        if self.policy.supervised is not None and (handover is None or handover.memory is None):
            # Others of the same user may look into a process that is dumpable, so it is not made so here.
            raise OSError(
                errno.EPERM,
                "there is no supervisor, or it can't read the child's memory: there is no /proc, or this process has "
                "changed its user and is not dumpable since (PR_SET_DUMPABLE)",
            )
        if handover is not None and self._report_to(handover):
            return
        if self.policy.supervised is not None:
            raise OSError(errno.EBUSY, "refused calls go to another listener, or there is no descriptor left for one")
        for program in self.programs:
            install_filter(self.seccomp_number, program)

    def _report_to(self, handover: "Handover") -> bool:
        """Install the filters that report, and hand the listener over. Returns False where there can be no listener.

        Nothing of the listener stays open here: a process that held it could answer its own calls.
        """
        from capsafe.kernel.libc import install_filter  # noqa: PLC0415  # loaded by prepare; loads ctypes
        from capsafe.kernel.notify import install_listening, send_descriptors  # noqa: PLC0415  # as above

        own = [handover.socket] if handover.memory is None else [handover.socket, handover.memory]
        # A finalizer that makes a refused call before the listener is where it belongs would wait for ever.
        collects = gc.isenabled()
        gc.disable()
        try:
            if self.reporting is None:
                return False
            first, last = self.reporting
            try:
                listener = install_listening(self.seccomp_number, self.listener_flags, first)
            except OSError:
                # There is one already (EBUSY), or no descriptor left for it. Nothing was installed.
                return False
            own.append(listener)
            send_descriptors(handover.socket, [listener, *own[1:-1]])
        finally:
            for descriptor in own:
                os.close(descriptor)
            if collects:
                gc.enable()
        install_filter(self.seccomp_number, last)
        return True


def prepare(policy: Policy) -> Prepared:
    """Make sure that a policy can be enforced, and look up all that ``restrict`` will need.

    ``policy``: the compiled grant. Called in the parent. Raises ``UnsupportedError`` where the grant can't be enforced
    exactly, on any system or on this one, and ``MissingPathError`` for a scope whose path is not there. Filters are
    kept in the process, so that the next call for an equal policy only looks at the paths again.
    """
    if policy.unenforceable:
        raise UnsupportedError(f"Sandbox[{policy.grant}] can't be enforced exactly. " + "; ".join(policy.unenforceable))
    filters = seccomp.compile_filters(policy)
    support = probe()
    if not support.seccomp:
        raise UnsupportedError(
            "this kernel takes no seccomp filters (CONFIG_SECCOMP_FILTER is off, or a sandbox forbids it)"
        )
    ruleset = landlock.prepare_ruleset(policy, support.landlock_abi)
    number = NUMBERS[architecture()]["seccomp"]
    programs = seccomp.ready(filters)
    if not support.notifications:
        if policy.supervised is not None:
            raise UnsupportedError(_no_answers(policy))
        # They are reports, and no enforcement: what is refused is the same.
        return Prepared(policy, ruleset, filters, programs, number)
    if policy.supervised is not None and not support.answers:
        raise UnsupportedError(_no_answers(policy))
    last, first = seccomp.ready(seccomp.compile_reporting(policy))
    return Prepared(policy, ruleset, filters, programs, number, (first, last), _listener_flags(number))


def _no_answers(policy: Policy) -> str:
    return (
        f"Sandbox[{policy.grant}] leaves sockets or names to the supervisor, and this kernel (or a sandbox around this "
        "one) lets none answer in its place: it takes seccomp user notification as of Linux 5.19"
    )


@cache
def _listener_flags(number: int) -> int:
    from capsafe.kernel.notify import listener_flags  # noqa: PLC0415  # loads ctypes

    return listener_flags(number)
