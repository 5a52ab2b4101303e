"""Joining the rows of a grant into one policy. It names no system call.

This module knows how rows fold together and how scopes become paths and ports. It refuses to know what a row holds.
"""

import re
from collections import defaultdict
from collections.abc import Iterable
from functools import lru_cache

from capsafe.capabilities import Capability
from capsafe.grants import Grant, Granted
from capsafe.policy.baseline import BASELINE
from capsafe.policy.hosts import host_names, is_port_alone
from capsafe.policy.model import (
    NO_PORT_RIGHT,
    NO_RIGHT,
    Masked,
    PathRule,
    Place,
    Policy,
    PortRight,
    PortRule,
    Right,
    Rule,
    Supervised,
)
from capsafe.policy.table import JOINT_ROWS, PROCESS_FOLDERS, ROWS, Row

_PROCESS_FOLDERS = re.compile(PROCESS_FOLDERS)


@lru_cache(maxsize=256)
def compile_policy(grant: Grant) -> Policy:
    """Join what every sandbox can do with what the grant adds.

    ``grant``: what was granted; ``Ambient`` counts as what is inside. Returns plain data and asks the system
    nothing, so it works on any platform; where a scope can't be enforced, ``Policy.unenforceable`` says why, and
    ``capsafe.kernel.prepare`` raises it. Raises nothing.
    """
    parts = [(one, capability, ROWS[capability]) for one in grant for capability in leaves(one.capability)]
    rows = [row for _, _, row in parts]
    supervised = _supervised(parts)
    rules: set[Rule] = set(BASELINE)
    for one, _, row in parts:
        rules |= row.calls
        if not supervised.sockets:
            rules |= row.direct_calls
        if not supervised.sends:
            rules |= row.direct_sends
        if is_anywhere(one):
            rules |= row.unscoped_calls
    granted = {capability for _, capability, _ in parts}
    for needed, joint in JOINT_ROWS.items():
        if needed <= granted:
            rules |= joint
    return Policy(
        grant=grant,
        rules=absorb(rules),
        paths=_join_paths(rule for one, _, row in parts for rule in _paths(one, row)),
        ports=frozenset(rule for one, _, row in parts for rule in _ports(one, row)),
        open_ports=_open_ports(parts),
        landlock_abi=max((row.landlock_abi for row in rows), default=0),
        streams=frozenset().union(*(row.streams for row in rows)),
        environ=any(row.environ for row in rows),
        files=any(row.files for row in rows),
        programs=any(row.programs for row in rows),
        threads=any(row.threads for row in rows),
        preload=tuple(sorted({name for row in rows for name in row.preload})),
        supervised=None if supervised == Supervised() else supervised,
        unenforceable=tuple(dict.fromkeys(text for part in parts for text in _refusals(*part))),
        remarks=tuple(dict.fromkeys(text for part in parts for text in _remarks(*part))),
    )


def absorb(rules: Iterable[Rule]) -> frozenset[Rule]:
    """Leave out every rule that another one on the same call makes idle, because that holds wherever this one does.

    Each compiled call is then either always allowed or under conditions, never both: libseccomp would drop the
    conditions without a word.
    """
    by_call: dict[str, set[Rule]] = defaultdict(set)
    for rule in rules:
        by_call[rule.call].add(Rule(rule.call, tuple(sorted(set(rule.when)))))
    return frozenset(
        rule
        for alternatives in by_call.values()
        for rule in alternatives
        # Of two that say the same, the first stays.
        if not any(
            covers(other, rule) and (other < rule or not covers(rule, other)) for other in alternatives if other != rule
        )
    )


def covers(wide: Rule, narrow: Rule) -> bool:
    """Say whether a rule holds wherever another one on the same call does."""
    return all(any(_implies(given, wanted) for given in narrow.when) for wanted in wide.when)


def _implies(given: Masked, wanted: Masked) -> bool:
    """Say whether the first condition looks at all the bits of the second one, and wants them the same."""
    return (
        given.argument == wanted.argument
        and given.mask & wanted.mask == wanted.mask
        and given.value & wanted.mask == wanted.value
    )


