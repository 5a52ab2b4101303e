"""What an effect stub says of one name: clauses, the conditions that choose among them, and the binding of arguments.

Knows how a call's arguments select an overload, in three values: a condition holds, fails, or may hold. Where it may,
the overload's effects count and the search goes on, so that what is not known never makes a call look purer. It refuses
to know files and syntax (``stub_syntax``) and where a name is found (``stubs``).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, Literal, NamedTuple, TypeAlias


class Missing(Enum):
    """The one value that no argument of a program can be."""

    NOT_LITERAL = "not a literal"


#: The value of an argument that is no literal.
NOT_LITERAL: Final = Missing.NOT_LITERAL

Kind: TypeAlias = Literal["function", "attribute", "class"]
Passing: TypeAlias = Literal["positional", "either", "star", "keyword", "kwstar"]
#: How a method gets its first parameter: ``drop`` never finds it among the arguments, whoever calls.
First: TypeAlias = Literal["none", "self", "drop"]
Holds: TypeAlias = Literal["yes", "no", "maybe"]


@dataclass(frozen=True, slots=True)
class Clause:
    """Joined effects.

    ``performs``: names of capabilities. ``of``: parameters whose effects it has, as ``"key"`` or ``"key.__call__"``.
    ``unknown``: why it can't be said, None where it can.
    """

    performs: frozenset[str] = frozenset()
    of: tuple[str, ...] = ()
    unknown: str | None = None

    def __or__(self, other: "Clause") -> "Clause":
        """Return the effects of both."""
        reasons = dict.fromkeys(reason for reason in (self.unknown, other.unknown) if reason is not None)
        return Clause(
            self.performs | other.performs,
            tuple(dict.fromkeys((*self.of, *other.of))),
            "; ".join(reasons) if reasons else None,
        )

    @property
    def pure(self) -> bool:
        """Whether there is no effect at all."""
        return not self.performs and not self.of and self.unknown is None


PURE: Final = Clause()


def join(clauses: Iterable[Clause]) -> Clause:
    """Return the effects of all the clauses together; of none, Pure."""
    joined = PURE
    for clause in clauses:
        joined = joined | clause
    return joined


class Actual(NamedTuple):
    """One argument of a call.

    ``name`` is None for a positional one. ``literal`` is its value where that is a literal. ``star`` and ``kwstar``
    mark ``*args`` and ``**kwargs``. ``classes`` are the canonical names of its static class and of all the bases,
    empty when not known (a union that shares nothing but ``object`` is not known).
    """

    name: str | None = None
    literal: object = NOT_LITERAL
    star: bool = False
    kwstar: bool = False
    classes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Condition:
    """What an argument must be for its overload to be chosen.

    ``form`` is ``"none"``, ``"literal"`` (one of ``values``), ``"written"`` (any literal), ``"absent"``, ``"given"`` or
    ``"instance"`` (of one of the classes that ``values`` names).
    """

    form: Literal["none", "literal", "written", "absent", "given", "instance"]
    values: tuple[object, ...] = ()

    def holds(self, certain: Sequence[Actual], *, possible: bool, default: bool) -> Holds:
        """Return whether the condition holds of the arguments that were bound to one parameter.

        ``certain``: the arguments that are bound to it for sure. ``possible``: whether ``*args`` or ``**kwargs`` may
        reach it as well. ``default``: whether it may be left out.
        """
        if not certain:
            if self.form == "absent" or (default and self.form in {"none", "literal"}):
                return "maybe" if possible else "yes"
            return "maybe" if possible else "no"
        verdicts = {self._of(actual) for actual in certain}
        return verdicts.pop() if len(verdicts) == 1 else "maybe"

    def _of(self, actual: Actual) -> Holds:
        match self.form:
            case "given":
                return "yes"
            case "absent":
                return "no"
            case "written":
                return "no" if actual.literal is NOT_LITERAL else "yes"
            case "none":
                return _is_none(actual)
            case "literal":
                if actual.literal is NOT_LITERAL:
                    return "maybe"
                same = any(actual.literal == v and type(actual.literal) is type(v) for v in self.values)
                return "yes" if same else "no"
            case "instance":
                # No "no" for another class: an object may be of a class below its static one.
                return "yes" if set(self.values) & set(actual.classes) else "maybe"


def _is_none(actual: Actual) -> Holds:
    if actual.literal is not NOT_LITERAL:
        return "yes" if actual.literal is None else "no"
    classes = set(actual.classes) - {"builtins.object"}
    if not classes:
        return "maybe"
    return "yes" if "types.NoneType" in classes else "no"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a stub's function."""

    name: str
    passing: Passing
    default: bool = False
    condition: Condition | None = None


