"""A module that does nothing when it is imported."""

import re

PATTERN = re.compile("a+")
LIMIT: int = len("abc")


def double(n: int) -> int:
    return n * 2
