"""From what was used to the narrowest type: laws on plain values, and the record as text."""

import json
import posixpath
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capsafe import Denial, GrantError, Observation
from capsafe import capabilities as caps
from capsafe.cli.grant_text import read_text
from capsafe.grants import BY_NAME, TAXONOMY, Grant, Granted, read_grant
from capsafe.policy import compile_policy
from capsafe.policy.baseline import BASELINE
from capsafe.policy.model import Masked, Rule, equals
from capsafe.policy.narrow import MOST_PLACES, collapse, narrow
from capsafe.policy.observation import Need, Use
from capsafe.policy.trim import fine_rules, narrowest
from capsafe.scopes import covers_endpoint, covers_path


def of(text: str) -> Grant:
    return read_grant(read_text(text))


def narrowed(granted: str, *uses: Use, absent: tuple[Need, ...] = ()) -> str:
    return str(narrow(of(granted), uses, absent))


def need(text: str, place: str = "", *, wide: bool = False) -> Need:
    return Need(text, place, wide)


# --- choosing -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("granted", "uses", "wanted"),
    [
        ("FileSystem | Connect", [], "Never"),
        ("FileSystem", [(need("ReadFile", "/data/in"),)], 'ReadFile[L["/data/in"]]'),
        (
            "FileSystem",
            [(need("ReadFile", "/d/a"),), (need("WriteFile", "/d"),)],
            'ReadFile[L["/d/a"]] | WriteFile[L["/d"]]',
        ),
        # A place that is not known, or that no scope covers: as much as was granted.
        ("ReadFile", [(need("ReadFile", wide=True),), (need("ReadFile", "/a"),)], "ReadFile"),
        ('ReadFile[L["/d"]]', [(need("ReadFile", wide=True),)], 'ReadFile[L["/d"]]'),
        ("ReadFile", [(need("ReadFile"),)], "ReadFile"),
        # What was not granted is not suggested, whatever was told.
        ("ReadFile", [(need("WriteFile", "/a"),)], "Never"),
        ('ReadFile[L["/d"]]', [(need("ReadFile", "/e/x"),)], 'ReadFile[L["/d"]]'),
        ('ReadFile[L["/d"]]', [(need("ReadFile", "/e/x"),), (need("ReadFile", "/d/x"),)], 'ReadFile[L["/d/x"]]'),
        # One of several: what leaves no choice decides.
        ("FileSystem | Spawn", [(need("Spawn"), need("WriteFile")), (need("WriteFile", "/o"),)], 'WriteFile[L["/o"]]'),
        ("Stdio | Spawn", [(need("Spawn"), need("Stdout"))], "Spawn"),
        # Metadata alone can't be held to a path.
        ("ReadFile", [(need("StatFile", "/d/x"),)], "StatFile"),
        ('ReadFile[L["/d"]]', [(need("StatFile", "/d/x"),)], 'ReadFile[L["/d/x"]]'),
        ("ReadFile", [(need("StatFile"), need("ReadFile")), (need("ReadFile", "/d"),)], 'ReadFile[L["/d"]]'),
        ("ReadFile", [(need("StatFile", "/e"),), (need("ReadFile", "/d"),)], 'ReadFile[L["/d"]] | StatFile'),
        ("ReadFile", [(need("StatFile", "/d/x"),), (need("ReadFile", "/d"),)], 'ReadFile[L["/d"]]'),
        # Hosts, as far as the kernel can hold them.
        ('Connect[L["*:80", "*:443"]]', [(need("Connect", "127.0.0.1:80"),)], 'Connect[L["127.0.0.1:80"]]'),
        ("Connect", [(need("Connect", wide=True),)], "Connect"),
        ("Listen", [(need("Listen", "127.0.0.1:0"),)], 'Listen[L["127.0.0.1:0"]]'),
        # What is ambient stays so.
        ("Ambient[ReadFile]", [(need("ReadFile", "/a"),)], 'Ambient[ReadFile[L["/a"]]]'),
        # Scopes that the kernel would refuse are not written.
        ("ReadFile", [(need("ReadFile", "/proc/1/environ"),)], "ReadFile"),
        ("Import", [(need("Import"),)], "Import"),
    ],
)
def test_the_narrowest(granted: str, uses: list[Use], wanted: str) -> None:
    assert narrowed(granted, *uses) == wanted


