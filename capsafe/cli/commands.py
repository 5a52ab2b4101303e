"""The commands: their arguments, their exit codes, and the sentence each prints when it can't.

This module knows what may be asked. It refuses to know the answers: those are the policy's and the kernel's own words.
"""

import sys
import textwrap
import traceback
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from capsafe.cli import learn as learning
from capsafe.cli import system
from capsafe.cli.grant_text import read_text
from capsafe.errors import GrantError, UnsupportedError
from capsafe.grants import read_grant
from capsafe.policy import Observation, compile_policy
from capsafe.policy.explain import explain_policy

#: A question that can't be asked this way; as the shell and argparse have it.
USAGE = 2
#: The command could not do its work, so that a script that it runs has no exit code; as env(1) and timeout(1) have it.
NOT_RUN = 125
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


@app.command(context_settings={"allow_interspersed_args": False})
def learn(
    script: Annotated[Path, typer.Argument(metavar="SCRIPT", help="A Python script, run as __main__.")],
    arguments: Annotated[list[str] | None, typer.Argument(metavar="[ARGS]...", help="Its arguments.")] = None,
    *,
    grant: Annotated[
        str | None, typer.Option("--grant", metavar="TYPE", help="Hold the script to this; otherwise to nothing.")
    ] = None,
    json: Annotated[
        str | None, typer.Option("--json", metavar="FILE", help="Write the observation there, - for the output.")
    ] = None,
) -> None:
    """Run a script, and print on standard error what it used: capabilities, scopes, system calls, the type to write.

    The script has this process's streams, and its exit code is passed on; 125 where it was not run.
    """
    typer.echo(_wrapped(f"capsafe learn: {_how_confined(script, grant)}"), err=True)
    try:
        observation = learning.learn(script, arguments or [], grant or learning.EVERYTHING)
    except OSError as error:
        typer.echo(f"capsafe learn: {script} can't be run: {error.strerror or error}", err=True)
        raise typer.Exit(USAGE) from None
    except (SyntaxError, ValueError) as error:
        typer.echo("".join(traceback.format_exception_only(error)), err=True, nl=False)
        raise typer.Exit(1) from None
    except GrantError as error:
        typer.echo(f"capsafe learn: {error}", err=True)
        raise typer.Exit(USAGE) from None
    except UnsupportedError as error:
        typer.echo(f"capsafe learn: {error}", err=True)
        raise typer.Exit(NOT_RUN) from None
    _report(observation, json)
    raise typer.Exit(learning.exit_code(observation))


def _wrapped(text: str) -> str:
    """Break a message at the terminal's width; where nobody looks it stays one line."""
    console = Console(stderr=True)
    if not console.is_terminal:
        return text
    return textwrap.fill(text, min(console.width, _WIDEST), subsequent_indent="  ", break_on_hyphens=False)


def _how_confined(script: Path, grant: str | None) -> str:
    if grant is not None:
        return f"{script} runs confined to {grant}: the rest is refused"
    return (
        f"{script} runs with every capability: it may read, write, connect and start programs as you may, and only "
        "what no capability gives (mount, ptrace, other processes' memory, ...) is refused; this is no protection "
        "from code that you do not trust: hold that with --grant TYPE"
    )


def _report(observation: Observation[int], json: str | None) -> None:
    sys.stdout.flush()
    if observation.error is not None:
        # What happened inside is in its notes.
        typer.echo("".join(traceback.format_exception_only(observation.error)), err=True, nl=False)
    typer.echo(f"\n{observation}\n{_about_imports(observation)}", err=True, nl=False)
    if json == "-":
        typer.echo(observation.to_json(), nl=False)
    elif json is not None:
        try:
            Path(json).write_text(observation.to_json(), encoding="utf-8")
        except OSError as error:
            typer.echo(f"capsafe learn: {json} can't be written: {error.strerror}", err=True)
            raise typer.Exit(NOT_RUN) from None


def _about_imports(observation: Observation[int]) -> str:
    names = {one.capability.__name__ for one in observation.grant}
    if "Import" not in names:
        return ""
    return (
        "  - Import (and NativeCode, where extension modules are loaded) is for modules that the script imports:\n"
        "    those that are imported before execute need neither\n"
    )
