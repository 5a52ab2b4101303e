"""Modules that are not loaded yet.

This module knows how to import one by name. It refuses to know what is in it: its code runs as the closure's does.
"""

import importlib
from types import ModuleType


def load(name: str) -> ModuleType:
    """Import a module by its absolute name."""
    return importlib.import_module(name)
