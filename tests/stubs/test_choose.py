"""How a call's arguments choose among the overloads of a stub, and which argument each parameter stands for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capsafe.effects.declared import (
    Actual,
    Clause,
    Condition,
    Declaration,
    Parameter,
    Signature,
)
from capsafe.effects.stub_syntax import parse

A = Actual
OPEN = """
@overload
def f(file, mode: Literal["r", "rb"] = ...) -> Performs[ReadFile]: ...
@overload
def f(file, mode: Literal["w"]) -> Performs[WriteFile]: ...
@overload
def f(file, mode=...) -> Performs[FileSystem]: ...
"""
PRINT = """
@overload
def f(*values, file: None = ...) -> Performs[Stdout] | EffectsOf["values"]: ...
@overload
def f(*values, file=...) -> EffectsOf["values", "file.write"]: ...
"""
SEED = """
@overload
def f(seed: Absent = ...) -> Performs[Random]: ...
@overload
def f(seed=...) -> Pure: ...
"""
GIVEN = """
@overload
def f(a=..., callback: Given = ...) -> EffectsOf["callback"]: ...
@overload
def f(a=..., callback=...) -> Performs[Clock]: ...
"""
ARCHIVE = """
@overload
def f(file: Instance["typing.IO", "_io._IOBase"], mode=...) -> EffectsOf["file.read"]: ...
@overload
def f(file, mode=...) -> Performs[ReadFile]: ...
"""
WRITTEN = """
@overload
def f(o, name: Literal) -> Pure: ...
@overload
def f(o, name) -> Unknown["computed"]: ...
"""


def declared(text: str, name: str = "f") -> Declaration:
    return parse(text, "m.pyi", "m.pyi").rows[name]


def performs(text: str, *actuals: Actual) -> set[str]:
    return set(declared(text).choose(actuals, bound=False)[0].performs)


@pytest.mark.parametrize(
    ("actuals", "expected"),
    [
        ([A()], {"ReadFile"}),
        ([A(), A(literal="rb")], {"ReadFile"}),
        ([A(), A(name="mode", literal="r")], {"ReadFile"}),
        ([A(name="mode", literal="w"), A(name="file")], {"WriteFile"}),
        ([A(), A(literal="w")], {"WriteFile"}),
        ([A(), A(literal="r+")], {"FileSystem"}),
        ([A(), A(literal=None)], {"FileSystem"}),
        ([A(), A()], {"ReadFile", "WriteFile", "FileSystem"}),  # a mode that is computed may be any
        ([A(star=True)], {"ReadFile", "WriteFile", "FileSystem"}),
        ([A(), A(kwstar=True)], {"ReadFile", "WriteFile", "FileSystem"}),
        ([A(kwstar=True), A(name="mode", literal="r")], {"ReadFile"}),
    ],
)
def test_a_literal_chooses(actuals: list[Actual], expected: set[str]) -> None:
    assert performs(OPEN, *actuals) == expected


def test_true_is_not_the_literal_one() -> None:
    text = "@overload\ndef f(fd: Literal[1]) -> Performs[Stdout]: ...\n@overload\ndef f(fd) -> Performs[Network]: ..."
    assert performs(text, A(literal=1)) == {"Stdout"}
    assert performs(text, A(literal=True)) == {"Network"}
    assert performs(text, A(literal=-1)) == {"Network"}


@pytest.mark.parametrize(
    ("actual", "expected"),
    [
        (None, {"Stdout"}),
        (A(name="file", literal=None), {"Stdout"}),
        (A(name="file", classes=("types.NoneType", "builtins.object")), {"Stdout"}),
        (A(name="file", classes=("_io.StringIO", "builtins.object")), set()),
        (A(name="file", literal="x"), set()),
        (A(name="file"), {"Stdout"}),  # it may be None
        (A(name="file", classes=("builtins.object",)), {"Stdout"}),
        (A(kwstar=True), {"Stdout"}),
    ],
)
def test_none_is_absent_or_none(actual: Actual | None, expected: set[str]) -> None:
    assert performs(PRINT, A(), *([actual] if actual else [])) == expected


def test_what_may_be_none_may_also_be_a_file() -> None:
    clause, _ = declared(PRINT).choose([A(name="file")], bound=False)
    assert clause == Clause(frozenset({"Stdout"}), ("values", "file.write"))


def test_absent_and_given() -> None:
    assert performs(SEED) == {"Random"}
    assert performs(SEED, A()) == set()
    assert performs(SEED, A(literal=None)) == set()  # given, be it None
    assert performs(SEED, A(star=True)) == {"Random"}
    assert declared(GIVEN).choose([A(), A()], bound=False)[0] == Clause(of=("callback",))
    assert declared(GIVEN).choose([A()], bound=False)[0] == Clause(frozenset({"Clock"}))
    assert declared(GIVEN).choose([A(kwstar=True)], bound=False)[0] == Clause(frozenset({"Clock"}), ("callback",))


def test_an_instance_is_seen_by_its_static_class() -> None:
    assert performs(ARCHIVE, A(classes=("_io.BytesIO", "_io._IOBase", "builtins.object"))) == set()
    assert performs(ARCHIVE, A(classes=("builtins.str", "builtins.object"))) == {"ReadFile"}
    assert performs(ARCHIVE, A()) == {"ReadFile"}
    assert performs(ARCHIVE, A(star=True)) == {"ReadFile"}


def test_written_is_a_literal_in_the_call() -> None:
    assert declared(WRITTEN).choose([A(), A(literal="x")], bound=False)[0].pure
    assert declared(WRITTEN).choose([A(), A()], bound=False)[0].unknown == "computed"
    assert declared(WRITTEN).choose([A(star=True)], bound=False)[0].unknown == "computed"


def test_the_whole_is_the_join_of_all_overloads() -> None:
    assert declared(OPEN).whole().performs == {"ReadFile", "WriteFile", "FileSystem"}
    assert declared(PRINT).whole() == Clause(frozenset({"Stdout"}), ("values", "file.write"))


PLAIN = 'def f(a, /, b, c=..., *rest, d=..., **more) -> EffectsOf["a", "b", "c", "rest", "d", "more"]: ...'


@pytest.mark.parametrize(
    ("actuals", "expected"),
    [
        ([A(), A()], {"a": (0,), "b": (1,)}),
        ([A(), A(), A(), A(), A()], {"a": (0,), "b": (1,), "c": (2,), "rest": (3, 4)}),
        ([A(name="d"), A(), A(name="b")], {"d": (0,), "a": (1,), "b": (2,)}),
        ([A(), A(name="a")], {"a": (0,), "more": (1,)}),  # a positional-only name is free for **more
        ([A(), A(name="x"), A(name="y")], {"a": (0,), "more": (1, 2)}),
        ([A(), A(star=True)], {"a": (0,), "b": (1,), "c": (1,), "rest": (1,)}),
        ([A(star=True), A()], {"a": (0, 1), "b": (0, 1), "c": (0, 1), "rest": (0, 1)}),
        ([A(), A(), A(kwstar=True)], {"a": (0,), "b": (1,), "c": (2,), "d": (2,), "more": (2,)}),
    ],
)
def test_arguments_find_their_parameters(actuals: list[Actual], expected: dict[str, tuple[int, ...]]) -> None:
    assert dict(declared(PLAIN).choose(actuals, bound=False)[1]) == expected


METHODS = """
class C:
    def __init__(self, key) -> EffectsOf["key"]: ...
    def plain(self, key) -> EffectsOf["self", "key"]: ...
    def made(cls, key) -> EffectsOf["key"]: ...
    @classmethod
    def marked(self, key) -> EffectsOf["key"]: ...
    @staticmethod
    def free(key) -> EffectsOf["key"]: ...
