"""The stubs against the interpreter: what a call is seen to do under an audit hook, its stub must say.

Each call runs in a process of its own, twice, since the first run imports and caches; the second is watched. The clock,
chance, the environment and the standard streams raise no audit event, so these the oracle can't see.
"""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from capsafe import capabilities
from capsafe.effects.stubs import NOT_LITERAL, Actual, Clause, Stubs, load_stubs

#: The call, and the name that answers for it. The receiver of a method is no argument.
CASES = {
    # Pure, and so without any event.
    "len([1])": "builtins.len",
    "sorted([2, 1], key=abs)": "builtins.sorted",
    "dict([(1, 2)])": "builtins.dict",
    "'{}'.format(1)": "builtins.str.format",
    "type(1)": "builtins.type",
    "compile('1', 'x', 'eval')": "builtins.compile",
    "posixpath.join('a', 'b')": "posixpath.join",
    "posixpath.normpath('a/../b')": "posixpath.normpath",
    "posixpath.splitext('a.b')": "posixpath.splitext",
    "genericpath.commonprefix(['ab', 'ac'])": "genericpath.commonprefix",
    "os.fspath('a')": "os.fspath",
    "os.fsencode('a')": "os.fsencode",
    "os.strerror(1)": "os.strerror",
    "os.get_exec_path({'PATH': '/bin'})": "os.get_exec_path",
    "os.close(os.dup(0))": "os.close",
    "os.pipe()": "os.pipe",
    "pathlib.PurePath('a').joinpath('b')": "pathlib.PurePath.joinpath",
    "pathlib.Path('a', 'b')": "pathlib.Path",
    "pathlib.Path('/a').as_uri()": "pathlib.Path.as_uri",
    "io.BytesIO(b'a')": "_io.BytesIO",
    "io.StringIO('a')": "_io.StringIO",
    "io.TextIOWrapper(io.BytesIO(b'a'))": "_io.TextIOWrapper",
    "shutil.ignore_patterns('*.py')": "shutil.ignore_patterns",
    "shutil.copyfileobj(io.BytesIO(b'a'), io.BytesIO())": "shutil.copyfileobj",
    "socket.htons(1)": "_socket.htons",
    "socket.inet_aton('127.0.0.1')": "_socket.inet_aton",
    "subprocess.list2cmdline(['a'])": "subprocess.list2cmdline",
    "tempfile.gettempprefix()": "tempfile.gettempprefix",
    "time.gmtime(0)": "time.gmtime",
    "time.localtime(0)": "time.localtime",
    "time.strftime('%Y', time.gmtime(0))": "time.strftime",
    "time.strptime('2000', '%Y')": "time.strptime",
    "random.Random(1)": "random.Random",
    "random.Random(1).sample([1, 2, 3], 2)": "random.Random.sample",
    "urllib.parse.urlsplit('http://a/b')": "urllib.parse.urlsplit",
    "urllib.parse.urlencode({'a': 1})": "urllib.parse.urlencode",
    "urllib.request.Request('http://a')": None,  # raises an event of its own, and does nothing
    "urllib.request.pathname2url('/a')": "urllib.request.pathname2url",
    "sqlite3.connect(':memory:')": "_sqlite3.connect",
    "sqlite3.complete_statement('select 1;')": "_sqlite3.complete_statement",
    "logging.getLogger('a')": "logging.getLogger",
    "logging.getLevelName(10)": "logging.getLevelName",
    "fnmatch.filter(['a'], '*')": "fnmatch.filter",
    "glob.escape('a')": "glob.escape",
    "http.cookies.SimpleCookie('a=b')": "http.cookies.SimpleCookie",
    "http.client.HTTPConnection('127.0.0.1')": "http.client.HTTPConnection",
    "zipfile.ZipFile(io.BytesIO(EMPTY_ZIP))": "zipfile.ZipFile",
    "zipfile.ZipFile(io.BytesIO(EMPTY_ZIP)).namelist()": "zipfile.ZipFile.namelist",
    "tarfile.open(fileobj=io.BytesIO(EMPTY_TAR))": "tarfile.open",
    "gzip.decompress(gzip.compress(b'a'))": "gzip.decompress",
    "bz2.compress(b'a')": "bz2.compress",
    "lzma.compress(b'a')": "lzma.compress",
    "mmap.mmap(-1, 10)": None,  # raises an event of its own, and is memory alone
    "locale.localeconv()": "_locale.localeconv",
    "threading.Lock()": "_thread.LockType",
    "queue.Queue()": "queue.Queue",
    "uuid.uuid5(uuid.NAMESPACE_DNS, 'a')": "uuid.uuid5",
    "ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)": "ssl.SSLContext",
    "platform.python_version()": "platform.python_version",
    # Files.
    "open('a.txt')": "builtins.open",
    "open('a.txt', 'rb')": "builtins.open",
    "open('a.txt', mode='w')": "builtins.open",
    "open('a.txt', 'a+')": "builtins.open",
    "io.FileIO('a.txt')": "_io.FileIO",
    "io.FileIO('a.txt', 'w')": "_io.FileIO",
    "os.open('a.txt', 0)": "os.open",
    "os.open('a.txt', os.O_RDWR)": "os.open",
    "os.listdir()": "os.listdir",
    "list(os.scandir())": "os.scandir",
    "list(os.walk('.'))": "os.walk",
    "list(os.fwalk('.'))": "os.fwalk",
    "os.mkdir('new')": "os.mkdir",
    "os.makedirs('x/y', exist_ok=True)": "os.makedirs",
    "os.rename('gone', 'gone2')": "os.rename",
    "os.remove('gone')": "os.remove",
    "os.rmdir('gone')": "os.rmdir",
    "os.symlink('a', 'link')": "os.symlink",
    "os.link('a.txt', 'hard')": "os.link",
    "os.chmod('a.txt', 0o600)": "os.chmod",
    "os.chown('a.txt', -1, -1)": "os.chown",
    "os.utime('a.txt')": "os.utime",
    "os.truncate('a.txt', 0)": "os.truncate",
    "os.listxattr('a.txt')": "os.listxattr",
    "os.chdir('.')": "os.chdir",
    "pathlib.Path('a.txt').read_text()": "pathlib.Path.read_text",
    "pathlib.Path('a.txt').write_text('a')": "pathlib.Path.write_text",
    "pathlib.Path('a.txt').open('w')": "pathlib.Path.open",
    "pathlib.Path('a.txt').touch()": "pathlib.Path.touch",
    "list(pathlib.Path('.').iterdir())": "pathlib.Path.iterdir",
    "list(pathlib.Path('.').glob('**/*'))": "pathlib.Path.glob",
    "pathlib.Path('gone').unlink(missing_ok=True)": "pathlib.Path.unlink",
    "shutil.copy('a.txt', 'b.txt')": "shutil.copy",
    "shutil.copystat('a.txt', 'b.txt')": "shutil.copystat",
    "shutil.copytree('.', '../copy', dirs_exist_ok=True)": "shutil.copytree",
    "shutil.rmtree('../copy', ignore_errors=True)": "shutil.rmtree",
    "shutil.move('gone', 'gone2')": "shutil.move",
    "glob.glob('*')": "glob.glob",
    "tempfile.mkdtemp()": "tempfile.mkdtemp",
    "tempfile.NamedTemporaryFile(dir='.')": "tempfile.NamedTemporaryFile",
    "tempfile.TemporaryDirectory(dir='.')": "tempfile.TemporaryDirectory",
    "tempfile.SpooledTemporaryFile(dir='.')": "tempfile.SpooledTemporaryFile",
    "sqlite3.connect('a.db')": "_sqlite3.connect",
    "logging.FileHandler('a.log')": "logging.FileHandler",
    "logging.basicConfig(filename='b.log', force=True)": "logging.basicConfig",
    "zipfile.ZipFile('a.zip', 'w')": "zipfile.ZipFile",
    "zipfile.is_zipfile('a.txt')": "zipfile.is_zipfile",
    "tarfile.open('a.tar', 'w')": "tarfile.open",
    "gzip.open('a.gz', 'w')": "gzip.open",
    "linecache.getline('a.txt', 1)": "linecache.getline",
    "filecmp.cmp('a.txt', 'a.txt', shallow=False)": "filecmp.cmp",
    "dbm.dumb.open('d')": "dbm.dumb.open",
    "mimetypes.init()": "mimetypes.init",
    # Processes, threads, signals.
    "subprocess.run(['/bin/true'])": "subprocess.run",
    "subprocess.Popen(['/bin/true']).wait()": "subprocess.Popen",
    "subprocess.getoutput('true')": "subprocess.getoutput",
    "os.system('true')": "os.system",
    "os.popen('true').close()": "os.popen",
    "os.spawnv(os.P_WAIT, '/bin/true', ['true'])": "os.spawnv",
    "os.posix_spawn('/bin/true', ['true'], {})": "os.posix_spawn",
    "os.kill(os.getpid(), 0)": "os.kill",
    "os.putenv('A', 'B')": "os.putenv",
    "threading.Thread(target=len, args=([],)).start()": "threading.Thread.start",
    "concurrent.futures.ThreadPoolExecutor().submit(len, [])": None,  # charged where the executor is made
    "multiprocessing.Process(target=len, args=([],)).start()": "multiprocessing.process.BaseProcess.start",
    # The network: loopback alone, and nobody listens.
    "socket.socket()": "socket.socket",
    "socket.socket().connect(('127.0.0.1', 1))": "_socket.socket.connect",
    "socket.socket().bind(('127.0.0.1', 0))": "_socket.socket.bind",
    "socket.socket(type=socket.SOCK_DGRAM).sendto(b'', ('127.0.0.1', 1))": "_socket.socket.sendto",
    "socket.create_connection(('127.0.0.1', 1))": "socket.create_connection",
    "socket.create_server(('127.0.0.1', 0))": "socket.create_server",
    "socket.getaddrinfo('127.0.0.1', 1)": "socket.getaddrinfo",
    "socket.gethostbyname('127.0.0.1')": "_socket.gethostbyname",
    "socket.gethostname()": "_socket.gethostname",
    "socket.getservbyname('http')": "_socket.getservbyname",
    "socket.socketpair()": "socket.socketpair",
    "urllib.request.urlopen('http://127.0.0.1:1/')": "urllib.request.urlopen",
    "urllib.request.urlopen('file:///etc/hostname')": "urllib.request.urlopen",
    "http.client.HTTPConnection('127.0.0.1', 1).request('GET', '/')": "http.client.HTTPConnection.request",
    "smtplib.SMTP('127.0.0.1', 1)": "smtplib.SMTP",
    "ftplib.FTP('127.0.0.1')": "ftplib.FTP",
    "asyncio.new_event_loop()": "asyncio.events.new_event_loop",
    "ssl.create_default_context()": "ssl.create_default_context",
    # The rest.
    "time.sleep(0)": "time.sleep",
    "ctypes.CDLL(None)": "ctypes.CDLL",
    "sys._getframe()": "sys._getframe",
    "sys.settrace(None)": None,  # charged with the function, and this is none
    "eval('1')": "builtins.eval",
    "exec('1')": "builtins.exec",
    "resource.setrlimit(resource.RLIMIT_NOFILE, resource.getrlimit(resource.RLIMIT_NOFILE))": "resource.setrlimit",
    "fcntl.fcntl(0, fcntl.F_GETFD)": "fcntl.fcntl",
    "fcntl.flock(0, fcntl.LOCK_UN)": "fcntl.flock",
    "syslog.openlog('a')": "syslog.openlog",
    "signal.raise_signal(signal.SIGCHLD)": "signal.raise_signal",
    "signal.pthread_kill(threading.get_ident(), 0)": "signal.pthread_kill",
}

