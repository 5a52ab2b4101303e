"""The time.

This module knows how to ask for it. It refuses to know local time: the zone's table is a file, and reading one needs a
capability of its own.
"""

import time
from datetime import UTC, datetime, tzinfo


def now(zone: tzinfo | None) -> datetime:
    """Return the time of day in a zone, in UTC without one."""
    return datetime.now(UTC if zone is None else zone)


def monotonic() -> float:
    """Return seconds on a clock that never goes back."""
    return time.monotonic()


def sleep(seconds: float) -> None:
    """Wait."""
    time.sleep(seconds)
