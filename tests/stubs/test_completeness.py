"""The packaged stubs against typeshed: nothing public is left unsaid, and nothing is said of what is not there."""

import ast

import pytest

from capsafe.effects.stubs import Stubs, load_stubs
from tests.stubs import typeshed

#: The modules whose every public name has an answer; the list that people's first programs need.
COMPLETE = (
    "builtins",
    "os",
    "posixpath",
    "genericpath",
    "io",
    "_io",
    "typing",
    "pathlib",
    "shutil",
    "socket",
    "_socket",
    "subprocess",
    "tempfile",
    "sys",
    "time",
    "random",
    "_random",
    "urllib.request",
    "urllib.parse",
    "urllib.error",
    "urllib.response",
    "urllib.robotparser",
    "sqlite3",
    "_sqlite3",
    "logging",
    "logging.config",
    "logging.handlers",
)
#: In these every public function is named, so that one which a new Python adds is unknown until it was looked at.
NO_DEFAULT = (
    "builtins",
    "os",
    "posixpath",
    "genericpath",
    "_socket",
    "socket",
    "subprocess",
    "sys",
    "time",
    "tempfile",
)
#: Modules that no Linux has.
WINDOWS = {
    "_msi",
    "_winapi",
    "msilib",
    "msilib.schema",
    "msilib.sequence",
    "msilib.text",
    "msvcrt",
    "nt",
    "winreg",
    "winsound",
}
#: The program itself, which is source.
SOURCE = {"__main__"}

#: Functions that take a callable and do not call it, nor keep it for a call that is not charged elsewhere.
NOT_CALLED = {
    # Decorators: what they decorate runs when its name is used.
    "builtins.classmethod.__init__",
    "builtins.property.__init__",
    "builtins.property.deleter",
    "builtins.property.getter",
    "builtins.property.setter",
    "builtins.staticmethod.__init__",
    "typing.no_type_check",
    "typing.no_type_check_decorator",
    "typing.overload",
    "typing.override",
    # Says what type checkers are to believe.
    "typing.dataclass_transform",
    "typing.type_check_only",
    # Takes a callback away.
    "logging.Filterer.removeFilter",
}


@pytest.fixture(scope="module")
def stubs() -> Stubs:
    return load_stubs()


def listed(stubs: Stubs, module: str) -> dict[str, str]:
    """Return every row of a module's packaged stub, by qualified name, with its place."""
    found = {}
    for table in stubs.table(module):
        found.update({name: row.place for name, row in table.rows.items()})
        for qualname, class_ in table.classes.items():
            found[qualname] = f"{table.place}:{class_.line}"
            found.update({f"{qualname}.{name}": row.place for name, row in class_.rows.items()})
    return found


def ours(stubs: Stubs) -> list[str]:
    return [module for module in stubs.modules() if typeshed.file_of(module) is not None]


def test_every_stub_can_be_read(stubs: Stubs) -> None:
    assert len(ours(stubs)) > 500
    for module in stubs.modules():
        assert stubs.table(module), module


def test_every_base_of_every_class_is_found(stubs: Stubs) -> None:
    for module in stubs.modules():
        for table in stubs.table(module):
            for qualname in table.classes:
                stubs.find(f"{module}.{qualname}.anything")


@pytest.mark.parametrize("module", COMPLETE)
def test_every_public_name_has_an_answer(stubs: Stubs, module: str) -> None:
    said_of_the_checker = {"__all__", "__match_args__"}
    unsaid = [
        name
        for name in typeshed.names(module)
        if typeshed.public(name)
        and name.rpartition(".")[2] not in said_of_the_checker
        and stubs.find(f"{module}.{name}") is None
    ]
    assert unsaid == []


@pytest.mark.parametrize("module", NO_DEFAULT)
def test_what_a_new_python_adds_is_unknown(stubs: Stubs, module: str) -> None:
    assert stubs.find(f"{module}.some_new_function") is None


def test_every_module_of_linux_has_a_stub_of_its_own(stubs: Stubs) -> None:
    # A package's default would otherwise answer for a submodule that nobody looked at.
    assert sorted(m for m in typeshed.modules() - WINDOWS - SOURCE if not stubs.covers(m)) == []


def test_every_name_in_a_stub_is_there(stubs: Stubs) -> None:
    wrong = []
    for module in ours(stubs):
        known = typeshed.names(module)
        for name, place in listed(stubs, module).items():
            owner, _, last = name.rpartition(".")
            constructing = last == "__init__" and owner in known  # of a class that inherits its constructor
            if name not in known and not constructing:
                wrong.append(f"{place}: {module}.{name}")
    assert wrong == []


@pytest.mark.parametrize("module", COMPLETE)
def test_every_parameter_that_matters_is_there(stubs: Stubs, module: str) -> None:
    """What a row charges or chooses by is a parameter that typeshed has; renamed there, it would say nothing here."""
    known, wrong = typeshed.names(module), []
    for name, place in listed(stubs, module).items():
        found = stubs.find(f"{module}.{name}")
        real = known.get(name)
        if found is None or real is None or real.kind != "function" or name.endswith(".__init__"):
            continue
        for signature in found.signatures:
            used = {of.partition(".")[0] for of in signature.clause.of}
            used |= {p.name for p in signature.parameters if p.condition is not None}
            missing = used - real.parameters - {"self"}
            wrong += [f"{place}: {module}.{name}({', '.join(sorted(missing))})"] if missing else []
    assert wrong == []


def callables(module: str) -> list[tuple[str, str]]:
    """Return the functions and parameters of a module whose annotation names a callable, aliases followed."""
    path = typeshed.file_of(module)
    assert path is not None
    tree = ast.parse(path.read_text())
    aliases = {
        node.target.id: ast.unparse(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None
    }
    found = []

    def visit(body: list[ast.stmt], prefix: str) -> None:
        for version in typeshed.VERSIONS:
            for node in typeshed.live(body, version):
                if isinstance(node, ast.ClassDef):
                    visit(node.body, f"{prefix}{node.name}.")
                elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    a = node.args
                    for argument in (*a.posonlyargs, *a.args, *a.kwonlyargs, a.vararg, a.kwarg):
                        if argument is not None and argument.annotation is not None:
                            names = [n.id for n in ast.walk(argument.annotation) if isinstance(n, ast.Name)]
                            if any("Callable" in f"{name} {aliases.get(name, '')}" for name in names):
                                found.append((prefix + node.name, argument.arg))

    visit(tree.body, "")
    return sorted(set(found))


@pytest.mark.parametrize("module", COMPLETE)
def test_every_callback_is_charged(stubs: Stubs, module: str) -> None:
    silent = []
    for name, parameter in callables(module):
        found = stubs.find(f"{module}.{name}")
        assert found is not None
        clause = found.whole()
        charged = {of.partition(".")[0] for of in clause.of}
        if not ({parameter, "self"} & charged or clause.unknown or f"{module}.{name}" in NOT_CALLED):
            silent.append(f"{found.place}: {module}.{name}({parameter})")
    assert silent == []


def test_there_are_callbacks_to_charge() -> None:
    found = {(module, *pair) for module in COMPLETE for pair in callables(module)}
    assert {
        ("builtins", "map.__new__", "func"),
        ("shutil", "copytree", "copy_function"),
        ("os", "walk", "onerror"),
    } <= found
    assert {name.rpartition(".")[0] or name for name in NOT_CALLED} <= {
        f"{m}.{n}".rpartition(".")[0] for m, n, _ in found
    }
