"""What this system can enforce, grant by grant, for ``capsafe doctor``.

This module knows which grants are worth asking about and how the answers are laid out. It refuses to know what any of
them needs: it compiles each and has the kernel part prepare it, as ``execute`` would, and repeats what that says.
"""

from dataclasses import dataclass
from typing import Final

from rich.markup import escape
from rich.table import Table

from capsafe.cli.grant_text import NAMES, read_text
from capsafe.errors import MissingPathError, UnsupportedError
from capsafe.grants import read_grant
from capsafe.kernel import Support, prepare, probe
from capsafe.policy import compile_policy

#: A capability that stands on the checker alone needs nothing of a system.
CHECKER_ONLY: Final = frozenset({"Clock", "Random"})
#: No grants of their own: one is refused, the other is as what is inside it.
NOT_ASKED: Final = frozenset({"Capability", "Ambient"})
#: Grants with a scope, in the forms that some system enforces; the paths are there on every Linux.
SCOPED: Final = (
    'FileSystem[L["/usr"]]',
    'ReadFile[L["/usr"]]',
    'WriteFile[L["/usr"]]',
    'Connect[L["*:443"]]',
    'Connect[L["api.example.com:443"]]',
    'Listen[L["*:8080"]]',
    'Datagram[L["10.0.0.1:53"]]',
    'UnixSocket[L["/run"]]',
    'Spawn[L["/bin/sh"]]',
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether one grant can be enforced here.

    ``grant``: its text. ``needs``: what it takes of a system. ``problem``: what is missing, "" where nothing is.
    """

    grant: str
    needs: str
    problem: str


@dataclass(frozen=True, slots=True)
class Examination:
    """What the system offers, and what follows for each grant."""

    support: Support
    verdicts: tuple[Verdict, ...]

    def missing(self) -> dict[str, list[str]]:
        """Return what is missing, each with the grants that can't be enforced for want of it."""
        found: dict[str, list[str]] = {}
        for verdict in self.verdicts:
            if verdict.problem:
                found.setdefault(verdict.problem, []).append(verdict.grant)
        return found

    def facts(self) -> Table:
        """Lay out what the system offers."""
        support = self.support
        table = Table("", "this system", "what it is for", title="What is there", title_justify="left")
        for name, value, purpose in (
            ("kernel", f"{support.kernel} ({support.machine})", "everything: Linux on x86_64 or aarch64"),
            ("seccomp", _yes(support.seccomp), "filters on system calls in the kernel: every grant"),
            ("libseccomp", support.libseccomp or "no", "the library that compiles the filters: every grant"),
            (
                "Landlock",
                f"ABI {support.landlock_abi}" if support.landlock_abi else "no",
                "rules on paths, TCP ports and signals in the kernel",
            ),
            ("pidfds", _yes(support.pidfds), "seeing the end of a child: every grant"),
            (
                "reports of refusals",
                "yes" if support.notifications else "only of those not caught",
                "on_denial, error.denials; no grant needs it",
            ),
            (
                "the supervisor",
                _yes(support.answers),
                "done by the parent: names, hosts, scopes of datagrams and Unix sockets (Linux 5.19)",
            ),
            ("counting processes", _yes(support.counting), "the limit processes=; no grant needs it"),
            ("user namespaces", _yes(support.user_namespaces), "nothing yet; no grant needs them"),
            (
                "Linux capabilities",
                "this user has some" if _has_privileges() else "this user has none",
                "nothing: a sandbox gives them up, root's too",
            ),
        ):
            table.add_row(name, escape(value), purpose)
        return table

    def grants(self) -> Table:
        """Lay out what follows for each grant."""
        table = Table("grant", "needs", "here", title="What can be enforced", title_justify="left")
        for verdict in self.verdicts:
            here = "[bold]no[/]" if verdict.problem else "-" if verdict.grant in CHECKER_ONLY else "yes"
            table.add_row(escape(verdict.grant), verdict.needs, here)
        return table


def _yes(value: bool) -> str:  # noqa: FBT001 - it is the thing itself
    return "yes" if value else "no"


def _has_privileges() -> bool:
    try:
        from capsafe.kernel.credentials import has_privileges  # noqa: PLC0415  # loads ctypes

        return has_privileges()
    except (OSError, ImportError, AttributeError):
        return False  # no Linux


def examine() -> Examination:
    """Ask this system about every capability, and about the scopes that some system enforces. Changes nothing."""
    grants = ["Never", *(name for name in NAMES if name not in NOT_ASKED), *SCOPED]
    return Examination(probe(), tuple(map(_ask, grants)))


def _ask(text: str) -> Verdict:
    if text in CHECKER_ONLY:
        return Verdict(text, "the checker alone", "")
    policy = compile_policy(read_grant(read_text(text)))
    needs = f"seccomp, Landlock ABI {policy.landlock_abi}" if policy.landlock_abi else "seccomp"
    if policy.supervised is not None:
        needs += ", the supervisor"
    try:
        prepare(policy)
    except (UnsupportedError, MissingPathError) as error:
        # Said once for all the grants that it stops, so without the name of the first.
        return Verdict(text, needs, str(error).removeprefix(f"Sandbox[{policy.grant}] "))
    return Verdict(text, needs, "")