#: What an audit event means; an event that is not listed fails the test. None means that it says nothing by itself.
MEANING: dict[str, str | None] = {
    "os.listdir": "ReadFile",
    "os.scandir": "ReadFile",
    "os.listxattr": "StatFile",
    **dict.fromkeys(
        ["os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.symlink", "os.link", "os.chmod", "os.chown", "os.utime"],
        "WriteFile",
    ),
    **dict.fromkeys(["os.truncate", "os.setxattr", "fcntl.flock"], "WriteFile"),
    "os.chdir": "FileSystem",
    **dict.fromkeys(["subprocess.Popen", "os.system", "os.posix_spawn", "os.spawn", "os.fork", "os.exec"], "Spawn"),
    **dict.fromkeys(["os.kill", "signal.pthread_kill"], "Signal"),
    "os.putenv": "Environ",
    "_thread.start_new_thread": "Threads",
    "_thread.start_joinable_thread": "Threads",
    "socket.getaddrinfo": "Resolve",
    "socket.gethostbyname": "Resolve",
    "socket.gethostname": "SystemInfo",
    "socket.getservbyname": "ReadFile",
    "time.sleep": "Clock",
    "ctypes.dlopen": "NativeCode",
    "resource.setrlimit": "Process",
    "fcntl.fcntl": "FileSystem",
    "syslog.openlog": "UnixSocket",
    "sys._getframe": "unknown",
    "exec": "unknown",
    # Others of the same call say it.
    **dict.fromkeys(
        [
            "pathlib.Path.glob",
            "pathlib.Path.walk",
            "glob.glob",
            "glob.glob/2",
            "os.walk",
            "os.fwalk",
            "os.fwalk/2",
            "urllib.Request",
            "tempfile.mkdtemp",
        ],
        None,
    ),
    **dict.fromkeys(
        ["shutil.copyfile", "shutil.copymode", "shutil.copystat", "shutil.copytree", "shutil.rmtree"], None
    ),
    **dict.fromkeys(
        ["shutil.move", "tempfile.mkstemp", "http.client.connect", "smtplib.connect", "ftplib.connect"], None
    ),
    **dict.fromkeys(["sqlite3.connect", "sqlite3.connect/handle", "import", "compile", "http.client.send"], None),
    **dict.fromkeys(["builtins.id", "sys.settrace", "object.__getattr__", "object.__setattr__"], None),
}

