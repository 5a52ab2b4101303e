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
    # Empty input in place of an inherited or null stream: neither is there without Stdin or a file capability.
    empty: bytes | str = "" if text else b""
    return subprocess.run(  # noqa: S603 - a list, no shell
        words(args),
        input=empty if data is None else data,
        timeout=timeout,
        check=check,
        capture_output=capture,
        encoding="utf-8" if text else None,
        cwd=cwd,
        env=env,
    )


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
