"""Every figure beside its bound, in one run; exits 1 where one is missed.

    python -m bench [ROUNDS]

``ROUNDS`` holds for each benchmark; without it each takes as many as it needs. Each runs by itself, too:
``python -m bench.execute``.
"""

import sys
from collections.abc import Iterator
from importlib import import_module

from bench.figures import Figure, show

#: In this order: a fork costs more the more memory there is, and the arrays of the last one are large. Each is
#: imported when its turn comes.
NAMES = ("execute", "filters", "calls", "denial", "hosts", "observe", "transfer")


def figures(*rounds: int) -> Iterator[Figure]:
    """Return the figures of every benchmark as they come."""
    for name in NAMES:
        yield from import_module(f"bench.{name}").figures(*rounds)


def main(arguments: list[str]) -> int:
    """Print all figures, and how many of them miss their bound."""
    missed = show(figures(*map(int, arguments[:1])))
    print("every bound is met" if not missed else f"MISSED: {', '.join(figure.name for figure in missed)}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
