"""A policy's paths and ports as a Landlock ruleset.

This module knows how rights become rules on files and folders that are really there. It refuses to know who was
granted them. It is the only one that uses landlockpy: its tables of rights by version, and its system calls, which fail
for a right that the kernel does not know. Not its ``Ruleset``: that one's flag arithmetic takes five times as long in a
forked child as the rest of Landlock, because each page that Python touches there is copied first.

Source: Documentation/userspace-api/landlock.rst.
"""

import os
from dataclasses import dataclass, field
from typing import Any, Final

from capsafe.errors import UnsupportedError
from capsafe.kernel.paths import find_paths
from capsafe.kernel.support import load_landlock, load_landlock_calls
from capsafe.policy.model import Policy

_LINUX_OF_ABI: Final = {1: "5.13", 2: "5.19", 3: "6.2", 4: "6.7", 5: "6.10", 6: "6.12"}


@dataclass(frozen=True, slots=True)
class Ruleset:
    """What is handled, and the rights on real paths and ports: everything the child needs, looked up beforehand.

    ``paths``: path, its rights, and whether it may be gone by the time the child opens it. ``attributes``: the first
    three as ``struct landlock_ruleset_attr``. ``calls``: what makes the system calls.
    """

    handled_fs: int
    handled_net: int
    scoped: int
    paths: tuple[tuple[str, int, bool], ...]
    ports: tuple[tuple[int, int], ...]
    attributes: Any = field(repr=False, compare=False)
    calls: Any = field(repr=False, compare=False)

    @property
    def has_rules(self) -> bool:
        """Whether anything is allowed of what is handled. Without, there is nothing to look up for it."""
        return bool(self.paths or self.ports)


def prepare_ruleset(policy: Policy, abi: int) -> Ruleset | None:
    """Look up a policy's paths.

    ``abi``: the version that the kernel has, 0 for none. Returns None where there is no Landlock and the policy does
    without, because its filter alone is exact. Raises ``UnsupportedError`` where the kernel's Landlock is too old,
    ``MissingPathError`` for a scope that is not there.
    """
    if policy.landlock_abi > abi:
        linux = _LINUX_OF_ABI[policy.landlock_abi]
        have = f"this kernel has {abi}" if abi else "this kernel has none (or it is switched off at boot)"
        raise UnsupportedError(f"Sandbox[{policy.grant}] needs Landlock {policy.landlock_abi} (Linux {linux}); {have}")
    if abi == 0:
        return None
    landlock = load_landlock()
    # Its first question searches for libc with subprocesses: here, where that is still possible.
    landlock.abi_version()
    # Everything the kernel knows is handled, and so refused where no rule allows it.
    handled_fs = int(landlock.fs_for_abi(abi))
    handled_net = int(landlock.net_for_abi(abi)) & ~int(policy.open_ports)
    scoped = int(landlock.scope_for_abi(abi))
    calls = load_landlock_calls()
    return Ruleset(
        handled_fs=handled_fs,
        handled_net=handled_net,
        scoped=scoped,
        calls=calls,
        attributes=calls.RulesetAttr(handled_access_fs=handled_fs, handled_access_net=handled_net, scoped=scoped),
        paths=tuple(find_paths(policy, handled_fs)),
        ports=tuple(
            (rule.port, int(rule.rights) & handled_net)
            for rule in sorted(policy.ports, key=lambda rule: rule.port)
            if int(rule.rights) & handled_net
        ),
    )


def make(ruleset: Ruleset) -> int:
    """Make a ruleset in the kernel, and return its descriptor. Raises ``OSError`` where anything fails."""
    calls = ruleset.calls
    handle = int(calls.create_ruleset(ruleset.attributes))
    try:
        for path, rights, may_be_gone in ruleset.paths:
            try:
                below = os.open(path, os.O_PATH | os.O_CLOEXEC)
            except FileNotFoundError:
                if may_be_gone:
                    continue
                raise
            try:
                calls.add_path_beneath(handle, calls.PathBeneathAttr(allowed_access=rights, parent_fd=below))
            finally:
                os.close(below)
        for port, rights in ruleset.ports:
            calls.add_net_port(handle, calls.NetPortAttr(allowed_access=rights, port=port))
    except BaseException:
        os.close(handle)
        raise
    return handle


def restrict(ruleset: Ruleset) -> None:
    """Confine this thread, for ever. no_new_privs must be set. Raises ``OSError`` where anything fails."""
    handle = make(ruleset)
    try:
        ruleset.calls.restrict_self(handle)
    finally:
        os.close(handle)
