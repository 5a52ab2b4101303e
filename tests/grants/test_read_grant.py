"""Every way in which a type argument can be written, and everything that is none."""

# Written in the old and odd ways on purpose:
# ruff: noqa: UP007, UP045, RUF020, RUF041, PYI030, PYI059, PYI061, D101
# ... and wrong on purpose, as users who have no checker write it:
# mypy: disable-error-code="valid-type, type-var, misc, name-defined, comparison-overlap"

import subprocess
import sys
import textwrap
from typing import (
    Annotated,
    Any,
    ClassVar,
    Generic,
    Literal,
    Never,
    NewType,
    NoReturn,
    Optional,
    Protocol,
    TypeAlias,
    TypeVar,
    Union,
)

import pytest
import typing_extensions
from hypothesis import given
from hypothesis import strategies as st

from capsafe import capabilities as caps
from capsafe.capabilities import Ambient, Capability, Connect, FileSystem, Network, ReadFile, Spawn, StatFile, WriteFile
from capsafe.errors import GrantError
from capsafe.grants import TAXONOMY, Grant, Granted, read_grant, read_sandbox

C_contra = TypeVar("C_contra", bound=Capability, contravariant=True)
D = TypeVar("D", bound=Capability)
S = TypeVar("S", bound=str)


class Box(Generic[C_contra]):
    """Stands in for Sandbox, which is built on what is tested here."""


ALIAS: TypeAlias = ReadFile | Connect
TYPED = typing_extensions.TypeAliasType("TYPED", ReadFile[Literal["/data"]] | Connect)
WITH = typing_extensions.TypeAliasType("WITH", Union[D, Connect], type_params=(D,))
TWICE = typing_extensions.TypeAliasType("TWICE", Union[WITH[D], WITH[WriteFile]], type_params=(D,))
WHERE = typing_extensions.TypeAliasType("WHERE", Literal["/data", "/srv"])
AT = typing_extensions.TypeAliasType("AT", ReadFile[S], type_params=(S,))

READABLE: list[tuple[Any, str]] = [
    (ReadFile, "ReadFile"),
    (ReadFile | Connect, "ReadFile | Connect"),
    (Connect | ReadFile | Connect, "ReadFile | Connect"),
    (Union[ReadFile, Connect], "ReadFile | Connect"),
    (Union[Connect, Union[ReadFile, WriteFile]], "ReadFile | WriteFile | Connect"),
    (Never, "Never"),
    (NoReturn, "Never"),
    (typing_extensions.Never, "Never"),
    (Union[ReadFile, Never], "ReadFile"),
    (FileSystem, "FileSystem"),
    (FileSystem | ReadFile, "FileSystem | ReadFile"),
    (ALIAS, "ReadFile | Connect"),
    (TYPED, 'ReadFile[L["/data"]] | Connect'),
    (TYPED | Spawn, 'ReadFile[L["/data"]] | Connect | Spawn'),
    (WITH[WriteFile], "WriteFile | Connect"),
    (TWICE[ReadFile], "ReadFile | WriteFile | Connect"),
    (WITH[WITH[ReadFile]], "ReadFile | Connect"),
    (TWICE[WITH[ReadFile]], "ReadFile | WriteFile | Connect"),
    (AT[Literal["/a"]], 'ReadFile[L["/a"]]'),
    (AT[WHERE], 'ReadFile[L["/data", "/srv"]]'),
    (Annotated[ReadFile, "why"], "ReadFile"),
    (Annotated[ReadFile | Connect, 1] | Spawn, "ReadFile | Connect | Spawn"),
    (ReadFile[Literal["/data"]], 'ReadFile[L["/data"]]'),
    (ReadFile[Literal["/srv", "/data"]], 'ReadFile[L["/data", "/srv"]]'),
    (ReadFile[Literal["/data", Literal["/srv", Literal["/opt"]]]], 'ReadFile[L["/data", "/opt", "/srv"]]'),
    (ReadFile[Union[Literal["/data"], Literal["/srv"]]], 'ReadFile[L["/data", "/srv"]]'),
    (ReadFile[WHERE], 'ReadFile[L["/data", "/srv"]]'),
    (ReadFile[Annotated[Literal["/data"], "why"]], 'ReadFile[L["/data"]]'),
    (ReadFile[Literal["/a"]] | ReadFile[Literal["/b"]], 'ReadFile[L["/a", "/b"]]'),
    (ReadFile[Literal["/a"]] | ReadFile, "ReadFile"),
    (ReadFile[Literal['/a"b\\c']], r'ReadFile[L["/a\"b\\c"]]'),
    (Ambient[ReadFile], "Ambient[ReadFile]"),
    (Ambient[ReadFile[Literal["/a"]]] | ReadFile, 'ReadFile | Ambient[ReadFile[L["/a"]]]'),
    (Ambient[ReadFile | Connect], "Ambient[ReadFile] | Ambient[Connect]"),
    (Network[Literal["*:443"]], 'Network[L["*:443"]]'),
    *((capability, capability.__name__) for capability in TAXONOMY),
]


