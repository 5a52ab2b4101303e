"""The grammar of the effect stubs: what it takes, and what it says of what it does not take, with file and line."""

from pathlib import Path

import pytest

from capsafe.effects.declared import Clause
from capsafe.effects.stubs import CAPABILITIES, StubError, Stubs


def stubs(tmp_path: Path, text: str) -> Stubs:
    (tmp_path / "mod.pyi").write_text(text)
    return Stubs([tmp_path])


WRONG = {
    "syntax": ("__default__: Pure\ndef f(:\n", 2, "no Python syntax"),
    "no effect": ("def f() -> Effectful: ...", 1, "'Effectful' is no effect"),
    "no effect at all": ("def f(): ...", 1, "its effect is missing"),
    "unknown capability": ("\n\ndef f() -> Performs[ReadFiles]: ...", 3, "'ReadFiles' is no capability"),
    "a scope is no capability": ('def f() -> Performs[ReadFile["/etc"]]: ...', 1, "is no capability"),
    "ambient is no capability to perform": ("def f() -> Performs[Ambient]: ...", 1, "'Ambient' is no capability"),
    "joined with and": ("def f() -> Pure & Pure: ...", 1, "is no effect"),
    "no such parameter": ('def f(a) -> EffectsOf["b"]: ...', 1, "no parameter 'b' (there are: a)"),
    "self of a function": ('def f(a) -> EffectsOf["self"]: ...', 1, "no parameter 'self'"),
    "of a module's variable": ('x: EffectsOf["a"]', 1, "no parameter 'a' (there are: none here)"),
    "a parameter without quotes": ("def f(a) -> EffectsOf[a]: ...", 1, "names in quotes"),
    "two dots": ('def f(a) -> EffectsOf["a.b.c"]: ...', 1, "stands one name"),
    "a reason that is no text": ("def f() -> Unknown[1]: ...", 1, "names in quotes"),
    "twice": ("def f() -> Pure: ...\ndef f() -> Pure: ...", 2, "f is said twice"),
    "twice as a variable": ("def f() -> Pure: ...\nf: Pure", 2, "f is said twice"),
    "a class twice": ("class C: ...\nclass C: ...", 2, "class C is said twice"),
    "a class and a function": ("class C: ...\ndef C() -> Pure: ...", 2, "C is said twice"),
    "overloads apart": (
        "@overload\ndef f(a) -> Pure: ...\nx: Pure\n@overload\ndef f() -> Pure: ...",
        5,
        "stand together",
    ),
    "a last overload with a condition": (
        "@overload\ndef f(a: Given) -> Pure: ...\nx: Pure",
        2,
        "a last overload that has none",
    ),
    "a condition alone": ("def f(a: Given) -> Pure: ...", 1, "needs @overload"),
    "a property with a condition": (
        "class C:\n    @property\n    def p(self: Given) -> Pure: ...",
        3,
        "needs @overload",
    ),
    "an annotation that selects nothing": ("@overload\ndef f(a: int) -> Pure: ...", 2, "'int' is no condition"),
    "a literal that is none": ("@overload\ndef f(a: Literal[x]) -> Pure: ...", 2, "'x' is no literal"),
    "an instance without quotes": ("@overload\ndef f(a: Instance[str]) -> Pure: ...", 2, "names in quotes"),
    "a default after a row": ("def f() -> Pure: ...\n__default__: Pure", 2, "__default__ must stand before"),
    "a default after a class": ("class C: ...\n__default__: Pure", 2, "__default__ must stand before"),
    "a default after a method": ("class C:\n    x: Pure\n    __default__: Pure", 3, "__default__ must stand before"),
    "two defaults": ("__default__: Pure\n__default__: Pure", 2, "__default__ is said twice"),
    "an import after a row": ("x: Pure\n__import__: Pure", 2, "__import__ must stand before"),
    "two imports": ("__import__: Pure\n__import__: Pure", 2, "__import__ is said twice"),
    "a method without self": ("class C:\n    def f(x) -> Pure: ...", 2, "the first parameter of a method is self"),
    "a constructor twice": (
        "class C:\n    def __init__(self) -> Pure: ...\n    def __new__(cls) -> Pure: ...",
        3,
        "C.__init__ says what constructing does",
    ),
    "a decorator of another kind": ("@cache\ndef f() -> Pure: ...", 2, "is decorated with"),
    "a body": ("def f() -> Pure:\n    return 1", 1, "the body of a row"),
    "a statement": ("import os", 1, "'import os' is no row"),
    "a value": ("x: int = 1", 1, "is no row"),
    "a base that is no name": ("class C(f()): ...", 1, "is no class name"),
    "a metaclass": ("class C(metaclass=M): ...", 1, "no keywords"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_said_with_file_and_line(tmp_path: Path, name: str) -> None:
    text, line, message = WRONG[name]
    with pytest.raises(StubError) as caught:
        stubs(tmp_path, text).find("mod.f")
    assert str(caught.value).startswith(f"{tmp_path / 'mod.pyi'}:{line}: "), str(caught.value)
    assert message in str(caught.value)


def test_an_error_is_raised_again_at_every_ask(tmp_path: Path) -> None:
    wrong = stubs(tmp_path, "x = 1")
    for _ in range(2):
        with pytest.raises(StubError):
            wrong.find("mod.x")


@pytest.mark.parametrize(
    ("text", "clause"),
    [
        ("Pure", Clause()),
        ("Performs[ReadFile]", Clause(frozenset({"ReadFile"}))),
        ("Performs[ReadFile | Clock]", Clause(frozenset({"ReadFile", "Clock"}))),
        ("Performs[ReadFile] | Performs[Clock]", Clause(frozenset({"ReadFile", "Clock"}))),
        ('EffectsOf["a"]', Clause(of=("a",))),
        ('EffectsOf["a", "rest.__str__"]', Clause(of=("a", "rest.__str__"))),
        ('EffectsOf["a"] | EffectsOf["more", "a"]', Clause(of=("a", "more"))),
        ('Pure | Performs[Stdout] | EffectsOf["b.write"]', Clause(frozenset({"Stdout"}), ("b.write",))),
        ('Unknown["why"]', Clause(unknown="why")),
        ('Unknown["why"] | Unknown["and why"] | Performs[Import]', Clause(frozenset({"Import"}), (), "why; and why")),
    ],
)
def test_effects(tmp_path: Path, text: str, clause: Clause) -> None:
    found = stubs(tmp_path, f"def f(a, /, b, *rest, c=..., **more) -> {text}: ...").find("mod.f")
    assert found is not None
    assert found.whole() == clause


def test_unknown_without_a_reason_is_not_silent(tmp_path: Path) -> None:
    found = stubs(tmp_path, "def f() -> Unknown: ...").find("mod.f")
    assert found is not None
    assert found.whole().unknown


def test_every_capability_can_be_performed_but_the_one_that_performs_none(tmp_path: Path) -> None:
    assert {"ReadFile", "StatFile", "Network", "Capability", "NativeCode"} <= CAPABILITIES
    assert not {"Ambient", "S_co", "Generic"} & CAPABILITIES
    text = "".join(f"def do_{name}() -> Performs[{name}]: ...\n" for name in sorted(CAPABILITIES))
    loaded = stubs(tmp_path, text)
    for name in CAPABILITIES:
        found = loaded.find(f"mod.do_{name}")
        assert found is not None
        assert found.whole().performs == {name}


def test_strings_and_pass_say_nothing(tmp_path: Path) -> None:
    loaded = stubs(tmp_path, '"""A page."""\nclass C:\n    """A class."""\n    pass\n    x: Pure\n')
    assert loaded.find("mod.C.x") is not None
    assert loaded.find("mod.C.y") is None