def test_what_is_not_there_takes_a_scope_where_there_is_no_other() -> None:
    looked_for = need("ReadFile", "/etc")
    assert narrowed("ReadFile", (need("ReadFile"),), absent=(looked_for,)) == 'ReadFile[L["/etc"]]'
    assert narrowed("ReadFile", (need("ReadFile", "/d"),), absent=(looked_for,)) == 'ReadFile[L["/d"]]'
    assert narrowed("ReadFile", absent=(looked_for,)) == "Never"


PLACES = [
    "/",
    "/a",
    "/a/b",
    "/a/c",
    "/ab",
    "/proc/1/mem",
    "/dev/null",
    "/dev/sda",
    "*:80",
    "h.example:80",
    "10.1.2.3:80",
]


def place_of(name: str) -> st.SearchStrategy[str]:
    capability = BY_NAME[name]
    if issubclass(capability, caps.FileSystem | caps.Spawn):
        return st.sampled_from(["", *PLACES[1:8]])
    return st.sampled_from(["", *PLACES[8:]]) if issubclass(capability, caps.Connect | caps.Listen) else st.just("")


names = st.sampled_from(sorted({"ReadFile", "WriteFile", "StatFile", "Connect", "Listen", "Spawn", "Clock", "Threads"}))
needs = names.flatmap(lambda name: st.builds(Need, st.just(name), place_of(name), st.booleans()))
uses_ = st.lists(st.lists(needs, min_size=1, max_size=3).map(tuple), max_size=8)
granteds = st.lists(
    st.sampled_from(
        [
            *(Granted(one) for one in TAXONOMY),
            Granted(caps.ReadFile, frozenset({"/a"})),
            Granted(caps.FileSystem, frozenset({"/a/b", "/dev/null"})),
            Granted(caps.Connect, frozenset({"*:80"})),
            Granted(caps.Spawn, frozenset({"/a/c"})),
            Granted(caps.ReadFile, ambient=True),
        ]
    ),
    max_size=4,
).map(Grant)


def is_within(one: Granted, whole: Grant) -> bool:
    """Say, without the code under test, whether a row of a grant says no more than another grant."""
    for other in whole:
        wider = issubclass(one.capability, other.capability) and one.ambient is other.ambient
        if wider and (
            other.scopes is None
            or (one.scopes is not None and all(any(inside(one, s, o) for o in other.scopes) for s in one.scopes))
        ):
            return True
    # Scopes may come from several rows.
    scopes = whole.scopes_of(one.capability, ambient=one.ambient)
    return scopes is None or (
        one.scopes is not None and all(any(inside(one, s, o) for o in scopes) for s in one.scopes)
    )


def inside(one: Granted, scope: str, other: str) -> bool:
    return covers_endpoint(other, scope) if issubclass(one.capability, caps.Network) else covers_path(other, scope)


@settings(max_examples=100, deadline=None)
@given(granteds, uses_, st.lists(needs, max_size=3))
def test_it_is_never_wider_than_what_was_granted(granted: Grant, uses: list[Use], absent: list[Need]) -> None:
    for one in narrow(granted, uses, absent):
        assert is_within(one, granted), (str(one), str(granted))


@settings(max_examples=100, deadline=None)
@given(granteds, uses_)
def test_every_use_that_was_granted_is_covered(granted: Grant, uses: list[Use]) -> None:
    found = narrow(granted, uses)
    for use in uses:
        open_to = [one for one in use if granted.has(BY_NAME[one.capability])]
        assert not open_to or any(found.has(BY_NAME[one.capability]) for one in open_to)


