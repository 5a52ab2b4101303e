"""A policy as a page that a person can review.

This module knows the layout of the page. It refuses to know what any rule means beyond its own words.
"""

from collections import defaultdict
from collections.abc import Iterable

from capsafe.policy.denials import DENIED
from capsafe.policy.model import LOW_HALF, POINTER, Masked, Place, Policy, PortRight, Rule
from capsafe.policy.table import ANYWHERE_BESIDES, NEVER_ANYWHERE

_WIDTH = 110
_LETTERS = "abcdef"


def explain_policy(policy: Policy) -> str:
    """Lay out everything that is allowed, what is denied for good, and what stays open.

    ``policy``: the policy. Returns plain text of several lines, the same for equal policies.
    """
    sections = [
        ("may make, with any arguments", _wrap(sorted(rule.call for rule in policy.rules if not rule.when))),
        ("may make, under conditions", _conditional(policy.rules)),
        ("was left out, as it was not seen in use", lay_out_rules(policy.left_out)),
        ("may use paths", _paths(policy)),
        ("may use ports", _ports(policy)),
        ("keeps", _kept(policy)),
        ("can never make", _wrap(sorted(set(DENIED)))),
        ("can't be enforced", [f"- {text}" for text in policy.unenforceable]),
        ("note", [f"- {text}" for text in policy.remarks]),
    ]
    lines = [f"Sandbox[{policy.grant}]"]
    for title, body in sections:
        if body:
            lines += ["", f"{title}:", *(f"  {line}" for line in body)]
    return "\n".join(lines)


def _wrap(words: Iterable[str]) -> list[str]:
    lines: list[str] = []
    for word in words:
        if lines and len(lines[-1]) + len(word) < _WIDTH:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def _conditional(rules: Iterable[Rule]) -> list[str]:
    by_call: dict[str, list[str]] = defaultdict(list)
    for rule in sorted(rules):
        if rule.when:
            by_call[rule.call].append(" and ".join(map(_condition, rule.when)))
    return [f"{call}: {text}" for call, texts in by_call.items() for text in texts]


def lay_out_rules(rules: Iterable[Rule]) -> list[str]:
    """Return lines that say which calls are meant: those with any arguments, then those with conditions."""
    rules = list(rules)
    return _wrap(sorted(rule.call for rule in rules if not rule.when)) + _conditional(rules)


def _condition(condition: Masked) -> str:
    name = _LETTERS[condition.argument]
    if condition.mask == POINTER and condition.value == 0:
        return f"{name} is NULL"
    if condition.mask == LOW_HALF:
        return f"{name} is {condition.value:#x}"
    if condition.value == 0:
        return f"{name} has none of {condition.mask:#x}"
    return f"{name} & {condition.mask:#x} is {condition.value:#x}"


def _paths(policy: Policy) -> list[str]:
    lines = sorted(map(str, policy.paths))
    if any(rule.path is Place.ANYWHERE for rule in policy.paths):
        lines.append(f"(anywhere: every top-level folder but {', '.join(NEVER_ANYWHERE)}; of those, as far as granted:")
        lines += [f"    {rule}" for rule in ANYWHERE_BESIDES]
        lines[-1] += ")"
    return lines


def _ports(policy: Policy) -> list[str]:
    lines = [f"*: {_names(policy.open_ports)}"] if policy.open_ports else []
    ordered = sorted(policy.ports, key=lambda rule: (rule.port, rule.rights))
    return lines + [f"{rule.port}: {_names(rule.rights)}" for rule in ordered]


def _names(rights: PortRight) -> str:
    return ", ".join(right.name.lower() for right in PortRight if right in rights and right.name)


def _kept(policy: Policy) -> list[str]:
    kept = sorted(policy.streams)
    if policy.environ:
        kept.append("environment")
    if policy.files:
        kept.append("current folder")
    return [", ".join(kept)] if kept else []
