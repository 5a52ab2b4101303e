"""Deep inside, with imports from above."""

from ...options import LIMIT
from .. import lazy

__all__ = ["starred", "starred_clean"]


def starred(path: str) -> int:
    return lazy.later(path) + LIMIT


def starred_clean(n: int) -> int:
    return n + LIMIT


def hidden(path: str) -> None:
    import shutil

    shutil.rmtree(path)
