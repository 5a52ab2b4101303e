"""DATA: the closed list of what can cross, and how each of it is marked on the wire.

A value is None, a bool, an int of 64 bits, a float, short text, short bytes, or one of these marks with its parts,
which are values. This module knows the marks and the names of the types behind them. It refuses to know how they are
written (``capsafe.worker.encode``) and read (``capsafe.worker.decode``).
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

# Containers.
LIST: Final = 0
TUPLE: Final = 1
DICT: Final = 2
SET: Final = 3
FROZENSET: Final = 4
RANGE: Final = 5
SLICE: Final = 6

# What MessagePack has no form for, or what travels beside the structure.
INT: Final = 10
COMPLEX: Final = 11
TEXT: Final = 12
TEXT_BESIDE: Final = 13
BYTES_BESIDE: Final = 14
BYTEARRAY: Final = 15
BYTEARRAY_BESIDE: Final = 16

# The standard library's plain values.
DATETIME: Final = 20
DATE: Final = 21
TIME: Final = 22
TIMEDELTA: Final = 23
TIMEZONE: Final = 24
ZONEINFO: Final = 25
DECIMAL: Final = 26
FRACTION: Final = 27
UUID: Final = 28
PATH: Final = 29
ADDRESS: Final = 30
RECORD: Final = 31
COMPLETED: Final = 32

# Values of classes.
ENUM: Final = 40
FLAG: Final = 41
DATACLASS: Final = 42
NAMEDTUPLE: Final = 43
EXCEPTION: Final = 45

# NumPy.
ARRAY: Final = 50
SCALAR: Final = 51

#: What a value takes in memory at most, in bytes, besides its parts: the least, and the marks that take more.
COST: Final = 96
COSTS: Final[Mapping[int, int]] = MappingProxyType(
    {
        LIST: COST,
        TUPLE: COST,
        INT: COST,
        COMPLEX: COST,
        TEXT: COST,
        TEXT_BESIDE: COST,
        BYTES_BESIDE: COST,
        BYTEARRAY: COST,
        BYTEARRAY_BESIDE: COST,
        DICT: 256,
        SET: 256,
        FROZENSET: 256,
        RANGE: 256,
        SLICE: COST,
        DATETIME: COST,
        DATE: COST,
        TIME: COST,
        TIMEDELTA: COST,
        TIMEZONE: 256,
        ZONEINFO: 256,
        DECIMAL: 256,
        FRACTION: 256,
        UUID: 256,
        PATH: 512,
        # A network is three addresses and a dict.
        ADDRESS: 1024,
        RECORD: 1024,
        COMPLETED: 512,
        ENUM: COST,
        # The class keeps each combination that it has seen.
        FLAG: 1024,
        DATACLASS: 512,
        NAMEDTUPLE: COST,
        EXCEPTION: 512,
        ARRAY: 512,
        SCALAR: 256,
    }
)

#: Of what ended a closure, nothing else is told: no class of the program, and nothing that takes long to look at.
OF_ERRORS: Final = frozenset({LIST, TUPLE, DICT, INT, COMPLEX, TEXT, TEXT_BESIDE, BYTES_BESIDE})

#: The types of paths and of addresses; a mark is followed by the place in these.
PATHS: Final = ("PurePosixPath", "PureWindowsPath", "PosixPath", "WindowsPath")
ADDRESSES: Final = (
    "IPv4Address",
    "IPv6Address",
    "IPv4Network",
    "IPv6Network",
    "IPv4Interface",
    "IPv6Interface",
)

#: Records of the operating system: tuples with names, made in C, with nothing but numbers and text in them.
RECORDS: Final = (
    ("os", "stat_result"),
    ("os", "statvfs_result"),
    ("os", "uname_result"),
    ("os", "terminal_size"),
    ("os", "times_result"),
    ("time", "struct_time"),
    ("pwd", "struct_passwd"),
    ("grp", "struct_group"),
)

#: What holds authority, or is code: (module, class, what it is, what to send instead). Refused as a result. As an
#: argument only the first part is: code is inherited with the fork, an open file is not.
AUTHORITIES: Final = (
    ("io", "IOBase", "an open file", "its path or its content"),
    ("socket", "socket", "a socket", "the address"),
    ("_socket", "socket", "a socket", "the address"),
    ("subprocess", "Popen", "a running process", "its output"),
    ("capsafe.broker.surface", "Broker", "a broker", "what it returned"),
    ("capsafe.broker.paths", "BrokerPath", "a broker's path", "str(path)"),
    ("capsafe.sandbox", "Sandbox", "a sandbox", "nothing: make it where it is used"),
    ("mmap", "mmap", "mapped memory", "its bytes"),
    ("threading", "Thread", "a thread", "its result"),
    ("_thread", "LockType", "a lock", "nothing: nobody else holds it there"),
    ("_thread", "RLock", "a lock", "nothing: nobody else holds it there"),
    ("threading", "Condition", "a lock", "nothing: nobody else holds it there"),
    ("threading", "Event", "a lock", "nothing: nobody else sets it there"),
    ("threading", "Semaphore", "a lock", "nothing: nobody else holds it there"),
    ("sqlite3", "Connection", "an open database", "its path or its rows"),
    ("select", "epoll", "an open descriptor", "nothing"),
    ("os", "DirEntry", "an entry of a directory", "entry.path"),
)
CODE: Final = (
    ("types", "FunctionType", "a function", "what it returns"),
    ("types", "MethodType", "a method", "what it returns"),
    ("types", "BuiltinFunctionType", "a function", "what it returns"),
    ("functools", "partial", "a function", "what it returns"),
    ("types", "GeneratorType", "a generator", "list(...) of it"),
    ("types", "CoroutineType", "a coroutine", "what it returns: await it, or use execute_async"),
    ("types", "AsyncGeneratorType", "an asynchronous generator", "a list of its items"),
    ("types", "ModuleType", "a module", "the value from it that is wanted"),
    ("types", "FrameType", "a frame", "the values from it that are wanted"),
    ("types", "TracebackType", "a traceback", "its text"),
    ("types", "MappingProxyType", "a read-only view of a dict", "dict(...) of it"),
    ("builtins", "memoryview", "a view of memory", "bytes(...) of it"),
    ("builtins", "type", "a class", "its name"),
    ("collections.abc", "Iterator", "an iterator", "list(...) of it"),
    ("collections.abc", "KeysView", "a view of a dict", "list(...) of it"),
    ("collections.abc", "ValuesView", "a view of a dict", "list(...) of it"),
    ("collections.abc", "ItemsView", "a view of a dict", "dict(...) of it"),
    ("re", "Pattern", "a compiled pattern", "pattern.pattern"),
    ("re", "Match", "a match", "match.groups()"),
    ("collections", "deque", "a deque", "list(...) of it"),
    ("collections", "ChainMap", "a chain of dicts", "dict(...) of it"),
    ("types", "SimpleNamespace", "a namespace", "vars(...) of it"),
    ("array", "array", "an array of the array module", "list(...) or bytes(...) of it"),
    ("weakref", "ReferenceType", "a weak reference", "what it refers to"),
    ("queue", "Queue", "a queue", "a list of its items"),
    ("concurrent.futures", "Future", "a future", "its result()"),
    ("asyncio", "Future", "a future", "its result: await it, or use execute_async"),
    ("numpy", "dtype", "an element type", "str(...) of it"),
    ("numpy", "ndarray", "a subclass of ndarray", "numpy.asarray(...) of it"),
)
