"""The order in which a process is confined: no_new_privs, Landlock, Linux capabilities, then the filters, last.

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
from capsafe.policy.syscalls import STARTING_CALLS

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
    of them is installed. ``counted``: the listener has to be asked before anything is started, so that there has to be
    one.
    """

    policy: Policy
    ruleset: landlock.Ruleset | None
    filters: seccomp.Filters
    programs: tuple["Program", ...] = field(repr=False, compare=False)
    seccomp_number: int
    reporting: "tuple[Program, Program] | None" = field(default=None, repr=False, compare=False)
    listener_flags: int = 0
    counted: bool = False

    def restrict(self, handover: "Handover | None" = None) -> None:
        """Confine this thread and all it will start, for ever.

        ``handover``: where the listener goes that tells of refused calls; None for no listener. What is refused is the
        same. Called in the child, as the last thing before the closure: nothing is imported or searched for. Raises
        ``OSError`` where the kernel refuses any part; the process is then confined in part or not at all and must end.
        """
        from capsafe.kernel.credentials import drop_privileges  # noqa: PLC0415  # loaded by prepare; loads ctypes
        from capsafe.kernel.libc import install_filter, prctl  # noqa: PLC0415  # as above
        from capsafe.kernel.process import check_alone  # noqa: PLC0415  # as above

        check_alone()
        prctl(_PR_SET_NO_NEW_PRIVS, 1)
        if self.ruleset is not None:
            landlock.restrict(self.ruleset)
        # Only now: the paths of the rules may lie where root needs its powers to look, and be readable all the same.
        drop_privileges()
        if handover is not None and self._report_to(handover):
            return
        if self.counted:
            raise OSError(errno.EBUSY, "processes= needs a listener, and there is one already or no descriptor is left")
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


def prepare(policy: Policy, *, counted: bool = False) -> Prepared:
    """Make sure that a policy can be enforced, and look up all that ``restrict`` will need.

    ``policy``: the compiled grant. ``counted``: what it starts is to be counted. Called in the parent. Raises
    ``UnsupportedError`` where the grant can't be enforced exactly, on any system or on this one, and
    ``MissingPathError`` for a scope whose path is not there. Filters are kept in the process, so that the next call for
    an equal policy only looks at the paths again.
    """
    if policy.unenforceable:
        raise UnsupportedError(f"Sandbox[{policy.grant}] can't be enforced exactly. " + "; ".join(policy.unenforceable))
    filters = seccomp.compile_filters(policy)
    support = probe()
    if not support.seccomp:
        raise UnsupportedError(
            "this kernel takes no seccomp filters (CONFIG_SECCOMP_FILTER is off, or a sandbox forbids it)"
        )
    # What restrict needs, loaded while that is still possible.
    from capsafe.kernel import credentials, process  # noqa: F401, PLC0415  # loads ctypes

    if not support.pidfds:
        raise UnsupportedError("this kernel has no pidfd_open (Linux 5.3), or a sandbox forbids it")
    ruleset = landlock.prepare_ruleset(policy, support.landlock_abi)
    number = NUMBERS[architecture()]["seccomp"]
    programs = seccomp.ready(filters)
    counted = counted and any(rule.call in STARTING_CALLS for rule in policy.rules)
    if counted and not support.counting:
        raise UnsupportedError(
            "processes= needs a kernel that asks before a call goes on (Linux 5.7), and a /proc that shows all "
            "processes (no hidepid); leave it out"
        )
    if not support.notifications:
        # They are reports, and no enforcement: what is refused is the same.
        return Prepared(policy, ruleset, filters, programs, number)
    last, first = seccomp.ready(seccomp.compile_reporting(policy, counted=counted))
    return Prepared(policy, ruleset, filters, programs, number, (first, last), _listener_flags(number), counted)


@cache
def _listener_flags(number: int) -> int:
    from capsafe.kernel.notify import listener_flags  # noqa: PLC0415  # loads ctypes

    return listener_flags(number)
