"""A policy as a page that a person can review.

This module knows the layout of the page and how a condition is read out. It refuses to know what the numbers in it are
called, and why a row is there: that is ``capsafe.policy.words``.
"""

import textwrap
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from typing import Final

from capsafe.capabilities import Capability
from capsafe.policy.compile import leaves
from capsafe.policy.denials import DENIED_GROUPS
from capsafe.policy.model import LOW_HALF, POINTER, Masked, Place, Policy, PortRight, Rule, Supervised
from capsafe.policy.table import ANYWHERE_BESIDES, NEVER_ANYWHERE, ROWS
from capsafe.policy.words import ARGUMENTS, CAUSES, CONDITION_CAUSES, WORDS, Argument

_WIDTH: Final = 110
_LETTERS: Final = "abcdef"
#: Of values that a condition leaves open, so many are named one by one.
_MOST_NAMED: Final = 4
#: Between the first and the last of a run of numbers.
_TO: Final = " to "

#: What a call's arguments may be: by place, the texts of which any will do.
Alternative = tuple[tuple[int, frozenset[str]], ...]


def explain_policy(policy: Policy, width: int = _WIDTH) -> str:
    """Lay out everything that is allowed, what is denied for good, and what stays open.

    ``policy``: the policy. ``width``: the longest line. Returns plain text of several lines, the same for equal
    policies.
    """
    free = sorted({rule.call for rule in policy.rules if not rule.when})
    granted = list(_granted(policy))
    sections: list[tuple[str, Iterable[str]]] = [
        # What a reader comes for is first; the calls are for who reviews them.
        ("grants", granted),
        ("can't be enforced", [f"- {text}" for text in policy.unenforceable]),
        ("note", [f"- {text}" for text in policy.remarks]),
        ("may use paths", _paths(policy)),
        ("may use ports", _ports(policy)),
        ("leaves to the supervisor", _supervised(policy)),
        ("keeps", _kept(policy)),
        ("words", [f"{word}: {meaning}" for word, meaning in WORDS.items() if any(word in line for line in granted)]),
        ("may make system calls, with any arguments", [" ".join(free)] if free else []),
        ("may make system calls, under conditions", _conditional(policy.rules)),
        ("of these", [f"{call}: {CAUSES[call]}" for call in free if call in CAUSES]),
        ("was left out, as it was not seen in use", lay_out_rules(policy.left_out)),
        (
            "can never make, whatever is granted",
            [f"{what}: {' '.join(sorted(group))}" for what, group in DENIED_GROUPS.items()],
        ),
    ]
    lines = [f"Sandbox[{policy.grant}]"]
    for title, body in sections:
        written = [line for text in body for line in fold(text, width)]
        if written:
            lines += ["", f"{title}:", *written]
    return "\n".join(lines)


