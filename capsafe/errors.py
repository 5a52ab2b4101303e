"""Every exception that capsafe raises on purpose, each with what went wrong and the way out.

This module knows the shapes of the errors. It refuses to know when they are raised.
"""

import errno
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Denial:
    """One operation that was refused.

    ``operation``: what was tried, such as ``"open for writing"``. ``call``: the system call, None where it was refused
    before one was made, or by Landlock. ``target``: its path, address, program or process, None where there is none or
    it could not be read. ``capability``: the name of the one that was missing, None where none gives it. ``write``: the
    type to write, None where there is none. ``file``, ``line``: where in the closure, None where it is not known.
    ``trimmed``: the grant gives it, and it was trimmed away.

    It is a report. The target, file and line are what the confined process said; don't decide on them.
    """

    operation: str
    call: str | None = None
    target: str | None = None
    capability: str | None = None
    write: str | None = None
    file: str | None = None
    line: int | None = None
    trimmed: bool = False

    def __str__(self) -> str:
        """Return one line: what happened, what it needs, what to write, and where it was."""
        text = _explain(self.operation, self.target, self.capability, self.write, trimmed=self.trimmed)
        return text if self.file is None else f"{text} ({self.file}:{self.line})"


def _explain(
    operation: str, target: str | None, capability: str | None, write: str | None, *, trimmed: bool = False
) -> str:
    message = operation if target is None else f"{operation} {target!r}"
    if trimmed:
        return (
            f"{message} was trimmed away: it was not seen when the closure was observed; "
            "observe again, or leave .trimmed out"
        )
    message += f" needs {capability}" if capability else " is not granted"
    return f"{message}; write {write}" if write else message


class CapabilityError(PermissionError):
    """The closure did not catch a denial.

    A ``PermissionError`` with ``errno``, ``strerror`` and ``filename``, and besides:

    ``operation``: what was tried, such as ``"open for writing"``. ``target``: its path, address or program, None where
    there is none. ``capability``: the name of the capability that was missing, None where it is not known.
    ``write``: the type to write, such as ``"Sandbox[ReadFile | WriteFile]"``, None where it is not known.
    ``trimmed``: the grant gives it, and the sandbox was trimmed to what an observation had seen.

    ``denials``: all that was refused in the run, this one too, in order, as ``Denial`` values; the first thousand, and
    ``denied`` is how many there were. Other exceptions that end a run in which something was refused have both, too.
    """

    def __init__(
        self,
        operation: str,
        *,
        target: str | None = None,
        capability: str | None = None,
        write: str | None = None,
        code: int = errno.EPERM,
        trimmed: bool = False,
    ) -> None:
        """Make the one-line message: what happened, what it needs, what to write."""
        # Two arguments to OSError: with a third the path would be printed twice.
        super().__init__(code, _explain(operation, target, capability, write, trimmed=trimmed))
        self.operation = operation
        self.target = target
        self.capability = capability
        self.write = write
        self.trimmed = trimmed
        self.denials: tuple[Denial, ...] = ()
        self.denied = 0

    def __str__(self) -> str:
        """Return the message without the errno that OSError puts in front."""
        return str(self.strerror)


class SandboxKilledError(RuntimeError):
    """The kernel or a limit ended the child, or it went away without an answer.

    ``signal``: the signal's name or None. ``limit``: the limit that was reached (``"cpu_time"``, ...) or None.
    ``exit_code``: the exit status where it ended by itself without an answer, or None.
    """

    def __init__(
        self, message: str, *, signal: str | None = None, limit: str | None = None, exit_code: int | None = None
    ) -> None:
        """Keep the facts beside the message."""
        super().__init__(message)
        self.signal = signal
        self.limit = limit
        self.exit_code = exit_code


class SandboxTimeoutError(TimeoutError):
    """``timeout`` ran out. The child and all that it started are gone."""


class TransferError(TypeError):
    """An argument or a result can't cross the process boundary; the message names the offending value's path."""


class GrantError(TypeError):
    """The type argument is no grant: bare, free, or no capability; the message names it and the way out."""


class MissingPathError(GrantError, FileNotFoundError):
    """A scope names a path that does not exist, so the kernel can't bind a rule to it."""


class UnsupportedError(RuntimeError):
    """This system can't enforce the grant: the message names what is missing. Nothing was run."""
