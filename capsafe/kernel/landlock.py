"""A policy's paths and ports as a Landlock ruleset.

This module knows how rights become rules on files and folders that are really there. It refuses to know who was
granted them. It is the only one that uses landlockpy, and never in its best-effort mode: a right that the kernel does
not know is an error.

Source: Documentation/userspace-api/landlock.rst.
"""

import os
import re
import stat
import sys
from dataclasses import dataclass
from typing import Any, Final

from capsafe.errors import MissingPathError, UnsupportedError
from capsafe.kernel.support import load_landlock
from capsafe.policy.model import FILE_RIGHTS, PathRule, Place, Policy, Right
from capsafe.policy.table import ANYWHERE_BESIDES, NEVER_ANYWHERE, PROCESS_FOLDERS

_LINUX_OF_ABI: Final = {1: "5.13", 2: "5.19", 3: "6.2", 4: "6.7", 5: "6.10", 6: "6.12"}
_PROCESS_FOLDERS: Final = re.compile(PROCESS_FOLDERS)


@dataclass(frozen=True, slots=True)
class Ruleset:
    """What is handled, and the rights on real paths and ports: everything the child needs, looked up beforehand.

    ``paths``: path, its rights, and whether it may be gone by the time the child opens it.
    """

    handled_fs: int
    handled_net: int
    scoped: int
    paths: tuple[tuple[str, int, bool], ...]
    ports: tuple[tuple[int, int], ...]


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
    # Everything the kernel knows is handled, and so refused where no rule allows it.
    handled_fs = int(landlock.fs_for_abi(abi))
    handled_net = int(landlock.net_for_abi(abi)) & ~int(policy.open_ports)
    return Ruleset(
        handled_fs=handled_fs,
        handled_net=handled_net,
        scoped=int(landlock.scope_for_abi(abi)),
        paths=tuple(_rules(policy, handled_fs)),
        ports=tuple(
            (rule.port, int(rule.rights) & handled_net)
            for rule in sorted(policy.ports, key=lambda rule: rule.port)
            if int(rule.rights) & handled_net
        ),
    )


def restrict(ruleset: Ruleset) -> None:
    """Confine this thread, for ever. no_new_privs must be set. Raises ``OSError`` where anything fails."""
    landlock: Any = load_landlock()
    with landlock.Ruleset(
        handled_fs=landlock.AccessFS(ruleset.handled_fs),
        handled_net=landlock.AccessNet(ruleset.handled_net),
        scoped=landlock.Scope(ruleset.scoped),
        best_effort=False,
    ) as made:
        for path, rights, may_be_gone in ruleset.paths:
            try:
                made.allow_path(path, landlock.AccessFS(rights))
            except FileNotFoundError:
                if not may_be_gone:
                    raise
        for port, rights in ruleset.ports:
            made.allow_port(port, landlock.AccessNet(rights))
        made.restrict(no_new_privs=False)


def _rules(policy: Policy, handled: int) -> list[tuple[str, int, bool]]:
    found: dict[str, tuple[Right, bool]] = {}
    for rule in sorted(policy.paths, key=str):
        for path in _real_paths(rule):
            rights, required = found.get(str(path.path), (Right(0), False))
            # Two names of one folder are two rules, and Landlock adds them up.
            found[str(path.path)] = (rights | path.rights, required or path.required)
    return [
        (path, int(usable), not required)
        for path, (rights, required) in found.items()
        if (usable := _usable(path, rights) & handled)
    ]


def _real_paths(rule: PathRule) -> list[PathRule]:
    if rule.path is Place.ANYWHERE:
        return _anywhere(rule.rights)
    if rule.path is Place.MODULES:
        folders = {os.path.realpath(entry or os.curdir) for entry in (*sys.path, os.path.dirname(os.__file__))}  # the standard library, wherever it is
        return [
            PathRule(folder, rule.rights)
            for folder in sorted(folders)
            if folder != "/" and not _is_forbidden(folder) and os.path.exists(folder)  # text in, text out
        ]
    return _named(rule)


def _named(rule: PathRule) -> list[PathRule]:
    assert isinstance(rule.path, str)  # for the type checker
    real = os.path.realpath(rule.path)
    try:
        os.stat(rule.path)  # text in, text out
    except OSError as error:
        if not rule.required:
            return []
        raise _missing(rule, error) from error
    if rule.required and (real == "/" or _PROCESS_FOLDERS.fullmatch(real)):
        raise UnsupportedError(
            f"the scope {rule.path!r} leads to {real!r}, which would open the environment and memory of processes as "
            "files; name the folders below it"
        )
    return [rule]


def _missing(rule: PathRule, error: OSError) -> MissingPathError:
    if Right.WRITE_FILE in rule.rights:
        parent = os.path.dirname(str(rule.path))  # text in, text out
        way_out = f"create it first, or grant the folder it will be in, {parent!r}"
    else:
        way_out = "the kernel binds a rule to what is there; check the path, or create it first"
    return MissingPathError(
        error.errno, f"the scope {rule.path!r} can't be opened ({error.strerror}); {way_out}", rule.path
    )


def _anywhere(rights: Right) -> list[PathRule]:
    found = []
    for entry in os.scandir("/"):
        real = os.path.realpath(entry.path)
        if not _is_forbidden(real) and os.path.exists(real):  # text in, text out
            found.append(PathRule(entry.path, rights))
    found += [PathRule(str(rule.path), rule.rights & rights) for rule in ANYWHERE_BESIDES if rule.rights & rights]
    return [rule for rule in found if os.path.exists(str(rule.path))]  # text in, text out


def _is_forbidden(real: str) -> bool:
    """Say whether a top-level entry is, or lies in, one of the folders that no unscoped right opens."""
    return real == "/" or any(real == folder or real.startswith(f"{folder}/") for folder in NEVER_ANYWHERE)


def _usable(path: str, rights: Right) -> Right:
    """Leave out rights that mean nothing on a file; the kernel refuses a rule with them."""
    return rights if stat.S_ISDIR(os.stat(path).st_mode) else rights & FILE_RIGHTS  # text in, text out
