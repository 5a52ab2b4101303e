"""Lines that no signal may come between.

This module knows how signals are held back for a moment. It refuses to know what for.
"""

# The C module: ``signal`` itself makes enum members of every number, twice for each call.
import _signal  # type: ignore[import-not-found]  # typeshed has no stub for it
import contextlib
import signal
from collections.abc import Iterator
from typing import Final

_ALL_SIGNALS: Final = frozenset(map(int, signal.valid_signals()))


@contextlib.contextmanager
def no_signals() -> Iterator[None]:
    """Hold back signals for a few lines that must not be left half-way."""
    mask = _signal.pthread_sigmask(_signal.SIG_BLOCK, _ALL_SIGNALS)
    try:
        yield
    finally:
        _signal.pthread_sigmask(_signal.SIG_SETMASK, mask)