@pytest.mark.parametrize(("written", "text"), READABLE, ids=[text for _, text in READABLE])
def test_what_can_be_read(written: Any, text: str) -> None:
    assert str(read_grant(written)) == text
    assert str(read_sandbox(Box[written](), Box)) == text


def test_a_grant_can_be_read_back_from_its_text() -> None:
    names = {name: getattr(caps, name) for name in dir(caps)} | {"L": Literal, "Never": Never}
    for written, _ in READABLE:
        grant = read_grant(written)
        assert read_grant(eval(str(grant), names)) == grant


OPTIONAL: Any = Optional[ReadFile]


class Mine(ReadFile[Literal["/data"]]):
    """A capability that no table knows."""


class Unrelated(Capability):
    """Another one."""


LOOP = typing_extensions.TypeAliasType("LOOP", "LOOP")


REFUSED: list[tuple[Any, str]] = [
    (int, "int is no capability; write the capabilities themselves"),
    (Any, "Any says nothing"),
    (None, "None in a grant"),
    (OPTIONAL, "None in a grant"),
    (ReadFile | int, "int is no capability"),
    (object, "object is no capability"),
    (D, "D is a free type variable"),
    (ReadFile | D, "D is a free type variable"),
    (Capability, "Capability would grant everything"),
    (ReadFile | Capability, "Capability would grant everything"),
    (Ambient, "Ambient alone names no capability"),
    (Ambient[Capability], "Capability would grant everything"),
    (Ambient[Ambient[ReadFile]], "around another Ambient"),
    (Ambient[D], "D is a free type variable"),
    ("ReadFile", "'ReadFile' is a forward reference"),
    (Union["ReadFile", Connect], "'ReadFile' is a forward reference"),
    (Mine, "Mine is a capability of its own making.*; write ReadFile"),
    (Unrelated, "Unrelated is a capability of its own making.*capsafe.capabilities"),
    (type[ReadFile], r"type\[.*ReadFile\] is no capability"),
    (list[ReadFile], "is no capability"),
    (Literal["/data"], "is no capability"),
    (ClassVar[ReadFile], "is no capability"),
    (NewType("Named", ReadFile), "is no capability"),
    (Box[ReadFile], "is no capability"),
    (ReadFile[str], r"ReadFile\[str\] leaves its scope open; write ReadFile"),
    (ReadFile[Never], r"ReadFile\[Never\] holds nowhere"),
    (ReadFile[Any], "no Literal"),
    (ReadFile[S], "free type variable; write a Literal"),
    (ReadFile["data"], "no Literal"),
    (ReadFile[Literal["data"]], "'data' of ReadFile is no absolute path"),
    (ReadFile[Literal["~/data"]], "home folder is not expanded"),
    (ReadFile[Literal["./data"]], "no absolute path"),
    (ReadFile[Literal[""]], "scope of ReadFile is empty"),
    (ReadFile[Literal["/a\0b"]], "has a NUL"),
    (ReadFile[Literal["/a\ud800"]], "can't be written as a path"),
    (ReadFile[Literal[1]], "1 of ReadFile is not a string"),
    (ReadFile[Literal["/a", 1]], "1 of ReadFile is not a string"),
    (ReadFile[Literal[b"/a"]], "is not a string"),
    (ReadFile[Literal[None]], "is not a string"),
    (ReadFile[Literal["/a"] | None], "no Literal"),
    (Spawn[Literal["git"]], "no absolute path"),
    (caps.UnixSocket[Literal["x"]], "no absolute path"),
    (Connect[Literal["example.com"]], "no host and port"),
    (Connect[Literal["example.com:"]], "no host and port"),
    (Connect[Literal[":443"]], "no host and port"),
    (Connect[Literal["example.com:https"]], "port 'https'"),
    (Connect[Literal["example.com:65536"]], "port '65536'"),
    (Connect[Literal["example.com:-1"]], "port '-1'"),
    (Connect[Literal["example.com:٣"]], "port"),
    (Connect[Literal["*:*"]], "is everywhere; write Connect alone"),
    (Connect[Literal["::1:443"]], "more than one colon"),
    (Connect[Literal["[::1:443"]], "more than one colon"),
    (Connect[Literal["[::g]:443"]], "bad address"),
    (Connect[Literal["[10.0.0.1]:443"]], "mixes IPv4 and IPv6"),
    (Connect[Literal["10.0.0.1/8:443"]], "bad address.*host bits"),
    (Connect[Literal["10.0.0/8:443"]], "bad address"),
    (Connect[Literal["256.1.1.1:443"]], "bad address"),
    (Connect[Literal["10.0.0.0/33:443"]], "bad address"),
    (Connect[Literal["exa mple.com:443"]], "no host name"),
    (Connect[Literal["bücher.example:443"]], "no host name"),
    (Connect[Literal["-x.example:443"]], "no host name"),
    (Connect[Literal["a..b:443"]], "no host name"),
    (Connect[Literal["http://example.com:443"]], "more than one colon"),
    (Connect[Literal["*.example.com:443"]], "no host name"),
    (Connect[Literal["/run/socket"]], "no host and port"),
    (caps.Import[Literal["a-b"]], "no module name"),
    (caps.Import[Literal["a..b"]], "no module name"),
    (LOOP, "LOOP"),
]


