"""What README.md decides, and what no oracle sees: the clock, chance, the environment, the streams."""

import pytest

from capsafe.effects.stubs import Actual, Clause, Stubs, load_stubs

A = Actual
TEXT = A(classes=("builtins.str", "builtins.object"))
MEMORY = A(classes=("_io.BytesIO", "_io._BufferedIOBase", "_io._IOBase", "builtins.object"))

#: Name, arguments, the capabilities; where the last is None the call is unknown.
DECIDED: list[tuple[str, list[Actual], set[str] | None]] = [
    ("builtins.print", [TEXT], {"Stdout"}),
    ("builtins.print", [TEXT, A("file", classes=("_io.StringIO", "builtins.object"))], set()),
    ("builtins.input", [], {"Stdin", "Stdout"}),
    ("builtins.open", [TEXT], {"ReadFile"}),
    ("builtins.open", [TEXT, A(literal="w")], {"WriteFile"}),
    ("builtins.open", [TEXT, A(literal="r+")], {"ReadFile", "WriteFile"}),
    ("builtins.open", [TEXT, A()], {"ReadFile", "WriteFile"}),
    ("builtins.eval", [TEXT], None),
    ("builtins.exec", [TEXT], None),
    ("builtins.__import__", [TEXT], None),
    ("builtins.globals", [], None),
    ("builtins.vars", [A()], None),
    ("builtins.getattr", [A(), A(literal="x")], set()),
    ("builtins.getattr", [A(), TEXT], None),
    ("builtins.setattr", [A(), TEXT, A()], None),
    ("builtins.type", [A()], set()),
    ("builtins.type", [TEXT, A(), A()], None),
    ("builtins.max", [A()], set()),
    ("sys.stdin", [], {"Stdin"}),
    ("sys.stdout", [], {"Stdout"}),
    ("sys.stderr", [], {"Stderr"}),
    ("sys.__stdout__", [], {"Stdout"}),
    ("sys.argv", [], {"Environ"}),
    ("sys.path", [], {"Import"}),
    ("sys.modules", [], None),
    ("sys._getframe", [], None),
    ("sys.exit", [A(literal=1)], set()),
    ("sys.platform", [], set()),
    ("sys.version_info", [], set()),
    ("sys.executable", [], {"SystemInfo"}),
    ("os.environ", [], {"Environ"}),
    ("os.getenv", [TEXT], {"Environ"}),
    ("os.getpid", [], {"SystemInfo"}),
    ("os.cpu_count", [], {"SystemInfo"}),
    ("os.urandom", [A(literal=8)], {"Random"}),
    ("os.getcwd", [], {"StatFile"}),
    ("os.write", [A(literal=1), A()], {"Stdout"}),
    ("os.write", [A(literal=7), A()], {"FileSystem", "Network", "Stdio"}),
    ("os.close", [A()], set()),
    ("os.setuid", [A()], {"Capability"}),
    ("os.O_RDONLY", [], set()),
    ("posixpath.join", [TEXT, TEXT], set()),
    ("posixpath.abspath", [TEXT], {"StatFile"}),
    ("posixpath.expanduser", [TEXT], {"Environ", "SystemInfo"}),
    ("genericpath.exists", [TEXT], {"StatFile"}),
    ("pathlib.PurePath.joinpath", [TEXT], set()),
    ("pathlib.Path", [TEXT], set()),
    ("pathlib.Path.exists", [], {"StatFile"}),
    ("pathlib.Path.open", [A(literal="w")], {"WriteFile"}),
    ("pathlib.Path.a_method_of_a_later_python", [], {"FileSystem"}),
    ("typing.IO.read", [], set()),
    ("_io._IOBase.close", [], set()),
    ("_socket.socket.recv", [A()], set()),
    ("_socket.socket.connect", [A()], {"Connect", "Resolve"}),
    ("subprocess.Popen", [A()], {"Spawn"}),
    ("subprocess.Popen.communicate", [], set()),
    ("subprocess.Popen.kill", [], {"Signal"}),
    ("subprocess.run", [A()], {"Spawn"}),
    ("subprocess.run", [A(), A("timeout", literal=1)], {"Spawn", "Signal"}),
    ("time.time", [], {"Clock"}),
    ("time.monotonic", [], {"Clock"}),
    ("time.perf_counter", [], {"Clock"}),
    ("time.sleep", [A()], {"Clock"}),
    ("time.strftime", [TEXT], {"Clock"}),
    ("time.strftime", [TEXT, A()], set()),
    ("time.gmtime", [], {"Clock"}),
    ("time.gmtime", [A(literal=0)], set()),
    ("random.random", [], {"Random"}),
    ("random.choice", [A()], {"Random"}),
    ("random.Random", [], {"Random"}),
    ("random.Random", [A(literal=1)], set()),
    ("random.Random", [A(literal=None)], {"Random"}),
    ("random.Random.random", [], set()),
    ("_random.Random.random", [], set()),
    ("random.SystemRandom.getrandbits", [A()], {"Random"}),
    ("secrets.token_hex", [], {"Random"}),
    ("uuid.uuid4", [], {"Random"}),
    ("logging.getLogger", [], set()),
    ("logging.info", [TEXT], {"Stderr"}),
    ("logging.Logger.warning", [TEXT], {"Stderr"}),
    ("logging.Logger.setLevel", [A()], set()),
    ("logging.StreamHandler", [], {"Stderr"}),
    ("logging.FileHandler", [TEXT], {"WriteFile"}),
    ("_sqlite3.connect", [A(literal=":memory:")], set()),
    ("_sqlite3.connect", [TEXT], {"ReadFile", "WriteFile"}),
    ("sqlite3.Cursor.fetchall", [], set()),
    ("urllib.parse.urljoin", [TEXT, TEXT], set()),
    ("urllib.request.urlopen", [TEXT], {"Connect", "Resolve", "ReadFile", "Environ"}),
    ("tempfile.mkdtemp", [], {"ReadFile", "WriteFile", "Random", "Environ"}),
    ("tempfile.mkdtemp", [A("dir", literal="/x")], {"ReadFile", "WriteFile", "Random"}),
    ("zipfile.ZipFile", [TEXT], {"ReadFile"}),
    ("zipfile.ZipFile", [TEXT, A(literal="w")], {"ReadFile", "WriteFile"}),
    ("zipfile.ZipFile", [MEMORY, A(literal="w")], set()),
    ("zipfile.ZipFile.namelist", [], set()),
    ("zipfile.ZipFile.extractall", [TEXT], {"WriteFile"}),
    ("tarfile.open", [A("fileobj", classes=MEMORY.classes)], set()),
    ("tarfile.open", [A("fileobj", classes=MEMORY.classes), A("mode", literal="w:gz")], {"Clock"}),
    ("tarfile.open", [TEXT, A(literal="w")], {"ReadFile", "WriteFile", "Clock"}),
    ("tarfile.TarFile.open", [TEXT], {"ReadFile"}),
    ("gzip.open", [MEMORY], set()),
    ("gzip.open", [MEMORY, A(literal="w")], {"Clock"}),
    ("http.server.HTTPServer", [A(), A()], {"Listen", "Resolve"}),
    ("socketserver.ThreadingMixIn.process_request", [A(), A()], {"Threads"}),
    ("gzip.decompress", [A()], set()),
    ("threading.Thread.start", [], {"Threads"}),
    ("concurrent.futures.thread.ThreadPoolExecutor", [], {"Threads"}),
    ("asyncio.tasks.sleep", [A()], {"Clock"}),
    ("ctypes.CDLL", [TEXT], None),
    ("shelve.Shelf.__getitem__", [TEXT], None),
    ("multiprocessing.connection._ConnectionBase.recv", [], None),
]


