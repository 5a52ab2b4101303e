"""What each capability allows, call by call and number by number, on each machine, as it was reviewed.

The page that a person reads (``golden.txt``) has names alone. This is what filters are made of: a number that moves,
a mask that changes or a call that one machine lacks shows here as a line.
"""

import os
from pathlib import Path
from typing import Any, Never

import pytest

from capsafe.grants import TAXONOMY, read_grant
from capsafe.policy import compile_policy
from capsafe.policy.baseline import NEWER, OTHER_ERRORS, REFUSED
from capsafe.policy.denials import DENIED
from capsafe.policy.model import Masked, Rule
from capsafe.policy.numbers import LAST_USED, NUMBERS

FOLDER = Path(__file__).parent / "dumps"


def condition(one: Masked) -> str:
    return f"argument {one.argument} & {one.mask:#x} = {one.value:#x}"


def rows(rules: frozenset[Rule], machine: str) -> list[str]:
    """Return a line for each rule about a call that the machine has, in order of numbers."""
    known = NUMBERS[machine]
    found = sorted((known[rule.call], rule.call, rule.when) for rule in rules if rule.call in known)
    return [f"{number:4} {call}{''.join(f'  {condition(one)}' for one in when)}" for number, call, when in found]


def dump(machine: str) -> str:
    known = NUMBERS[machine]
    lines = [f"{machine}: default error {REFUSED}, from number {LAST_USED + 1} on error {NEWER}", ""]
    lines += [f"{known[call]:4} {call}  error {error}" for call, error in sorted(OTHER_ERRORS.items()) if call in known]
    lines += ["", "denied whatever is allowed:"]
    lines += [f"{number:4} {call}" for number, call in sorted((known[one], one) for one in DENIED if one in known)]
    floor = rows(compile_policy(read_grant(Never)).rules, machine)
    lines += ["", "Never:", *floor]
    for capability in TAXONOMY:
        own: Any = compile_policy(read_grant(capability))
        given = rows(own.rules, machine)
        lines += ["", f"{capability.__name__}:"]
        lines += [f"+ {line}" for line in given if line not in floor]
        # A rule that a wider one makes idle.
        lines += [f"- {line}" for line in floor if line not in given]
        if own.supervised is not None:
            lines.append(f"the supervisor: {' '.join(sorted(own.supervised.calls))}")
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("machine", sorted(NUMBERS))
def test_the_dump_is_the_one_that_was_reviewed(machine: str) -> None:
    """Write it with CAPSAFE_WRITE_GOLDEN=1, and review the difference."""
    file = FOLDER / f"{machine}.txt"
    text = dump(machine)
    if os.environ.get("CAPSAFE_WRITE_GOLDEN"):
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    assert text == file.read_text()
