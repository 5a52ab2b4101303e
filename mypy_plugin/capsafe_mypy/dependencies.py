"""What a verdict rests on: the sources that a module's closures can reach, as one digest.

Knows files, imports and search paths. It refuses to know effects. mypy asks for the digest before it has any types
(when it decides whether a cached module still holds), so it is made of source text alone: of every module that can be
imported from the module, followed through first-party and third-party sources. A module of the standard library is
spoken for by stubs.
"""

import hashlib
import os
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Final

import mypy
from mypy.modulefinder import get_search_dirs
from mypy.options import Options

from capsafe.effects.stubs import Stubs
from capsafe_mypy.fullnames import CLOSURE_METHODS

#: Text that every module has which runs a closure, makes a sandbox or takes a broker.
TRIGGER: Final = re.compile(rb"\.\s*(?:" + b"|".join(sorted(m.encode() for m in CLOSURE_METHODS)) + rb")\b|capsafe")
#: An import statement, wherever it stands; the names in parentheses may go over lines.
IMPORT: Final = re.compile(r"\bfrom\s+([.\w]+)\s+import\s+(\([^)]*\)|[^\n;#]+)|\bimport\s+([\w., \t]+)")
AS: Final = re.compile(r"\bas\s+\w+")
NAME: Final = re.compile(r"[\w.]+")
OWN: Final = ("capsafe", "capsafe_mypy", "capsafe_effects")


class Dependencies:
    """The files behind each module's verdict, read once in a run."""

    def __init__(self, options: Options) -> None:
        """Take mypy's options, which say where modules are looked for."""
        self._options = options
        self._roots = [os.path.abspath(p) for p in (*options.mypy_path, os.curdir)]  # noqa: PTH100 - compared as text
        self._files: dict[str, tuple[tuple[int, int], str, tuple[str, ...]]] = {}
        self._located: dict[tuple[str, str], str | None] = {}
        self._ours: str | None = None

    def may_matter(self, module: str, path: str, text: str | None = None) -> bool:
        """Return whether a file, or a text that lies in none, could run a closure, make a sandbox or take a broker."""
        if text is not None:
            return TRIGGER.search(text.encode()) is not None
        if module.partition(".")[0] in OWN or not path.endswith(".py"):
            return False
        try:
            return TRIGGER.search(Path(path).read_bytes()) is not None
        except OSError:
            return False

    def digest(self, module: str, path: str, stubs: Stubs) -> str | None:
        """Return the digest for a module, None for one that has nothing to check."""
        if not path or not self.may_matter(module, path):
            return None
        if self._ours is None:
            self._ours = f"{_code_digest()}:{stubs.digest()}"
        lines = sorted(f"{name}={self._read(file)[1]}" for name, file in self._reachable(module, path))
        return hashlib.blake2b("\n".join([self._ours, *lines]).encode(), digest_size=16).hexdigest()

    def locate(self, module: str, found: str | None) -> str | None:
        """Return the file with a module's source: mypy's own, or beside a stub of somebody else's the real one."""
        if found is not None and (not found.endswith(".pyi") or _is_typeshed(found)):
            return found
        if module.partition(".")[0] in OWN:
            return found
        return self._search(module, self._directories("")) or found

    def _reachable(self, module: str, path: str) -> Iterator[tuple[str, str]]:
        base = self._base(module, path)
        waiting, seen = [(module, path)], {module}
        while waiting:
            name, file = waiting.pop()
            yield name, file
            for imported in self._read(file)[2]:
                full = _absolute(name, file, imported)
                # ``from a import b`` may mean the module a.b; and importing a.b.c runs a and a.b.
                parts = full.split(".")
                for length in range(1, len(parts) + 1):
                    candidate = ".".join(parts[:length])
                    if candidate in seen or parts[0] in OWN:
                        continue
                    seen.add(candidate)
                    where = self._search(candidate, self._directories(base))
                    if where is not None:
                        waiting.append((candidate, where))

    @staticmethod
    def _base(module: str, path: str) -> str:
        file = os.path.abspath(path)  # noqa: PTH100 - compared as text
        up = module.count(".") + (2 if os.path.basename(file) == "__init__.py" else 1)  # noqa: PTH119 - as above
        for _ in range(up):
            file = os.path.dirname(file)  # noqa: PTH120 - as above
        return file

    def _directories(self, base: str) -> tuple[str, ...]:
        return tuple(
            dict.fromkeys(d for d in (base, *self._roots, *_site_packages(self._options.python_executable)) if d)
        )

    def _search(self, module: str, directories: tuple[str, ...]) -> str | None:
        for directory in directories:
            key = (module, directory)
            if key not in self._located:
                self._located[key] = _module_file(module, directory)
            found = self._located[key]
            if found is not None:
                return found
        return None

    def _read(self, path: str) -> tuple[tuple[int, int], str, tuple[str, ...]]:
        """Return a file's stamp, its digest and the modules that it imports, as written."""
        try:
            status = os.stat(path)  # noqa: PTH116 - one call for each file of a project
            stamp = (status.st_mtime_ns, status.st_size)
        except OSError:
            return (0, 0), "", ()
        known = self._files.get(path)
        if known is None or known[0] != stamp:
            text = Path(path).read_bytes()
            known = (stamp, hashlib.blake2b(text, digest_size=16).hexdigest(), tuple(_imports(text)))
            self._files[path] = known
        return known