def leaves(capability: type[Capability]) -> list[type[Capability]]:
    """Return the rows that a capability stands for: its own, or those of all its parts."""
    if capability in ROWS:
        return [capability]
    parts = [row for row in ROWS if issubclass(row, capability)]
    # A weaker part of another part (StatFile is one of ReadFile) says nothing of its own.
    return [part for part in parts if not any(part is not other and issubclass(part, other) for other in parts)]


def _supervised(parts: Iterable[tuple[Granted, type[Capability], Row]]) -> Supervised:
    """Return what is left to the supervisor.

    A filter does not see what kind of socket a call is about. So where one kind has a scope that the kernel can't hold,
    the supervisor makes them all, and what is granted without a scope it does without asking.
    """
    scopes: dict[str, frozenset[str] | None] = {}
    names: frozenset[str] | None = frozenset()
    exact = {row.supervised for _, _, row in parts if row.exact_ports}
    for one, _, row in parts:
        given = None if is_anywhere(one) else one.scopes
        if row.supervised:
            known = scopes.get(row.supervised, frozenset())
            scopes[row.supervised] = None if known is None or given is None else known | given
        if row.names:
            # Who may reach any host may look any host up.
            all_named = given is not None and all(host_names(scope) for scope in given)
            names = names | host_names(*given) if names is not None and given is not None and all_named else None
    held = {
        field
        for field, given in scopes.items()
        if given and not (field in exact and all(is_port_alone(scope) for scope in given))
    }
    if not held:
        return Supervised(names=names)
    for given in scopes.values():
        names = None if names is None else names | host_names(*(given or ()))
    sends = bool(held & {"datagram", "unix"})
    return Supervised(sockets=True, sends=sends, names=names, **scopes)


def is_anywhere(one: Granted) -> bool:
    """Say whether something is granted without a scope that would hold it."""
    # The root is everything, so it is taken as no scope: else it would bring /proc in.
    return one.scopes is None or "/" in one.scopes


def _paths(one: Granted, row: Row) -> list[PathRule]:
    found = list(row.paths)
    if row.rights and one.scopes is not None and not is_anywhere(one):
        if row.supervised:
            # The supervisor's matter: what is not there may be made there.
            return found
        found += [PathRule(scope, row.rights | row.scope_rights, required=True) for scope in one.scopes]
    elif row.rights:
        found += [PathRule(Place.ANYWHERE, row.rights), *row.unscoped_paths]
    return found


def _join_paths(rules: Iterable[PathRule]) -> frozenset[PathRule]:
    """Add up the rights on each path, so that a path is one rule whatever it was granted for."""
    joined: dict[str | Place, tuple[Right, bool]] = {}
    for rule in rules:
        rights, required = joined.get(rule.path, (NO_RIGHT, False))
        joined[rule.path] = (rights | rule.rights, required or rule.required)
    return frozenset(PathRule(path, rights, required) for path, (rights, required) in joined.items())


def _ports(one: Granted, row: Row) -> list[PortRule]:
    if not row.ports or one.scopes is None:
        return []
    return [PortRule(int(scope.rpartition(":")[2]), row.ports) for scope in one.scopes if is_port_alone(scope)]


def _open_ports(parts: Iterable[tuple[Granted, type[Capability], Row]]) -> PortRight:
    found = NO_PORT_RIGHT
    for one, _, row in parts:
        found |= row.ports_anywhere
        if one.scopes is None:
            found |= row.ports
    return found


def _refusals(one: Granted, capability: type[Capability], row: Row) -> list[str]:
    if one.scopes is None:
        return []
    name = capability.__name__
    if row.scope_refused:
        return [f"{name}: {row.scope_refused}"]
    if row.supervised == "unix":
        return [
            f"{name}: {scope!r} is no path; write the other capabilities of the network with their scopes"
            for scope in sorted(one.scopes)
            if not scope.startswith("/")
        ]
    if row.rights and not is_anywhere(one):
        return [
            f"{name}: {scope!r} would open the environment and memory of processes as files; "
            "name single files such as /proc/meminfo"
            for scope in sorted(one.scopes)
            if _PROCESS_FOLDERS.fullmatch(scope)
        ]
    return []


def _remarks(one: Granted, capability: type[Capability], row: Row) -> list[str]:
    texts = [row.scope_remark] if not is_anywhere(one) else []
    if is_anywhere(one) or not row.rights:
        texts.append(row.remark)
    return [f"{capability.__name__}: {text}" for text in texts if text]
