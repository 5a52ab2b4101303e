"""The commands: their arguments, their exit codes, and the sentence each prints when it can't.

This module knows what may be asked. It refuses to know the answers: those are the policy's and the kernel's own words.
"""

from importlib.metadata import version
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from capsafe.cli import system
from capsafe.cli.grant_text import read_text
from capsafe.errors import GrantError
from capsafe.grants import read_grant
from capsafe.policy import compile_policy
from capsafe.policy.explain import explain_policy

#: A question that can't be asked this way; as the shell and argparse have it.
USAGE = 2
_WIDEST = 110

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    # Tracebacks with local variables would print what a closure was given.
    pretty_exceptions_show_locals=False,
)


def _print_version(asked: bool) -> None:  # noqa: FBT001 - the shape of a typer callback
    if asked:
        typer.echo(f"capsafe {version('capsafe')}")
        raise typer.Exit


@app.callback(help="A sandbox whose type says what code may do: mypy checks it, the Linux kernel enforces it.")
def options(
    *,
    show_version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Take the options that stand before a command."""


@app.command()
def explain(
    grant: Annotated[
        str, typer.Argument(metavar="TYPE", help="""As in a program: 'ReadFile[L["/data"]] | Connect'.""")
    ],
) -> None:
    """Print the policy of a grant: the system calls, the paths, and what stands behind each capability."""
    try:
        policy = compile_policy(read_grant(read_text(grant)))
    except GrantError as error:
        typer.echo(f"capsafe explain: {error}", err=True)
        raise typer.Exit(USAGE) from None
    # As wide as the terminal, and no wider than reads well; what is piped is the same everywhere.
    console = Console()
    typer.echo(explain_policy(policy, min(console.width, _WIDEST)) if console.is_terminal else str(policy))


@app.command()
def doctor() -> None:
    """Print what this system can enforce; exit 1 where something is missing that a capability needs."""
    examination = system.examine()
    console = Console(highlight=False)
    console.print(examination.facts())
    console.print(examination.grants())
    missing = examination.missing()
    for problem, grants in missing.items():
        console.print(f"[bold]missing[/] for {escape(', '.join(grants))}: {escape(problem)}", soft_wrap=True)
    if missing:
        raise typer.Exit(1)
    console.print("nothing is missing")
