"""Native libraries.

This module knows how one is loaded. It is the only one outside ``capsafe.kernel`` that knows ctypes, because a
``ctypes.CDLL`` is what a closure with NativeCode is handed.
"""

import ctypes

from capsafe.broker.arguments import StrPath, path_text

CDLL = ctypes.CDLL


def load(path: StrPath) -> ctypes.CDLL:
    """Load a library; its calls set the errno that ``ctypes.get_errno`` reads."""
    return ctypes.CDLL(path_text(path), use_errno=True)
