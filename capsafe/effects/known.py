"""DATA: the few functions and classes whose meaning the engine must know, because a stub can't say it.

Rows only; each group with its cause. The mechanism that reads them never names one itself.
"""

from typing import Final

#: Decorators (called or not) that hand back a function with the effects of the one they are given.
TRANSPARENT: Final = frozenset(
    {
        "abc.abstractclassmethod",
        "abc.abstractmethod",
        "abc.abstractproperty",
        "abc.abstractstaticmethod",
        "builtins.classmethod",
        "builtins.property",
        "builtins.staticmethod",
        "contextlib.asynccontextmanager",
        "contextlib.contextmanager",
        "enum.member",
        "enum.nonmember",
        "enum.property",
        "enum.unique",
        "functools.cache",
        "functools.cached_property",
        "functools.lru_cache",
        "functools.total_ordering",
        "functools.update_wrapper",
        "functools.wraps",
        "dataclasses.dataclass",
        "types.coroutine",
        "types.DynamicClassAttribute",
        "typing.dataclass_transform",
        "typing.final",
        "typing.no_type_check",
        "typing.override",
        "typing.runtime_checkable",
        "typing.type_check_only",
        "typing_extensions.deprecated",
        "typing_extensions.final",
        "typing_extensions.override",
        "typing_extensions.runtime_checkable",
        "warnings.deprecated",
    }
)

#: Calls whose result is their first argument again, with more arguments fixed.
PARTIAL: Final = frozenset(
    {"functools.partial", "functools.partialmethod", "functools._make_partial", "types.MethodType"}
)

#: The ways to take, ask for or change an attribute by a name that is a value.
GETATTR: Final = frozenset({"builtins.getattr", "builtins.hasattr", "builtins.setattr", "builtins.delattr"})

#: The sandbox itself.
SANDBOX: Final = "capsafe.sandbox.Sandbox"

#: The broker that a closure is given.
BROKER_CLASS: Final = "capsafe.broker.surface.Broker"

#: Classes (and all below them) whose instances hold authority: holding one is as good as the capability it came from.
AUTHORITY: Final = {
    "typing.IO": "an open file",
    "io.IOBase": "an open file",
    "_io._IOBase": "an open file",
    "_socket.socket": "a socket",
    "subprocess.Popen": "a process",
    "asyncio.subprocess.Process": "a process",
    "multiprocessing.process.BaseProcess": "a process",
    "_csv.Reader": "a reader of a file",
    "_csv.Writer": "a writer of a file",
    "csv.DictReader": "a reader of a file",
    "csv.DictWriter": "a writer of a file",
    "codecs.StreamReader": "a reader of a file",
    "codecs.StreamReaderWriter": "an open file",
    "codecs.StreamWriter": "a writer of a file",
    "dbm.dumb._Database": "a database",
    "email.generator.Generator": "a writer of a file",
    "ftplib.FTP": "a connection",
    "http.client.HTTPConnection": "a connection",
    "imaplib.IMAP4": "a connection",
    "mailbox.Mailbox": "a mailbox",
    "poplib.POP3": "a connection",
    "selectors.BaseSelector": "a selector of descriptors",
    "shelve.Shelf": "a database",
    "smtplib.SMTP": "a connection",
    "tarfile.TarFile": "an open archive",
    "tempfile.TemporaryDirectory": "a temporary folder",
    "tempfile._TemporaryFileWrapper": "an open file",
    "zipfile.ZipFile": "an open archive",
    "_thread.LockType": "a lock",
    "_thread.RLock": "a lock",
    "_thread.lock": "a lock",
    "threading.Condition": "a lock",
    "threading.Event": "a lock",
    "threading.Semaphore": "a lock",
    "multiprocessing.queues.Queue": "a queue between processes",
    "queue.Queue": "a queue between threads",
    "mmap.mmap": "a memory map",
    "sqlite3.Connection": "a database connection",
    "sqlite3.Cursor": "a database connection",
    "threading.Thread": "a thread",
    "concurrent.futures._base.Executor": "an executor",
    "os._Environ": "the environment",
    "ctypes.CDLL": "a native library",
    SANDBOX: "a sandbox",
    BROKER_CLASS: "another sandbox's broker",
    "capsafe.broker.paths.BrokerPath": "another sandbox's broker path",
}

#: What a library may share among its own functions: no authority over the world, but a closure must not take it along.
SHARED: Final = frozenset({"a lock", "a queue between threads", "a queue between processes", "a thread", "an executor"})

#: Files that are memory alone: they hold no authority, although their base class says so.
HARMLESS: Final = frozenset({"_io.BytesIO", "_io.StringIO", "io.BytesIO", "io.StringIO"})

#: Builtin classes whose methods nobody overrides in practice to reach the world: no need to ask what was really passed.
FINAL: Final = frozenset(
    {
        "builtins.bool",
        "builtins.bytes",
        "builtins.complex",
        "builtins.float",
        "builtins.int",
        "builtins.range",
        "builtins.slice",
        "builtins.str",
        "builtins.tuple",
        "types.NoneType",
    }
)

#: The decorators that are handed arguments first and the function afterwards.
FACTORIES: Final = frozenset({"functools.wraps"})

#: What such a decorator is once it has its arguments: it hands back the function it is given.
IDENTITY: Final = "functools.update_wrapper"

