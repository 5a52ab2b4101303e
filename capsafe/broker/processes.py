"""Other programs and signals, on plain system calls.

This module knows how a program is started. It refuses to know a shell: arguments are a list, never a command line.
"""

import os
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

from capsafe.broker.arguments import StrPath, path_text


def words(args: Sequence[StrPath]) -> list[str]:
    """Return the program and its arguments as text; a command line is refused."""
    if isinstance(args, str | bytes) or not args:
        raise TypeError(f"args is a list, the program first, not {args!r}; there is no shell")
    return [path_text(word) for word in args]


def run(  # noqa: PLR0913 - the parameters of subprocess.run
    args: Sequence[StrPath],
    data: bytes | str | None,
    timeout: float | None,
    *,
    check: bool,
    capture: bool,
    text: bool,
    cwd: StrPath | None,
    env: Mapping[str, str] | None,
) -> subprocess.CompletedProcess[Any]:
    """Run a program to its end."""
    program = words(args)
    pipe = subprocess.PIPE if capture else None
    # A pipe for the input always: what would be inherited or stand for nothing is not there without Stdin or files.
    with subprocess.Popen(  # noqa: S603 - a list, no shell
        program,
        stdin=subprocess.PIPE,
        stdout=pipe,
        stderr=pipe,
        encoding="utf-8" if text else None,
        cwd=cwd,
        env=env,
    ) as process:
        # Not subprocess.run: it kills on any error, and without Signal hangs when that is refused.
        try:
            output, errors = process.communicate(data, timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    done = subprocess.CompletedProcess(program, process.returncode, output, errors)
    if check:
        done.check_returncode()
    return done


def popen(
    args: Sequence[StrPath], *, text: bool, cwd: StrPath | None, env: Mapping[str, str] | None
) -> subprocess.Popen[Any]:
    """Start a program with pipes to its three streams."""
    return subprocess.Popen(  # noqa: S603 - a list, no shell
        words(args),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8" if text else None,
        cwd=cwd,
        env=env,
    )


def kill(pid: int, signal: int) -> None:
    """Send a signal to one process; 0 and negative numbers would mean groups and everyone."""
    if pid <= 0:
        raise ValueError(f"a process has a positive number, not {pid}")
    os.kill(pid, signal)
