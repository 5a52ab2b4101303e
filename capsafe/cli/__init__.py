"""The command ``capsafe``: what a grant means, what this system can enforce.

This module knows where the command line starts. It refuses to know anything else, so that the import costs nothing
before a command is given.
"""


def main() -> None:
    """Run the command line; the entry point of the script ``capsafe`` and of ``python -m capsafe``."""
    from capsafe.cli.commands import app  # noqa: PLC0415 - typer and rich take longer to import than all of capsafe

    app(prog_name="capsafe")