@settings(max_examples=100, deadline=None)
@given(granteds, uses_, st.randoms())
def test_the_order_does_not_matter(granted: Grant, uses: list[Use], random: Any) -> None:
    other = list(uses)
    random.shuffle(other)
    assert narrow(granted, uses) == narrow(granted, other)


# --- few places of many ---------------------------------------------------------------------------------------------

parts = st.sampled_from(["a", "b", "ab", *(str(number) for number in range(12))])
paths = st.lists(parts, min_size=1, max_size=4).map(lambda names: "/" + "/".join(names))


@settings(max_examples=150, deadline=None)
@given(st.lists(paths, max_size=60), st.integers(1, 10))
def test_collapsing_covers_all_and_never_becomes_the_root(places: list[str], most: int) -> None:
    found = collapse(places, lambda _: True, most)
    assert all(any(covers_path(scope, place) for scope in found) for place in places)
    assert "/" not in found
    assert all(any(covers_path(scope, place) for place in places) for scope in found)
    for folder in {posixpath.dirname(scope) for scope in found} - {"/"}:
        assert sum(posixpath.dirname(scope) == folder for scope in found) <= most
    assert not any(covers_path(one, other) for one in found for other in found if one != other)
    assert collapse(found, lambda _: True, most) == found


def test_a_folder_stands_for_more_than_eight_files() -> None:
    some = [f"/data/{number}" for number in range(MOST_PLACES)]
    assert collapse(some, lambda _: True) == set(some)
    assert collapse([*some, "/data/x"], lambda _: True) == {"/data"}
    assert len(collapse([f"/{number}" for number in range(40)], lambda _: True)) == 40
    assert len(collapse([*some, "/data/x"], lambda _: False)) == 9


def test_a_folder_that_the_grant_does_not_cover_stands_for_nothing() -> None:
    scopes = ", ".join(f'"/data/{number}"' for number in range(12))
    uses: list[Use] = [(need("ReadFile", f"/data/{number}"),) for number in range(12)]
    assert narrowed(f"ReadFile[L[{scopes}]]", *uses) == str(of(f"ReadFile[L[{scopes}]]"))
    assert narrowed('ReadFile[L["/data"]]', *uses) == 'ReadFile[L["/data"]]'
    devices: list[Use] = [(need("ReadFile", f"/dev/shm/{number}"),) for number in range(12)]
    assert narrowed("ReadFile", *devices) == 'ReadFile[L["/dev/shm"]]'


# --- rules ----------------------------------------------------------------------------------------------------------


def test_reading_alone_is_told_apart_from_reading_and_writing() -> None:
    rules = fine_rules(of("ReadFile | WriteFile"))
    (reading,) = narrowest(rules, "openat", (0, 0, 0, 0, 0, 0))
    (both,) = narrowest(rules, "openat", (0, 0, 2, 0, 0, 0))
    assert reading in compile_policy(of("ReadFile")).rules
    assert both not in compile_policy(of("ReadFile")).rules
    assert narrowest(rules, "ptrace", (0,) * 6) == []


def seen(granted: str, *rules: Rule) -> Observation[None]:
    return Observation(of(granted), frozenset(rules))


def test_trimming_keeps_the_floor_and_what_was_used() -> None:
    policy = compile_policy(of("ReadFile"))
    trimmed = policy.trimmed(seen("ReadFile", Rule("newfstatat")))
    calls = {rule.call for rule in trimmed.rules}
    assert "newfstatat" in calls
    assert not {"openat", "getdents64", "stat", "getxattr"} & calls
    assert {"openat", "getdents64", "stat", "getxattr"} <= {rule.call for rule in trimmed.left_out}
    assert {rule.call for rule in BASELINE} <= calls
    assert (trimmed.paths, trimmed.grant, trimmed.streams) == (policy.paths, policy.grant, policy.streams)
    assert "was left out, as it was not seen in use:" in str(trimmed)
    assert "was left out" not in str(policy)
    # What is trimmed again is no wider, and knows all that is gone.
    again = trimmed.trimmed(seen("ReadFile"))
    assert again.rules == compile_policy(of("Never")).rules
    assert trimmed.left_out <= again.left_out


