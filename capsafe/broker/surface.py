"""The broker's typed surface: every operation, and by its ``self`` type the capability that it needs.

This module knows names, types and what each operation needs. It refuses to know how one is done: a file for each
authority does, beside this one. ``self: Broker[ReadFile[Never]]`` reads "a broker with some ReadFile": the broker is
contravariant and a weaker capability is a subclass, so ``Broker[FileSystem]`` and ``Broker[ReadFile[L["/data"]]]`` are
accepted and ``Broker[Connect]`` is not. The guard reads the same annotation at run time.
"""

# The modules that do the work are loaded late, see AUTHORITIES.
# ruff: noqa: TC004

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, Never, NoReturn, TextIO, TypeVar, overload

import typing_extensions

from capsafe.broker.guard import Attempt, checked, target_of
from capsafe.capabilities import (
    Capability,
    Clock,
    Connect,
    Datagram,
    Environ,
    Import,
    Listen,
    NativeCode,
    Random,
    ReadFile,
    Resolve,
    Signal,
    Spawn,
    StatFile,
    Stderr,
    Stdin,
    Stdout,
    SystemInfo,
    Threads,
    UnixSocket,
    WriteFile,
)
from capsafe.errors import TransferError

if TYPE_CHECKING:
    import os
    import socket
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime, tzinfo
    from io import BufferedRandom, BufferedReader, BufferedWriter, FileIO, TextIOWrapper
    from random import Random as Generator
    from subprocess import CompletedProcess, Popen
    from types import ModuleType
    from typing import IO

    from _typeshed import (
        OpenBinaryModeReading,
        OpenBinaryModeUpdating,
        OpenBinaryModeWriting,
        OpenTextModeReading,
        OpenTextModeUpdating,
        OpenTextModeWriting,
    )

    from capsafe.broker import (
        clock,
        environment,
        files,
        modules,
        native,
        network,
        paths,
        processes,
        randomness,
        streams,
        system,
        threads,
    )
    from capsafe.broker.arguments import StrPath
    from capsafe.broker.network import Address
    from capsafe.broker.paths import BrokerPath
    from capsafe.broker.system import User
    from capsafe.grants import Grant

C_contra = typing_extensions.TypeVar("C_contra", bound=Capability, contravariant=True, default=Never)
T = TypeVar("T")
R = TypeVar("R")

#: Which capabilities each authority's module serves. A module is loaded with the first broker that is granted one of
#: them, in the parent: it may cost more than all of capsafe, and inside a sandbox it could not be read any more.
AUTHORITIES: Final[dict[str, tuple[type[Capability], ...]]] = {
    "clock": (Clock,),
    "environment": (Environ,),
    "files": (StatFile, WriteFile),
    "modules": (Import,),
    "native": (NativeCode,),
    "network": (Connect, Listen, Resolve, Datagram, UnixSocket),
    "paths": (StatFile, WriteFile),
    "processes": (Spawn, Signal),
    "randomness": (Random,),
    "streams": (Stdin, Stdout, Stderr),
    "system": (SystemInfo,),
    "threads": (Threads,),
}


def _load_authorities(grant: Grant) -> None:
    for name, served in AUTHORITIES.items():
        if name not in globals() and any(map(grant.has, served)):
            globals()[name] = import_module(f"capsafe.broker.{name}")


