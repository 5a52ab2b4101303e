"""A policy without what was not seen in use.

This module knows which rules stay: what every sandbox can do, whole, and those of the grant's that were used. It
refuses to add any, and to touch paths and ports: those are the grant's, which is a type and can be written narrower.

The floor stays whole because what CPython needs to manage memory, to handle an error and to tell of it differs from run
to run: a floor that was trimmed to one of them would fail in another for reasons that no closure can help.
"""

import dataclasses
from typing import TYPE_CHECKING, Final

from capsafe.errors import GrantError
from capsafe.policy.baseline import BASELINE
from capsafe.policy.compile import absorb, covers, leaves
from capsafe.policy.model import Policy, Rule
from capsafe.policy.table import JOINT_ROWS, ROWS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from capsafe.grants import Grant
    from capsafe.policy.observation import Observation

#: What is named in an error, of many.
_MOST_NAMED: Final = 5


def trim(policy: Policy, observation: "Observation[object]") -> Policy:
    """See ``Policy.trimmed``."""
    # What the supervisor does under this policy the filter need not allow.
    handed = policy.supervised.calls if policy.supervised is not None else frozenset()
    beyond = {rule for rule in observation.rules if not any(_is_wider(floor, rule) for floor in BASELINE)}
    used = {rule for rule in beyond if rule.call not in handed or any(_is_wider(own, rule) for own in policy.rules)}
    missing = sorted({rule.call for rule in used if not any(_is_wider(own, rule) for own in policy.rules)})
    if missing:
        more = f" and {len(missing) - _MOST_NAMED} more" if len(missing) > _MOST_NAMED else ""
        raise GrantError(
            f"the observation used {', '.join(missing[:_MOST_NAMED])}{more}, which Sandbox[{policy.grant}] does not "
            f"allow, and trimming only leaves out; write {observation.write}, or observe this sandbox"
        )
    kept = absorb(BASELINE | used)
    # As the table has them: what holds for reading alone is told apart from what holds for reading and writing.
    parts = {rule for rule in fine_rules(policy.grant) if any(_is_wider(own, rule) for own in policy.rules)}
    gone = {rule for rule in parts | policy.rules if not any(_is_wider(own, rule) for own in kept)}
    return dataclasses.replace(policy, rules=kept, left_out=absorb(gone | policy.left_out))


def fine_rules(grant: "Grant") -> frozenset[Rule]:
    """Return the rules that a grant gives as they stand in the table, the floor's too: none made idle by another."""
    granted = {capability for one in grant for capability in leaves(one.capability)}
    rules = set(BASELINE)
    for capability in granted:
        rules |= ROWS[capability].every_call
    for needed, joint in JOINT_ROWS.items():
        if needed <= granted:
            rules |= joint
    return frozenset(rules)


def narrowest(rules: "Iterable[Rule]", call: str, arguments: tuple[int, ...]) -> list[Rule]:
    """Return those of the rules that allow a call and hold in no case in which another of them does not."""
    found = [rule for rule in rules if rule.allows(call, arguments)]
    return [rule for rule in found if not any(covers(rule, other) and not covers(other, rule) for other in found)]


def _is_wider(wide: Rule, narrow: Rule) -> bool:
    return wide.call == narrow.call and covers(wide, narrow)