"""


@pytest.mark.parametrize(
    ("name", "bound", "expected"),
    [
        ("plain", True, {"key": (0,)}),
        ("plain", False, {"self": (0,)}),
        ("made", True, {"key": (0,)}),
        ("made", False, {"key": (0,)}),
        ("marked", False, {"key": (0,)}),
        ("free", True, {"key": (0,)}),
        ("free", False, {"key": (0,)}),
    ],
)
def test_a_receiver_is_taken_off_where_there_is_one(name: str, bound: bool, expected: object) -> None:  # noqa: FBT001 - a column of the table
    row = parse(METHODS, "m.pyi", "m.pyi").classes["C"].rows[name]
    assert dict(row.choose([A()], bound=bound)[1]) == expected


# Laws ---------------------------------------------------------------------------------------------------------------

LITERALS = [None, "r", "w", 1, True]
CLASSES = [(), ("types.NoneType", "builtins.object"), ("builtins.str", "builtins.object"), ("typing.IO",)]
FORMS = [
    None,
    Condition("none"),
    Condition("literal", ("r", 1)),
    Condition("absent"),
    Condition("given"),
    Condition("instance", ("typing.IO",)),
]
EFFECTS = [Clause(), Clause(frozenset({"ReadFile"})), Clause(frozenset({"Clock"})), Clause(of=("a",))]


@st.composite
def signatures(draw: st.DrawFn, *, last: bool) -> Signature:
    parameters = tuple(
        Parameter(name, "either", draw(st.booleans()), None if last else draw(st.sampled_from(FORMS)))
        for name in ("a", "b")
    )
    return Signature(parameters, draw(st.sampled_from(EFFECTS)))


@st.composite
def declarations(draw: st.DrawFn) -> Declaration:
    first = draw(st.lists(signatures(last=False), max_size=3))
    return Declaration("function", "m.pyi:1", (*first, draw(signatures(last=True))))


def literal(value: object) -> Actual:
    name = "types.NoneType" if value is None else f"builtins.{type(value).__name__}"
    return Actual(literal=value, classes=(name, "builtins.object"))


ACTUALS = [*(literal(value) for value in LITERALS), *(Actual(classes=classes) for classes in CLASSES)]
actuals_ = st.lists(st.sampled_from(ACTUALS), max_size=2)


def covers(wide: Clause, narrow: Clause) -> bool:
    return narrow.performs <= wide.performs and set(narrow.of) <= set(wide.of)


@given(declarations(), actuals_, st.lists(st.booleans(), min_size=2, max_size=2))
def test_knowing_less_of_an_argument_never_makes_a_call_purer(
    declaration: Declaration, actuals: list[Actual], forget: list[bool]
) -> None:
    vague = [Actual() if f else a for a, f in zip(actuals, forget, strict=False)]
    exact = declaration.choose(actuals, bound=False)[0]
    assert covers(declaration.choose(vague, bound=False)[0], exact)


@given(declarations(), actuals_)
def test_a_starred_call_covers_every_call_it_may_be(declaration: Declaration, actuals: list[Actual]) -> None:
    exact = declaration.choose(actuals, bound=False)[0]
    assert covers(declaration.choose([Actual(star=True), Actual(kwstar=True)], bound=False)[0], exact)
    assert covers(declaration.whole(), exact)