#: The one of them that calls it with two.
REDUCE: Final = "functools.reduce"

#: Functions that call one argument with the items of others: which argument that is, and where the others begin.
ELEMENTWISE: Final[dict[str, tuple[str | int, int]]] = {
    "builtins.filter": (0, 1),
    "builtins.list.sort": ("key", 0),
    "builtins.map": (0, 1),
    "builtins.max": ("key", 0),
    "builtins.min": ("key", 0),
    "builtins.sorted": ("key", 0),
    "functools.reduce": (0, 1),
    "heapq.nlargest": ("key", 1),
    "heapq.nsmallest": ("key", 1),
    "itertools.dropwhile": (0, 1),
    "itertools.filterfalse": (0, 1),
    "itertools.groupby": (1, 0),
    "itertools.takewhile": (0, 1),
}

#: Packages whose own objects are the sandbox's: what a broker offers is granted, not ambient.
BROKER: Final = ("capsafe.broker.", "capsafe.capabilities.", "capsafe.errors.")

#: Implicit methods: what code may call on an object that it was only given.
IMPLICIT: Final = (
    "__call__",
    "__iter__",
    "__next__",
    "__len__",
    "__bool__",
    "__str__",
    "__repr__",
    "__format__",
    "__hash__",
    "__eq__",
    "__lt__",
    "__le__",
    "__gt__",
    "__ge__",
    "__contains__",
    "__getitem__",
    "__index__",
    "__int__",
    "__float__",
    "__bytes__",
    "__fspath__",
    "__enter__",
    "__exit__",
    "__aenter__",
    "__aexit__",
    "__aiter__",
    "__anext__",
    "__await__",
    "__add__",
    "__radd__",
    "__reversed__",
    "__missing__",
    "__del__",
)

#: What to write instead of a primitive, where the broker has it.
REPAIRS: Final = {
    "builtins.open": "broker.open(...)",
    "builtins.input": "broker.input(...)",
    "builtins.print": "broker.print(...)",
    "io.open": "broker.open(...)",
    "os.chmod": "broker.chmod(...)",
    "os.environ": "broker.env[...]",
    "os.getenv": "broker.env.get(...)",
    "os.kill": "broker.kill(...)",
    "os.listdir": "broker.iterdir(...)",
    "os.lstat": "broker.lstat(...)",
    "os.makedirs": "broker.mkdir(..., parents=True)",
    "os.mkdir": "broker.mkdir(...)",
    "os.popen": "broker.run([...])",
    "os.remove": "broker.remove(...)",
    "os.rename": "broker.rename(...)",
    "os.replace": "broker.replace(...)",
    "os.rmdir": "broker.rmdir(...)",
    "os.scandir": "broker.iterdir(...)",
    "os.stat": "broker.stat(...)",
    "os.symlink": "broker.symlink(...)",
    "os.system": "broker.run([...])",
    "os.unlink": "broker.remove(...)",
    "os.urandom": "broker.random_bytes(...)",
    "os.walk": "broker.walk(...)",
    "posixpath.exists": "broker.exists(...)",
    "genericpath.exists": "broker.exists(...)",
    "genericpath.isdir": "broker.is_dir(...)",
    "genericpath.isfile": "broker.is_file(...)",
    "genericpath.getsize": "broker.stat(...).st_size",
    "pathlib.Path.chmod": "broker.chmod(...)",
    "pathlib.Path.exists": "broker.exists(...)",
    "pathlib.Path.glob": "broker.glob(...)",
    "pathlib.Path.is_dir": "broker.is_dir(...)",
    "pathlib.Path.is_file": "broker.is_file(...)",
    "pathlib.Path.iterdir": "broker.iterdir(...)",
    "pathlib.Path.mkdir": "broker.mkdir(...)",
    "pathlib.Path.open": "broker.open(...)",
    "pathlib.Path.read_bytes": "broker.read_bytes(...)",
    "pathlib.Path.read_text": "broker.read_text(...)",
    "pathlib.Path.rename": "broker.rename(...)",
    "pathlib.Path.replace": "broker.replace(...)",
    "pathlib.Path.rmdir": "broker.rmdir(...)",
    "pathlib.Path.stat": "broker.stat(...)",
    "pathlib.Path.touch": "broker.touch(...)",
    "pathlib.Path.unlink": "broker.remove(...)",
    "pathlib.Path.write_bytes": "broker.write_bytes(...)",
    "pathlib.Path.write_text": "broker.write_text(...)",
    "random.random": "broker.rng().random()",
    "shutil.copy": "broker.copy(...)",
    "shutil.copyfile": "broker.copy(...)",
    "shutil.move": "broker.rename(...)",
    "shutil.rmtree": "broker.rmtree(...)",
    "socket.create_connection": "broker.connect(host, port)",
    "socket.getaddrinfo": "broker.resolve(host, port)",
    "socket.gethostbyname": "broker.resolve(host, port)",
    "subprocess.Popen": "broker.popen([...])",
    "subprocess.call": "broker.run([...])",
    "subprocess.check_call": "broker.run([...], check=True)",
    "subprocess.check_output": "broker.run([...])",
    "subprocess.run": "broker.run([...])",
    "time.sleep": "broker.sleep(...)",
    "time.time": "broker.now().timestamp()",
    "time.monotonic": "broker.monotonic()",
    "datetime.datetime.now": "broker.now()",
}
