"""Every attack works where nothing stops it, and fails in the sandbox: as the user who runs this, and as another."""

import os
from collections.abc import Iterator
from typing import Any, Never

import pytest

from capsafe import ReadFile, Spawn, WriteFile
from tests.escapes.arena import NOBODY, Arena, Attack, confined, free, make_arena, scoped
from tests.escapes.attacks import closures as attacks

pytestmark = pytest.mark.kernel

ROOT = os.geteuid() == 0
USERS = [pytest.param(None, id="self"), *([pytest.param(NOBODY, id="nobody")] if ROOT else [])]

#: The first attack of each group, in the order of the file, and what is granted to the group.
GROUPS: list[tuple[str, Any]] = [
    ("open_a_file", lambda _: Never),
    ("change_a_mode", lambda _: ReadFile),
    ("read_beside_the_scope", lambda a: scoped(ReadFile, a.inside)),
    ("write_beside_the_scope", lambda a: scoped(ReadFile, a.inside) | scoped(WriteFile, a.inside)),
    ("a_program_writes", lambda _: Spawn | ReadFile),
]

#: Attacks that no user can make, or not here, so that there is nothing to compare with: tried in the sandbox alone.
ONE_SIDED = {
    "import_a_module": "there is no such module anywhere: what is tested is that nothing is found inside either",
    "debug_the_parent": "outer confinement of the machine may forbid it",
    "read_memory_by_the_system_call": "as above",
    "set_an_attribute": "not every file system has them",
    "read_the_parents_memory": "as above, for another user",
    "read_its_own_environment": "after a change of user it belongs to root; not for another user",
    "read_the_parents_environment": "as above, for another user",
    "read_the_parents_files_through_proc": "as above, for another user",
    "signal_the_parent": "another user may not",
    "signal_by_the_system_call": "another user may not",
    "signal_with_a_pidfd": "another user may not",
    "own_a_descriptor_to_signal_the_parent": "another user may not",
    "stop_the_parents_limits": "another user may not",
    "change_the_parents_priority": "another user may not",
    "change_the_parents_processors": "another user may not",
    "a_program_signals_the_parent": "another user may not",
    "link_a_file_into_the_scope": "protected_hardlinks may forbid it to another user",
    "load_a_library": "not every system has it",
}


def cases() -> Iterator[Any]:
    names = [name for name, value in vars(attacks).items() if callable(value) and value.__module__ == attacks.__name__]
    grant: Any = None
    for name in names:
        grant = dict(GROUPS).get(name, grant)
        yield pytest.param(getattr(attacks, name), grant, id=name)


@pytest.fixture
def arena() -> Iterator[Arena]:
    with make_arena() as made:
        yield made


def give(arena: Arena, user: int | None) -> None:
    """Make a file that belongs to whoever attacks: nothing but the sandbox is in the way."""
    own = arena.base / "own"
    own.write_text("own")
    if user is not None:
        os.chown(own, user, user)
        for path in (arena.secret, arena.inside / "note"):
            os.chown(path, user, user)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize(("attack", "grant"), list(cases()))
def test_an_attack_fails_in_the_sandbox(attack: Attack, grant: Any, user: int | None, arena: Arena) -> None:
    give(arena, user)
    assert not confined(attack, arena, user, grant(arena))


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize(("attack", "grant"), list(cases()))
def test_the_same_attack_works_without(attack: Attack, grant: Any, user: int | None, arena: Arena) -> None:
    """Or it would prove nothing."""
    del grant
    give(arena, user)
    name = getattr(attack, "__name__", "")
    worked = free(attack, arena, user)
    if not worked and name in ONE_SIDED and (user is not None or "another user" not in ONE_SIDED[name]):
        pytest.skip(ONE_SIDED[name])
    assert worked


def test_every_one_sided_attack_is_one() -> None:
    assert {name for name in ONE_SIDED if not hasattr(attacks, name)} == set()
