"""The text of a type is read as Python reads it, and nothing of it is ever evaluated."""

from pathlib import Path
from typing import Literal as L
from typing import Never

import pytest

from capsafe.capabilities import Ambient, Connect, ReadFile, Spawn, WriteFile
from capsafe.cli.grant_text import LONGEST, NAMES, read_text
from capsafe.errors import GrantError


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("ReadFile", ReadFile),
        (" ReadFile\n", ReadFile),
        ("Never", Never),
        ("capsafe.ReadFile", ReadFile),
        ("capsafe.capabilities.ReadFile", ReadFile),
        ('ReadFile[L["/data"]]', ReadFile[L["/data"]]),
        ('ReadFile[typing.Literal["/data", "/srv"]]', ReadFile[L["/data", "/srv"]]),
        ("ReadFile | Connect", ReadFile | Connect),
        (
            'ReadFile[L["/data"]] | WriteFile | Connect[L["*:443"]]',
            ReadFile[L["/data"]] | WriteFile | Connect[L["*:443"]],
        ),
        ("Union[ReadFile, Connect]", ReadFile | Connect),
        ("Sandbox[ReadFile | Connect]", ReadFile | Connect),
        ('Ambient[ReadFile[L["/data"]] | Connect]', Ambient[ReadFile[L["/data"]] | Connect]),
        ('Spawn[L["/usr/bin/git"]]', Spawn[L["/usr/bin/git"]]),
        ("ReadFile[str]", ReadFile[str]),
    ],
)
def test_text_means_what_python_makes_of_it(text: str, meant: object) -> None:
    assert read_text(text) == meant


def test_every_capability_can_be_named() -> None:
    assert all(read_text(name) is capability for name, capability in NAMES.items())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is no type"),
        ("ReadFile[", "was never closed"),
        ("ReadFiel", "there is no capability 'ReadFiel': there are Ambient"),
        ("None", "write Never"),
        ("int", "there is no capability 'int'"),
        ('ReadFile["/data"]', 'write ReadFile[L["/data"]]'),
        ("ReadFile[L[1]]", "is no scope"),
        ("ReadFile[L[()]]", "is no scope"),
        ('ReadFile[L["/a"], L["/b"]]', "takes one scope"),
        ('Clock[L["/data"]]', "Clock takes no scope"),
        ('L["/data"]', "a scope stands in a capability"),
        ("ReadFile & Connect", "is no capability"),
        ("ReadFile, Connect", "is no capability"),
        ("'ReadFile'", "is no capability"),
        ("lambda: 1", "is no capability"),
        ("a.b.c.ReadFile", "is no capability"),
        ("ReadFile\0", "null bytes"),
        ("(" * 5000, "is no type"),
        ("X" + "|X" * 4000, "can't be parsed"),
        ("x" * (LONGEST + 1), "characters is refused"),
    ],
)
def test_what_is_no_grant_is_refused_with_the_way_out(text: str, words: str) -> None:
    with pytest.raises(GrantError) as caught:
        read_text(text)
    assert words in str(caught.value)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize(
    "attack",
    [
        "__import__('pathlib').Path({path!r}).touch()",
        "ReadFile[L[__import__('pathlib').Path({path!r}).touch()]]",
        "[__import__('pathlib').Path({path!r}).touch() for _ in '1']",
        "ReadFile if __import__('pathlib').Path({path!r}).touch() else ReadFile",
    ],
)
def test_nothing_is_evaluated(attack: str, tmp_path: Path) -> None:
    """The attack works where text is evaluated, and does nothing here."""
    victim = tmp_path / "touched"
    text = attack.format(path=str(victim))
    try:
        eval(text, {"ReadFile": ReadFile, "L": L})
    finally:
        assert victim.exists()
    victim.unlink()
    with pytest.raises(GrantError):
        read_text(text)
    assert not victim.exists()
