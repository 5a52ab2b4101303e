"""Where the names come from."""

from os import remove

rm = remove


def double(n: int) -> int:
    return n * 2
