"""Modules: what must be loaded before confinement, and what an import inside says.

This module knows which modules the standard library loads only when it needs them; inside, its files are out of
reach. It refuses to know what they do.
"""

import importlib
import sys
from collections.abc import Mapping, Sequence
from types import MappingProxyType, ModuleType
from typing import Final, NoReturn

#: Loaded before the first fork: codecs, which every ``str.encode`` may look up by name, and what the worker itself
#: needs after the fork.
_ALWAYS: Final = (
    "msgspec.msgpack",
    "capsafe.worker.child",
    "capsafe.worker.outcome",
    "encodings.aliases",
    "encodings.ascii",
    "encodings.latin_1",
    "encodings.utf_8",
    "encodings.utf_8_sig",
    "encodings.utf_16",
    "encodings.utf_16_le",
    "encodings.utf_16_be",
    "encodings.utf_32",
    "encodings.cp1252",
    "encodings.cp437",
    "encodings.iso8859_15",
    "encodings.unicode_escape",
    "encodings.raw_unicode_escape",
    "encodings.hex_codec",
    "encodings.base64_codec",
    # "\N{...}" in a pattern or in compiled text.
    "unicodedata",
    # warnings.warn formats with it.
    "linecache",
)

#: A module that is loaded, and what it loads later by itself.
_LATER: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "time": ("_strptime",),
        "datetime": ("_strptime",),
        "decimal": ("_decimal",),
        "tarfile": ("zlib", "gzip", "bz2", "lzma"),
        "zipfile": ("zlib", "bz2", "lzma"),
        "email": ("email.parser", "email.policy", "email.generator", "email.message", "email.quoprimime"),
        "email.parser": ("email.feedparser", "email.message", "email.header", "email.quoprimime", "email.base64mime"),
        "email.message": ("email.generator", "email.policy", "email.iterators", "email.headerregistry"),
        "urllib.parse": ("ipaddress",),
        "urllib.request": ("http.client", "tempfile", "mimetypes"),
        "socket": ("encodings.idna",),
        "ssl": ("encodings.idna",),
        "concurrent.futures": ("concurrent.futures.thread",),
        "asyncio": ("concurrent.futures.thread",),
        "xml.etree.ElementTree": ("xml.etree.ElementPath", "pyexpat"),
        "xml.dom": ("xml.dom.minidom", "xml.dom.expatbuilder"),
        "xml.sax": ("xml.sax.expatreader",),
        "sqlite3": ("sqlite3.dbapi2", "sqlite3.dump"),
        "zoneinfo": ("zoneinfo._common",),
        "importlib.metadata": ("email.parser", "email.message", "csv", "json"),
        "logging": ("traceback",),
        "hashlib": ("_hashlib",),
    }
)

#: What was loaded when the last look was taken, which is before each fork; a child can't load more for its parent.
_looked_at: set[str] = set()


def load_modules(preload: Sequence[str]) -> None:
    """Load what the sandbox can't load any more. Called in the parent, before each fork; cheap but for the first."""
    if len(sys.modules) == len(_looked_at) and all(name in sys.modules for name in preload):
        return
    wanted = [*_ALWAYS, *preload]
    for name in wanted:
        _load(name)
    for name, later in _LATER.items():
        if name in sys.modules and name not in _looked_at:
            for one in later:
                _load(one)
    _looked_at.clear()
    _looked_at.update(sys.modules)


def is_known(name: str) -> bool:
    """Say whether the parent has a module too: asked in a child, which may have loaded more."""
    return not _looked_at or name in _looked_at


def _load(name: str) -> None:
    try:
        importlib.import_module(name)
    except ImportError:
        return  # not in this Python: what wants it does without


class RefusingFinder:
    """Comes last among the finders: what the others could not find says why, and what to do."""

    def find_spec(self, name: str, path: object = None, target: ModuleType | None = None) -> NoReturn:
        """Raise ``ModuleNotFoundError``. ``name``: of the module."""
        del path, target
        error = ModuleNotFoundError(
            f"{name} was not loaded before the sandbox, and nothing can be imported inside; "
            f"import {name.partition('.')[0]} before execute, or grant Import",
            name=name,
        )
        error._capsafe_needs = ("import", "Import", name)  # type: ignore[attr-defined]  # noqa: SLF001 - read by capsafe.worker.denial
        raise error


#: Made once, in the parent.
REFUSING: Final = RefusingFinder()


def send_plainly() -> None:
    """Have event loops write with ``send``, in the child: ``sendmsg`` is refused where addresses are checked."""
    events = sys.modules.get("asyncio.selector_events")
    if hasattr(events, "_HAS_SENDMSG"):
        setattr(events, "_HAS_SENDMSG", False)  # noqa: B010 - older Pythons have no such name


def refuse_imports() -> None:
    """Put the refusing finder last, in a process that goes on."""
    sys.meta_path.append(REFUSING)
