"""The order in which a process is confined: no_new_privs, Landlock, Linux capabilities, then the filters, last.

This module knows the order and prepares it all in the parent. It refuses to know what is in any of them.
"""

import errno
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from capsafe.capabilities import Import
from capsafe.errors import UnsupportedError
from capsafe.kernel import landlock, seccomp
from capsafe.kernel.paths import fingerprint
from capsafe.kernel.support import architecture, probe
from capsafe.policy.compile import absorb
from capsafe.policy.model import Policy, Rule
from capsafe.policy.numbers import NUMBERS
from capsafe.policy.syscalls import STARTING_CALLS

if TYPE_CHECKING:
    from capsafe.kernel.cleaning import Cleaning
    from capsafe.kernel.libc import Program
    from capsafe.kernel.steps import Steps


#: Descriptors, of this process or of the system.
_TOO_MANY = frozenset({errno.EMFILE, errno.ENFILE})


@dataclass(frozen=True, slots=True)
class Kept:
    """Descriptors that a child has for its confinement, by their numbers; -1 for none.

    ``ruleset``: Landlock's, made in the parent. ``socket``: where the listener goes that tells of refused calls.
    ``memory``: its own, open to read, for the parent: others of the same user can't open it, because the child is not
    dumpable. Not there without a socket, nor where it could not be opened.
    """

    ruleset: int = -1
    socket: int = -1
    memory: int = -1


class Places(NamedTuple):
    """Descriptors that a child gets, by their numbers in the parent; -1 for none.

    ``channel``: to write the answer to. ``socket``, ``ruleset``: as in ``Kept``. ``streams``: which of 0, 1 and 2 stay.
    ``lane``, ``length``: memory to map, and how much of it.
    """

    channel: int
    socket: int = -1
    ruleset: int = -1
    streams: frozenset[int] = frozenset()
    lane: int = -1
    length: int = 0


#: The arguments of an openat that only reads.
_TO_READ = (0, 0, 0, 0, 0, 0)

#: Descriptors have the same few numbers from one call to the next.
_MOST_PLANS = 64


@dataclass(frozen=True, slots=True)
class Prepared:
    """A policy that this system can enforce, with everything looked up: paths, numbers, compiled filters.

    ``ruleset`` is None where the kernel has no Landlock and the filter alone is exact. ``programs``: the filters as the
    kernel reads them, in the order in which they are installed. ``seccomp_number``: that of the call on this machine.
    ``reporting``: the same filters with a listener, the one that has it first; None where the kernel has none.
    ``listener_flags``: how the first of them is installed. ``paths``: what the ruleset rests on, None where it must be
    looked up each time. ``counted``: the listener has to be asked before anything is started, ``observing``: it is told
    of what is allowed, so that there has to be one. ``reads``: the filter lets files be opened to read; which ones is
    Landlock's matter. ``imports``: modules can be imported inside.
    """

    policy: Policy
    ruleset: landlock.Ruleset | None
    filters: seccomp.Filters
    programs: tuple["Program", ...] = field(repr=False, compare=False)
    seccomp_number: int
    reporting: "tuple[Program, ...] | None" = field(default=None, repr=False, compare=False)
    listener_flags: int = 0
    paths: object = field(default=None, repr=False, compare=False)
    counted: bool = False
    observing: bool = False
    reads: bool = False
    imports: bool = False
    plans: "dict[tuple[Places, bytes], Plan]" = field(default_factory=dict, repr=False, compare=False)

    def restrict(self) -> None:
        """Confine this thread and all it will start, for ever: a process that goes on, which has no listener.

        Nothing is imported or searched for. Raises ``OSError`` where the kernel refuses any part; the process is then
        confined in part or not at all and must end.
        """
        from capsafe.kernel.process import check_alone  # noqa: PLC0415  # loads ctypes

        check_alone()
        ruleset = -1 if self.ruleset is None else landlock.make(self.ruleset)
        self.lay_out(Kept(ruleset), in_child=False)()

    def lay_out(self, kept: Kept, *, in_child: bool = True) -> "Steps":
        """Return the steps that confine a process, the same ones, for the numbers that its descriptors have.

        ``in_child``: it has no other descriptors than the streams, the channel and ``kept``. Asked in the parent, which
        keeps them.
        """
        from capsafe.kernel.steps import Need, Steps  # noqa: PLC0415  # loads ctypes

        empty = self.ruleset.attributes if in_child and self.ruleset and not self.ruleset.has_rules else None
        wanted = {
            Need.ANSWERS: self.policy.supervised is not None,
            Need.ASKING: self.counted,
            Need.OBSERVING: self.observing,
        }
        need = next((one for one, is_wanted in wanted.items() if is_wanted), Need.NOTHING)
        return Steps(kept, empty, self.programs, self.reporting, self.listener_flags, need=need)

    def make_ruleset(self) -> int:
        """Make Landlock's ruleset in the kernel, in the parent, and return its descriptor; -1 where the child makes it.

        Raises ``UnsupportedError`` where the kernel refuses it, ``OSError`` where there are too many descriptors.
        """
        if self.ruleset is None or not self.ruleset.has_rules:
            return -1
        try:
            return landlock.make(self.ruleset)
        except OSError as error:
            if error.errno in _TOO_MANY:
                raise
            raise UnsupportedError(f"the kernel refused to confine the child, so nothing was run: {error}") from error

    def plan(self, places: "Places") -> "Plan":
        """Return what a child does, with its descriptors at these numbers in the parent. It is kept."""
        from capsafe.kernel.credentials import read_sets  # noqa: PLC0415  # loads ctypes

        try:
            # Another user has other powers to give up.
            key = (places, read_sets())
        except OSError as error:
            raise UnsupportedError(f"the kernel does not say which Linux capabilities there are ({error})") from error
        found = self.plans.get(key)
        if found is None:
            from capsafe.kernel.cleaning import Cleaning  # noqa: PLC0415  # loads ctypes

            if len(self.plans) >= _MOST_PLANS:
                self.plans.clear()
            cleaning = Cleaning(places, files=self.policy.files)
            found = self.plans[key] = Plan(cleaning, self.lay_out(cleaning.kept))
        return found


