"""What a closure really used: a value that is joined, saved, and read as the narrowest type to write.

This module knows the shape of the record. It refuses to know how it is made (``capsafe.worker.observer``) and how it
becomes a type (``capsafe.policy.narrow``).
"""

from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from capsafe.errors import Denial
from capsafe.grants import Grant
from capsafe.policy.model import Rule

R_co = TypeVar("R_co", covariant=True)


@dataclass(frozen=True, slots=True, order=True)
class Need:
    """One capability that something would have taken.

    ``capability``: its name. ``place``: the scope that would have covered it, "" where no scope is about it. ``wide``:
    nothing narrower than what was granted is known to do.
    """

    capability: str
    place: str = ""
    wide: bool = False


#: What one thing that was done would have taken: any one of these would do, the likeliest first.
Use = tuple[Need, ...]


@dataclass(frozen=True, slots=True)
class Observation(Generic[R_co]):
    """What one or several runs of a closure used of their grant. ``print(observation)`` is a page to review.

    ``granted``: what they ran under. ``rules``: the system calls they made beyond what every sandbox can do, with the
    conditions that were met. ``uses``: what those calls, and the broker, were asked for. ``absent``: what was looked
    for and is not there. ``denials``: what was refused. ``complete``: False where there was more than is kept, so that
    nothing narrower can be said. ``runs``, ``failed``: how many, and how many of them ended in an error.

    ``error``: what the run raised, None where it returned, and for runs that were joined or loaded.

    It rests on what the runs did, on these inputs and this system, and on what the confined process said of itself. It
    never says more than what was granted.
    """

    granted: Grant
    rules: frozenset[Rule] = frozenset()
    uses: frozenset[Use] = frozenset()
    absent: frozenset[Need] = frozenset()
    denials: tuple[Denial, ...] = ()
    complete: bool = True
    runs: int = 1
    failed: int = 0
    error: Exception | None = field(default=None, compare=False)
    value: R_co | None = field(default=None, compare=False, repr=False)

    @property
    def result(self) -> R_co:
        """What the closure returned; None for runs that were joined or loaded. Raises what the closure raised."""
        if self.error is not None:
            raise self.error
        return self.value  # type: ignore[return-value]  # None only where that is the result, or there is none

    @property
    def grant(self) -> Grant:
        """The narrowest grant that does, as far as was seen: never wider than what was granted."""
        from capsafe.policy.narrow import narrow  # noqa: PLC0415  # narrowing is built on this module

        return narrow(self.granted, self.uses, self.absent) if self.complete else self.granted

    @property
    def write(self) -> str:
        """The type to write: ``Sandbox[ReadFile[L["/data/in"]]]``."""
        return f"Sandbox[{self.grant}]"

    @property
    def calls(self) -> tuple[str, ...]:
        """The names of the system calls that were made beyond what every sandbox can do, sorted."""
        return tuple(sorted({rule.call for rule in self.rules}))

    def __or__(self, other: "Observation[object]") -> "Observation[None]":
        """Join with another observation: what either used. The results are left behind."""
        return Observation(
            granted=self.granted | other.granted,
            rules=self.rules | other.rules,
            uses=self.uses | other.uses,
            absent=self.absent | other.absent,
            denials=tuple(dict.fromkeys(self.denials + other.denials)),
            complete=self.complete and other.complete,
            runs=self.runs + other.runs,
            failed=self.failed + other.failed,
        )

    def without_result(self) -> "Observation[None]":
        """Return the record alone, as it is saved."""
        return replace(self, error=None, value=None)  # type: ignore[return-value]  # the value is what it is generic in

    def to_json(self) -> str:
        """Return the record as JSON, the same for equal ones, to keep beside the code. The result is left behind."""
        from capsafe.policy.saved import write_json  # noqa: PLC0415  # saving is built on this module

        return write_json(self)

    @staticmethod
    def from_json(text: str | bytes) -> "Observation[None]":
        """Return what ``to_json`` wrote. Raises ``ValueError`` that says what is wrong with anything else."""
        from capsafe.policy.saved import read_json  # noqa: PLC0415  # as above

        return read_json(text)

    def __str__(self) -> str:
        """Return a page that a person can review."""
        from capsafe.policy.saved import write_page  # noqa: PLC0415  # as above

        return write_page(self)
