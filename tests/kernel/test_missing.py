"""What a kernel or an outer sandbox does not have: an error that names it, or the same enforcement by other means.

Each call is taken away for real, by a filter over a fresh process that answers ENOSYS, or EPERM as containers do.
"""

import json
import subprocess
import sys
from typing import Any

import pytest

pytestmark = pytest.mark.kernel

PROGRAM = """
import errno, json, os, sys
from typing import Literal, Never
from capsafe import ReadFile, Sandbox, Spawn, UnsupportedError
import pyseccomp
error, *calls = sys.argv[1:]
outer = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
for call in calls:
    outer.add_rule(pyseccomp.ERRNO(getattr(errno, error)), call)
outer.load()

def attempt(function):
    try:
        function()
    except OSError as problem:
        return problem.errno in (errno.EPERM, errno.EACCES, errno.EBADF)
    return False

secret = os.dup2(os.open("/etc/hostname", os.O_RDONLY), 99)

def probes(_):
    # Each is True where it is refused.
    return [
        attempt(lambda: open("/etc/hostname")),
        attempt(lambda: os.chmod("/tmp", 0o1777)),
        attempt(lambda: os.pread(secret, 1, 0)),
        attempt(lambda: os.kill(os.getppid(), 0)),
        attempt(lambda: os.symlink("x", "/tmp/capsafe-missing")),
        os.environ.get("PATH") is None,
    ]

found = {}
for name, box in {
    "Never": Sandbox[Never](timeout=30),
    "scoped": Sandbox[ReadFile[Literal["/usr"]]](timeout=30),
    "Spawn": Sandbox[Spawn](timeout=30),
    "limits": Sandbox[Never](timeout=30, cpu_time=20, memory="1G", open_files=50, file_size=1000),
    "processes": Sandbox[Spawn](timeout=30, processes=2),
}.items():
    try:
        found[name] = box.execute(probes)
    except UnsupportedError as problem:
        found[name] = str(problem)
    except BaseException as problem:
        found[name] = [type(problem).__name__, str(problem)]
print(json.dumps(found))
"""


def outcomes(*calls: str, error: str = "ENOSYS") -> dict[str, Any]:
    """Run every sandbox of the program without some calls; returns what each says."""
    command = [sys.executable, "-c", PROGRAM, error, *calls]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


ALL_REFUSED = [True] * 6
EVERY = ("Never", "scoped", "Spawn", "limits", "processes")

#: The call, and which sandboxes can't do without it; the others enforce the same.
MISSING: dict[str, tuple[str, ...]] = {
    "landlock_create_ruleset": ("scoped", "Spawn", "processes"),
    "landlock_add_rule": ("scoped", "Spawn", "processes"),
    "landlock_restrict_self": EVERY,
    "seccomp": EVERY,
    "prctl": EVERY,
    "capget": EVERY,
    "memfd_create": EVERY,
    "pidfd_open": EVERY,
    "setsid": EVERY,
    "prlimit64": EVERY,
    "close_range": (),
    "openat2": (),
    "clone3": (),
    "pidfd_send_signal": (),
    "statx": (),
    "faccessat2": (),
}


@pytest.mark.parametrize("error", ["ENOSYS", "EPERM"])
@pytest.mark.parametrize("call", MISSING)
def test_what_is_missing_is_an_error_or_made_up_for(call: str, error: str) -> None:
    found = outcomes(call, error=error)
    for name in EVERY:
        if name in MISSING[call]:
            assert isinstance(found[name], str), f"{name}: {found[name]}"
        else:
            assert found[name] == ALL_REFUSED, name


def test_nothing_is_missing_where_nothing_is_taken_away() -> None:
    """The control."""
    found = outcomes("add_key")
    assert found == dict.fromkeys(EVERY, ALL_REFUSED)
