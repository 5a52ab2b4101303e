"""Which addresses a scope covers: the one check that stands before what the supervisor does."""

import ipaddress
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capsafe import capabilities as caps
from capsafe.errors import GrantError
from capsafe.grants import read_grant
from capsafe.policy import compile_policy
from capsafe.policy.hosts import Address, covers, covers_name, endpoint, host_names, is_port_alone, normal_name
from capsafe.policy.model import Supervised
from capsafe.scopes import parse_scope

V4 = st.ip_addresses(v=4).map(str)
V6 = st.ip_addresses(v=6).map(str).filter(lambda one: not one.startswith("::ffff:"))
PORTS = st.integers(0, 65535)
#: What names stand for here.
NAMES = {
    "api.example.com": (Address("93.184.216.34"), Address("2001:db8::7")),
    "behind.example": (Address("fe80::1", 2),),
}


def scope(text: str) -> str:
    return parse_scope(caps.Connect, text)


def is_covered(text: str, address: str, port: int, zone: int = 0) -> bool:
    return covers(frozenset({scope(text)}), Address(address, zone), port, NAMES)


CASES = [
    ("93.184.216.34:443", "93.184.216.34", 443, True),
    ("93.184.216.34:443", "93.184.216.34", 444, False),
    ("93.184.216.34:443", "93.184.216.35", 443, False),
    ("93.184.216.34:*", "93.184.216.34", 0, True),
    ("10.0.0.0/8:443", "10.255.255.255", 443, True),
    ("10.0.0.0/8:443", "11.0.0.0", 443, False),
    ("10.0.0.0/8:443", "::ffff:10.0.0.1", 443, True),
    ("10.0.0.0/8:443", "::10.0.0.1", 443, False),
    ("10.0.0.0/8:443", "64:ff9b::a00:1", 443, False),
    ("0.0.0.0/0:443", "2001:db8::1", 443, False),
    ("[::/0]:443", "10.0.0.1", 443, False),
    # What stands for a host of IPv4 is none of IPv6, whatever it is written as.
    ("[::/0]:443", "::ffff:10.0.0.1", 443, False),
    ("[::/0]:443", "::1", 443, True),
    ("[2001:db8::/32]:443", "2001:db8:ffff::1", 443, True),
    ("[2001:db8::/32]:443", "2001:db9::1", 443, False),
    ("*:443", "255.255.255.255", 443, True),
    ("*:443", "::", 443, True),
    ("*:443", "10.0.0.1", 80, False),
    ("api.example.com:443", "93.184.216.34", 443, True),
    ("API.example.com.:443", "2001:db8::7", 443, True),
    ("api.example.com:443", "93.184.216.34", 80, False),
    ("api.example.com:443", "::ffff:93.184.216.34", 443, True),
    ("api.example.com:443", "93.184.216.35", 443, False),
    ("example.com:443", "93.184.216.34", 443, False),
    ("unknown.example:443", "93.184.216.34", 443, False),
    ("localhost:80", "127.0.0.1", 80, True),
    ("localhost:80", "::1", 80, True),
    ("localhost:80", "127.0.0.2", 80, False),
    ("localhost:80", "0.0.0.0", 80, False),
]


@pytest.mark.parametrize(("text", "address", "port", "expected"), CASES)
def test_what_a_scope_covers(text: str, address: str, port: int, *, expected: bool) -> None:
    assert is_covered(text, address, port) is expected


def test_the_interface_of_a_name_counts_and_a_block_has_none() -> None:
    assert is_covered("behind.example:80", "fe80::1", 80, zone=2)
    assert not is_covered("behind.example:80", "fe80::1", 80, zone=3)
    assert not is_covered("behind.example:80", "fe80::1", 80)
    assert is_covered("[fe80::/10]:80", "fe80::1", 80, zone=3)


def test_no_scope_is_anywhere_and_none_of_them_is_nowhere() -> None:
    assert covers(None, Address("10.0.0.1"), 1, {})
    assert not covers(frozenset(), Address("10.0.0.1"), 1, {})
    for wrong in ("10.0.0", "example.com", "", "10.0.0.1%1", "0x7f.1", "2130706433"):
        with pytest.raises(ValueError, match=r".*"):
            covers(None, Address(wrong), 1, {})


@given(V4 | V6, PORTS)
def test_an_address_covers_itself_alone(address: str, port: int) -> None:
    text = endpoint(address, port)
    assert is_covered(text, address, port)
    assert not is_covered(text, address, (port + 1) % 65536)
    changed = ipaddress.ip_address(int(ipaddress.ip_address(address)) ^ 1)
    if changed.version == ipaddress.ip_address(address).version:
        assert not is_covered(text, str(changed), port)


@given(st.integers(0, 32), st.ip_addresses(v=4), st.ip_addresses(v=4), PORTS)
def test_a_block_is_its_first_bits(length: int, base: ipaddress.IPv4Address, other: object, port: int) -> None:
    block = ipaddress.ip_network((int(base), length), strict=False)
    same = int(base) >> (32 - length) == int(ipaddress.IPv4Address(str(other))) >> (32 - length)
    assert is_covered(f"{block}:{port}", str(other), port) is same
    assert is_covered(f"{block}:{port}", f"::ffff:{other}", port) is same