@pytest.mark.parametrize(("written", "message"), REFUSED, ids=[f"{i}-{m[:24]}" for i, (_, m) in enumerate(REFUSED)])
def test_what_is_no_grant(written: Any, message: str) -> None:
    with pytest.raises(GrantError, match=message):
        read_grant(written)


def test_a_scope_where_none_is_taken() -> None:
    with pytest.raises(GrantError, match="Threads takes no scope; write Threads"):
        Grant().wider(caps.Threads, "/x")


SCOPES = [
    (ReadFile[Literal["/data/"]], "/data"),
    (ReadFile[Literal["//data//x"]], "/data/x"),
    (ReadFile[Literal["/data/../srv/./x"]], "/srv/x"),
    (ReadFile[Literal["/../.."]], "/"),
    (ReadFile[Literal["/da ta/ü\n"]], "/da ta/ü\n"),
    (Connect[Literal["API.Example.COM.:443"]], "api.example.com:443"),
    (Connect[Literal["localhost:*"]], "localhost:*"),
    (Connect[Literal["*:00443"]], "*:443"),
    (Connect[Literal["10.0.0.0/8:443"]], "10.0.0.0/8:443"),
    (Connect[Literal["10.1.2.3:443"]], "10.1.2.3:443"),
    (Connect[Literal["[0:0::1]:443"]], "[::1]:443"),
    (Connect[Literal["[FD00::/8]:*"]], "[fd00::/8]:*"),
    (caps.Import[Literal["xml.sax"]], "xml.sax"),
]


@pytest.mark.parametrize(("written", "normal"), SCOPES, ids=[normal for _, normal in SCOPES])
def test_scopes_have_one_normal_form(written: Any, normal: str) -> None:
    (granted,) = read_grant(written)
    assert granted.scopes == {normal}


# --- sandboxes ------------------------------------------------------------------------------------------------------


class Reader(Box[ReadFile]):
    pass


class Deeper(Reader):
    pass


class Middle(Box[C_contra]):
    pass


class Wider(Middle[Union[D, Connect]], Generic[D]):
    pass


class Fixed(Wider[WriteFile]):
    pass


class Mixed(dict[str, int], Box[ReadFile]):
    pass


class Speaks(Protocol):
    pass


class Other(Speaks, Reader):
    pass


class Pair(Generic[S, D], Box[D]):
    pass


class Open(Box):  # type: ignore[type-arg]
    pass


class Scoped(Box[ReadFile[S]], Generic[S]):
    pass


class Both(Reader, Box[WriteFile]):
    pass


class Same(Reader, Middle[ReadFile]):
    pass


SANDBOXES: list[tuple[Any, str]] = [
    (Box[ReadFile], "ReadFile"),
    (Reader, "ReadFile"),
    (Deeper, "ReadFile"),
    (Middle[ReadFile], "ReadFile"),
    (Wider[WriteFile], "WriteFile | Connect"),
    (Fixed, "WriteFile | Connect"),
    (Mixed, "ReadFile"),
    (Other, "ReadFile"),
    (Pair[Literal["x"], Connect], "Connect"),
    (Scoped[Literal["/a"]], 'ReadFile[L["/a"]]'),
    (Same, "ReadFile"),
    (Middle[Never], "Never"),
]


@pytest.mark.parametrize(("cls", "text"), SANDBOXES, ids=[str(cls) for cls, _ in SANDBOXES])
def test_the_grant_of_a_sandbox(cls: Any, text: str) -> None:
    assert str(read_sandbox(cls(), Box)) == text


UNREADABLE: list[tuple[Any, str]] = [
    (Box, r"Box\(\) says nothing.*write Box\[ReadFile\]\(\)"),
    (Middle, "free type variable"),
    (Wider, "free type variable"),
    (Open, "says nothing"),
    (Box[D], "free type variable"),
    (Middle[D], "free type variable"),
    (Scoped, "free type variable"),
    (Both, r"different grants \(ReadFile and WriteFile\)"),
    (Box[int], "int is no capability"),
]


