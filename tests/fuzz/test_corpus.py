"""Every input that is kept, of which a fuzzer made some: each is read again, and no law is broken. Needs no fuzzer."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from capsafe.worker import tags
from capsafe.worker.protocol import ERROR, VALUE, Frame
from capsafe.worker.structure import PLAIN, Structure
from tests.fuzz import targets
from tests.fuzz.seeds import attacks, seeds

FOLDER = Path(__file__).parent / "corpus"
INPUTS = sorted(FOLDER.glob("*/*"))


@pytest.mark.parametrize("file", INPUTS, ids=[f"{file.parent.name}-{file.name}" for file in INPUTS])
def test_a_kept_input_breaks_no_law(file: Path) -> None:
    targets.TARGETS[file.parent.name](file.read_bytes())


def test_the_corpus_is_there_and_small() -> None:
    for target in targets.TARGETS:
        assert len(list((FOLDER / target).iterdir())) > 20
    assert len(INPUTS) < 200
    assert sum(file.stat().st_size for file in INPUTS) < 300_000


def test_the_seeds_are_what_honest_answers_are() -> None:
    """Or, once the form has changed, they would be refused at the first byte: run tests/fuzz/seeds.py then."""
    for target, found in seeds().items():
        stored = {file.name for file in (FOLDER / target).iterdir()}
        assert set(found) <= stored
        read = [name for name, data in found.items() if is_read(target, data)]
        assert read == list(found)
        kept = [name for name in found if is_read(target, (FOLDER / target / name).read_bytes())]
        assert kept == list(found)


def test_the_attacks_are_refused() -> None:
    for target, found in attacks().items():
        # That keys collide matters when they are many.
        assert [name for name, data in found.items() if is_read(target, data)] == ["set-of-keys-that-collide"]


def is_read(target: str, data: bytes) -> bool:
    """Say whether an input is read to its end."""
    frames: list[Frame] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(targets, "check", frames.append)
        targets.TARGETS[target](data)
    return bool(frames) and any(part is not None for part in targets.outcome_of(frames[0]))


#: In the place of ``object`` in the decoder: what it makes runs the class's own code.
THROUGH = SimpleNamespace(__new__=object.__new__, __setattr__=setattr)


#: Lists in lists; and an exception that is told of by a dataclass.
DEEP = targets.pack(VALUE, Structure([], [*[tags.LIST, 1] * 499, tags.LIST, 0]))
POINT = [tags.DATACLASS, 4, PLAIN, 1, tags.TUPLE, 0, PLAIN, 2]
TOLD = targets.pack(ERROR, Structure([], POINT, [2, 1, 2]))
RETURNED = targets.pack(VALUE, Structure([], POINT, [2, 1, 2]))


@pytest.mark.parametrize(
    ("data", "name", "instead"),
    [
        (DEEP, "capsafe.worker.decode._DEEPEST", 10**6),
        (RETURNED, "capsafe.worker.objects.object", THROUGH),
        (TOLD, "capsafe.worker.outcome.decode", lambda *_, **__: 1 // 0),
        (TOLD, "capsafe.worker.outcome.decode", lambda *_, **__: sys.modules.setdefault("this_is_new", sys)),
    ],
    ids=["depth", "code of a class", "another error", "an import"],
)
def test_the_laws_can_be_broken(data: bytes, name: str, instead: object) -> None:
    """A law that nothing breaks is none."""
    targets.try_tree(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(name, instead, raising=False)
        patch.delitem(sys.modules, "this_is_new", raising=False)
        with pytest.raises(AssertionError):
            targets.try_tree(data)
    sys.modules.pop("this_is_new", None)