@dataclass(frozen=True, slots=True)
class Plan:
    """What a child does: ``cleaning`` first, and last the steps that confine it, for what is to be expected of it."""

    cleaning: "Cleaning"
    steps: "Steps"


def prepare(policy: Policy, before: Prepared | None = None, *, counted: bool = False) -> Prepared:
    """Make sure that a policy can be enforced, and look up all that ``restrict`` will need.

    ``policy``: the compiled grant. ``before``: what was returned for the same policy earlier, and is again where the
    paths that it rests on are what they were. ``counted``: what it starts is to be counted. Called in the parent.
    Raises ``UnsupportedError`` where the grant can't be enforced exactly, on any system or on this one, and
    ``MissingPathError`` for a scope whose path is not there. Filters are kept in the process, for equal policies too.
    """
    paths = fingerprint(policy) if policy.paths else ()
    if before is not None and paths is not None and paths == before.paths:
        return before
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
    reads = any(rule.allows("openat", _TO_READ) for rule in policy.rules)
    imports = policy.grant.has(Import)
    if not support.notifications:
        if policy.supervised is not None:
            raise UnsupportedError(_no_answers(policy))
        # They are reports, and no enforcement: what is refused is the same.
        return Prepared(policy, ruleset, filters, programs, number, paths=paths, reads=reads, imports=imports)
    if policy.supervised is not None and not support.answers:
        raise UnsupportedError(_no_answers(policy))
    last, first = seccomp.ready(seccomp.compile_reporting(policy, counted=counted))
    reporting, flags = (first, last), _listener_flags(number)
    return Prepared(
        policy, ruleset, filters, programs, number, reporting, flags, paths, counted, reads=reads, imports=imports
    )


def _no_answers(policy: Policy) -> str:
    return (
        f"Sandbox[{policy.grant}] leaves sockets or names to the supervisor, and this kernel (or a sandbox around this "
        "one) lets none answer in its place: it takes seccomp user notification as of Linux 5.19"
    )


def prepare_observing(policy: Policy, *, counted: bool = False) -> Prepared:
    """Prepare a policy for a run that is observed: the same is refused, and a listener is told of what is allowed.

    What is the supervisor's to do comes to the listener, too, which alone answers it. ``counted``: see ``prepare``.
    Raises what ``prepare`` does, and ``UnsupportedError`` where the kernel hands no calls to a listener.
    """
    prepared = prepare(policy, counted=counted)
    from capsafe.kernel.libc import Program  # noqa: PLC0415  # loads ctypes
    from capsafe.kernel.notify import can_let_go_on  # noqa: PLC0415  # as above

    if prepared.reporting is None or not can_let_go_on(prepared.seccomp_number):
        raise UnsupportedError(
            "this kernel hands no calls to a listener that may go on (seccomp user notification, Linux 5.7; or a "
            "sandbox forbids it), so that nothing can be observed; nothing was run"
        )
    handed = policy.supervised.calls if policy.supervised is not None else frozenset()
    let_by = replace(policy, rules=absorb(policy.rules | {Rule(call) for call in handed}))
    plain = seccomp.ready(seccomp.compile_filters(let_by))
    listening = Program(seccomp.compile_observing(policy))
    return replace(prepared, programs=plain, reporting=(listening, *plain), observing=True, plans={})


@cache
def _listener_flags(number: int) -> int:
    from capsafe.kernel.notify import listener_flags  # noqa: PLC0415  # loads ctypes

    return listener_flags(number)