@pytest.fixture(scope="module")
def stubs() -> Stubs:
    return load_stubs()


def chosen(stubs: Stubs, name: str, actuals: list[Actual]) -> Clause:
    found = stubs.find(name)
    assert found is not None, name
    return found.choose(actuals, bound=True)[0]


@pytest.mark.parametrize(("name", "actuals", "expected"), DECIDED)
def test_what_was_decided(stubs: Stubs, name: str, actuals: list[Actual], expected: set[str] | None) -> None:
    clause = chosen(stubs, name, actuals)
    if expected is None:
        assert clause.unknown
    else:
        assert (clause.unknown, set(clause.performs)) == (None, expected)


@pytest.mark.parametrize(
    ("name", "actuals", "of"),
    [
        ("builtins.sorted", [A(), A("key")], {"iterable", "key"}),
        ("builtins.map", [A(), A(), A()], {"func", "iterable", "iterables"}),
        ("builtins.len", [A()], {"obj.__len__"}),
        ("builtins.str", [A()], {"object.__str__", "object.__repr__", "object.__buffer__"}),
        ("builtins.str.join", [A()], {"iterable"}),
        ("builtins.dict.get", [A()], {"key.__hash__", "key.__eq__"}),
        ("builtins.list.append", [A()], set()),
        ("builtins.list.sort", [A("key")], {"key"}),
        ("builtins.list.__setitem__", [A(classes=("builtins.int",)), A()], set()),
        ("builtins.print", [A()], {"values.__str__", "values.__repr__"}),
        ("threading.Thread", [A("target")], {"target", "self.run"}),
        ("os.fspath", [A()], {"path.__fspath__"}),
        ("shutil.copytree", [A(), A(), A("copy_function")], {"ignore", "copy_function"}),
        ("typing.MutableMapping.update", [A()], {"m", "m.keys", "m.__getitem__", "self.__setitem__"}),
    ],
)
def test_whose_effects_it_has(stubs: Stubs, name: str, actuals: list[Actual], of: set[str]) -> None:
    assert set(chosen(stubs, name, actuals).of) == of


def test_importing_is_pure_but_where_it_is_not(stubs: Stubs) -> None:
    assert stubs.import_effect("os") == Clause()
    assert stubs.import_effect("ctypes") == Clause(frozenset({"NativeCode"}))
    assert stubs.import_effect("this") == Clause(frozenset({"Stdout"}))