@pytest.mark.parametrize(("cls", "message"), UNREADABLE, ids=[str(cls) for cls, _ in UNREADABLE])
def test_a_sandbox_without_a_grant(cls: Any, message: str) -> None:
    with pytest.raises(GrantError, match=message):
        read_sandbox(cls(), Box)


def test_an_annotation_is_not_seen() -> None:
    box: Box[ReadFile] = Box()
    with pytest.raises(GrantError, match="annotation beside it is not seen"):
        read_sandbox(box, Box)


def test_slots_lose_the_type() -> None:
    class Slim(Generic[C_contra]):
        __slots__ = ()

    with pytest.raises(GrantError, match="says nothing"):
        read_sandbox(Slim[ReadFile](), Slim)


def test_a_forged_type_does_not_count() -> None:
    """An attribute of that name from somewhere else is not how this sandbox was made."""
    box: Any = Reader()
    box.__orig_class__ = dict[str, int]
    assert str(read_sandbox(box, Box)) == "ReadFile"


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the statement is new in 3.12")
def test_the_type_statement() -> None:
    program = textwrap.dedent(
        """
        from typing import Literal
        from capsafe.capabilities import *
        from capsafe.grants import read_grant
        type Data = Literal["/data"]
        type Both = ReadFile[Data] | Connect
        type With[C] = C | Connect
        type Swapped[A, B] = With[B] | A
        type Loop = Loop
        type Around[C] = With[Around[C]]
        assert str(read_grant(Both)) == 'ReadFile[L["/data"]] | Connect'
        assert str(read_grant(With[Spawn])) == "Connect | Spawn"
        assert str(read_grant(Swapped[Spawn, WriteFile])) == "WriteFile | Connect | Spawn"
        for bad in (Loop, With, Around[Spawn]):
            try:
                read_grant(bad)
            except TypeError as error:
                assert type(error).__name__ == "GrantError"
            else:
                raise SystemExit(f"{bad} was read")
        """
    )
    subprocess.run([sys.executable, "-c", program], check=True)


# --- the value ------------------------------------------------------------------------------------------------------

granted = st.builds(
    Granted,
    st.sampled_from(TAXONOMY),
    st.none() | st.frozensets(st.sampled_from(["/a", "/b", "/c/d"]), min_size=1),
    st.booleans(),
)


@given(st.lists(granted), st.randoms())
def test_order_and_repetition_do_not_matter(rows: list[Granted], random: Any) -> None:
    other = [*rows, *rows]
    random.shuffle(other)
    assert Grant(rows) == Grant(other)
    assert hash(Grant(rows)) == hash(Grant(other))
    assert str(Grant(rows)) == str(Grant(other))


@given(st.lists(granted), st.lists(granted), st.sampled_from(TAXONOMY))
def test_joining_only_adds(left: list[Granted], right: list[Granted], capability: type[Capability]) -> None:
    one, both = Grant(left), Grant(left) | Grant(right)
    assert both == Grant(right) | Grant(left)
    assert one | one == one
    if one.has(capability):
        assert both.has(capability)
        before, after = one.scopes_of(capability), both.scopes_of(capability)
        assert after is None or (before is not None and before <= after)


def test_a_stronger_capability_has_its_weaker_parts() -> None:
    grant = read_grant(FileSystem[Literal["/data"]] | ReadFile[Literal["/srv"]] | Ambient[Connect])
    assert grant.has(ReadFile)
    assert grant.has(StatFile)
    assert grant.has(WriteFile)
    assert not grant.has(Spawn)
    assert grant.scopes_of(StatFile) == {"/data", "/srv"}
    assert grant.scopes_of(WriteFile) == {"/data"}
    assert grant.scopes_of(Spawn) == frozenset()
    assert not read_grant(StatFile).has(ReadFile)
    assert grant.has(Connect)
    assert grant.has(Connect, ambient=True)
    assert not grant.has(Connect, ambient=False)
    assert read_grant(ReadFile | FileSystem[Literal["/x"]]).scopes_of(ReadFile) is None


def test_the_type_to_write() -> None:
    assert read_grant(Never).wider(ReadFile) == "Sandbox[ReadFile]"
    assert read_grant(ReadFile).wider(WriteFile) == "Sandbox[ReadFile | WriteFile]"
    data = read_grant(ReadFile[Literal["/data"]])
    assert data.wider(ReadFile) == "Sandbox[ReadFile]"
    assert data.wider(ReadFile, "/srv/x/../y") == 'Sandbox[ReadFile[L["/data", "/srv/y"]]]'


def test_an_empty_grant() -> None:
    empty = read_grant(Never)
    assert len(empty) == 0
    assert list(empty) == []
    assert empty == Grant()
