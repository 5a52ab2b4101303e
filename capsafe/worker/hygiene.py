"""What the child does to itself before it is confined, so that nothing of the parent is left to take.

This module knows single steps: signals, descriptors, limits, environment. It refuses to know their order
(``capsafe.worker.child``). Everything it needs is loaded in the parent: after the fork nothing is imported.
"""

# The C module: ``signal`` itself makes an enum member of each number, sixty times over.
import _signal  # type: ignore[import-not-found]  # typeshed has no stub for it
import math
import os
import resource
import signal
import sys
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from capsafe.kernel import process
from capsafe.policy import OUTCOME_FD, Policy
from capsafe.worker.limits import Limits
from capsafe.worker.modules import REFUSING
from capsafe.worker.streams import STREAM_NAMES, prepare_streams

_PAGE: Final = resource.getpagesize()

#: CPython ignores these two when it starts, and its own errors (BrokenPipeError, "File too large") rest on that.
_IGNORED: Final = frozenset({signal.SIGPIPE, signal.SIGXFSZ})
_UNCATCHABLE: Final = frozenset({signal.SIGKILL, signal.SIGSTOP})
_SIGNALS: Final = tuple(map(int, sorted(signal.valid_signals() - _IGNORED - _UNCATCHABLE)))

#: What a child has for an environment: each has its own copy of it.
_NONE: Final[dict[bytes, bytes]] = {}

#: Descriptors that every child has: the streams and the channel.
_OWN_DESCRIPTORS: Final = OUTCOME_FD + 1


@dataclass(frozen=True, slots=True)
class Settings:
    """What a child undoes of its parent's settings, made out in the parent: after a fork, each step costs pages.

    ``signals``: those that have a handler, or are ignored. ``changes``: namespaces of modules and objects, and what
    gets which value there. ``acts``: something would act by itself, a fault handler or a function that traces.
    ``environ``: the environment is to be forgotten, with what Python holds of it in ``changes``; ``replaced``:
    something else than Python's own stands in its place, and has to be asked.
    """

    signals: tuple[int, ...]
    changes: tuple[tuple[dict[str, Any], dict[str, object]], ...]
    acts: bool
    environ: bool
    replaced: bool


def find_settings(policy: Policy, *, imports: bool) -> Settings:
    """Look at this process, right before the fork. What has not changed since the last call is not made again.

    ``imports``: modules can be imported inside.
    """
    handlers = tuple(map(_signal.getsignal, _SIGNALS))
    acts = "faulthandler" in sys.modules or sys.gettrace() is not None or sys.getprofile() is not None
    # The streams that are replaced in the child are held by this, too: whoever is freed writes out its buffer.
    seen = (handlers, acts, os.environ, *map(vars(sys).get, STREAM_NAMES), *sys.meta_path)
    kind = (policy.streams, policy.environ, imports)
    kept = _kept_settings.get(kind)
    if kept is not None and kept[0] == seen:
        return kept[1]
    changes = prepare_streams(policy.streams)
    changes["dont_write_bytecode"] = True
    if not imports:
        changes["meta_path"] = [*sys.meta_path, REFUSING]
    places = () if policy.environ else _environments()
    found = Settings(
        signals=tuple(number for number, handler in zip(_SIGNALS, handlers, strict=True) if handler != _signal.SIG_DFL),
        changes=((vars(sys), changes), *((namespace, dict[str, object]({name: _NONE})) for namespace, name in places)),
        acts=acts,
        environ=not policy.environ,
        replaced=type(os.environ) is not os._Environ,  # noqa: SLF001 - the class has no other name
    )
    _kept_settings[kind] = (seen, found)
    return found


#: By what a policy says of streams, environment and imports: there are a few.
_kept_settings: dict[tuple[frozenset[str], bool, bool], tuple[object, Settings]] = {}


def reset_signals(settings: Settings) -> None:
    """Give signals their default: handlers are the parent's code and mean the parent.

    All signals are blocked since before the fork, so that no handler has run here.
    """
    _signal.set_wakeup_fd(-1)
    for number in settings.signals:
        _signal.signal(number, _signal.SIG_DFL)


def undo_settings(settings: Settings) -> None:
    """Do the rest. The descriptors must be in their places."""
    if settings.acts:
        quiet_interpreter()
    if settings.environ:
        if settings.replaced:
            os.environ.clear()
        process.clear_environment()
    for namespace, values in settings.changes:
        namespace.update(values)


def quiet_interpreter() -> None:
    """Switch off what would act by itself."""
    faulthandler: Any = sys.modules.get("faulthandler")
    if faulthandler is not None:
        faulthandler.disable()
        faulthandler.cancel_dump_traceback_later()
    sys.settrace(None)
    sys.setprofile(None)


def forbid_core_files() -> None:
    """Leave no copy of the memory behind, whatever happens. Raises ``OSError``."""
    _limit(resource.RLIMIT_CORE, 0)


def apply_limits(limits: Limits) -> None:
    """Set the limits, soft and hard, for ever. Raises ``OSError`` or ``ValueError`` where the kernel refuses."""
    if limits.cpu_time is not None:
        # Whole seconds: the soft limit sends SIGXCPU, which can be ignored, the hard one SIGKILL.
        seconds = math.ceil(limits.cpu_time)
        _limit(resource.RLIMIT_CPU, seconds, seconds + 1)
        signal.setitimer(signal.ITIMER_PROF, limits.cpu_time)
    if limits.memory is not None:
        _limit(resource.RLIMIT_AS, _address_space() + limits.memory)
    if limits.open_files is not None:
        _limit(resource.RLIMIT_NOFILE, limits.open_files + _OWN_DESCRIPTORS)
    if limits.file_size is not None:
        _limit(resource.RLIMIT_FSIZE, limits.file_size)


def _limit(kind: int, soft: int, hard: int | None = None) -> None:
    """Lower a limit; one that is lower already stays."""
    _, most = resource.getrlimit(kind)
    wanted = soft if hard is None else hard
    if most != resource.RLIM_INFINITY:
        soft, wanted = min(soft, most), min(wanted, most)
    resource.setrlimit(kind, (soft, wanted))


def _address_space() -> int:
    """Return how much address space the process has now: a fork begins with its parent's."""
    with open("/proc/self/statm", "rb") as file:  # noqa: PTH123 - pathlib may not be loaded
        return int(file.read().split()[0]) * _PAGE


@cache
def hold_parents() -> None:
    """Keep what children replace from being freed there, for ever: that would copy the pages that it is on.

    Called in the parent. Nothing in Python leads to what is held, and a stream that is freed would write out what is in
    its buffer.
    """
    for namespace, name in _environments():
        process.hold(namespace[name])


def empty_environment() -> None:
    """Forget the environment: Python's view, the C library's, and the copy of what the process was started with."""
    for namespace, name in _environments():
        namespace[name] = _NONE
    os.environ.clear()
    process.clear_environment()


def _environments() -> tuple[tuple[dict[str, Any], str], ...]:
    """Return where Python holds the environment: namespaces, and the name there."""
    own = os._Environ  # noqa: SLF001 - the class has no other name
    views = [vars(view) for view in (os.environ, os.environb) if type(view) is own]
    return (*((view, "_data") for view in views), (vars(sys.modules["posix"]), "environ"))
