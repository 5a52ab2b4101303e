"""What this system can enforce.

This module knows how to ask the kernel and libseccomp, without changing anything. It refuses to know what a policy
needs.
"""

import os
import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from capsafe.errors import UnsupportedError
from capsafe.policy.numbers import ARCHITECTURES, NUMBERS

LIBSECCOMP_HINT: Final = (
    "install it with 'apt install libseccomp2', 'dnf install libseccomp', 'apk add libseccomp' or your system's package"
)

_SECCOMP_GET_ACTION_AVAIL: Final = 2
_RET_ERRNO: Final = 0x00050000
_LANDLOCK_CREATE_RULESET: Final = 444
_LANDLOCK_VERSION_FLAG: Final = 1


@dataclass(frozen=True, slots=True)
class Support:
    """What the running system offers.

    ``kernel``: its release. ``machine``: as ``uname -m`` says. ``landlock_abi``: 0 where there is no Landlock.
    ``libseccomp``: its version, None where it can't be loaded. ``seccomp``: the kernel takes filters.
    ``user_namespaces``: this user may make them. ``notifications``: refused calls can be told of as they come; without,
    the same calls are refused, and only those that the closure did not catch are told of. ``pidfds``: a process can be
    held on to, so that its end is seen and its number not mistaken. ``counting``: it can be asked before a process or
    thread is started (``processes=``). ``answers``: refused calls can be done by a supervisor.
    """

    kernel: str
    machine: str
    landlock_abi: int
    libseccomp: str | None
    seccomp: bool
    user_namespaces: bool
    notifications: bool = False
    pidfds: bool = True
    counting: bool = False
    answers: bool = False


@cache
def probe() -> Support:
    """Ask what this system can enforce. Asked once in a process; raises nothing, on any platform."""
    if sys.platform != "linux":
        return Support(platform.release(), platform.machine(), 0, None, seccomp=False, user_namespaces=False)
    return Support(
        kernel=platform.release(),
        machine=platform.machine(),
        landlock_abi=_landlock_abi(),
        libseccomp=_libseccomp_version(),
        seccomp=_seccomp(),
        user_namespaces=_user_namespaces(),
        notifications=_notifications(),
        pidfds=_pidfds(),
        counting=_counting(),
        answers=_answers(),
    )


def architecture() -> str:
    """Return the machine whose numbers this process's system calls have. Raises ``UnsupportedError`` elsewhere."""
    if sys.platform != "linux":
        raise UnsupportedError(f"capsafe confines on Linux only, and this is {sys.platform}; the types work everywhere")
    machine = platform.machine()
    if machine not in ARCHITECTURES:
        known = " and ".join(ARCHITECTURES)
        raise UnsupportedError(f"capsafe knows the system calls of {known}, and this is {machine}")
    if sys.maxsize < 2**32:
        # A 32-bit Python on a 64-bit kernel makes the calls of another ABI.
        raise UnsupportedError(f"this is a 32-bit Python on {machine}; capsafe confines 64-bit ones only")
    return machine


def load_pyseccomp() -> ModuleType:
    """Import pyseccomp, which looks for libseccomp as it is imported. Raises ``UnsupportedError`` with the way out."""
    try:
        return import_module("pyseccomp")
    except ImportError as error:
        raise UnsupportedError(f"the Python package pyseccomp is missing ({error}); pip install pyseccomp") from error
    except (RuntimeError, OSError, AttributeError) as error:
        raise UnsupportedError(f"libseccomp can't be loaded ({error}); {LIBSECCOMP_HINT}") from error


def load_landlock() -> ModuleType:
    """Import landlockpy. Raises ``UnsupportedError`` with the way out."""
    try:
        return import_module("landlockpy")
    except ImportError as error:
        raise UnsupportedError(f"the Python package landlockpy is missing ({error}); pip install landlockpy") from error


