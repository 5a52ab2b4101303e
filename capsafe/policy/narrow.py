"""From what was used to the narrowest grant that gives it.

This module knows how needs are chosen among alternatives, how many places become few, and that nothing is ever wider
than what was granted. It is values in, values out: paths were looked up when they were seen. It refuses to know how
anything was seen.

Places are collapsed by one rule, bounded and the same in every run: more than ``MOST_PLACES`` of them directly in one
folder become the folder, the deepest first; never the root, and never a folder that the grant does not cover.
"""

import posixpath
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from capsafe import capabilities as caps
from capsafe.capabilities import Capability
from capsafe.grants import BY_NAME, Grant, Granted
from capsafe.policy.compile import compile_policy
from capsafe.policy.observation import Need, Use
from capsafe.policy.table import ANYWHERE_BESIDES, NEVER_ANYWHERE
from capsafe.scopes import covers_endpoint, covers_path

#: So many places in one folder stay; with more it is the folder.
MOST_PLACES: Final = 8


@dataclass(slots=True)
class _Chosen:
    """What is needed of one capability."""

    places: set[str] = field(default_factory=set)
    wide: bool = False


def narrow(granted: Grant, uses: Iterable[Use], absent: Iterable[Need] = ()) -> Grant:
    """Return the narrowest grant that gives one alternative of each use, and nothing that was not granted."""
    chosen: dict[type[Capability], _Chosen] = {}
    # What leaves no choice comes first, so that it decides what does; metadata last, which most capabilities give.
    for use in sorted(uses, key=lambda use: (len(use), use[0].capability == "StatFile", use)):
        open_to = [need for need in use if _is_granted(granted, need.capability)]
        if open_to and not any(_is_met(need, chosen) for need in open_to):
            best = chosen.setdefault(BY_NAME[open_to[0].capability], _Chosen())
            if open_to[0].place:
                best.places.add(open_to[0].place)
            best.wide |= open_to[0].wide
    parents: dict[str, set[str]] = defaultdict(set)
    for need in absent:
        if not need.place:
            continue
        parents[need.capability].add(need.place)
    rows: list[Granted] = []
    for capability, what in chosen.items():
        # What is looked for and is not there takes no scope, unless there would be none at all.
        places = what.places or parents[capability.__name__]
        rows += _written(granted, capability, frozenset() if what.wide else frozenset(places))
    return Grant(rows)


def _is_granted(granted: Grant, name: str) -> bool:
    return name in BY_NAME and granted.has(BY_NAME[name])


def _is_met(need: Need, chosen: dict[type[Capability], _Chosen]) -> bool:
    wanted = BY_NAME[need.capability]
    return any(
        issubclass(wanted, capability)
        and (what.wide or (not need.wide and (not need.place or _covers(capability, what.places, need.place))))
        for capability, what in chosen.items()
    )


def _covers(capability: type[Capability], scopes: Collection[str], place: str) -> bool:
    if issubclass(capability, caps.Network):
        return any(covers_endpoint(scope, place) for scope in scopes)
    # There may be thousands of scopes, and there are few folders above a path.
    return place in scopes or any(folder in scopes for folder in ancestors(place))


def ancestors(path: str) -> Iterator[str]:
    """Go through the folders above an absolute path, the nearest first, the root last."""
    while path not in ("/", ""):
        path = posixpath.dirname(path)
        yield path


def _written(granted: Grant, capability: type[Capability], places: frozenset[str]) -> list[Granted]:
    """Return what to write for a capability; no places: as widely as it was granted."""
    rows = []
    for ambient in (False, True):
        if granted.has(capability, ambient=ambient):
            scopes = granted.scopes_of(capability, ambient=ambient)
            wanted = capability
            if capability is caps.StatFile and scopes is not None:
                # Metadata alone can't be held to a path.
                wanted = caps.ReadFile
            elif capability is caps.StatFile:
                places = frozenset()
            rows.append(Granted(wanted, _scopes(wanted, scopes, places), ambient))
    return rows


def _scopes(
    capability: type[Capability], granted: frozenset[str] | None, places: frozenset[str]
) -> frozenset[str] | None:
    """Return the scopes to write: the narrowest that can be enforced, and those of the grant where none can."""

    def is_inside(place: str) -> bool:
        if granted is not None:
            return _covers(capability, granted, place)
        return issubclass(capability, caps.Network) or not _is_left_out(place)

    inside = frozenset(filter(is_inside, places))
    if issubclass(capability, caps.Network):
        tries = [_named(inside), frozenset(f"*:{place.rpartition(':')[2]}" for place in inside)]
    else:
        tries = [collapse(inside, is_inside)]
    for scopes in tries:
        if (
            scopes
            and all(map(is_inside, scopes))
            and not compile_policy(Grant([Granted(capability, scopes)])).unenforceable
        ):
            return scopes
    return granted


def _named(endpoints: frozenset[str]) -> frozenset[str]:
    """Leave out addresses where a name was asked for with the same port: it is what the address was found by."""
    ports = {port for host, _, port in (one.rpartition(":") for one in endpoints) if not _is_numeric(host)}
    return frozenset(
        one for one in endpoints if one.rpartition(":")[2] not in ports or not _is_numeric(one.rpartition(":")[0])
    )


def _is_numeric(host: str) -> bool:
    return host.startswith("[") or host.replace(".", "").isdigit()


def _is_left_out(path: str) -> bool:
    """Say whether a path lies where no right without a scope holds."""
    return any(covers_path(folder, path) for folder in NEVER_ANYWHERE) and not any(
        covers_path(str(rule.path), path) for rule in ANYWHERE_BESIDES
    )


def collapse(places: Iterable[str], is_allowed: Callable[[str], bool], most: int = MOST_PLACES) -> frozenset[str]:
    """Make few paths of many: what lies below another one goes, and crowded folders stand for what is in them.

    ``is_allowed``: says whether a folder may stand for its content. ``most``: so many may stand in one folder.
    """
    kept = _outermost(places)
    while True:
        by_folder: dict[str, int] = defaultdict(int)
        for path in kept:
            by_folder[posixpath.dirname(path)] += 1
        crowded = [
            folder for folder, count in by_folder.items() if count > most and folder != "/" and is_allowed(folder)
        ]
        if not crowded:
            return kept
        deepest = max(crowded, key=lambda folder: (folder.count("/"), folder))
        kept = _outermost({*kept, deepest})


def _outermost(paths: Iterable[str]) -> frozenset[str]:
    kept: list[str] = []
    # A folder comes right before all that lies below it.
    for path in sorted(set(paths), key=lambda path: path.split("/")):
        if not kept or not covers_path(kept[-1], path):
            kept.append(path)
    return frozenset(kept)
