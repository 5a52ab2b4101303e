"""Lines that no signal may come between.

This module knows how signals are held back for a moment. It refuses to know what for.
"""

# The C module: ``signal`` itself makes enum members of every number, twice for each call.
import _signal  # type: ignore[import-not-found]  # typeshed has no stub for it
import signal
from typing import Final

_ALL_SIGNALS: Final = frozenset(map(int, signal.valid_signals()))


class NoSignals:
    """Holds back signals for a few lines that must not be left half-way. A context for one use at a time."""

    __slots__ = ("_mask",)

    def __enter__(self) -> None:
        self._mask = _signal.pthread_sigmask(_signal.SIG_BLOCK, _ALL_SIGNALS)

    def __exit__(self, *_: object) -> None:
        _signal.pthread_sigmask(_signal.SIG_SETMASK, self._mask)
