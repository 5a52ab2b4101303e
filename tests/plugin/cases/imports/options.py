"""Conditional imports."""

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from subprocess import Popen

try:
    import tomllib as toml
except ImportError:
    import json as toml  # type: ignore[no-redef]

if sys.platform == "linux":
    from os import remove
else:
    from os import unlink as remove

platform_remove = remove

try:
    from imports.fast import read as read
except ImportError:
    from imports.slow import read as read

LIMIT = 3


def parse(text: str) -> object:
    return toml.loads(text)


def wait(process: "Popen[bytes] | None") -> int:
    return 0 if process is None else process.wait()