def test_trimming_only_leaves_out() -> None:
    policy = compile_policy(of("ReadFile"))
    with pytest.raises(GrantError, match=r"used fchmod.*Sandbox\[ReadFile\] does not allow.*only leaves out"):
        policy.trimmed(seen("FileSystem", Rule("fchmod")))
    with pytest.raises(GrantError, match="openat"):
        # Wider than the grant's own rule on the same call.
        policy.trimmed(seen("FileSystem", Rule("openat")))


@settings(max_examples=60, deadline=None)
@given(granteds, st.data())
def test_a_trimmed_policy_allows_nothing_that_its_grant_does_not(granted: Grant, data: Any) -> None:
    policy = compile_policy(granted)
    rules = data.draw(st.sets(st.sampled_from(sorted(policy.rules)), max_size=10))
    trimmed = policy.trimmed(Observation(granted, frozenset(rules)))
    for call, arguments in data.draw(
        st.lists(st.tuples(st.sampled_from(sorted(policy.rules)).map(lambda r: r.call), ARGUMENTS), max_size=30)
    ):
        allowed = any(rule.allows(call, arguments) for rule in trimmed.rules)
        assert not allowed or any(rule.allows(call, arguments) for rule in policy.rules)
        was = any(rule.allows(call, arguments) for rule in policy.rules)
        assert not was or allowed or any(rule.allows(call, arguments) for rule in trimmed.left_out)


ARGUMENTS = st.tuples(*[st.sampled_from([0, 1, 2, 3, 0x41, 0x241, 0x10000, 0x1200011, 1 << 32])] * 6)


# --- the record as text ---------------------------------------------------------------------------------------------

texts = st.text(max_size=20)
denials = st.builds(
    Denial,
    texts,
    st.none() | texts,
    st.none() | texts,
    st.none() | texts,
    st.none() | texts,
    st.none() | texts,
    st.none() | st.integers(0, 10**6),
    st.booleans(),
)
conditions = st.builds(Masked, st.integers(0, 5), st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
rules_ = st.builds(Rule, st.sampled_from(["openat", "read", "connect"]), st.lists(conditions, max_size=2).map(tuple))
observations = st.builds(
    Observation,
    granted=granteds,
    rules=st.frozensets(rules_, max_size=4),
    uses=uses_.map(frozenset),
    absent=st.frozensets(needs, max_size=3),
    denials=st.lists(denials, max_size=3).map(tuple),
    complete=st.booleans(),
    runs=st.integers(1, 5),
    failed=st.just(0),
)


@settings(max_examples=100, deadline=None)
@given(observations)
def test_a_record_is_read_as_it_was_written(observation: Observation[None]) -> None:
    text = observation.to_json()
    assert Observation.from_json(text) == observation
    assert Observation.from_json(text.encode()).to_json() == text
    assert json.loads(text)["write"] == observation.write


@settings(max_examples=100, deadline=None)
@given(observations, observations, observations)
def test_joining_is_a_union(one: Observation[None], two: Observation[None], three: Observation[None]) -> None:
    assert (one | two) | three == one | (two | three)
    assert replace(one | two, denials=()) == replace(two | one, denials=())
    assert replace(one | one, runs=one.runs) == replace(one, denials=tuple(dict.fromkeys(one.denials)))
    assert (one | two).runs == one.runs + two.runs
    assert one.rules | two.rules == (one | two).rules


def changed(path: str, value: object) -> Callable[[dict[str, Any]], object]:
    def change(told: dict[str, Any]) -> None:
        told[path] = value

    return change


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (changed("kind", "other"), "kind"),
        (changed("version", 2), "its version is 2"),
        (changed("version", 1.5), "its version is 1.5"),
        (changed("extra", 1), "too many or missing: extra"),
        (lambda told: told.pop("rules"), "too many or missing: rules"),
        (changed("rules", [["openat"]]), "has 1 parts"),
        (changed("rules", [["no_such_call", []]]), "no system call 'no_such_call'"),
        (changed("rules", [["openat", [[6, 0, 0]]]]), "6 is not between"),
        (changed("rules", [["openat", [[0, -1, 0]]]]), "-1 is not between"),
        (changed("rules", {}), "no list"),
        (changed("uses", [[]]), "no alternative"),
        (changed("uses", [[["Capability", "", False]]]), "no capability 'Capability'"),
        (changed("uses", [[["ReadFile", "relative", False]]]), "no absolute path"),
        (changed("uses", [[["ReadFile", "/a", 1]]]), "1 is no bool"),
        (changed("absent", [["ReadFile", 3, False]]), "3 is no str"),
        (changed("granted", [{"capability": "ReadFile", "scopes": [], "ambient": False}]), "granted nowhere"),
        (changed("granted", [{"capability": "ReadFile"}]), "nothing that is granted"),
        (changed("granted", [{"capability": "Clock", "scopes": ["x"], "ambient": False}]), "takes no scope"),
        (changed("denials", [{"operation": "x"}]), "no denial"),
        (changed("complete", "yes"), "'yes' is no bool"),
        (changed("runs", 0), "0 is not between"),
        (changed("failed", 9), "more runs failed"),
        (changed("rules", [["openat", []]] * 100_001), "longer than any"),
    ],
)
def test_what_is_no_record_is_refused(change: Any, says: str) -> None:
    told = json.loads(Observation(of("ReadFile")).to_json())
    change(told)
    with pytest.raises(ValueError, match="this is no observation") as caught:
        Observation.from_json(json.dumps(told))
    assert says in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "1", "[" * 10_000, b"\xff", '"kind"'])
