"""``Sandbox``: from a type to a closure that runs under it.

This module knows how grant, policy, kernel, worker and broker come together. It refuses to do any of their work. What
needs Linux is imported when it is used, so that the types work anywhere.
"""

import contextvars
import copy
import sys
import types
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Concatenate, Final, Generic, Never, ParamSpec, Self, TypeVar, cast, overload

import typing_extensions

from capsafe.broker import Broker
from capsafe.capabilities import Capability
from capsafe.errors import Denial, UnsupportedError
from capsafe.grants import Grant, read_sandbox
from capsafe.worker.limits import make_limits

if TYPE_CHECKING:
    from capsafe.kernel import Prepared
    from capsafe.policy import Observation, Policy
    from capsafe.worker.parent import Cancellation

C_contra = typing_extensions.TypeVar("C_contra", bound=Capability, contravariant=True, default=Never)
P = ParamSpec("P")
R = TypeVar("R")


#: What a sandbox keeps of what it has looked up.
_LOOKED_UP: Final = frozenset({"_grant", "_policy", "_broker", "_prepared"})


class Sandbox(Generic[C_contra]):
    """Runs closures that may do what its type says, and nothing else.

    ``Sandbox[ReadFile]()``, ``Sandbox[ReadFile[L["/data"]] | Connect]()``, ``Sandbox[Never]()`` for computing alone;
    or a subclass: ``class Reader(Sandbox[ReadFile])``. The type argument is read back when the sandbox is first used;
    where it can't be read that is a ``GrantError``. A sandbox holds nothing open. It may be used any number of times,
    from several threads at once, and be pickled.

    All limits are for one call, and None (the default) is no limit:

    ``timeout``: seconds on the wall clock; then ``SandboxTimeoutError``. ``cpu_time``: seconds of processor time, of
    the closure and separately of each program it starts; then ``SandboxKilledError``. ``memory``: bytes, or a text
    such as ``"256M"``, of address space on top of what this process has; then ``MemoryError`` inside. ``open_files``:
    descriptors at a time; then ``OSError`` (EMFILE) inside. ``file_size``: bytes in each file it writes; then
    ``OSError`` (EFBIG) inside. ``processes``: processes and threads at a time, the closure's own first one too; then
    ``BlockingIOError`` (EAGAIN) inside, and "can't start new thread" for a thread. ``result_size``: bytes of the
    longest result, 256M by default; then ``TransferError``; what is made of a result takes up to four times that in
    memory. An error that a limit has caused and that the closure did not catch has a note that names it.

    ``on_denial`` is called with each operation that is refused, as a ``Denial``, as it comes, also where the closure
    catches the error; in the thread that waits for the child, whose operation has been answered already. What it
    raises ends the child and is raised by ``execute``. Only the first thousand of a run are told of. They go to the
    logger ``capsafe``, too. Where the kernel can't tell (``capsafe doctor`` says so), with ``open_files`` below 3, and
    for what Landlock or the broker refuses, only what the closure did not catch is told; ``enter`` tells nothing.

    Raises ``TypeError`` and ``ValueError`` for limits that make no sense. Sources: setrlimit(2), seccomp(2),
    landlock(7).
    """

    def __init__(  # noqa: PLR0913 - each has its name
        self,
        *,
        timeout: float | None = None,
        cpu_time: float | None = None,
        memory: int | str | None = None,
        open_files: int | None = None,
        file_size: int | str | None = None,
        processes: int | None = None,
        result_size: int | str | None = None,
        on_denial: Callable[[Denial], object] | None = None,
    ) -> None:
        self._on_denial = on_denial
        self._trimmed_to: Observation[object] | None = None
        self._limits = make_limits(
            timeout=timeout,
            cpu_time=cpu_time,
            memory=memory,
            open_files=open_files,
            file_size=file_size,
            processes=processes,
            result_size=result_size,
        )

    @property
    def grant(self) -> Grant:
        """What the type grants, as a value: iterable, and printed as users write it.

        Raises ``GrantError`` where it can't be read: a bare ``Sandbox()``, a free type variable, no capability.
        """
        found: Grant | None = self.__dict__.get("_grant")
        if found is None:
            # The type argument is set after __init__, so it can't be read any earlier.
            found = self._grant = read_sandbox(self, Sandbox)
        return found

    @property
    def policy(self) -> "Policy":
        """What the grant means to the kernel; ``print(sandbox.policy)`` is a page to review.

        Raises ``GrantError`` as ``grant`` does. Asks the system nothing, so it works on any platform.
        """
        found: Policy | None = self.__dict__.get("_policy")
        if found is None:
            from capsafe.policy import compile_policy  # noqa: PLC0415 - import capsafe stays light

            found = compile_policy(self.grant)
            if self._trimmed_to is not None:
                found = found.trimmed(self._trimmed_to)
            self._policy = found
        return found

    def execute(self, fn: Callable[Concatenate[Broker[C_contra], P], R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run ``fn(broker, *args, **kwargs)`` in a confined child process, and return what it returns.

        ``fn``: any callable, a lambda or nested function too. The arguments are there as they are, but none may hold
        authority (an open file, a socket, a lock). The result crosses as data: None, numbers, text, bytes, the
        containers, dates, Decimal, UUID, paths, enums, dataclasses, named tuples, NumPy arrays. What the closure
        changes in memory is gone with the child.

        Raises ``GrantError`` (the type is no grant), ``MissingPathError`` (a scope is not there),
        ``UnsupportedError`` (this system can't enforce it; nothing was run), ``TransferError`` (an argument or the
        result can't cross), ``CapabilityError`` (the closure did not catch a denial), ``SandboxTimeoutError``,
        ``SandboxKilledError``, and what the closure raises: built-in exceptions as they are, others as their nearest
        built-in base.
        """
        broker, prepared = self._prepare(args, kwargs)
        return self._run(prepared, lambda: fn(broker, *args, **kwargs), (fn, *args, *kwargs.values()))

    @overload
    async def execute_async(
        self,
        fn: Callable[Concatenate[Broker[C_contra], P], Coroutine[Any, Any, R]],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R: ...
    @overload
    async def execute_async(
        self, fn: Callable[Concatenate[Broker[C_contra], P], R], /, *args: P.args, **kwargs: P.kwargs
    ) -> R: ...
    async def execute_async(
        self, fn: Callable[Concatenate[Broker[C_contra], P], Any], /, *args: P.args, **kwargs: P.kwargs
    ) -> Any:
        """Do what ``execute`` does, awaited: the event loop goes on meanwhile, in asyncio.

        ``fn``: a function, or a coroutine function, which runs on an event loop of its own in the child. Cancelling
        ends the child and all it started. Raises what ``execute`` raises.
        """
        import asyncio  # noqa: PLC0415 - whoever awaits has loaded it

        from capsafe.worker.parent import Cancellation  # noqa: PLC0415 - needs Linux
        from capsafe.worker.threads import run_in_thread  # noqa: PLC0415 - needs Linux

        broker, prepared = self._prepare(args, kwargs)

        def call() -> object:
            value = fn(broker, *args, **kwargs)
            return asyncio.run(value) if isinstance(value, types.CoroutineType) else value

        cancellation = Cancellation()
        context = contextvars.copy_context()
        about = (fn, *args, *kwargs.values())
        return await run_in_thread(lambda: context.run(self._run, prepared, call, about, cancellation), cancellation)

    def enter(self) -> Broker[C_contra]:
        """Confine this whole process, for ever, and return the broker: as pledge(2) does, for programs of their own.

        Call it when everything is set up and before the first thread is started. What is open stays open, and can be
        read; the environment, the standard streams and the current folder are treated as in ``execute``. The limits
        hold from here on, except ``timeout`` and ``processes``, which are refused.

        Raises ``GrantError``, ``MissingPathError``, ``UnsupportedError`` (other threads run; or the kernel refuses),
        ``ValueError`` for a ``timeout`` and for ``processes``.
        """
        if self._limits.timeout is not None:
            raise ValueError("enter() confines the process for ever, so that it can't keep a timeout; leave it out")
        if self._limits.processes is not None:
            raise ValueError("enter() leaves nobody outside who could count processes; leave it out, or use execute")
        broker, prepared = self._prepare((), {})
        from capsafe.worker.confine import confine  # noqa: PLC0415 - needs Linux

        confine(prepared, self.policy, self._limits)
        return broker

    def bind(self, fn: Callable[Concatenate[Broker[C_contra], P], R]) -> Callable[P, R]:
        """Return a function that runs ``fn`` in this sandbox wherever it is called, as for ``map`` or a pool.

        ``fn``: as in ``execute``. The result can be pickled when ``fn`` can, which is a function of a module.
        """
        return Bound(self, fn)

    def observe(
        self, fn: Callable[Concatenate[Broker[C_contra], P], R], /, *args: P.args, **kwargs: P.kwargs
    ) -> "Observation[R]":
        """Do what ``execute`` does, and return what was used of the grant, with the result.

        The same is refused as in ``execute``. Each call that is told of takes about a tenth of a millisecond, so this
        is for tests and trials, with inputs like the real ones. ``observation.write`` is the narrowest type that does,
        ``print(observation)`` a page to review, ``observation.result`` what ``fn`` returned; what ``fn`` raised is
        kept, too, and raised by ``result``. Join the observations of several runs with ``|``.

        Raises ``GrantError``, ``MissingPathError``, ``UnsupportedError`` (besides the causes of ``execute``: the kernel
        has no notification, or there is a listener already around this process) and ``TransferError`` for an argument:
        then nothing was run.
        """
        broker, _ = self._prepare(args, kwargs)
        from capsafe.broker.guard import LISTENERS  # noqa: PLC0415 - loaded with the broker
        from capsafe.kernel import prepare_observing  # noqa: PLC0415 - needs Linux
        from capsafe.worker.observer import Observer  # noqa: PLC0415 - needs Linux
        from capsafe.worker.parent import run  # noqa: PLC0415 - needs Linux
        from capsafe.worker.telling import tell_asked  # noqa: PLC0415 - needs Linux

        prepared = prepare_observing(self.policy, counted=self._limits.processes is not None)
        observer = Observer(self.policy, self._on_denial)
        value: R | None = None
        failure: Exception | None = None
        try:
            value = cast(
                "R",
                run(
                    prepared,
                    self.policy,
                    lambda: fn(broker, *args, **kwargs),
                    limits=self._limits,
                    about=(fn, *args, *kwargs.values()),
                    before=lambda: LISTENERS.append(tell_asked),
                    supervisor=observer,
                ),
            )
        except UnsupportedError:
            raise
        except Exception as error:  # noqa: BLE001 - it is part of what was seen
            failure = error
        return observer.observation(value, failure)

    def trimmed(self, observation: "Observation[object]") -> Self:
        """Return a sandbox of this type and with these limits, whose filter allows no more than what was seen in use.

        What a grant's group of system calls has besides is refused, and the denial says that it was trimmed away.
        Paths, ports and streams stay as the type says: write the narrower type for those. Where another system or
        version of Python makes other calls, observe there.

        Its ``policy`` raises ``GrantError`` where the observation used what this type does not allow.
        """
        made = copy.copy(self)
        made._trimmed_to = observation.without_result()  # noqa: SLF001 - of its own class
        return made

    def _prepare(self, args: tuple[object, ...], kwargs: dict[str, object]) -> "tuple[Broker[C_contra], Prepared]":
        policy = self.policy
        if sys.platform != "linux":
            raise UnsupportedError(f"capsafe confines on Linux only, and this is {sys.platform}; nothing was run")
        from capsafe.kernel.restrict import prepare  # noqa: PLC0415 - needs Linux
        from capsafe.worker.authorities import check_arguments  # noqa: PLC0415 - import capsafe stays light

        check_arguments(args, kwargs)
        if "_broker" not in self.__dict__:
            self._broker: Broker[C_contra] = Broker(self.grant)
        # Paths come and go.
        found = self._prepared = prepare(
            policy, self.__dict__.get("_prepared"), counted=self._limits.processes is not None
        )
        return self._broker, found

    def _run(
        self,
        prepared: "Prepared",
        call: Callable[[], R],
        about: tuple[object, ...],
        cancellation: "Cancellation | None" = None,
    ) -> R:
        from capsafe.worker.parent import run  # noqa: PLC0415 - needs Linux

        # What comes back is data of the closure's own types; that its values are right is for the caller to check.
        return cast(
            "R",
            run(
                prepared,
                self.policy,
                call,
                limits=self._limits,
                about=about,
                cancellation=cancellation,
                on_denial=self._on_denial,
            ),
        )

    def __getstate__(self) -> dict[str, object]:
        """Return what is pickled: the type and the limits; what was looked up is looked up again."""
        return {name: value for name, value in self.__dict__.items() if name not in _LOOKED_UP}

    def __repr__(self) -> str:
        written = self.__dict__.get("__orig_class__")
        name = type(self).__name__
        if written is not None and type(self) is Sandbox:
            name = f"Sandbox[{self.grant}]"
        limits = [
            f"{field}={value!r}"
            for field in self._limits.__slots__
            if (value := getattr(self._limits, field)) is not None and field != "result_size"
        ]
        return f"{name}({', '.join(limits)}){'' if self._trimmed_to is None else '.trimmed(...)'}"


class Bound(Generic[P, R]):
    """A function bound to a sandbox, see ``Sandbox.bind``. Calling it is ``sandbox.execute(fn, ...)``."""

    def __init__(self, sandbox: Sandbox[Any], fn: Callable[Concatenate[Any, P], R]) -> None:
        self._sandbox = sandbox
        self._fn = fn

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the function in the sandbox; see ``Sandbox.execute``."""
        return self._sandbox.execute(self._fn, *args, **kwargs)

    def __repr__(self) -> str:
        return f"{self._sandbox!r}.bind({getattr(self._fn, '__qualname__', self._fn)})"