WATCH = """
import sys, json, warnings, io
warnings.simplefilter("ignore")
code = sys.argv[1]
import os, posixpath, genericpath
names = {}
import ast
for node in ast.walk(ast.parse(code)):
    if isinstance(node, ast.Name):
        try:
            names[node.id] = __import__(node.id)
        except ImportError:
            pass
for module in ("urllib.parse", "urllib.request", "http.client", "http.cookies", "concurrent.futures", "dbm.dumb"):
    if module in code:
        __import__(module)
import zipfile, tarfile
buffer = io.BytesIO(); zipfile.ZipFile(buffer, "w").close(); names["EMPTY_ZIP"] = buffer.getvalue()
buffer = io.BytesIO(); tarfile.open(fileobj=buffer, mode="w").close(); names["EMPTY_TAR"] = buffer.getvalue()
names["io"] = io
open("a.txt", "w").write("text")
watching, seen = False, []
def hook(event, arguments):
    if watching and os.getpid() == me:
        seen.append([event, [a if isinstance(a, int | str | None) else repr(a) for a in arguments]])
me = os.getpid()
sys.addaudithook(hook)
# A function, not eval(): the event of running the case itself is none of the case's.
exec(f"def case(): return {code}", names)
for watching in (False, True):
    try:
        value = names["case"]()
    except NameError:
        raise
    except Exception:
        pass
watching = False
print(json.dumps(seen))
"""


