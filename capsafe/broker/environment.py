"""The environment variables.

This module knows that they are read-only for a closure. It refuses to know what is in them: without Environ the worker
emptied them.
"""

import os
from collections.abc import Mapping
from types import MappingProxyType


def variables() -> Mapping[str, str]:
    """Return a read-only picture of the environment."""
    return MappingProxyType(dict(os.environ))