def load_landlock_calls() -> ModuleType:
    """Import the part of landlockpy that makes the system calls. Raises ``UnsupportedError`` with the way out.

    It is not public, so that its names are looked up here, in the parent, where a change of them is an error in time.
    """
    load_landlock()
    calls = import_module("landlockpy._syscall")
    names = ("RulesetAttr", "PathBeneathAttr", "NetPortAttr", "create_ruleset", "add_path_beneath", "add_net_port")
    missing = [name for name in (*names, "restrict_self") if not hasattr(calls, name)]
    if missing:
        raise UnsupportedError(f"this version of landlockpy has no {', '.join(missing)}; pip install 'landlockpy<0.3'")
    return calls


def _libseccomp_version() -> str | None:
    try:
        module = load_pyseccomp()
    except UnsupportedError:
        return None
    import ctypes  # noqa: PLC0415  # pyseccomp has loaded it

    class Version(ctypes.Structure):
        _fields_ = [("major", ctypes.c_uint), ("minor", ctypes.c_uint), ("micro", ctypes.c_uint)]

    library: Any = module._libseccomp  # noqa: SLF001  # pyseccomp has no name for its version
    library.seccomp_version.restype = ctypes.POINTER(Version)
    found = library.seccomp_version().contents
    return f"{found.major}.{found.minor}.{found.micro}"


def _asks(call: Callable[[], int]) -> int:
    """Return what the kernel answers, 0 where it says no."""
    try:
        return max(call(), 0)
    except OSError:
        return 0


def _landlock_abi() -> int:
    from capsafe.kernel.libc import LIBC  # noqa: PLC0415  # loads ctypes

    # landlockpy's own question searches for libc by starting a compiler; this one does not.
    return _asks(lambda: int(LIBC.syscall(_LANDLOCK_CREATE_RULESET, None, 0, _LANDLOCK_VERSION_FLAG)))


def _seccomp() -> bool:
    import ctypes  # noqa: PLC0415  # late, as everywhere

    from capsafe.kernel.libc import LIBC  # noqa: PLC0415  # loads ctypes

    number = NUMBERS.get(platform.machine(), {}).get("seccomp")
    if number is None:
        return False
    action = ctypes.c_uint32(_RET_ERRNO)
    return int(LIBC.syscall(number, _SECCOMP_GET_ACTION_AVAIL, 0, ctypes.byref(action))) == 0


def _notifications() -> bool:
    from capsafe.kernel.notify import can_notify  # noqa: PLC0415  # loads ctypes

    number = NUMBERS.get(platform.machine(), {}).get("seccomp")
    return number is not None and can_notify(number)


def _counting() -> bool:
    from capsafe.kernel.notify import can_let_go_on  # noqa: PLC0415  # loads ctypes

    number = NUMBERS.get(platform.machine(), {}).get("seccomp")
    # The first process of all is seen where all are; with hidepid, or another namespace's /proc, it is not.
    sees_all = os.path.exists("/proc/1/stat") and os.readlink("/proc/self") == str(os.getpid())  # noqa: PTH110, PTH115 - names
    return sees_all and number is not None and _notifications() and can_let_go_on(number)


def _pidfds() -> bool:
    try:
        os.close(os.pidfd_open(os.getpid()))
    except OSError:
        return False
    return True


def _answers() -> bool:
    from capsafe.kernel.notify import can_answer  # noqa: PLC0415  # loads ctypes

    number = NUMBERS.get(platform.machine(), {}).get("seccomp")
    return number is not None and can_answer(number)


def _user_namespaces() -> bool:
    """Say whether this user may make a user namespace, as far as the kernel's settings tell."""
    for path, forbids in (
        ("/proc/sys/user/max_user_namespaces", "0"),
        ("/proc/sys/kernel/unprivileged_userns_clone", "0"),
        ("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1"),
    ):
        try:
            if Path(path).read_text(encoding="ascii").strip() == forbids:
                return False
        except FileNotFoundError:
            continue  # this kernel has no such setting
        except OSError:
            return False
    return Path("/proc/self/ns/user").exists()