@checked(calls_back=("run_in_threads", "import_module"))
class Broker(Generic[C_contra]):
    """What a closure asks instead of the world. ``Broker[ReadFile | Connect]`` offers what those two grant.

    A sandbox makes it and hands it to the closure; it never leaves the sandbox. An operation that the grant does not
    cover is an error for the checker, and a ``PermissionError`` that names the capability when it runs anyway.
    """

    __slots__ = ("_grant",)

    def __init__(self, grant: Grant) -> None:
        _load_authorities(grant)
        self._grant = grant

    def __repr__(self) -> str:
        return f"Broker[{self._grant}]"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        """Refuse to be copied, pickled or sent."""
        raise TransferError("a broker can't be copied or sent: it never leaves its sandbox; send what it returned")

    def _attempt(self, operation: str, needs: tuple[type[Capability], ...], **about: object) -> Attempt:
        return Attempt(self._grant, operation, needs, target_of(about))

    # Reading files

    @overload
    def open(
        self: Broker[ReadFile[Never]],
        path: StrPath,
        mode: OpenTextModeReading = ...,
        buffering: int = ...,
        encoding: str | None = ...,
        errors: str | None = ...,
        newline: str | None = ...,
    ) -> TextIOWrapper: ...
    @overload
    def open(
        self: Broker[WriteFile[Never]],
        path: StrPath,
        mode: OpenTextModeWriting,
        buffering: int = ...,
        encoding: str | None = ...,
        errors: str | None = ...,
        newline: str | None = ...,
    ) -> TextIOWrapper: ...
    @overload
    def open(
        self: Broker[ReadFile[Never] | WriteFile[Never]],
        path: StrPath,
        mode: OpenTextModeUpdating,
        buffering: int = ...,
        encoding: str | None = ...,
        errors: str | None = ...,
        newline: str | None = ...,
    ) -> TextIOWrapper: ...
    @overload
    def open(  # type: ignore[overload-overlap]  # 0 is an int too: the first that matches is meant
        self: Broker[ReadFile[Never]], path: StrPath, mode: OpenBinaryModeReading, buffering: Literal[0]
    ) -> FileIO: ...
    @overload
    def open(  # type: ignore[overload-overlap]  # as above
        self: Broker[WriteFile[Never]], path: StrPath, mode: OpenBinaryModeWriting, buffering: Literal[0]
    ) -> FileIO: ...
    @overload
    def open(  # type: ignore[overload-overlap]  # as above
        self: Broker[ReadFile[Never] | WriteFile[Never]],
        path: StrPath,
        mode: OpenBinaryModeUpdating,
        buffering: Literal[0],
    ) -> FileIO: ...
    @overload
    def open(
        self: Broker[ReadFile[Never]], path: StrPath, mode: OpenBinaryModeReading, buffering: int = ...
    ) -> BufferedReader: ...
    @overload
    def open(
        self: Broker[WriteFile[Never]], path: StrPath, mode: OpenBinaryModeWriting, buffering: int = ...
    ) -> BufferedWriter: ...
    @overload
    def open(
        self: Broker[ReadFile[Never] | WriteFile[Never]],
        path: StrPath,
        mode: OpenBinaryModeUpdating,
        buffering: int = ...,
    ) -> BufferedRandom: ...
    @overload
    def open(
        self: Broker[ReadFile[Never] | WriteFile[Never]],
        path: StrPath,
        mode: str,
        buffering: int = ...,
        encoding: str | None = ...,
        errors: str | None = ...,
        newline: str | None = ...,
    ) -> IO[Any]: ...
    def open(
        self: Broker[Never],
        path: StrPath,
        mode: str = "r",
        buffering: int = -1,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
    ) -> IO[Any]:
        """Needs ReadFile to read, WriteFile to write or append, both for ``+`` and for a mode that is no literal.

        Takes what the built-in ``open`` takes and returns what it returns; text is UTF-8 unless ``encoding`` says
        otherwise. Raises what ``open`` raises.
        """
        reads = (ReadFile,) if "r" in mode or "+" in mode else ()
        writes = (WriteFile,) if set("wax+") & set(mode) else ()
        purpose = " and ".join(["reading"] * len(reads) + ["writing"] * len(writes))
        attempt = self._attempt(f"open for {purpose}", (*reads, *writes), path=path)
        return attempt.perform(lambda: files.open_file(path, mode, buffering, encoding, errors, newline))

    def read_text(
        self: Broker[ReadFile[Never]],
        path: StrPath,
        encoding: str = "utf-8",
        errors: str = "strict",
        newline: str | None = None,
    ) -> str:
        """Needs ReadFile. Return a file's whole content, decoded; ``newline`` is as for the built-in ``open``."""
        return files.read_text(path, encoding, errors, newline)

    def read_bytes(self: Broker[ReadFile[Never]], path: StrPath) -> bytes:
        """Needs ReadFile. Return a file's whole content."""
        return files.read_bytes(path)

    def listdir(self: Broker[ReadFile[Never]], path: StrPath = ".") -> list[str]:
        """Needs ReadFile. Return the names in a directory, sorted; not ``.`` and ``..``."""
        return files.listdir(path)

    def iterdir(self: Broker[ReadFile[Never]], path: StrPath = ".") -> Iterator[BrokerPath[C_contra]]:
        """Needs ReadFile. Iterate over the paths in a directory, sorted."""
        return paths.bound(self, path).iterdir()

    def walk(
        self: Broker[ReadFile[Never]], top: StrPath, *, top_down: bool = True, follow_symlinks: bool = False
    ) -> Iterator[tuple[str, list[str], list[str]]]:
        """Needs ReadFile. Iterate over ``(directory, names of directories, names of files)`` below ``top``.

        As ``os.walk``, but a directory that can't be listed raises OSError in place of being left out.
        """
        return files.walk(top, top_down=top_down, follow_symlinks=follow_symlinks)

    def glob(
        self: Broker[ReadFile[Never]],
        pattern: StrPath,
        *,
        root: StrPath | None = None,
        recursive: bool = False,
        include_hidden: bool = False,
    ) -> list[str]:
        """Needs ReadFile. Return the paths that match a pattern, sorted; ``**`` goes deep where ``recursive``.

        With ``root`` the pattern and the paths are relative to that directory.
        As ``glob.glob``: a directory that can't be listed matches nothing.
        """
        return files.glob(pattern, root, recursive=recursive, include_hidden=include_hidden)

    # The metadata of files

    def exists(self: Broker[StatFile[Never]], path: StrPath, *, follow_symlinks: bool = True) -> bool:
        """Needs StatFile. Say whether there is such a file. A refusal is raised: it is not absence."""
        return files.mode_of(path, follow_symlinks=follow_symlinks) != 0

    def is_file(self: Broker[StatFile[Never]], path: StrPath) -> bool:
        """Needs StatFile. Say whether this is a regular file, or a symlink to one."""
        return files.is_file(path)

    def is_dir(self: Broker[StatFile[Never]], path: StrPath) -> bool:
        """Needs StatFile. Say whether this is a directory, or a symlink to one."""
        return files.is_dir(path)

    def is_symlink(self: Broker[StatFile[Never]], path: StrPath) -> bool:
        """Needs StatFile. Say whether this is a symlink, be its target there or not."""
        return files.is_symlink(path)

    def stat(self: Broker[StatFile[Never]], path: StrPath) -> os.stat_result:
        """Needs StatFile. Return a file's metadata, following symlinks (stat(2))."""
        return files.stat(path)

    def lstat(self: Broker[StatFile[Never]], path: StrPath) -> os.stat_result:
        """Needs StatFile. Return a file's metadata, of a symlink its own (lstat(2))."""
        return files.lstat(path)

    def readlink(self: Broker[StatFile[Never]], path: StrPath) -> str:
        """Needs StatFile. Return what a symlink points to (readlink(2))."""
        return files.readlink(path)

    def realpath(self: Broker[StatFile[Never]], path: StrPath) -> str:
        """Needs StatFile. Return the absolute path without symlinks. Raises OSError where a part is missing."""
        return files.realpath(path)

    # Writing files

    def write_text(
        self: Broker[WriteFile[Never]],
        path: StrPath,
        data: str,
        encoding: str = "utf-8",
        errors: str = "strict",
        newline: str | None = None,
    ) -> int:
        """Needs WriteFile. Replace a file's content, or make the file; return how many characters were written."""
        return files.write_text(path, data, "w", encoding, errors, newline)

    def write_bytes(self: Broker[WriteFile[Never]], path: StrPath, data: bytes) -> int:
        """Needs WriteFile. Replace a file's content, or make the file; return how many bytes were written."""
        return files.write_bytes(path, data, "wb")

    def append_text(
        self: Broker[WriteFile[Never]],
        path: StrPath,
        data: str,
        encoding: str = "utf-8",
        errors: str = "strict",
        newline: str | None = None,
    ) -> int:
        """Needs WriteFile. Write at a file's end, or make the file; return how many characters were written."""
        return files.write_text(path, data, "a", encoding, errors, newline)

    def append_bytes(self: Broker[WriteFile[Never]], path: StrPath, data: bytes) -> int:
        """Needs WriteFile. Write at a file's end, or make the file; return how many bytes were written."""
        return files.write_bytes(path, data, "ab")

    def mkdir(
        self: Broker[WriteFile[Never]],
        path: StrPath,
        mode: int = 0o777,
        *,
        parents: bool = False,
        exist_ok: bool = False,
    ) -> None:
        """Needs WriteFile. Make a directory, with its ``parents``; one that is there is no error where ``exist_ok``."""
        files.mkdir(path, mode, parents=parents, exist_ok=exist_ok)

    def remove(self: Broker[WriteFile[Never]], path: StrPath, *, missing_ok: bool = False) -> None:
        """Needs WriteFile. Remove a file or a symlink."""
        files.remove(path, missing_ok=missing_ok)

    def rmdir(self: Broker[WriteFile[Never]], path: StrPath) -> None:
        """Needs WriteFile. Remove an empty directory."""
        files.rmdir(path)

    def rename(self: Broker[WriteFile[Never]], src: StrPath, dst: StrPath) -> None:
        """Needs WriteFile. Move a file within its file system; one at ``dst`` is replaced (rename(2))."""
        files.rename(src, dst)

    def replace(self: Broker[WriteFile[Never]], src: StrPath, dst: StrPath) -> None:
        """Needs WriteFile. As rename; the name says that a file at ``dst`` is replaced."""
        files.rename(src, dst)

    def symlink(self: Broker[WriteFile[Never]], src: StrPath, dst: StrPath) -> None:
        """Needs WriteFile. Make the symlink ``dst`` that points to ``src`` (symlink(2))."""
        files.symlink(src, dst)

    def link(self: Broker[WriteFile[Never]], src: StrPath, dst: StrPath) -> None:
        """Needs WriteFile. Make ``dst`` another name of the file ``src`` (link(2))."""
        files.link(src, dst)

    def touch(self: Broker[WriteFile[Never]], path: StrPath, mode: int = 0o666, *, exist_ok: bool = True) -> None:
        """Needs WriteFile. Make an empty file, or set the times of one that is there to now."""
        files.touch(path, mode, exist_ok=exist_ok)

    def truncate(self: Broker[WriteFile[Never]], path: StrPath, length: int) -> None:
        """Needs WriteFile. Cut or extend a file to ``length`` bytes (truncate(2))."""
        files.truncate(path, length)

    def chmod(self: Broker[WriteFile[Never]], path: StrPath, mode: int) -> None:
        """Needs WriteFile. Set a file's mode, such as ``0o600`` (chmod(2))."""
        files.chmod(path, mode)

    def utime(
        self: Broker[WriteFile[Never]],
        path: StrPath,
        times: tuple[float, float] | None = None,
        *,
        follow_symlinks: bool = True,
    ) -> None:
        """Needs WriteFile. Set the times of access and change, in seconds since 1970; both to now without ``times``."""
        files.utime(path, times, follow_symlinks=follow_symlinks)

    # Reading and writing files

    def copy(self: Broker[ReadFile[Never] | WriteFile[Never]], src: StrPath, dst: StrPath) -> str:
        """Needs ReadFile and WriteFile. Copy a file's content and mode (less the umask); return the copy's path.

        ``dst`` may be a directory, which then gets a file of the same name.
        """
        target = files.copy_target(src, dst)
        writing = self._attempt("copy", (WriteFile,), path=target)
        with self.open(src, "rb") as source:
            writing.perform(lambda: files.copy_to(target, source))
        return target

    def copytree(
        self: Broker[ReadFile[Never] | WriteFile[Never]], src: StrPath, dst: StrPath, *, exist_ok: bool = False
    ) -> str:
        """Needs ReadFile and WriteFile. Copy a directory and all below it; symlinks stay symlinks. Return ``dst``."""
        return files.copytree(src, dst, exist_ok=exist_ok, copy=self.copy)

    def rmtree(self: Broker[ReadFile[Never] | WriteFile[Never]], path: StrPath) -> None:
        """Needs ReadFile and WriteFile. Remove a directory and all below it; symlinks are removed, not followed."""
        files.rmtree(path)

    @overload
    def path(self: Broker[StatFile[Never]], *segments: StrPath) -> BrokerPath[C_contra]: ...
    @overload
    def path(self: Broker[WriteFile[Never]], *segments: StrPath) -> BrokerPath[C_contra]: ...
    def path(self: Broker[Never], *segments: StrPath) -> BrokerPath[Any]:
        """Needs StatFile or WriteFile. Return a path with pathlib's methods, whose operations ask this broker."""
        if not self._grant.has(WriteFile):
            self._attempt("path", (StatFile,), path=segments).ask()
        return paths.bound(self, *segments)

    # The network

    def connect(self: Broker[Connect[Never]], host: str, port: int, *, timeout: float | None = None) -> socket.socket:
        """Needs Connect. Return a TCP socket connected to ``host``, in at most ``timeout`` seconds for each address.

        ``host`` is a numeric address, ``localhost`` or a name that the scope names; any other name needs Resolve as
        well. The timeout stays set on the socket. Raises OSError where no address answers.
        """
        return network.connect(self._addresses("connect", Connect, host, port), timeout)

    def listen(self: Broker[Listen[Never]], host: str, port: int, *, backlog: int = 128) -> socket.socket:
        """Needs Listen. Return a TCP socket that listens at ``host``; port 0 takes a free one.

        ``host`` is a numeric address, ``localhost`` or a name that the scope names; any other name needs Resolve as
        well.
        """
        return network.listen(*self._addresses("listen", Listen, host, port)[0], backlog)

    def resolve(self: Broker[Resolve], host: str, port: int = 0) -> list[Address]:
        """Needs Resolve. Return the addresses of a name, as ``(numeric address, port)``. Raises ``socket.gaierror``."""
        return network.resolve(host, port)

    def datagram(
        self: Broker[Datagram[Never]],
        host: str = "0.0.0.0",  # noqa: S104 - a client's own end
        port: int = 0,
    ) -> socket.socket:
        """Needs Datagram. Return a UDP socket bound to a numeric address; port 0 takes a free one."""
        return network.datagram(host, port)

    def unix_connect(self: Broker[UnixSocket[Never]], path: StrPath, *, timeout: float | None = None) -> socket.socket:
        """Needs UnixSocket. Return a stream socket connected to the Unix socket at ``path`` (unix(7))."""
        return network.unix_connect(path, timeout)

    def unix_listen(self: Broker[UnixSocket[Never]], path: StrPath, *, backlog: int = 128) -> socket.socket:
        """Needs UnixSocket. Make a Unix stream socket at ``path`` and listen (unix(7))."""
        return network.unix_listen(path, backlog)

    def _addresses(self, operation: str, capability: type[Capability], host: str, port: int) -> list[Address]:
        attempt = self._attempt(f"{operation} by name", (Resolve,), host=host, port=port)
        scopes = self._grant.scopes_of(capability, ambient=False)
        name = network.name_of(host)
        if scopes and name is not None and (named := network.named(scopes)):
            # Whoever may reach a host by its name may ask where it is.
            if (name, port) in named or (name, None) in named:
                return network.resolve(host, port)
            if not self._grant.has(Resolve, ambient=False):
                self._attempt(operation, (capability,), host=host, port=port).refuse(capability, f"{name}:{port}")
        return network.addresses(
            host, port, lambda name, number: attempt.perform(lambda: network.resolve(name, number))
        )

    # Processes

    @overload
    def run(
        self: Broker[Spawn[Never]],
        args: Sequence[StrPath],
        *,
        input: bytes | None = ...,
        timeout: None = ...,
        check: bool = ...,
        capture: bool = ...,
        text: Literal[False] = ...,
        cwd: StrPath | None = ...,
        env: Mapping[str, str] | None = ...,
    ) -> CompletedProcess[bytes]: ...
    @overload
    def run(
        self: Broker[Spawn[Never]],
        args: Sequence[StrPath],
        *,
        input: str | None = ...,
        timeout: None = ...,
        check: bool = ...,
        capture: bool = ...,
        text: Literal[True],
        cwd: StrPath | None = ...,
        env: Mapping[str, str] | None = ...,
    ) -> CompletedProcess[str]: ...
    @overload
    def run(
        self: Broker[Spawn[Never] | Signal],
        args: Sequence[StrPath],
        *,
        input: bytes | None = ...,
        timeout: float | None,
        check: bool = ...,
        capture: bool = ...,
        text: Literal[False] = ...,
        cwd: StrPath | None = ...,
        env: Mapping[str, str] | None = ...,
    ) -> CompletedProcess[bytes]: ...
    @overload
    def run(
        self: Broker[Spawn[Never] | Signal],
        args: Sequence[StrPath],
        *,
        input: str | None = ...,
        timeout: float | None,
        check: bool = ...,
        capture: bool = ...,
        text: Literal[True],
        cwd: StrPath | None = ...,
        env: Mapping[str, str] | None = ...,
    ) -> CompletedProcess[str]: ...
    def run(  # noqa: PLR0913 - the parameters of subprocess.run
        self: Broker[Never],
        args: Sequence[StrPath],
        *,
        input: bytes | str | None = None,  # noqa: A002 - the name subprocess.run gives it
        timeout: float | None = None,
        check: bool = False,
        capture: bool = True,
        text: bool = False,
        cwd: StrPath | None = None,
        env: Mapping[str, str] | None = None,
    ) -> CompletedProcess[Any]:
        """Needs Spawn, and Signal for a timeout. Run a program to its end; no shell.

        ``args`` is the program and its arguments. Its input is ``input``, else empty; its output is captured unless
        ``capture`` is false, when it goes to the sandbox's own streams; ``text`` is UTF-8. ``env`` is this sandbox's
        environment unless given. After ``timeout`` seconds the program is killed, hence Signal. Raises
        ``subprocess.CalledProcessError`` for a failure where ``check``, and ``subprocess.TimeoutExpired``.
        """
        needs = (Spawn,) if timeout is None else (Spawn, Signal)
        return self._attempt("run", needs, args=args).perform(
            lambda: processes.run(args, input, timeout, check=check, capture=capture, text=text, cwd=cwd, env=env)
        )

    @overload
    def popen(
        self: Broker[Spawn[Never]],
        args: Sequence[StrPath],
        *,
        text: Literal[False] = ...,
        cwd: StrPath | None = ...,
        env: Mapping[str, str] | None = ...,
    ) -> Popen[bytes]: ...
    @overload
    def popen(
        self: Broker[Spawn[Never]],
        args: Sequence[StrPath],
        *,
        text: Literal[True],
        cwd: StrPath | None = ...,
        env: Mapping[str, str] | None = ...,
    ) -> Popen[str]: ...
    def popen(
        self: Broker[Spawn[Never]],
        args: Sequence[StrPath],
        *,
        text: bool = False,
        cwd: StrPath | None = None,
        env: Mapping[str, str] | None = None,
    ) -> Popen[Any]:
        """Needs Spawn. Start a program with pipes to its three streams; no shell. It ends with the sandbox at last."""
        return processes.popen(args, text=text, cwd=cwd, env=env)

    def kill(self: Broker[Signal], pid: int, signal: int) -> None:
        """Needs Signal. Send a signal, such as ``signal.SIGTERM``, to a process that the closure started (kill(2))."""
        processes.kill(pid, signal)

    # Standard streams

    @overload
    def input(self: Broker[Stdin]) -> str: ...
    @overload
    def input(self: Broker[Stdin | Stdout], prompt: str) -> str: ...
    def input(self: Broker[Never], prompt: str = "") -> str:
        """Needs Stdin, and Stdout for a prompt. Read one line, without its line break. Raises EOFError at the end."""
        needs = (Stdin, Stdout) if prompt else (Stdin,)
        return self._attempt("input", needs).perform(lambda: streams.input_line(prompt))

    def print(self: Broker[Stdout], *values: object, sep: str = " ", end: str = "\n", flush: bool = False) -> None:
        """Needs Stdout. Write values to standard output, as the built-in ``print`` does."""
        streams.print_values(values, sep, end, flush=flush)

    @property
    def stdin(self: Broker[Stdin]) -> TextIO:
        """Needs Stdin. Standard input, as text; its ``buffer`` is bytes."""
        return streams.stream("stdin")

    @property
    def stdout(self: Broker[Stdout]) -> TextIO:
        """Needs Stdout. Standard output, as text; its ``buffer`` is bytes."""
        return streams.stream("stdout")

    @property
    def stderr(self: Broker[Stderr]) -> TextIO:
        """Needs Stderr. Standard error, as text; its ``buffer`` is bytes."""
        return streams.stream("stderr")

    # The environment, the clock, chance

    @property
    def env(self: Broker[Environ]) -> Mapping[str, str]:
        """Needs Environ. The environment variables, read-only."""
        return environment.variables()

    def now(self: Broker[Clock], tz: tzinfo | None = None) -> datetime:
        """Needs Clock. Return the time of day, in UTC unless ``tz`` says; local time is a file (tzset(3))."""
        return clock.now(tz)

    def monotonic(self: Broker[Clock]) -> float:
        """Needs Clock. Return seconds on a clock that never goes back; only differences mean something."""
        return clock.monotonic()

    def sleep(self: Broker[Clock], seconds: float) -> None:
        """Needs Clock. Wait for so many seconds."""
        clock.sleep(seconds)

    def random_bytes(self: Broker[Random], count: int) -> bytes:
        """Needs Random. Return ``count`` bytes fit for secrets (getrandom(2))."""
        return randomness.random_bytes(count)

    def rng(self: Broker[Random], seed: float | str | bytes | None = None) -> Generator:
        """Needs Random. Return a generator of one's own, seeded from the system unless told; not for secrets."""
        return randomness.generator(seed)

    # Threads, modules, the system, native code

    def run_in_threads(
        self: Broker[Threads], function: Callable[[T], R], items: Iterable[T], *, workers: int = 4
    ) -> list[R]:
        """Needs Threads. Return ``[function(item) for item in items]``, ``workers`` at a time.

        All threads have ended when it returns. The first error of ``function`` is raised.
        """
        return threads.run_in_threads(function, items, workers)

    def import_module(self: Broker[Import[Never]], name: str) -> ModuleType:
        """Needs Import. Import a module by its absolute name; its code runs as the closure's does."""
        return modules.load(name)

    def hostname(self: Broker[SystemInfo]) -> str:
        """Needs SystemInfo. Return this machine's name (uname(2))."""
        return system.uname().nodename

    def uname(self: Broker[SystemInfo]) -> os.uname_result:
        """Needs SystemInfo. Return the kernel's name, release, version and machine, and the host's name (uname(2))."""
        return system.uname()

    def users(self: Broker[SystemInfo]) -> list[User]:
        """Needs SystemInfo. Return the accounts that passwd(5) lists: name, uid, gid, home."""
        return system.users()

    def cpu_count(self: Broker[SystemInfo]) -> int:
        """Needs SystemInfo. Return how many processors this process may run on (sched_getaffinity(2))."""
        return system.cpu_count()

    def load_library(self: Broker[NativeCode], path: StrPath) -> native.CDLL:
        """Needs NativeCode. Load a native library as a ``ctypes.CDLL``; reading its file is ReadFile's business."""
        return native.load(path)
