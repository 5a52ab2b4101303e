"""Which row of which file answers for a name."""

import shutil
from importlib.resources import files
from pathlib import Path

import pytest

from capsafe.effects import stubs as module
from capsafe.effects.declared import Clause
from capsafe.effects.stub_syntax import Table, parse
from capsafe.effects.stubs import Actual, StubError, Stubs, load_stubs


def write(folder: Path, **texts: str) -> Path:
    for name, text in texts.items():
        path = folder / f"{name}.pyi"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def effect(stubs: Stubs, name: str) -> Clause | None:
    found = stubs.find(name)
    return None if found is None else found.whole()


CLOCK, RANDOM, STDOUT = (Clause(frozenset({name})) for name in ("Clock", "Random", "Stdout"))

LIBRARY = """
__default__: Performs[Clock]
__import__: Performs[Stdout]
def f() -> Pure: ...
x: Performs[Random]
class C:
    __default__: Performs[Random]
    def m(self) -> Pure: ...
    class Inner:
        def n(self) -> Performs[Stdout]: ...
class D:
    def __init__(self, a) -> EffectsOf["a"]: ...
class E(C): ...
class F(lib.C):
    __default__: Pure
    @property
    def p(self) -> Performs[Stdout]: ...
"""


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("lib.f", Clause()),
        ("lib.x", RANDOM),
        ("lib.other", CLOCK),
        ("lib._private", CLOCK),
        ("lib.C.m", Clause()),
        ("lib.C.other", RANDOM),
        ("lib.C.other.deeper", RANDOM),
        ("lib.C", RANDOM),  # constructing is like any method that is not listed
        ("lib.C.Inner.n", STDOUT),
        ("lib.C.Inner.other", CLOCK),
        ("lib.D.__init__", Clause(of=("a",))),
        ("lib.D.__new__", Clause(of=("a",))),
        ("lib.D", Clause(of=("a",))),
        ("lib.D.other", CLOCK),  # a class without a default falls back to the module's
        ("lib.E.m", Clause()),
        ("lib.E.other", RANDOM),
        ("lib.F.m", Clause()),  # a base's row goes before the class's own default
        ("lib.F.p", STDOUT),
        ("lib.F.other", Clause()),
        ("lib.Unlisted.method", CLOCK),
        ("lib", None),
        ("elsewhere.f", None),
        ("nodots", None),
    ],
)
def test_the_row_then_the_class_then_the_module(tmp_path: Path, name: str, expected: Clause | None) -> None:
    assert effect(Stubs([write(tmp_path, lib=LIBRARY)]), name) == expected


def test_what_a_row_is_and_where_it_stands(tmp_path: Path) -> None:
    stubs = Stubs([write(tmp_path, lib=LIBRARY)])
    said = {
        name: (found.kind, found.place, found.listed)
        for name in ("f", "x", "other", "C", "D", "F.p", "C.m")
        if (found := stubs.find(f"lib.{name}")) is not None
    }
    assert said == {
        "f": ("function", "lib.pyi:4", True),
        "x": ("attribute", "lib.pyi:5", True),
        "other": ("function", "lib.pyi:2", False),
        "C": ("class", "lib.pyi:7", False),
        "D": ("class", "lib.pyi:12", True),
        "F.p": ("attribute", "lib.pyi:17", True),
        "C.m": ("function", "lib.pyi:8", True),
    }


def test_constructing_passes_no_receiver(tmp_path: Path) -> None:
    found = Stubs([write(tmp_path, lib=LIBRARY)]).find("lib.D")
    assert found is not None
    assert found.choose([Actual()], bound=False)[1] == {"a": (0,)}


def test_nothing_said_is_none_not_pure(tmp_path: Path) -> None:
    stubs = Stubs([write(tmp_path, lib="def f() -> Pure: ...\nclass C:\n    x: Pure\n")])
    assert stubs.find("lib.g") is None
    assert stubs.find("lib.C") is None
    assert stubs.find("lib.C.y") is None
    assert stubs.import_effect("nowhere") is None
    assert not stubs.covers("nowhere")


