"""An observation as text: JSON to keep beside the code, and a page to review.

This module knows both forms, and believes nothing of what it reads: another version, a field too many, a capability or
a call that there is not are each an error that names it. It refuses to know how an observation is made or used.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, fields
from typing import Any, Final, TypeVar

from capsafe.capabilities import Capability
from capsafe.errors import Denial, GrantError
from capsafe.grants import BY_NAME, Grant, Granted
from capsafe.policy.baseline import BASELINE
from capsafe.policy.compile import absorb
from capsafe.policy.explain import fold, lay_out_rules
from capsafe.policy.model import POINTER, Masked, Rule
from capsafe.policy.numbers import NUMBERS
from capsafe.policy.observation import Need, Observation
from capsafe.scopes import parse_scope

#: Of the form; another one is not read.
VERSION: Final = 1
_KIND: Final = "capsafe observation"

T = TypeVar("T")

_CALLS: Final = frozenset(call for numbers in NUMBERS.values() for call in numbers)
_ARGUMENTS: Final = 6
_LONGEST: Final = 100_000
_MOST_SHOWN: Final = 50


def write_json(observation: Observation[object]) -> str:
    """See ``Observation.to_json``. The type to write is there for readers; it is not read back."""
    told = {
        "kind": _KIND,
        "version": VERSION,
        "write": observation.write,
        "granted": [
            {
                "capability": one.capability.__name__,
                "scopes": None if one.scopes is None else sorted(one.scopes),
                "ambient": one.ambient,
            }
            for one in observation.granted
        ],
        "rules": [
            [rule.call, [[one.argument, one.mask, one.value] for one in rule.when]]
            for rule in sorted(observation.rules)
        ],
        "uses": [[_need(need) for need in use] for use in sorted(observation.uses)],
        "absent": [_need(need) for need in sorted(observation.absent)],
        "denials": [asdict(denial) for denial in observation.denials],
        "complete": observation.complete,
        "runs": observation.runs,
        "failed": observation.failed,
    }
    return json.dumps(told, indent=1) + "\n"


def _need(need: Need) -> list[object]:
    return [need.capability, need.place, need.wide]


class _BadError(Exception):
    """What was read is no observation."""


def read_json(text: str | bytes) -> Observation[None]:
    """See ``Observation.from_json``."""
    try:
        told = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"this is no observation: it is no JSON ({error})") from error
    try:
        return _read(told)
    except (_BadError, GrantError) as error:
        raise ValueError(f"this is no observation: {error}") from error


def _read(told: object) -> Observation[None]:
    if not isinstance(told, dict) or told.get("kind") != _KIND:
        raise _BadError(f'it has no "kind": "{_KIND}"')
    if told.get("version") != VERSION or isinstance(told["version"], bool):
        raise _BadError(f"its version is {told.get('version')!r}, and this capsafe reads {VERSION}; observe again")
    wanted = {"kind", "version", "write", *(one.name for one in fields(Observation)[:-2])}
    if told.keys() != wanted:
        odd = ", ".join(sorted(map(str, told.keys() ^ wanted)))
        raise _BadError(f"there are fields too many or missing: {odd}")
    runs, failed = _number(told["runs"], 1), _number(told["failed"], 0)
    if failed > runs:
        raise _BadError("more runs failed than there were")
    _of(str, told["write"])
    return Observation(
        granted=Grant(_each(_granted, told["granted"])),
        rules=frozenset(_each(_rule, told["rules"])),
        uses=frozenset(_each(_use, told["uses"])),
        absent=frozenset(_each(_read_need, told["absent"])),
        denials=tuple(_each(_denial, told["denials"])),
        complete=_of(bool, told["complete"]),
        runs=runs,
        failed=failed,
    )


def _each(read: Callable[[Any], T], items: object) -> list[T]:
    found: list[Any] = _of(list, items)
    if len(found) > _LONGEST:
        raise _BadError(f"a list of {len(found)} is longer than any that is written")
    return [read(item) for item in found]


def _of(kind: type[T], value: object) -> T:
    if type(value) is not kind:
        raise _BadError(f"{value!r:.60} is no {kind.__name__}")
    return value


def _number(value: object, least: int, most: int = 2**53) -> int:
    number = _of(int, value)
    if not least <= number <= most:
        raise _BadError(f"{number} is not between {least} and {most}")
    return number


def _row(value: object, length: int) -> list[Any]:
    row: list[Any] = _of(list, value)
    if len(row) != length:
        raise _BadError(f"{row!r:.60} has {len(row)} parts, and not {length}")
    return row


def _capability(value: object) -> type[Capability]:
    name = _of(str, value)
    if name not in BY_NAME:
        raise _BadError(f"there is no capability {name!r:.60}")
    return BY_NAME[name]


def _granted(value: object) -> Granted:
    row: dict[str, Any] = _of(dict, value)
    if row.keys() != {"capability", "scopes", "ambient"}:
        raise _BadError(f"{row!r:.60} is nothing that is granted")
    capability, scopes = _capability(row["capability"]), row["scopes"]
    if scopes is not None:
        scopes = frozenset(parse_scope(capability, _of(str, one)) for one in _of(list, scopes))
        if not scopes:
            raise _BadError(f"{capability.__name__} is granted nowhere")
    return Granted(capability, scopes, _of(bool, row["ambient"]))


def _rule(value: object) -> Rule:
    call, when = _row(value, 2)
    if _of(str, call) not in _CALLS:
        raise _BadError(f"there is no system call {call!r:.60}")
    return Rule(call, tuple(_each(_condition, when)))


def _condition(value: object) -> Masked:
    argument, mask, bits = _row(value, 3)
    return Masked(_number(argument, 0, _ARGUMENTS - 1), _number(mask, 0, POINTER), _number(bits, 0, POINTER))


def _use(value: object) -> tuple[Need, ...]:
    found = tuple(_each(_read_need, value))
    if not found:
        raise _BadError("a use has no alternative")
    return found


def _read_need(value: object) -> Need:
    name, place, wide = _row(value, 3)
    capability, text = _capability(name), _of(str, place)
    return Need(capability.__name__, parse_scope(capability, text) if text else "", _of(bool, wide))


def _denial(value: object) -> Denial:
    row: dict[str, Any] = _of(dict, value)
    known = {one.name: one for one in fields(Denial)}
    if row.keys() != known.keys():
        raise _BadError(f"{row!r:.60} is no denial")
    for name, one in row.items():
        right: tuple[type, ...] = (bool,) if name == "trimmed" else (int,) if name == "line" else (str,)
        optional = name not in ("operation", "trimmed")
        if type(one) not in right and not (one is None and optional):
            raise _BadError(f"{one!r:.60} is no {name} of a denial")
    return Denial(**row)


def write_page(observation: Observation[object]) -> str:
    """See ``Observation.__str__``."""
    runs = "1 run" if observation.runs == 1 else f"{observation.runs} runs"
    failed = f", {observation.failed} ended in an error: what would have come after it was not seen"
    head = [f"seen in {runs} under Sandbox[{observation.granted}]{failed if observation.failed else ''}"]
    if not observation.complete:
        head.append("there was more than is kept, so that nothing narrower can be said")
    # A call that was allowed with any arguments need not be told again with some.
    calls = [line for text in lay_out_rules(absorb(observation.rules) - BASELINE) for line in fold(text)]
    sections = [
        ("write", [observation.write]),
        ("was granted and not used", _unused(observation)),
        ("made system calls, beyond what every sandbox can", calls),
        ("looked for and did not find below", _few(sorted({need.place for need in observation.absent}))),
        ("was refused", _few([str(denial) for denial in observation.denials])),
    ]
    if observation.granted.has(BY_NAME["Clock"]) or observation.granted.has(BY_NAME["Random"]):
        note = "- of Clock and Random only what the broker was asked for is seen: the kernel sees neither"
        sections.append(("note", [note]))
    lines = head
    for title, body in sections:
        if body:
            lines += ["", f"{title}:", *(line if body is calls else f"  {line}" for line in body)]
    return "\n".join(lines)


def _unused(observation: Observation[object]) -> list[str]:
    needed = observation.grant
    unused = [
        str(one)
        for one in observation.granted
        if not any(issubclass(part.capability, one.capability) and part.ambient is one.ambient for part in needed)
    ]
    return [" | ".join(unused)] if unused else []


def _few(lines: Iterable[str]) -> list[str]:
    found = list(lines)
    more = len(found) - _MOST_SHOWN
    return found if more <= 0 else [*found[:_MOST_SHOWN], f"and {more} more"]
