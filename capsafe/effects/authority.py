"""Which values hold authority: holding one is as good as the capability that it came from.

Knows types and the table of classes (``known``). It refuses to know where such values are found.
"""

from collections.abc import Sequence

from capsafe.effects import known
from capsafe.effects.types import Types


def held_by(types: Types, type_: object, depth: int = 3) -> str | None:
    """Return what a value of the type holds, itself or in the containers that it is made of; None for mere data."""
    held = authority_of(types.classes(type_))
    if held is not None or not depth:
        return held
    inside = (held_by(types, part, depth - 1) for part in types.parts(type_))
    return next((held for held in inside if held is not None), None)


def authority_of(classes: Sequence[str]) -> str | None:
    """Return what an instance of the classes (its own, then its bases) holds, None when it is mere data."""
    if any(name in known.HARMLESS for name in classes):
        return None
    return next((known.AUTHORITY[name] for name in classes if name in known.AUTHORITY), None)
