"""Which of the granted capabilities give what was used: a system call, a right on a path, a port.

This module knows the rows of a grant, on this system: its scopes are looked up, and so is where modules are. It refuses
to know what was used, and to choose: it returns all that would do.
"""

import os
import sys
from collections.abc import Iterator

from capsafe import capabilities as caps
from capsafe.capabilities import Capability
from capsafe.grants import Grant, Granted
from capsafe.policy.compile import is_anywhere, leaves
from capsafe.policy.model import NO_RIGHT, PathRule, Place, Right
from capsafe.policy.observation import Need
from capsafe.policy.table import ANYWHERE_BESIDES, JOINT_ROWS, NEVER_ANYWHERE, ROWS, Row
from capsafe.scopes import covers_endpoint, covers_path


class Givers:
    """The capabilities of one grant, with what each gives here."""

    def __init__(self, grant: Grant) -> None:
        self._grant = grant
        self._rows: list[tuple[Granted, type[Capability], Row]] = [
            (one, capability, ROWS[capability]) for one in grant for capability in leaves(one.capability)
        ]
        scopes = {scope for one, _, row in self._rows if row.rights and one.scopes for scope in one.scopes}
        self._real = {scope: (scope, os.path.realpath(scope)) for scope in scopes}
        self._modules = tuple(
            os.path.realpath(entry)
            for entry in (*sys.path, os.path.dirname(os.__file__))  # noqa: PTH120 - a text
        )

    def of_call(self, call: str, arguments: tuple[int, ...]) -> list[Need]:
        """Return what allows a call. Metadata alone is first where it is enough."""
        found: dict[Need, None] = {}
        for one, capability, row in self._rows:
            if any(rule.allows(call, arguments) for rule in row.calls | row.direct_calls | row.direct_sends):
                if capability is caps.ReadFile and self._is_metadata(call):
                    found[Need(caps.StatFile.__name__)] = None
                found[Need(capability.__name__)] = None
            elif is_anywhere(one) and any(rule.allows(call, arguments) for rule in row.unscoped_calls):
                found[Need(capability.__name__, wide=True)] = None
        return list(found)

    def of_joint(self, call: str, arguments: tuple[int, ...]) -> list[Need]:
        """Return what allows a call only together."""
        granted = {capability for _, capability, _ in self._rows}
        for needed, rules in JOINT_ROWS.items():
            if needed <= granted and any(rule.allows(call, arguments) for rule in rules):
                return [Need(capability.__name__) for capability in needed]
        return []

    @staticmethod
    def _is_metadata(call: str) -> bool:
        return any(rule.call == call for rule in ROWS[caps.StatFile].calls)

    def of_path(self, right: Right, path: str) -> list[Need]:
        """Return what gives a right on a path, in the order of the grant; none where the kernel refuses it.

        ``path``: absolute, without symlinks.
        """
        return list(
            dict.fromkeys(need for one, cap, row in self._rows for need in self._on(one, cap, row, right, path))
        )

    def _on(self, one: Granted, capability: type[Capability], row: Row, right: Right, path: str) -> Iterator[Need]:
        name = capability.__name__
        if is_anywhere(one):
            if right in row.rights and _is_anywhere(right, path):
                yield Need(name, path)
            elif any(self._lies_on(rule, right, path) for rule in row.paths):
                yield Need(name)
            elif any(self._lies_on(rule, right, path) for rule in row.unscoped_paths):
                yield Need(name, wide=True)
            return
        real = (covers_path(scope, path) for text in one.scopes or () for scope in self._real.get(text, ()))
        if right in row.rights | row.scope_rights and any(real):
            yield Need(name, path)
        elif any(self._lies_on(rule, right, path) for rule in row.paths):
            yield Need(name)

    def _lies_on(self, rule: PathRule, right: Right, path: str) -> bool:
        if right not in rule.rights:
            return False
        if rule.path is Place.MODULES:
            return any(covers_path(folder, path) for folder in self._modules)
        text = str(rule.path)
        return covers_path(text, path) or covers_path(os.path.realpath(text), path)

    def of_endpoint(self, capability: type[Capability], endpoint: str) -> Need | None:
        """Return what lets a socket reach or take ``host:port``, None where the kernel refuses it."""
        if not self._grant.has(capability):
            return None
        scopes = self._grant.scopes_of(capability)
        if scopes is not None and not any(covers_endpoint(scope, endpoint) for scope in scopes):
            return None
        return Need(capability.__name__, endpoint)


def _is_anywhere(right: Right, path: str) -> bool:
    if any(covers_path(folder, path) for folder in NEVER_ANYWHERE):
        return any(right & rule.rights != NO_RIGHT and covers_path(str(rule.path), path) for rule in ANYWHERE_BESIDES)
    # The root's own entries can be neither listed nor changed.
    return path != "/"
