"""What the documentation says of the capabilities is what the capabilities say of themselves."""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from capsafe import capabilities
from capsafe.capabilities import Ambient, Capability
from capsafe.cli.grant_text import read_text
from capsafe.grants import read_grant
from capsafe.policy import Policy, compile_policy
from capsafe.policy.table import ROWS

ROOT = Path(__file__).parent.parent
CAPABILITIES = {
    name: value
    for name, value in vars(capabilities).items()
    if isinstance(value, type) and issubclass(value, Capability) and value is not Capability
}


class Row(NamedTuple):
    """A row of a table: the capability's name, what stands in brackets behind it, and the other cells."""

    name: str
    scope: str
    group: bool
    cells: tuple[str, ...]


def rows(page: str) -> Iterator[Row]:
    """Yield the rows of all tables of a page whose first cell names a capability."""
    for line in page.splitlines():
        if line.startswith("| ") and not line.startswith("| ---"):
            first, *cells = (cell.strip() for cell in line.removeprefix("|").removesuffix("|").split("|"))
            if match := re.fullmatch(r"(\*\*)?`?([A-Z]\w+)(?:\[(\w)\])?`?(\*\*)?", first):
                yield Row(match[2], match[3] or "", bool(match[1]), tuple(cells))


PAGE = {row.name: row for row in rows((ROOT / "docs/capabilities.md").read_text())}


def plain(text: str) -> str:
    """Return text without the marks that tell code in docstrings and in Markdown."""
    return " ".join(text.replace("`", "").replace("**", "").split())


def test_every_capability_has_one_row() -> None:
    names = [row.name for row in rows((ROOT / "docs/capabilities.md").read_text())]
    assert sorted(names) == sorted(CAPABILITIES)


# Ambient's docstring speaks of its parameter, which the page calls C.
@pytest.mark.parametrize("name", sorted(CAPABILITIES.keys() - {"Ambient"}))
def test_the_row_says_what_the_docstring_says(name: str) -> None:
    grants, *rest = (inspect.getdoc(CAPABILITIES[name]) or "").split("\n\n")
    more = {key: text for key, _, text in (paragraph.partition(": ") for paragraph in rest)}
    row = PAGE[name]
    assert plain(row.cells[0]) == plain(grants)
    assert plain(row.cells[1]) == plain(more.get("Not", ""))
    if "Stands on the checker alone" in more:
        assert plain(row.cells[2]) == "the checker: " + plain(more["Stands on the checker alone"])


@pytest.mark.parametrize("name", CAPABILITIES)
def test_the_row_says_whether_there_is_a_scope(name: str) -> None:
    capability = CAPABILITIES[name]
    scope = "" if not getattr(capability, "__parameters__", ()) else "C" if capability is Ambient else "S"
    assert PAGE[name].scope == scope


@pytest.mark.parametrize("name", CAPABILITIES)
def test_groups_are_bold(name: str) -> None:
    """A group is what stands directly below Capability and has parts."""
    capability = CAPABILITIES[name]
    assert PAGE[name].group == (Capability in capability.__bases__ and bool(capability.__subclasses__()))


def policy_of(text: str) -> Policy:
    """Return the policy of a grant as it is written."""
    return compile_policy(read_grant(read_text(text)))


@pytest.mark.parametrize("name", sorted(CAPABILITIES.keys() - {"Ambient"}))
def test_what_stands_behind_a_capability_is_in_its_policy(name: str) -> None:
    policy = policy_of(name)
    words = set(re.findall(r"seccomp|Landlock|descriptors|environment|the checker", PAGE[name].cells[2]))
    if words == {"the checker"}:
        assert (policy.landlock_abi, policy.paths, policy.streams, policy.environ) == (
            0,
            frozenset(),
            frozenset(),
            False,
        )
        return
    if "the supervisor" in PAGE[name].cells[2].split(";")[0]:
        assert policy.supervised is not None
    assert ("Landlock" in words) == (policy.landlock_abi > 0)
    assert ("descriptors" in words) == bool(policy.streams)
    assert ("environment" in words) == policy.environ
    assert ("seccomp" in words) == (policy.rules != policy_of("Never").rules)


