"""The effect stubs: what is said of a canonical name, found module by module, each file read on the first ask.

Knows where stub files lie and which row answers for a name. It refuses to know the grammar (``stub_syntax``), how a
call chooses among overloads (``declared``), and types.
"""

import hashlib
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from capsafe.effects.declared import (
    NOT_LITERAL,
    PURE,
    Actual,
    Clause,
    Condition,
    Declaration,
    Kind,
    Parameter,
    Signature,
)
from capsafe.effects.stub_syntax import CAPABILITIES, ClassTable, StubError, Table, parse

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

    Folder: TypeAlias = Traversable | Path

CONSTRUCTORS: Final = ("__init__", "__new__")


class Stubs:
    """What the stub files in some folders say.

    A folder holds ``<module path>.pyi`` (``os.pyi`` or ``os/__init__.pyi``). Earlier folders answer first, row by row:
    a file that says nothing of a name, by no row and no ``__default__``, leaves it to the same module in a later
    folder. Every method may raise StubError, for the file it has to read.
    """

    def __init__(self, paths: Sequence["Folder"]) -> None:
        """Take the folders; nothing is read yet."""
        self._paths = tuple(paths)
        self._modules: dict[str, tuple[Table, ...]] = {}
        self._found: dict[str, Declaration | None] = {}
        self._digest: str | None = None

    def find(self, fullname: str) -> Declaration | None:
        """Return what is said of a canonical name, such as ``"posixpath.join"`` or ``"builtins.str.join"``.

        The file is that of the longest module prefix that has one. In it the row decides, then that of a base named by
        the stub's class, then the class's ``__default__``, then the module's. None when nothing says anything, which
        means that the effects are unknown. A class's own name answers for constructing it.
        """
        if fullname not in self._found:
            self._found[fullname] = self._find(fullname.split("."))
        return self._found[fullname]

    def import_effect(self, module: str) -> Clause | None:
        """Return what importing a module does; None when it has no stub."""
        tables = self._tables(module)
        return tables[0].imported if tables else None

    def covers(self, module: str) -> bool:
        """Return whether the module has a stub file of its own."""
        return bool(self._tables(module))

    def digest(self) -> str:
        """Return a digest of all stub files, their places and contents."""
        if self._digest is None:
            digest = hashlib.blake2b(digest_size=16)
            for number, path in enumerate(self._paths):
                for place, file in sorted(_files(path, ""), key=lambda item: item[0]):
                    text = file.read_bytes()
                    digest.update(f"{number}:{place}:{len(text)}\n".encode())
                    digest.update(text)
            self._digest = digest.hexdigest()
        return self._digest

    def modules(self) -> tuple[str, ...]:
        """Return the names of all modules that have a stub, sorted."""
        places = {place for path in self._paths for place, _ in _files(path, "")}
        return tuple(sorted(_module_of(place) for place in places))

    def table(self, module: str) -> tuple[Table, ...]:
        """Return the parsed files of a module, the first to answer first; empty when it has none."""
        return self._tables(module)

    # Finding ----------------------------------------------------------------------------------------------------

    def _find(self, parts: list[str]) -> Declaration | None:
        for cut in range(len(parts) - 1, 0, -1):
            module = ".".join(parts[:cut])
            tables = self._tables(module)
            if tables:
                answers = (self._in_table(table, parts[cut:]) for table in tables)
                return next((answer for answer in answers if answer is not None), None)
        return None

    def _in_table(self, table: Table, parts: list[str]) -> Declaration | None:
        for cut in range(len(parts), 0, -1):
            owner = table.classes.get(".".join(parts[:cut]))
            if owner is None:
                continue
            answer = self._class(table, owner) if cut == len(parts) else self._member(table, owner, parts[cut:])
            return answer or table.default
        if len(parts) == 1 and parts[0] in table.rows:
            return table.rows[parts[0]]
        return table.default

    def _class(self, table: Table, owner: ClassTable) -> Declaration | None:
        made = self._member(table, owner, ["__init__"])
        if made is None:
            made = table.default
        if made is None:
            return None
        # Whoever constructs an object has no receiver to pass.
        signatures = tuple(
            Signature(s.parameters, s.clause, "drop" if s.first != "none" else "none") for s in made.signatures
        )
        return Declaration("class", made.place, signatures, made.listed)

    def _member(self, table: Table, owner: ClassTable, parts: list[str]) -> Declaration | None:
        family = list(self._family(table, owner, ()))
        if len(parts) == 1:
            names = CONSTRUCTORS if parts[0] in CONSTRUCTORS else (parts[0],)
            for _, class_ in family:
                for name in names:
                    if name in class_.rows:
                        return class_.rows[name]
        return next((class_.default for _, class_ in family if class_.default is not None), None)

    def _family(
        self, table: Table, owner: ClassTable, below: tuple[tuple[str, str], ...]
    ) -> Iterator[tuple[Table, ClassTable]]:
        """Yield the class and those that it takes rows from, nearest first."""
        me = (table.path, owner.name)
        if me in below:
            raise StubError(f"{table.path}:{owner.line}: class {owner.name} is a base of itself")
        yield table, owner
        for base in owner.bases:
            found = self._base(table, base)
            if found is None:
                raise StubError(f"{table.path}:{owner.line}: class {owner.name}: no stub has the base {base!r}")
            yield from self._family(*found, (*below, me))

    def _base(self, table: Table, name: str) -> tuple[Table, ClassTable] | None:
        if name in table.classes:
            return table, table.classes[name]
        parts = (name if "." in name else f"builtins.{name}").split(".")
        for cut in range(len(parts) - 1, 0, -1):
            for other in self._tables(".".join(parts[:cut])):
                qualname = ".".join(parts[cut:])
                if qualname in other.classes:
                    return other, other.classes[qualname]
        return None

    # Files ------------------------------------------------------------------------------------------------------

    def _tables(self, module: str) -> tuple[Table, ...]:
        if module not in self._modules:
            self._modules[module] = tuple(self._read(module))
        return self._modules[module]

    def _read(self, module: str) -> Iterator[Table]:
        inside = module.replace(".", "/")
        for path in self._paths:
            found = [place for place in (f"{inside}.pyi", f"{inside}/__init__.pyi") if path.joinpath(place).is_file()]
            if len(found) > 1:
                raise StubError(
                    f"{path.joinpath(found[0])}:1: {found[1]} is there too: a module has one stub in a folder"
                )
            for place in found:
                file = path.joinpath(place)
                yield parse(file.read_text(encoding="utf-8"), str(file), place)


