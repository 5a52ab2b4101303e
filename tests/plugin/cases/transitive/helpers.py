"""One level away."""

from transitive import far


def remove(path: str) -> None:
    far.really_remove(path)


def pure(n: int) -> int:
    return far.square(n)


def ping(n: int) -> int:
    return n if n <= 0 else pong(n - 1)


def pong(n: int) -> int:
    if n == 3:
        print(n)
    return ping(n - 1)


def even(n: int) -> bool:
    return n == 0 or odd(n - 1)


def odd(n: int) -> bool:
    return n != 0 and even(n - 1)
