"""The order in which a process is confined: no_new_privs, Landlock, then the filters, last.

This module knows the order and prepares it all in the parent. It refuses to know what is in any of them.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from capsafe.errors import UnsupportedError
from capsafe.kernel import landlock, seccomp
from capsafe.kernel.support import architecture, probe
from capsafe.policy.model import Policy
from capsafe.policy.numbers import NUMBERS

if TYPE_CHECKING:
    from capsafe.kernel.libc import Program

_PR_SET_NO_NEW_PRIVS = 38


@dataclass(frozen=True, slots=True)
class Prepared:
    """A policy that this system can enforce, with everything looked up: paths, numbers, compiled filters.

    ``ruleset`` is None where the kernel has no Landlock and the filter alone is exact. ``programs``: the filters as the
    kernel reads them, in the order in which they are installed. ``seccomp_number``: that of the call on this machine.
    """

    policy: Policy
    ruleset: landlock.Ruleset | None
    filters: seccomp.Filters
    programs: tuple["Program", ...] = field(repr=False, compare=False)
    seccomp_number: int

    def restrict(self) -> None:
        """Confine this thread and all it will start, for ever.

        Called in the child, as the last thing before the closure: nothing is imported or searched for. Raises
        ``OSError`` where the kernel refuses any part; the process is then confined in part or not at all and must end.
        """
        from capsafe.kernel.libc import install_filter, prctl  # noqa: PLC0415  # loaded by prepare; loads ctypes

        prctl(_PR_SET_NO_NEW_PRIVS, 1)
        if self.ruleset is not None:
            landlock.restrict(self.ruleset)
        for program in self.programs:
            install_filter(self.seccomp_number, program)


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
    return Prepared(policy, ruleset, filters, seccomp.ready(filters), NUMBERS[architecture()]["seccomp"])