def fold(text: str, width: int = _WIDTH) -> list[str]:
    """Break a line of a section; what follows is set in, but for lists of words."""
    own = " " * (2 + len(text) - len(text.lstrip()))
    hanging = own if ": " not in text and not text.startswith("-") else own + "    "
    return textwrap.wrap(
        text.lstrip(),
        width,
        initial_indent=own,
        subsequent_indent=hanging,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _granted(policy: Policy) -> Iterator[str]:
    if not policy.grant:
        yield "nothing: a closure can compute, and return the result"
        yield "    Behind it: seccomp."
    for one in policy.grant:
        first, _, rest = (one.capability.__doc__ or "").replace("``", "").strip().partition("\n\n")
        limits = " ".join(rest.split())
        yield f"{one}: {' '.join(first.split())}"
        if limits.startswith("Not:"):
            yield f"    {limits}"
        yield f"    Behind it: {', '.join(_behind(one.capability, policy.supervised))}."


def _behind(capability: type[Capability], supervised: Supervised | None) -> list[str]:
    """Say what enforces a capability when the program runs, in the words of docs/capabilities.md."""
    rows = [ROWS[part] for part in leaves(capability)]
    found = []
    if any(row.streams for row in rows):
        found.append("descriptors")
    if any(row.environ for row in rows):
        found.append("environment")
    if any(row.calls for row in rows):
        found.append("seccomp")
    if any(row.landlock_abi for row in rows):
        found.append("Landlock")
    held = [row.supervised or ("names" if row.names else "") for row in rows]
    if supervised is not None and any(_is_given(getattr(supervised, name)) for name in held if name):
        found.append("the supervisor")
    return found or ["the checker alone"]


def _is_given(scopes: Collection[str] | None) -> bool:
    """Say whether there are any; None is anywhere."""
    return scopes is None or bool(scopes)


def lay_out_rules(rules: Iterable[Rule]) -> list[str]:
    """Return lines that say which calls are meant: those with any arguments, then those with conditions."""
    rules = list(rules)
    free = sorted(rule.call for rule in rules if not rule.when)
    return [*([" ".join(free)] if free else []), *_conditional(rules)]


def _conditional(rules: Iterable[Rule]) -> Iterator[str]:
    by_call: dict[str, list[Alternative]] = defaultdict(list)
    for rule in sorted(rules):
        if rule.when:
            places = sorted({one.argument for one in rule.when})
            by_call[rule.call].append(tuple((place, _values(rule, place)) for place in places))
    for call, alternatives in by_call.items():
        texts = [_read(call, one) for one in _join(alternatives)]
        yield f"{call}: {'; or '.join(texts)}"
        if call in CONDITION_CAUSES:
            yield f"    why: {CONDITION_CAUSES[call]}"


def _join(alternatives: list[Alternative]) -> list[Alternative]:
    """Make one of two alternatives that differ in one argument alone, as long as there are such."""
    found: list[Alternative] = []
    for one in alternatives:
        for at, other in enumerate(found):
            joined = _joined(one, other)
            if joined is not None:
                found[at] = joined
                break
        else:
            found.append(one)
    return found if len(found) == len(alternatives) else _join(found)


def _joined(one: Alternative, other: Alternative) -> Alternative | None:
    if [place for place, _ in one] != [place for place, _ in other]:
        return None
    differing = [at for at, (mine, theirs) in enumerate(zip(one, other, strict=True)) if mine != theirs]
    if len(differing) != 1:
        return None
    (at,) = differing
    place, texts = one[at]
    return (*one[:at], (place, texts | other[at][1]), *one[at + 1 :])


def _read(call: str, alternative: Alternative) -> str:
    parts = []
    for place, texts in alternative:
        argument = ARGUMENTS.get((call, place))
        name = _LETTERS[place] if argument is None else argument.name
        *first, last = _in_order(texts)
        parts.append(f"{name} {', '.join(first)} or {last}" if first else f"{name} {last}")
    return ", ".join(parts)


def _in_order(texts: Iterable[str]) -> list[str]:
    """Sort texts; numbers and runs of them by what they are, those that adjoin as one."""
    runs: list[tuple[int, int]] = []
    names: list[str] = []
    for text in texts:
        first, _, last = text.partition(_TO)
        if first.isdecimal():
            runs.append((int(first), int(last or first)))
        else:
            names.append(text)
    joined: list[tuple[int, int]] = []
    for low, high in sorted(runs):
        if joined and low <= joined[-1][1] + 1:
            joined[-1] = joined[-1][0], max(high, joined[-1][1])
        else:
            joined.append((low, high))
    return [f"{low}{_TO}{high}" if low != high else str(low) for low, high in joined] + sorted(names)


def _values(rule: Rule, place: int) -> frozenset[str]:
    """Say what a rule wants of one argument, without its name: texts of which any will do."""
    found = [_condition(rule.call, one) for one in rule.when if one.argument == place]
    # More than one on the same argument hold together.
    return frozenset(found[0]) if len(found) == 1 else frozenset({" and ".join(" or ".join(one) for one in found)})


def _condition(call: str, condition: Masked) -> list[str]:
    argument = ARGUMENTS.get((call, condition.argument), Argument(""))
    if condition.mask == POINTER and condition.value == 0:
        return ["NULL"]
    if condition.mask == LOW_HALF:
        return [argument.values.get(condition.value, _number(condition.value))]
    # The bits that are left open are the lowest: a run of numbers.
    left_open = ~condition.mask & LOW_HALF
    if left_open & (left_open + 1) == 0 and argument.mask == LOW_HALF:
        values = range(condition.value, condition.value + left_open + 1)
        if len(values) <= _MOST_NAMED:
            return [argument.values.get(value, _number(value)) for value in values]
        return [f"{values[0]}{_TO}{values[-1]}"]
    return [_bits(argument, condition)]


def _bits(argument: Argument, condition: Masked) -> str:
    mask, value = condition.mask, condition.value
    texts = []
    if argument.mask != LOW_HALF and mask & argument.mask == argument.mask:
        low = value & argument.mask
        texts.append(argument.values.get(low, _number(low)))
        mask &= ~argument.mask
    wanted = _names_of(argument, mask & value)
    unwanted = _names_of(argument, mask & ~value)
    if wanted:
        texts.append(f"with {', '.join(wanted)}")
    if unwanted:
        texts.append(f"without {', '.join(unwanted)}")
    return " ".join(texts)


def _names_of(argument: Argument, bits: int) -> list[str]:
    known = [name for bit, name in argument.bits.items() if bits & bit]
    rest = bits & ~sum(argument.bits)
    return [*known, *([_number(rest)] if rest else [])]


def _number(value: int) -> str:
    return str(value) if value < 256 else f"{value:#x}"  # noqa: PLR2004 - shorter than its hexadecimal form


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


def _supervised(policy: Policy) -> list[str]:
    held = policy.supervised
    if held is None:
        return []
    given = (
        ("connect to", held.connect),
        ("listen on", held.listen),
        ("send datagrams to, and bind", held.datagram),
        ("connect to and listen at", held.unix),
        ("look up", held.names),
    )
    return [f"{what}: {_places(scopes)}" for what, scopes in given if _is_given(scopes)]


def _places(scopes: frozenset[str] | None) -> str:
    return "anywhere" if scopes is None else ", ".join(sorted(scopes))


def _kept(policy: Policy) -> list[str]:
    kept = sorted(policy.streams)
    if policy.environ:
        kept.append("environment")
    if policy.files:
        kept.append("current folder")
    # The second filter says so.
    fixed = ["(no stream can be copied, made not to block, or moved in its file)"] if policy.streams else []
    return [", ".join(kept), *([] if policy.programs else fixed)] if kept else []
