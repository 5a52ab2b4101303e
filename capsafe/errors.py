"""Every exception that capsafe raises on purpose, each with what went wrong and the way out.

This module knows the shapes of the errors. It refuses to know when they are raised.
"""

import errno


class CapabilityError(PermissionError):
    """The closure did not catch a denial.

    A ``PermissionError`` with ``errno``, ``strerror`` and ``filename``, and besides:

    ``operation``: what was tried, such as ``"open for writing"``. ``target``: its path, address or program, None where
    there is none. ``capability``: the name of the capability that was missing, None where it is not known.
    ``write``: the type to write, such as ``"Sandbox[ReadFile | WriteFile]"``, None where it is not known.
    """

    def __init__(
        self,
        operation: str,
        *,
        target: str | None = None,
        capability: str | None = None,
        write: str | None = None,
        code: int = errno.EPERM,
    ) -> None:
        """Make the one-line message: what happened, what it needs, what to write."""
        message = operation if target is None else f"{operation} {target!r}"
        message += f" needs {capability}" if capability else " is not granted"
        if write:
            message += f"; write {write}"
        # Two arguments to OSError: with a third the path would be printed twice.
        super().__init__(code, message)
        self.operation = operation
        self.target = target
        self.capability = capability
        self.write = write

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
