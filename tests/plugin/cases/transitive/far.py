"""Two levels away."""

import os


def really_remove(path: str) -> None:
    os.remove(path)


def square(n: int) -> int:
    return n * n