def observed(code: str, folder: Path) -> list[tuple[str, list[object]]]:
    (folder / "in").mkdir()
    done = subprocess.run(
        [sys.executable, "-I", "-c", WATCH, code],
        cwd=folder / "in",
        env={"PATH": "/bin:/usr/bin", "TMPDIR": str(folder)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return [(event, arguments) for event, arguments in json.loads(done.stdout.splitlines()[-1])]


def meaning(event: str, arguments: list[object]) -> str | None:
    """Return the capability that an event shows."""
    if event == "open":
        path, _, flags = arguments
        if isinstance(path, int):
            return None  # a descriptor that is open already
        assert isinstance(flags, int)
        return "WriteFile" if flags & 0o103 else "ReadFile"  # O_WRONLY, O_RDWR, O_CREAT
    if event in {"socket.__new__", "socket.connect", "socket.bind", "socket.sendto"}:
        return event
    return MEANING[event]


def allowed(clause: Clause, shown: str) -> bool:
    if shown == "unknown" or clause.unknown is not None:
        return clause.unknown is not None
    said = [getattr(capabilities, name) for name in clause.performs]
    wanted = {
        "socket.__new__": ["Connect", "Listen", "Datagram", "UnixSocket", "Resolve"],
        "socket.connect": ["Connect", "UnixSocket"],
        "socket.bind": ["Listen", "Datagram", "UnixSocket"],
        "socket.sendto": ["Datagram"],
    }.get(shown, [shown])
    return any(issubclass(getattr(capabilities, name), one) for name in wanted for one in said)


def clause_of(stubs: Stubs, code: str, name: str) -> Clause:
    found = stubs.find(name)
    assert found is not None, name
    call = outermost(ast.parse(code, mode="eval").body, name.rpartition(".")[2])
    actuals = [actual(a, None) for a in call.args] + [actual(k.value, k.arg) for k in call.keywords]
    return found.choose(actuals, bound=True)[0]


def outermost(node: ast.expr, name: str) -> ast.Call:
    """Return the call in the case that the name answers for; classes of typeshed's have names of their own."""
    calls = [n for n in ast.walk(node) if isinstance(n, ast.Call)]
    named = [n for n in calls if (n.func.attr if isinstance(n.func, ast.Attribute) else ast.unparse(n.func)) == name]
    return (named or calls)[0]


def actual(node: ast.expr, name: str | None) -> Actual:
    literal = NOT_LITERAL
    classes: tuple[str, ...] = ()
    try:
        literal = ast.literal_eval(node)
        classes = (f"builtins.{type(literal).__name__}", "builtins.object") if literal is not None else ()
    except ValueError:
        if ast.unparse(node).startswith("io.BytesIO"):
            classes = ("_io.BytesIO", "_io._IOBase", "typing.IO", "builtins.object")
    return Actual(name, literal, classes=classes)


@pytest.fixture(scope="module")
def stubs() -> Stubs:
    return load_stubs()


@pytest.mark.network
@pytest.mark.parametrize("code", [code for code, name in CASES.items() if name])
def test_what_a_call_does_its_stub_says(stubs: Stubs, code: str, tmp_path: Path) -> None:
    clause = clause_of(stubs, code, str(CASES[code]))
    shown = {(event, meaning(event, arguments)) for event, arguments in observed(code, tmp_path)}
    unsaid = sorted(event for event, what in shown if what is not None and not allowed(clause, what))
    assert unsaid == [], clause


@pytest.mark.parametrize(
    ("code", "name", "event"),
    [
        ("open('a.txt', 'w')", "posixpath.join", "open"),
        ("socket.socket()", "subprocess.run", "socket.__new__"),
        ("os.system('true')", "os.kill", "os.system"),
        ("eval('1')", "builtins.len", "exec"),
    ],
)
def test_the_oracle_sees_what_a_wrong_stub_leaves_unsaid(
    stubs: Stubs, code: str, name: str, event: str, tmp_path: Path
) -> None:
    found = stubs.find(name)
    assert found is not None
    shown = [(e, meaning(e, a)) for e, a in observed(code, tmp_path)]
    assert event in {e for e, what in shown if what is not None and not allowed(found.whole(), what)}
