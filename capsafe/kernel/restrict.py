"""The order in which a process is confined: no_new_privs, Landlock, then the filters, last.

This module knows the order and prepares it all in the parent. It refuses to know what is in any of them.
"""

import errno
import gc
import os
from dataclasses import dataclass, field, replace
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
    ``reporting``: the same filters with a listener, the one that has it first; None where the kernel has none.
    ``listener_flags``: how the first of them is installed. ``observing``: the listener is told of what is allowed, and
    without one nothing may run.
    """

    policy: Policy
    ruleset: landlock.Ruleset | None
    filters: seccomp.Filters
    programs: tuple["Program", ...] = field(repr=False, compare=False)
    seccomp_number: int
    reporting: "tuple[Program, ...] | None" = field(default=None, repr=False, compare=False)
    listener_flags: int = 0
    observing: bool = False

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
        if handover is not None and self._report_to(handover):
            return
        if self.observing:
            text = "calls can't be observed: there is a listener around this process already, or no descriptor for one"
            raise OSError(errno.EBUSY, text)
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
            first, *others = self.reporting
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
        for program in others:
            install_filter(self.seccomp_number, program)
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
        # They are reports, and no enforcement: what is refused is the same.
        return Prepared(policy, ruleset, filters, programs, number)
    last, first = seccomp.ready(seccomp.compile_reporting(policy))
    return Prepared(policy, ruleset, filters, programs, number, (first, last), _listener_flags(number))


def prepare_observing(policy: Policy) -> Prepared:
    """Prepare a policy for a run that is observed: the same is refused, and a listener is told of what is allowed.

    Raises what ``prepare`` does, and ``UnsupportedError`` where the kernel hands no calls to a listener.
    """
    prepared = prepare(policy)
    if prepared.reporting is None:
        raise UnsupportedError(
            "this kernel hands no calls to a listener (seccomp user notification, Linux 5.5; or a sandbox forbids it), "
            "so that nothing can be observed; nothing was run"
        )
    from capsafe.kernel.libc import Program  # noqa: PLC0415  # loads ctypes

    listening = Program(seccomp.compile_observing(policy))
    return replace(prepared, reporting=(listening, *prepared.programs), observing=True)


@cache
def _listener_flags(number: int) -> int:
    from capsafe.kernel.notify import listener_flags  # noqa: PLC0415  # loads ctypes

    return listener_flags(number)
