"""The public surface: what is exported, that each operation says what it needs, and that importing it is cheap."""

import ast
import copy
import inspect
import json
import os
import pickle
import re
import subprocess
import sys
import typing
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType

import pytest

import capsafe
from capsafe import capabilities, errors
from capsafe.broker import BrokerPath
from capsafe.broker.guard import needs_of
from capsafe.grants import read_grant

ROOT = Path(__file__).parents[1]

EXPORTS = [
    "Sandbox",
    "Broker",
    "Capability",
    "Ambient",
    "FileSystem",
    "ReadFile",
    "StatFile",
    "WriteFile",
    "Network",
    "Connect",
    "Listen",
    "Resolve",
    "Datagram",
    "UnixSocket",
    "Process",
    "Spawn",
    "Signal",
    "Stdio",
    "Stdin",
    "Stdout",
    "Stderr",
    "Environ",
    "Clock",
    "Random",
    "Threads",
    "Import",
    "SystemInfo",
    "NativeCode",
    "CapabilityError",
    "Denial",
    "Observation",
    "SandboxKilledError",
    "SandboxTimeoutError",
    "TransferError",
    "GrantError",
    "MissingPathError",
    "UnsupportedError",
]

#: Looked up when they are asked for: what they need takes as long to import as the rest.
LATE = {"Observation"}

#: Part of every package's namespace once its submodules are imported; no export of ours.
SUBMODULES = {file.stem for file in (ROOT / "capsafe").iterdir()}


def test_the_exports_are_the_documented_ones() -> None:
    found = {name for name in vars(capsafe) if not name.startswith("_")} - SUBMODULES
    assert found | LATE == set(EXPORTS)
    for name in LATE:
        assert getattr(capsafe, name).__name__ == name


def test_each_export_is_written_for_type_checkers_too() -> None:
    """``X as X``: a plain import is private to a strict checker."""
    tree = ast.parse(Path(capsafe.__file__).read_text())
    for_checkers = [node for part in tree.body if isinstance(part, ast.If) for node in part.body]
    nodes = [*tree.body, *for_checkers]
    written = [alias for node in nodes if isinstance(node, ast.ImportFrom) for alias in node.names]
    assert {alias.asname for alias in written} == set(EXPORTS)
    assert all(alias.name == alias.asname for alias in written)


def test_every_capability_and_error_is_exported() -> None:
    for module, base in ((capabilities, capabilities.Capability), (errors, Exception)):
        for name, value in vars(module).items():
            if isinstance(value, type) and issubclass(value, base) and value.__module__ == module.__name__:
                assert getattr(capsafe, name) is value


def test_the_version_is_the_distributions() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+.*", capsafe.__version__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        getattr(capsafe, "nothing")  # noqa: B009 - the access is the test


def test_a_capability_is_never_a_value() -> None:
    with pytest.raises(TypeError, match=re.escape("write Sandbox[ReadFile]()")):
        capsafe.ReadFile()


# The broker's operations


def operations(cls: type) -> Iterator[tuple[str, FunctionType]]:
    for name, value in vars(cls).items():
        function = value.fget if isinstance(value, property) else value
        if not name.startswith("_") and isinstance(function, FunctionType):
            yield name, inspect.unwrap(function)


def self_types(function: FunctionType) -> list[str]:
    """Return the ``self`` types: of the overloads where there are some, else the method's own."""
    overloads = typing.get_overloads(function) or [function]
    return [one.__annotations__.get("self", "") for one in overloads]


BOTH = [function for cls in (capsafe.Broker, BrokerPath) for _, function in operations(cls)]


@pytest.mark.parametrize("function", BOTH, ids=lambda function: function.__qualname__)
def test_the_docstring_begins_with_the_capability_of_the_self_type(function: FunctionType) -> None:
    """Editors complete all operations, granted or not, so the first words must say which it is."""
    first = (function.__doc__ or "").split(". ")[0]
    needed = {need.__name__ for text in self_types(function) if text for need in needs_of(text)}
    assert first.startswith("Needs ")
    said = {word for word in re.findall(r"\w+", first) if hasattr(capabilities, word)}
    assert said == needed
    if not needed:
        assert first == "Needs nothing"


@pytest.mark.parametrize("cls", [capsafe.Broker, BrokerPath])
def test_scopes_are_left_open_in_self_types(cls: type) -> None:
    """``ReadFile[Never]``, not ``ReadFile``: some ReadFile is enough, in whatever scope."""
    scoped = [name for name, value in vars(capabilities).items() if getattr(value, "__parameters__", ())]
    assert {"ReadFile", "Connect", "Spawn", "Import"} <= set(scoped)
    for name, function in operations(cls):
        for text in self_types(function):
            for capability in re.findall(r"\b[A-Z]\w+(?![\w\[])", text):
                assert capability not in scoped, f"{cls.__name__}.{name}: {text}"


def test_every_capability_that_offers_something_has_an_operation() -> None:
    """Groups are covered by their parts, Ambient offers nothing."""
    leaves = {
        name
        for name, value in vars(capabilities).items()
        if isinstance(value, type) and issubclass(value, capabilities.Capability) and name in EXPORTS
    } - {"Capability", "Ambient", "FileSystem", "Network", "Process", "Stdio"}
    offered = {
        need.__name__
        for name, function in operations(capsafe.Broker)
        for text in self_types(function)
        for need in needs_of(text)
    }
    assert offered == leaves


def test_a_broker_shows_its_grant_and_is_not_sent() -> None:
    broker: capsafe.Broker[capsafe.ReadFile] = capsafe.Broker(read_grant(capsafe.ReadFile | capsafe.Connect))
    assert repr(broker) == "Broker[ReadFile | Connect]"
    for value in (broker, broker.path("/etc")):
        for send in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(capsafe.TransferError, match="can't be copied or sent"):
                send(value)


# The cost of importing

HEAVY = ["pyseccomp", "landlockpy", "mypy", "msgspec", "asyncio", "subprocess", "socket", "ctypes", "typer", "rich"]


def test_importing_loads_nothing_heavy() -> None:
    program = f"import sys, json, capsafe; print(json.dumps([name for name in {HEAVY} if name in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []


def test_importing_takes_under_sixty_milliseconds(tmp_path: Path) -> None:
    """As an installation has it, which is compiled; processor time, because the machine has other things to do."""
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(tmp_path)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    program = "import time; start = time.process_time(); import capsafe; print(time.process_time() - start)"
    arguments = [sys.executable, "-c", program]
    times = [float(subprocess.check_output(arguments, env=environment)) for _ in range(6)]
    assert min(times) < 0.060


def test_importing_needs_no_linux() -> None:
    """Types work anywhere; only execute needs the kernel."""
    program = "import sys; sys.platform = 'darwin'; sys.modules['pyseccomp'] = None; import capsafe; capsafe.Sandbox"
    subprocess.run([sys.executable, "-c", program], check=True)
