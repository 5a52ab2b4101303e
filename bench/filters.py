"""How long the kernel's programs are, and how often libseccomp is asked to compile each.

    python -m bench.filters [RUNS]

What is counted are the programs as they are installed: with a listener and without, where processes are counted, and
in runs that are observed. The compiler's work is counted by what it exports.
"""

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import reduce
from operator import or_
from typing import Any, Never
from unittest import mock

from bench.figures import Figure, main
from capsafe import Capability, ReadFile, Stdout, capabilities
from capsafe.grants import read_grant
from capsafe.kernel import prepare, prepare_observing, seccomp
from capsafe.kernel.support import load_pyseccomp
from capsafe.policy import compile_policy
from capsafe.sandbox import Sandbox

RUNS = 50
LONGEST = 150
TIMES_COMPILED = 1

#: A program's length, and what it is for.
Length = tuple[int, str]

#: Those that grant nothing by themselves: everything is no capability, and Ambient is as what is inside.
_NO_GRANTS = (Capability, capabilities.Ambient)
_SINGLE: dict[str, Any] = {
    name: value
    for name, value in vars(capabilities).items()
    if isinstance(value, type) and issubclass(value, Capability) and value not in _NO_GRANTS
}


def lengths(name: str, grant: Any) -> Iterator[Length]:  # noqa: ANN401 - a type as the running program sees it
    """Return the length of each program that a grant may have installed."""
    policy = compile_policy(read_grant(grant))
    plain, observed = prepare(policy), prepare_observing(policy)
    counted = prepare(policy, counted=True)
    for form, programs in (
        ("without a listener", plain.programs),
        ("with a listener", plain.reporting),
        ("with processes=", counted.reporting),
        ("observed", observed.reporting),
    ):
        for program in programs or ():
            yield program.length, f"{name}, {form}"


@contextmanager
def counting() -> Iterator[Counter[bytes]]:
    """Count what libseccomp exports, by the program; what was compiled before is forgotten first."""
    for kept in vars(seccomp).values():
        if getattr(kept, "__module__", "") == seccomp.__name__ and hasattr(kept, "cache_clear"):
            kept.cache_clear()
    exported: Counter[bytes] = Counter()
    compiler = load_pyseccomp().SyscallFilter
    export = compiler.export_bpf

    def noting(one: Any, file: Any) -> None:  # noqa: ANN401 - pyseccomp has no types
        export(one, file)
        file.seek(0)
        exported[file.read()] += 1

    with mock.patch.object(compiler, "export_bpf", noting):
        yield exported


def figures(runs: int = RUNS) -> list[Figure]:
    """Return the longest program of any single grant, that of all together, and how often one is compiled."""
    pure = max(lengths("Never", Never))
    single = max(length for name, grant in _SINGLE.items() for length in lengths(name, grant))
    everything = max(lengths("all capabilities", reduce(or_, _SINGLE.values())))
    with counting() as exported:
        # Equal grants, written in two ways.
        boxes = (Sandbox[ReadFile | Stdout](), Sandbox[Stdout | ReadFile]())
        for at in range(runs):
            boxes[at % len(boxes)].execute(lambda _: 1)
    if not exported:
        raise AssertionError("nothing was compiled, so that nothing was counted")
    return [
        Figure("longest filter, Sandbox[Never]", pure[0], "instructions", LONGEST, pure[1]),
        Figure("longest filter, a single capability", single[0], "instructions", LONGEST, single[1]),
        Figure("longest filter, everything granted", everything[0], "instructions", detail=everything[1]),
        Figure(
            "compiled, the same filter",
            max(exported.values()),
            "times",
            TIMES_COMPILED,
            f"{len(exported)} programs in {runs} executes of two equal grants",
        ),
    ]


if __name__ == "__main__":
    sys.exit(main(figures, sys.argv[1:]))