def _files(folder: "Folder", prefix: str) -> Iterator[tuple[str, "Folder"]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _files(entry, f"{prefix}{entry.name}/")
        elif entry.name.endswith(".pyi"):
            yield prefix + entry.name, entry


def _module_of(place: str) -> str:
    return place.removesuffix(".pyi").removesuffix("/__init__").replace("/", ".")


@lru_cache(maxsize=1)
def _packaged() -> "tuple[Folder, ...]":
    from capsafe_effects import STUBS  # noqa: PLC0415 - reading resources costs milliseconds that importing this does not

    folders = (entry for entry in STUBS.iterdir() if entry.is_dir() and not entry.name.startswith(("_", ".")))
    return tuple(sorted(folders, key=lambda entry: entry.name))


def load_stubs(extra: Sequence[Path] = ()) -> Stubs:
    """Return the stubs that come with capsafe, with a project's folders in front, which override them row by row.

    A folder that does not exist is a StubError: what it would have said must not go unsaid.
    """
    for folder in extra:
        if not folder.is_dir():
            raise StubError(f"{folder}:1: no such folder of effect stubs")
    return Stubs((*extra, *_packaged()))


__all__ = [
    "CAPABILITIES",
    "NOT_LITERAL",
    "PURE",
    "Actual",
    "Clause",
    "Condition",
    "Declaration",
    "Kind",
    "Parameter",
    "Signature",
    "StubError",
    "Stubs",
    "load_stubs",
]
