"""A package that re-exports, with a helper of its own."""

from .inner import deep as deep
from .inner.deep import *
from .lazy import later as later
from . import lazy as lazy_module


def own(path: str) -> str:
    with open(path) as file:
        return file.read()


def own_clean(path: str) -> str:
    return path.upper()
