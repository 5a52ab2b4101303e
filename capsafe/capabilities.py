"""The capabilities: phantom types that say what code may do.

This module knows the names, the groups and what each one grants. It refuses to know how a grant is enforced
(``capsafe.policy``) or what a broker offers with it (``capsafe.broker``).

A capability is never instantiated; it is written as a type argument: ``Sandbox[ReadFile | Connect]``. A *weaker*
capability is a *subclass* of the stronger one, so that ordinary subtyping does the algebra, and no capability has
two parents that are not related, because it would then be granted through either.

``[S]`` marks a capability that takes a *scope*: ``Literal`` strings that say where it holds. Without one it holds
anywhere. Paths are absolute and match by component; network scopes are ``"host:port"``, ``"*:port"``, ``"host:*"`` or
``"10.0.0.0/8:443"``; programs are absolute paths.
"""

from typing import Generic, Self

from typing_extensions import TypeVar

S_co = TypeVar("S_co", bound=str, covariant=True, default=str)


class Capability:
    """The root of all capabilities. It would grant everything, so it is refused where it is written as a grant."""

    def __new__(cls) -> Self:  # not NoReturn: mypy then takes the class for a function, not a type[Capability]
        """Refuse instances: a capability is a type argument, never a value."""
        msg = f"{cls.__name__} is a type argument, never a value: write Sandbox[{cls.__name__}]()"
        raise TypeError(msg)


G_co = TypeVar("G_co", bound=Capability, covariant=True)


class FileSystem(Capability, Generic[S_co]):
    """Everything on files below the scope: ReadFile and WriteFile.

    Not: device files' own ioctls, mounts, files of ``/proc``.
    """


class ReadFile(FileSystem[S_co]):
    """Open files to read them, list directories, read metadata.

    Not: changing anything, metadata included (no chmod, utime, xattr); no ``/proc``.
    """


class StatFile(ReadFile[S_co]):
    """Metadata alone: does it exist, how long is it, when did it change.

    Not: content, directory listings.
    """


class WriteFile(FileSystem[S_co]):
    """Create, write, truncate, rename, link and remove files and directories; change their modes and times.

    Not: reading content or listing directories.
    """


class Network(Capability, Generic[S_co]):
    """Everything on the network: Connect, Listen, Resolve, Datagram and UnixSocket.

    Not: raw, packet and netlink sockets.
    """


class Connect(Network[S_co]):
    """Open TCP connections to the scope.

    Not: serving (Listen), UDP (Datagram), name resolution of one's own (Resolve).
    """


class Listen(Network[S_co]):
    """Bind TCP sockets to the scope, listen and accept.

    Not: connecting out.
    """


class Resolve(Network[str]):
    """Turn host names into addresses.

    Not: connecting to them.
    """


class Datagram(Network[S_co]):
    """Send and receive UDP datagrams.

    Not: TCP, raw sockets.
    """


class UnixSocket(Network[S_co]):
    """Connect to and serve on Unix domain sockets at the paths of the scope.

    Not: passing descriptors in or out.
    """


class Process(Capability):
    """Everything on other processes: Spawn and Signal.

    Not: ptrace or the memory of another process.
    """


class Spawn(Process, Generic[S_co]):
    """Start the programs of the scope; what they start keeps this sandbox's policy.

    Not: more than the sandbox itself may do.
    """


class Signal(Process):
    """Send signals to the processes that the closure started.

    Not: to the parent or to processes outside the sandbox.
    """


class Stdio(Capability):
    """The three standard streams: Stdin, Stdout and Stderr."""


class Stdin(Stdio):
    """Read standard input.

    Not: controlling the terminal.
    """


class Stdout(Stdio):
    """Write standard output.

    Not: controlling the terminal.
    """


class Stderr(Stdio):
    """Write standard error.

    Not: controlling the terminal.
    """


class Environ(Capability):
    """See the environment variables of the parent.

    Not: changing the parent's.
    """


class Clock(Capability):
    """Ask for the time, and sleep.

    Stands on the checker alone: reading the clock needs no system call (vDSO), so no filter can refuse it.
    """


class Random(Capability):
    """Random bytes and numbers from the system.

    Stands on the checker alone: CPython itself needs getrandom, so no filter can refuse it.
    """


class Threads(Capability):
    """Start threads.

    Not: processes.
    """


class Import(Capability, Generic[S_co]):
    """Import modules that are not loaded yet: reads below ``sys.path``.

    Not: extension modules, which are native code (NativeCode).
    """


class SystemInfo(Capability):
    """Names and numbers of the system: host name, kernel, users, processors.

    Not: changing any.
    """


class NativeCode(Capability):
    """Load native libraries and map executable memory (ctypes, extension modules).

    Not: system calls that no other capability grants; the kernel's filter holds for native code too.
    """


class Ambient(Capability, Generic[G_co]):
    """The closure may perform the effects of the capability inside *without* the broker.

    For libraries that can take no broker. The kernel still confines it to that capability.
    """