def test_the_caveats_repeat_every_remark_of_the_policies() -> None:
    """A remark that is added to the tables must reach those who read before they install."""
    remarks = {
        (capability.__name__, where, remark)
        for capability, row in ROWS.items()
        for where, remark in (
            ("anywhere", row.remark),
            ("with a scope", row.scope_remark),
            ("refused", row.scope_refused),
        )
        if remark
    }
    page = (ROOT / "docs/caveats.md").read_text()
    table = page[page.index("| capability | where ") :].split("\n\n")[0]
    rows_of_page = {tuple(c.strip() for c in line.strip("|").split(" | ")) for line in table.splitlines()[2:]}
    assert rows_of_page == remarks


@pytest.mark.parametrize(
    ("grant", "enforced"),
    [
        ('ReadFile[L["/usr"]]', True),
        ('WriteFile[L["/usr"]]', True),
        ('StatFile[L["/usr"]]', False),
        ('FileSystem[L["/usr"]]', True),
        ('Connect[L["*:443"]]', True),
        ('Listen[L["*:443"]]', True),
        ('Connect[L["localhost:443"]]', True),
        ('Connect[L["localhost:*"]]', True),
        ('Listen[L["10.0.0.0/8:443"]]', True),
        ('Datagram[L["*:53"]]', True),
        ('UnixSocket[L["/run"]]', True),
        ('Network[L["*:443"]]', False),
        ('Import[L["json"]]', False),
        ('Spawn[L["/bin/sh"]]', True),
    ],
)
def test_the_scopes_that_the_pages_call_enforced_are(grant: str, enforced: bool) -> None:  # noqa: FBT001 - a table's cell
    assert (not policy_of(grant).unenforceable) == enforced


def test_the_readme_says_which_landlock_a_grant_needs() -> None:
    """The column of Linux versions follows from the kernel's own documentation of the ABI versions."""
    readme = (ROOT / "README.md").read_text()
    table = readme[readme.index("| grant | Landlock ABI ") :].split("\n\n")[0]
    said: dict[str, str] = {}
    for line in table.splitlines()[2:]:
        grants, abi, linux = (cell.strip() for cell in line.strip("|").split("|"))
        # Every child is watched by a pidfd; a supervisor that answers came later.
        none = "5.19" if grants == "Resolve" else "5.3"
        assert linux == {"none": none, "1": "5.13", "3": "6.2", "4": "6.7", "6": "6.12"}[abi]
        said |= dict.fromkeys(grants.split(", "), abi)
    assert said == {name: str(policy_of(name).landlock_abi or "none") for name in said}
    groups = {row.name for row in PAGE.values() if row.group}
    assert said.keys() | {"Stdin", "Stdout", "Stderr", "Ambient"} | groups == CAPABILITIES.keys() | {"Never"}


def test_the_readme_names_the_same_capabilities() -> None:
    """In README.md's table one row may name several."""
    readme = (ROOT / "README.md").read_text()
    table = readme[readme.index("| capability ") :].split("\n\n")[0]
    first_cells = " ".join(line.split(" | ")[0] for line in table.splitlines()[2:])
    named = set(re.findall(r"[A-Z]\w+", first_cells)) - {"S", "C"}
    assert named == set(CAPABILITIES)


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", *(f"docs/{p.name}" for p in ROOT.glob("docs/*.md"))])
def test_links_lead_somewhere(page: str) -> None:
    path = ROOT / page
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text()):
        if not target.startswith("https://"):
            assert (path.parent / target).exists(), target


@pytest.mark.parametrize("page", [p.name for p in ROOT.glob("docs/*.md")])
def test_paths_that_are_named_exist(page: str) -> None:
    """Paths of this tree that a page names as code."""
    named = r"`((?:capsafe|docs|stubs|tests|examples|bench|mypy_plugin)/[\w./]*)`"
    for path in re.findall(named, (ROOT / "docs" / page).read_text()):
        assert (ROOT / path).exists(), path