@dataclass(frozen=True, slots=True)
class Signature:
    """One overload: its parameters (the first one of a method included) and what it then does."""

    parameters: tuple[Parameter, ...]
    clause: Clause
    first: First = "none"

    def match(self, actuals: Sequence[Actual], *, bound: bool) -> tuple[Holds, Mapping[str, tuple[int, ...]]]:
        """Return whether the overload is chosen, and which arguments each parameter may stand for."""
        parameters = self.parameters
        if self.first == "drop" or (self.first == "self" and bound):
            parameters = parameters[1:]
        certain, possible = _bind(parameters, actuals)
        verdict: Holds = "yes"
        for parameter in parameters:
            if parameter.condition is None:
                continue
            holds = parameter.condition.holds(
                [actuals[i] for i in certain.get(parameter.name, ())],
                possible=parameter.name in possible,
                default=parameter.default,
            )
            if holds == "no":
                return "no", {}
            if holds == "maybe":
                verdict = "maybe"
        names = dict.fromkeys((*certain, *possible))
        return verdict, {n: tuple(sorted({*certain.get(n, ()), *possible.get(n, ())})) for n in names}


def _bind(
    parameters: Sequence[Parameter], actuals: Sequence[Actual]
) -> tuple[dict[str, list[int]], dict[str, list[int]]]:
    """Return the arguments that reach each parameter for sure, and those of ``*`` and ``**`` that may."""
    certain: dict[str, list[int]] = {}
    possible: dict[str, list[int]] = {}
    _bind_positional(parameters, actuals, certain, possible)
    named = {p.name for p in parameters if p.passing in {"either", "keyword"}}
    others = next((p.name for p in parameters if p.passing == "kwstar"), None)
    for index, actual in enumerate(actuals):
        target = actual.name if actual.name in named else others
        if actual.name is not None and target is not None:
            certain.setdefault(target, []).append(index)
    for index, actual in enumerate(actuals):
        if actual.kwstar:
            for name in (*sorted(named - certain.keys()), *([others] if others is not None else [])):
                possible.setdefault(name, []).append(index)
    return certain, possible


def _bind_positional(
    parameters: Sequence[Parameter],
    actuals: Sequence[Actual],
    certain: dict[str, list[int]],
    possible: dict[str, list[int]],
) -> None:
    slots = [p.name for p in parameters if p.passing in {"positional", "either"}]
    rest = [p.name for p in parameters if p.passing == "star"]
    filled, starred = 0, False
    for index, actual in enumerate(actuals):
        if actual.name is not None or actual.kwstar:
            continue
        starred = starred or actual.star
        if starred:
            # From ``*args`` on a position says nothing: whatever is not filled yet may get it.
            for name in slots[filled:] + rest:
                possible.setdefault(name, []).append(index)
            continue
        for name in slots[filled : filled + 1] or rest:
            certain.setdefault(name, []).append(index)
        filled += 1


@dataclass(frozen=True, slots=True)
class Declaration:
    """What a stub says of one name.

    ``place``: the row, as ``"shutil.pyi:12"``. ``listed``: False when a ``__default__`` answered; then ``kind``
    is ``"function"`` whatever the name may be.
    """

    kind: Kind
    place: str
    signatures: tuple[Signature, ...]
    listed: bool = True

    def choose(self, actuals: Sequence[Actual], *, bound: bool) -> tuple[Clause, Mapping[str, tuple[int, ...]]]:
        """Return what a call does, and for each parameter the indexes of the arguments that it may stand for.

        ``bound``: whether the receiver was taken off already, as in ``obj.method(...)``. The first overload whose
        conditions hold decides; one whose conditions only may hold is joined in on the way.
        """
        clause = PURE
        binding: dict[str, tuple[int, ...]] = {}
        for signature in self.signatures:
            holds, bindings = signature.match(actuals, bound=bound)
            if holds == "no":
                continue
            clause = clause | signature.clause
            for name, indexes in bindings.items():
                binding[name] = tuple(sorted({*binding.get(name, ()), *indexes}))
            if holds == "yes":
                break
        return clause, binding

    def whole(self) -> Clause:
        """Return the effects of all overloads, for a callable that is passed on instead of called."""
        return join(signature.clause for signature in self.signatures)