def test_what_is_no_json_is_refused(text: str | bytes) -> None:
    with pytest.raises(ValueError, match="this is no observation"):
        Observation.from_json(text)


@settings(max_examples=100, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | texts, lambda one: st.lists(one) | st.dictionaries(texts, one)
    ),
    st.sampled_from(["granted", "rules", "uses", "absent", "denials", "complete", "runs", "failed", "write"]),
)
def test_any_other_value_is_read_or_refused(value: object, field: str) -> None:
    told = json.loads(Observation(of("ReadFile")).to_json())
    told[field] = value
    try:
        found = Observation.from_json(json.dumps(told))
    except ValueError as error:
        assert "this is no observation" in str(error)  # noqa: PT017 - it may also be read
    else:
        assert found.grant.granted in ((), of("ReadFile").granted) or field == "granted"


def test_the_page() -> None:
    observation: Observation[None] = Observation(
        of("FileSystem | Clock"),
        frozenset({Rule("openat"), Rule("read")}),
        frozenset({(need("ReadFile", "/data"),)}),
        frozenset({need("ReadFile", "/etc")}),
        (Denial("open for reading", target="/x", capability="ReadFile"),),
        runs=3,
        failed=1,
    )
    page = str(observation)
    for words in (
        "seen in 3 runs under Sandbox[FileSystem | Clock], 1 ended in an error",
        'Sandbox[ReadFile[L["/data"]]]',
        "was granted and not used:\n  Clock",
        "openat",
        "open for reading '/x' needs ReadFile",
        "looked for and did not find below:\n  /etc",
        "of Clock and Random only what the broker was asked for",
    ):
        assert words in page
    # Every sandbox can.
    assert "  read" not in page
    assert "nothing narrower" in str(replace(observation, complete=False))
    assert replace(observation, complete=False).write == "Sandbox[FileSystem | Clock]"


def test_the_page_tells_a_call_once_and_breaks_its_lines() -> None:
    to_read, to_stdout = Rule("openat", (Masked(2, 0x3, 0),)), Rule("write", (equals(0, 1),))
    page = str(Observation(of("FileSystem | Stdio"), frozenset({Rule("write"), to_stdout, to_read})))
    assert "  write\n" in page
    assert "write: descriptor" not in page
    assert "  openat: flags O_RDONLY\n" in page
    assert max(map(len, page.splitlines())) <= 110
