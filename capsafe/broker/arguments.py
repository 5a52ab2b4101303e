"""What operations take: paths, as text.

This module knows the shapes of arguments. It refuses to know what is done with them.
"""

import os
from typing import TypeAlias

StrPath: TypeAlias = str | os.PathLike[str]


def path_text(path: StrPath) -> str:
    """Return a path as text. Raises TypeError for a number, which would be an open descriptor, and for bytes."""
    text: object = os.fspath(path)
    if not isinstance(text, str):
        raise TypeError(f"a path is text or a path-like object, not {text!r}")
    return text