@given(V4 | V6, PORTS, st.sets(st.sampled_from([case[0] for case in CASES])), st.sampled_from([c[0] for c in CASES]))
def test_more_scopes_never_cover_less(address: str, port: int, fewer: set[str], more: str) -> None:
    few = frozenset(map(scope, fewer))
    if covers(few, Address(address), port, NAMES):
        assert covers(few | {scope(more)}, Address(address), port, NAMES)
        assert covers(None, Address(address), port, NAMES)


@given(st.text(max_size=80))
def test_whatever_a_name_is_its_normal_form_is_one(text: str) -> None:
    name = normal_name(text)
    assert name is None or (normal_name(name) == name and name.isascii())


def test_names() -> None:
    assert normal_name("API.Example.COM.") == "api.example.com"
    for wrong in ("", ".", "a..b", "-a", "a" * 64, "a." * 127 + "aa", "bücher.example", "a b", "a/b", "a\nb", "a:1"):
        assert normal_name(wrong) is None
    scopes = [scope(text) for text, *_ in CASES]
    assert host_names(*scopes, "/run/x") == {
        "api.example.com",
        "example.com",
        "unknown.example",
        "localhost",
    }
    assert [one for one in scopes if is_port_alone(one)] == ["*:443"] * 3
    assert covers_name(frozenset({"a.example:443"}), "a.example", 443)
    assert not covers_name(frozenset({"a.example:443"}), "a.example", 80)
    assert not covers_name(frozenset({"10.0.0.0/8:443"}), "a.example", 443)
    assert covers_name(frozenset({"*:443"}), "a.example", 443)


@pytest.mark.parametrize(
    ("wrong", "instead"),
    [
        ("bücher.example:443", r"xn--bcher-kva\.example:443"),
        ("[::ffff:10.0.0.1]:443", r"write it as \"10\.0\.0\.1:443\""),
        ("[::ffff:10.0.0.0/104]:443", "is an address of IPv4"),
        ("0x7f.0.0.1/8:443", "bad address"),
        ("[fe80::1%1]:443", "names an interface"),
        ("a_b..c:443", "no host name"),
    ],
)
def test_a_scope_that_would_cover_something_else_is_refused(wrong: str, instead: str) -> None:
    with pytest.raises(GrantError, match=instead):
        scope(wrong)


# --- what is left to the supervisor ---------------------------------------------------------------------------------


def supervised(argument: object) -> Supervised | None:
    return compile_policy(read_grant(argument)).supervised


@pytest.mark.parametrize(
    "argument",
    [
        caps.Connect,
        caps.Connect[Literal["*:443"]],
        caps.Listen,
        caps.Datagram,
        caps.UnixSocket,
        caps.UnixSocket[Literal["/"]],
        caps.FileSystem | caps.Spawn,
    ],
)
def test_what_the_kernel_can_hold_is_left_to_it(argument: object) -> None:
    assert supervised(argument) is None


def test_what_the_kernel_can_not_hold_is_the_supervisors() -> None:
    assert supervised(caps.Resolve) == Supervised(names=None)
    assert supervised(caps.Connect[Literal["*:80", "a.example:443"]]) == Supervised(
        sockets=True, connect=frozenset({"*:80", "a.example:443"}), names=frozenset({"a.example"})
    )
    assert supervised(caps.Listen[Literal["*:80"]]) == Supervised(sockets=True, listen=frozenset({"*:80"}))
    assert supervised(caps.Datagram[Literal["*:53"]]) == Supervised(
        sockets=True, sends=True, datagram=frozenset({"*:53"})
    )
    assert supervised(caps.UnixSocket[Literal["/run/x"]]) == Supervised(
        sockets=True, sends=True, unix=frozenset({"/run/x"})
    )


def test_where_it_makes_some_sockets_it_makes_them_all() -> None:
    """A filter can't tell the sockets apart, so that connect and the others are taken from all of them."""
    found = supervised(caps.Connect | caps.UnixSocket | caps.Datagram[Literal["10.0.0.1:53"]])
    assert found == Supervised(
        sockets=True, sends=True, connect=None, unix=None, datagram=frozenset({"10.0.0.1:53"}), names=frozenset()
    )
    rules = compile_policy(read_grant(caps.Connect | caps.UnixSocket | caps.Datagram[Literal["10.0.0.1:53"]])).rules
    named = {rule.call for rule in rules}
    assert not named & {"socket", "connect", "bind", "listen", "sendmsg", "sendmmsg"}
    assert {rule.when[-1].argument for rule in rules if rule.call == "sendto"} == {4}


def test_anywhere_beside_a_scope_is_anywhere() -> None:
    assert supervised(caps.Ambient[caps.Connect] | caps.Connect[Literal["a.example:443"]]) is None


def test_the_page_lists_what_is_left_to_the_supervisor() -> None:
    page = str(compile_policy(read_grant(caps.Connect[Literal["b.example:443", "10.0.0.0/8:*"]] | caps.Resolve)))
    lines = page.splitlines()
    at = lines.index("leaves to the supervisor:")
    assert lines[at + 1 : at + 3] == ["  connect to: 10.0.0.0/8:*, b.example:443", "  look up: anywhere"]
