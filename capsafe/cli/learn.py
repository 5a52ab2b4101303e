"""A whole script as the closure of an observed run, for ``capsafe learn``.

This module knows how ``python SCRIPT ARGS`` sets a script up and what becomes of it at the end. It refuses to know what
is observed, and how it is printed.
"""

import atexit
import signal
import sys
import threading
import types
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from capsafe.broker import Broker
from capsafe.cli.grant_text import read_text
from capsafe.errors import SandboxKilledError
from capsafe.policy import Observation
from capsafe.sandbox import Sandbox

#: What a script is given where nothing else is said: all that can be granted.
EVERYTHING: Final = (
    "FileSystem | Network | Process | Stdio | Environ | Clock | Random | Threads | Import | SystemInfo | NativeCode"
)

#: As the shell has it: what a signal ended has this and its number.
_BY_SIGNAL: Final = 128


def learn(script: Path, arguments: Sequence[str], grant: str) -> Observation[int]:
    """Run a script as ``__main__`` in an observing child, held to a grant, and return what it used.

    ``grant``: a type as text. The result is its exit code. Changes ``sys.path`` and ``sys.argv`` of this process, as
    the script finds them. Raises ``GrantError`` for the grant, ``OSError`` where the script can't be read,
    ``SyntaxError`` and ``ValueError`` where it is none, and what ``Sandbox.observe`` raises before anything is run.
    """
    sandbox: Sandbox[Any] = Sandbox.__class_getitem__(read_text(grant))()  # type: ignore[attr-defined]  # Generic has it
    code = compile(script.read_bytes(), str(script), "exec", dont_inherit=True)
    # As python does, so that modules beside the script are found: what Import opens is looked up before the fork.
    sys.path[0] = str(script.resolve().parent)
    sys.argv = [str(script), *arguments]
    return sandbox.observe(_run_main, types.FunctionType(code, {}), str(script))


def exit_code(observation: Observation[int]) -> int:
    """Return the code that the script ended with: 1 for an error, 128 and the number for a signal."""
    error = observation.error
    if error is None:
        return observation.result
    if isinstance(error, SandboxKilledError):
        if error.exit_code is not None:
            return error.exit_code
        return _BY_SIGNAL + int(getattr(signal, error.signal or "", 0))
    return 1


def _run_main(_: Broker[Any], main: types.FunctionType, name: str) -> int:
    """Run a script as ``__main__``, and what Python does after it: wait for threads, call what was registered.

    ``main``: never called; its code is the script's, and where denials are looked for.
    """
    module = types.ModuleType("__main__")
    module.__dict__.update(__file__=name, __builtins__=__builtins__, __spec__=None, __cached__=None)
    sys.modules["__main__"] = module
    # What this process has registered is for its own end.
    atexit._clear()  # noqa: SLF001 - there is no other way
    status = 0
    try:
        exec(main.__code__, module.__dict__)  # noqa: S102 - to run it is what was asked for
    except SystemExit as end:
        status = _status(end.code)
    threading._shutdown()  # type: ignore[attr-defined]  # noqa: SLF001 - what Python itself calls
    atexit._run_exitfuncs()  # noqa: SLF001 - as above
    return status


def _status(code: object) -> int:
    """Return what ``sys.exit`` makes of its argument."""
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF
    print(code, file=sys.stderr)  # noqa: T201 - as Python does
    return 1
