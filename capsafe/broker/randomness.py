"""Random bytes and numbers.

This module knows the system's generator. It refuses to know Python's shared one, whose state is everybody's.
"""

import os
import random


def random_bytes(count: int) -> bytes:
    """Return bytes fit for secrets."""
    return os.urandom(count)


def generator(seed: float | str | bytes | None) -> random.Random:
    """Return a generator of one's own, seeded from the system unless told."""
    return random.Random(seed)  # noqa: S311 - a generator for simulations; random_bytes is for secrets