def test_the_longest_module_prefix_answers(tmp_path: Path) -> None:
    write(tmp_path / "pkg", __init__="__default__: Performs[Clock]\n", sub="def f() -> Performs[Random]: ...\n")
    stubs = Stubs([tmp_path])
    assert effect(stubs, "pkg.f") == CLOCK
    assert effect(stubs, "pkg.sub.f") == RANDOM
    assert effect(stubs, "pkg.sub.g") is None  # the package's default is not the submodule's
    assert stubs.covers("pkg.sub")
    assert stubs.modules() == ("pkg", "pkg.sub")


def test_import_effects(tmp_path: Path) -> None:
    stubs = Stubs([write(tmp_path, lib=LIBRARY, quiet="x: Pure")])
    assert stubs.import_effect("lib") == STDOUT
    assert stubs.import_effect("quiet") == Clause()


def test_an_earlier_folder_overrides_row_by_row(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    write(theirs, lib=LIBRARY)
    write(ours, lib="def f() -> Performs[Stdout]: ...\nclass C:\n    def m(self) -> Performs[Stdout]: ...\n")
    stubs = Stubs([ours, theirs])
    assert effect(stubs, "lib.f") == STDOUT
    assert effect(stubs, "lib.C.m") == STDOUT
    assert effect(stubs, "lib.C.other") == RANDOM
    assert effect(stubs, "lib.x") == RANDOM
    assert effect(Stubs([theirs, ours]), "lib.f") == Clause()


def test_bases_that_are_wrong(tmp_path: Path) -> None:
    stubs = Stubs([write(tmp_path, lib="class A(B): ...\nclass B(A): ...\n\nclass C(gone.Away): ...\n")])
    with pytest.raises(StubError, match=r"lib\.pyi:1: class A is a base of itself"):
        stubs.find("lib.A.x")
    with pytest.raises(StubError, match=r"lib\.pyi:4: class C: no stub has the base 'gone\.Away'"):
        stubs.find("lib.C.x")


def test_two_files_for_one_module(tmp_path: Path) -> None:
    write(tmp_path / "lib", __init__="x: Pure")
    stubs = Stubs([write(tmp_path, lib="x: Pure")])
    with pytest.raises(StubError, match=r"lib\.pyi:1: lib/__init__\.pyi is there too"):
        stubs.find("lib.x")


def test_a_file_is_read_on_the_first_ask_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def noted(text: str, path: str, place: str) -> Table:
        read.append(place)
        return parse(text, path, place)

    monkeypatch.setattr(module, "parse", noted)
    stubs = Stubs([write(tmp_path, lib=LIBRARY, broken="this is no stub")])
    assert read == []
    for _ in range(2):
        stubs.find("lib.f")
        stubs.find("lib.x")
    assert read == ["lib.pyi"]


def test_an_edited_file_is_read_again_and_changes_the_digest(tmp_path: Path) -> None:
    write(tmp_path, lib="x: Performs[Stdin]")
    before = Stubs([tmp_path])
    assert effect(before, "lib.x") == Clause(frozenset({"Stdin"}))
    digest = before.digest()
    assert digest == Stubs([tmp_path]).digest()
    write(tmp_path, lib="x: Performs[Clock]")
    after = Stubs([tmp_path])
    assert effect(after, "lib.x") == CLOCK
    assert after.digest() != digest


def test_the_digest_covers_names_folders_and_their_order(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    write(one, a="x: Pure")
    write(two, b="x: Pure")
    seen = {Stubs(paths).digest() for paths in ([one], [two], [one, two], [two, one], [])}
    assert len(seen) == 5
    shutil.move(two / "b.pyi", two / "c.pyi")
    assert Stubs([two]).digest() not in seen


def test_the_packaged_stubs_are_there_and_a_project_overrides_them(tmp_path: Path) -> None:
    assert effect(load_stubs(), "builtins.len") == Clause(of=("obj.__len__",))
    stubs = load_stubs([write(tmp_path, builtins="def len(obj) -> Performs[Clock]: ...\n")])
    assert effect(stubs, "builtins.len") == CLOCK
    assert effect(stubs, "builtins.abs") == Clause(of=("x.__abs__",))
    assert stubs.digest() != load_stubs().digest()


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StubError, match="no such folder"):
        load_stubs([tmp_path / "gone"])


def test_the_packaged_folders_are_data_alone() -> None:
    assert (files("capsafe_effects") / "stdlib" / "builtins.pyi").is_file()
    assert not (files("capsafe_effects") / "stdlib" / "__init__.py").is_file()