def _imports(text: bytes) -> Iterator[str]:
    """Yield what may be imported anywhere in a source: ``a.b``, or ``..a.b`` with its dots for a relative import.

    By pattern, which is twenty times as fast as parsing. It may find an import in a string; what is read too much makes
    a digest change too often, never too seldom.
    """
    for found in IMPORT.finditer(text.decode("utf-8", "replace").replace("\\\n", " ")):
        origin, names, modules = found.groups()
        if origin is None:
            yield from NAME.findall(AS.sub("", modules))
            continue
        yield origin
        for name in NAME.findall(AS.sub("", names)):
            yield f"{origin}{'' if origin.endswith('.') else '.'}{name}"


def _absolute(module: str, path: str, imported: str) -> str:
    level = len(imported) - len(imported.lstrip("."))
    if not level:
        return imported
    package = module.split(".")
    if os.path.basename(path) != "__init__.py":  # noqa: PTH119 - one call for each import
        package = package[:-1]
    package = package[: len(package) - (level - 1)]
    rest = imported[level:]
    return ".".join([*package, *([rest] if rest else [])])


def _module_file(module: str, directory: str) -> str | None:
    inside = os.path.join(directory, *module.split("."))  # noqa: PTH118 - one call for each import and directory
    for candidate in (os.path.join(inside, "__init__.py"), f"{inside}.py"):  # noqa: PTH118 - as above
        if os.path.isfile(candidate):  # noqa: PTH113 - as above
            return candidate
    return None


@lru_cache(maxsize=4)
def _site_packages(python: str | None) -> tuple[str, ...]:
    paths, packages = get_search_dirs(python)
    return tuple(dict.fromkeys((*packages, *(p for p in paths if p.endswith("-packages")))))


def _is_typeshed(path: str) -> bool:
    return path.startswith(os.path.join(os.path.dirname(mypy.__file__), "typeshed"))  # noqa: PTH118, PTH120 - compared as text


@lru_cache(maxsize=1)
def _code_digest() -> str:
    """Return a digest of the plugin and the engine themselves: mypy watches the plugin's entry file alone."""
    digest = hashlib.blake2b(digest_size=16)
    import capsafe.effects  # noqa: PLC0415 - only its place is wanted

    for folder in (
        Path(__file__).parent,
        Path(capsafe.effects.__file__).parent,
        Path(capsafe.effects.__file__).parent.parent,
    ):
        for file in sorted(folder.glob("*.py")):
            digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()
