"""What people compute with the standard library: everything here is clean."""

import ast
import base64
import binascii
import bisect
import collections
import colorsys
import configparser
import contextlib
import copy
import csv
import dataclasses
import datetime
import decimal
import difflib
import email
import email.policy
import enum
import fnmatch
import fractions
import functools
import gzip
import hashlib
import heapq
import hmac
import html
import io
import ipaddress
import itertools
import json
import math
import operator
import re
import shlex
import statistics
import string
import struct
import textwrap
import time
import tomllib
import typing
import unicodedata
import urllib.parse
import uuid
import xml.etree.ElementTree
import zipfile
import zlib
from collections import ChainMap, Counter, OrderedDict, defaultdict, deque, namedtuple
from pathlib import PurePath, PurePosixPath
from typing import NamedTuple, Never

from capsafe import Broker, Sandbox

SANDBOX = Sandbox[Never]()
TEXT = "name,age\nann,30\nbob,25\n"


class Color(enum.Enum):
    RED = 1
    BLUE = 2


class Flags(enum.Flag):
    A = enum.auto()
    B = enum.auto()


class Person(NamedTuple):
    name: str
    age: int = 0


@dataclasses.dataclass(order=True, frozen=True)
class Version:
    major: int
    minor: int = 0
    tags: tuple[str, ...] = ()


Pair = namedtuple("Pair", ["left", "right"])


def json_round_trip() -> None:
    SANDBOX.execute(lambda broker: json.dumps({**json.loads('{"a": 1}'), "b": [1, 2]}, indent=2, sort_keys=True))


def json_objects() -> None:
    def closure(broker: Broker[Never]) -> list[str]:
        data = json.loads("[]")
        return [str(item["name"]).strip().lower() for item in data if item.get("age", 0) > 18]

    SANDBOX.execute(closure)


def regular_expressions() -> None:
    def closure(broker: Broker[Never]) -> list[str]:
        pattern = re.compile(r"(?P<key>\w+)=(?P<value>\w+)")
        found = [m.group("key") + m["value"] for m in pattern.finditer("a=1 b=2")]
        match = re.match("a", "abc")
        if match is not None:
            found.extend(match.groups())
        return found + re.split(r"\s+", "a b") + pattern.findall("c=3")

    SANDBOX.execute(closure)


def regular_expression_with_function() -> None:
    SANDBOX.execute(lambda broker: re.sub(r"\d+", lambda m: str(int(m.group()) * 2), "a1b2"))


def dates() -> None:
    def closure(broker: Broker[Never]) -> str:
        start = datetime.datetime.strptime("2024-01-02", "%Y-%m-%d")
        end = datetime.datetime.fromisoformat("2024-02-03T04:05:06")
        days = (end - start).days
        return f"{start:%d.%m.%Y} {(start + datetime.timedelta(days=days)).date().isoformat()}"

    SANDBOX.execute(closure)


def csv_rows() -> None:
    def closure(broker: Broker[Never]) -> list[dict[str, str]]:
        return [row for row in csv.DictReader(io.StringIO(TEXT)) if int(row["age"]) > 26]

    SANDBOX.execute(closure)


def csv_writing() -> None:
    def closure(broker: Broker[Never]) -> str:
        out = io.StringIO()
        writer = csv.writer(out)
        writer.writerow(["a", 1])
        writer.writerows([["b", 2], ["c", 3]])
        return out.getvalue()

    SANDBOX.execute(closure)


def zip_in_memory(data: bytes) -> None:
    def closure(broker: Broker[Never]) -> list[str]:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return archive.namelist()

    SANDBOX.execute(closure)


def compressed(data: bytes) -> None:
    SANDBOX.execute(lambda broker: gzip.decompress(zlib.decompress(data)) + zlib.compress(b"x"))


def digests() -> None:
    def closure(broker: Broker[Never]) -> str:
        digest = hashlib.new("sha256")
        digest.update(b"a")
        return digest.hexdigest() + hashlib.md5(b"x").hexdigest() + hmac.new(b"k", b"m", "sha256").hexdigest()

    SANDBOX.execute(closure)


def enumerations() -> None:
    def closure(broker: Broker[Never]) -> list[str]:
        return [c.name for c in Color] + [Color(1).name, Color["RED"].name, str((Flags.A | Flags.B).value)]

    SANDBOX.execute(closure)


def named_tuples() -> None:
    def closure(broker: Broker[Never]) -> str:
        person = Person("ann")._replace(age=3)
        name, age = person
        return f"{name} {age} {person._asdict()} {Pair(1, 2).left}"

    SANDBOX.execute(closure)


def data_classes() -> None:
    def closure(broker: Broker[Never]) -> list[Version]:
        versions = [Version(1), dataclasses.replace(Version(2), minor=3)]
        versions.sort()
        assert dataclasses.asdict(versions[0])["major"] == 1
        return sorted({*versions}, reverse=True)

    SANDBOX.execute(closure)


def counters() -> None:
    def closure(broker: Broker[Never]) -> list[tuple[str, int]]:
        counter = Counter("banana")
        counter.update("bob")
        return counter.most_common(2)

    SANDBOX.execute(closure)


def default_dicts() -> None:
    def closure(broker: Broker[Never]) -> dict[str, list[int]]:
        groups: defaultdict[str, list[int]] = defaultdict(list)
        for n, name in enumerate(["a", "b", "a"]):
            groups[name].append(n)
        return dict(groups)

    SANDBOX.execute(closure)


def default_dict_of_lambda() -> None:
    def closure(broker: Broker[Never]) -> int:
        counts: defaultdict[str, int] = defaultdict(lambda: 1)
        counts["a"] += 1
        return counts["a"]

    SANDBOX.execute(closure)


def more_collections() -> None:
    def closure(broker: Broker[Never]) -> list[int]:
        queue = deque([1, 2], maxlen=3)
        queue.append(3)
        queue.rotate(1)
        queue.popleft()
        ordered = OrderedDict(a=1)
        ordered.move_to_end("a")
        return [*queue, *ordered.values(), ChainMap({"a": 1})["a"], *collections.UserList([1])]

    SANDBOX.execute(closure)


def iterators() -> None:
    def closure(broker: Broker[Never]) -> list[object]:
        pairs = itertools.chain.from_iterable([[1, 2], [3]])
        groups = [(k, list(v)) for k, v in itertools.groupby("aab", key=str.upper)]
        sums = itertools.accumulate([1, 2, 3], operator.add)
        return [*pairs, *groups, *sums, *itertools.islice(itertools.count(), 3), *itertools.product("ab", repeat=2)]

    SANDBOX.execute(closure)


def sorting() -> None:
    def closure(broker: Broker[Never]) -> list[Person]:
        people = [Person("b", 2), Person("a", 1)]
        people.sort(key=lambda p: (p.age, p.name))
        oldest = max(people, key=operator.attrgetter("age"))
        return sorted(people, key=lambda p: p.name, reverse=True) + [oldest, min(people)]

    SANDBOX.execute(closure)


def string_methods() -> None:
    def closure(broker: Broker[Never]) -> str:
        words = " Hello, World ".strip().lower().replace(",", "").split()
        return "-".join(word.title().center(10, "*") for word in words if word.isalpha()).format(1) + "%d %s" % (1, "a")

    SANDBOX.execute(closure)


def f_strings() -> None:
    SANDBOX.execute(lambda broker: f"{3.14159:.2f} {'a'!r:>10} {len(TEXT):,} {datetime.date(2024, 1, 1):%d.%m}")


def templates() -> None:
    SANDBOX.execute(lambda broker: string.Template("$a").substitute(a=1) + string.ascii_letters)


def comprehensions() -> None:
    SANDBOX.execute(lambda broker: ([n * n for n in range(9) if n % 2], {n: str(n) for n in (1, 2)}, {len(w) for w in "ab"}))


def builtin_functions() -> None:
    def closure(broker: Broker[Never]) -> object:
        pairs = list(zip("ab", range(2), strict=True))
        numbers = [*map(int, "123"), *filter(None, [0, 1]), *reversed([1, 2])]
        checks = (any(numbers), all(numbers), sum(numbers), round(1.5), divmod(7, 2), pow(2, 3), abs(-1), hex(3), ord("a"))
        return pairs, checks, isinstance(pairs, list), hash("a"), chr(97), bytes(3), frozenset("a"), complex(1, 2), slice(1)

    SANDBOX.execute(closure)


def errors_of_ones_own() -> None:
    class TooLarge(ValueError):
        def __init__(self, limit: int) -> None:
            super().__init__(f"more than {limit}")
            self.limit = limit

    def closure(broker: Broker[Never]) -> int:
        try:
            raise TooLarge(3)
        except (TooLarge, KeyError) as error:
            return error.args[0] is not None and len(str(error))
        finally:
            del broker

    SANDBOX.execute(closure)


def raising_from() -> None:
    def closure(broker: Broker[Never]) -> int:
        try:
            return int("x")
        except ValueError as error:
            raise RuntimeError("no number") from error

    SANDBOX.execute(closure)


def classes_inside() -> None:
    def closure(broker: Broker[Never]) -> int:
        class Stack(list[int]):
            limit = 3

            def push(self, n: int) -> None:
                self.append(n)

        stack = Stack()
        stack.push(1)
        return stack.limit + len(stack)

    SANDBOX.execute(closure)


def pure_paths() -> None:
    def closure(broker: Broker[Never]) -> str:
        path = PurePosixPath("/data") / "a" / "b.txt"
        return str(path.with_suffix(".md").relative_to("/data")) + path.stem + PurePath("a").as_posix()

    SANDBOX.execute(closure)


def urls() -> None:
    def closure(broker: Broker[Never]) -> str:
        parts = urllib.parse.urlsplit("https://example.com/a?b=1")
        query = urllib.parse.parse_qs(parts.query)
        return urllib.parse.urljoin("http://a/", "b") + urllib.parse.quote("ä") + urllib.parse.urlencode(query) + parts.path

    SANDBOX.execute(closure)


def figures() -> None:
    def closure(broker: Broker[Never]) -> float:
        values = [1.0, 2.5, 3.0]
        return statistics.mean(values) + statistics.stdev(values) + math.fsum(values) + math.log(2) + math.comb(4, 2)

    SANDBOX.execute(closure)


def text_layout() -> None:
    SANDBOX.execute(lambda broker: textwrap.fill(textwrap.dedent("  a"), 20) + textwrap.shorten("a b c", 3) + textwrap.indent("a", " "))


def exact_numbers() -> None:
    def closure(broker: Broker[Never]) -> str:
        price = decimal.Decimal("1.10") * 3
        return str(price.quantize(decimal.Decimal("0.1"))) + str(fractions.Fraction(1, 3) + 1)

    SANDBOX.execute(closure)


def mail() -> None:
    def closure(broker: Broker[Never]) -> str:
        message = email.message_from_string("Subject: hello\n\nbody")
        return str(message["Subject"]) + str(message.get_payload())

    SANDBOX.execute(closure)


def toml() -> None:
    SANDBOX.execute(lambda broker: tomllib.loads("a = 1")["a"])


def ini() -> None:
    def closure(broker: Broker[Never]) -> str:
        config = configparser.ConfigParser()
        config.read_string("[a]\nb = 1\n")
        return config["a"]["b"] + config.get("a", "b", fallback="2")

    SANDBOX.execute(closure)


def encodings() -> None:
    SANDBOX.execute(lambda broker: base64.b64decode(base64.b64encode(b"a")) + binascii.unhexlify("00") + "ä".encode("utf-8"))


def structures() -> None:
    def closure(broker: Broker[Never]) -> int:
        packed = struct.pack("<IH", 1, 2)
        return sum(int(n) for n, _ in struct.iter_unpack("<IH", packed)) + struct.calcsize("I") + int.from_bytes(packed, "big")

    SANDBOX.execute(closure)


def xml_text() -> None:
    def closure(broker: Broker[Never]) -> list[str]:
        root = xml.etree.ElementTree.fromstring("<a><b>1</b></a>")
        return [child.tag + (child.text or "") for child in root.iter("b")] + [str(root.findtext("b"))]

    SANDBOX.execute(closure)


def html_text() -> None:
    SANDBOX.execute(lambda broker: html.unescape("&lt;") + html.escape("<"))


def heaps_and_bisection() -> None:
    def closure(broker: Broker[Never]) -> list[int]:
        heap = [3, 1, 2]
        heapq.heapify(heap)
        heapq.heappush(heap, 0)
        bisect.insort(heap, 5)
        return [heapq.heappop(heap), *heapq.nlargest(2, heap)]

    SANDBOX.execute(closure)


def copies() -> None:
    SANDBOX.execute(lambda broker: copy.deepcopy({"a": [1]}) | copy.copy({"b": [2]}))


def differences() -> None:
    SANDBOX.execute(lambda broker: "\n".join(difflib.unified_diff(["a"], ["b"])) + str(difflib.get_close_matches("a", ["b"])))


def names_and_addresses() -> None:
    SANDBOX.execute(lambda broker: (fnmatch.fnmatch("a.py", "*.py"), ipaddress.ip_address("10.0.0.1").is_private, shlex.split("a 'b c'")))


def identifiers() -> None:
    SANDBOX.execute(lambda broker: str(uuid.UUID(int=1)) + uuid.uuid5(uuid.NAMESPACE_URL, "a").hex)


def unicode() -> None:
    SANDBOX.execute(lambda broker: unicodedata.normalize("NFC", "ä") + unicodedata.name("a"))


def colors() -> None:
    SANDBOX.execute(lambda broker: colorsys.rgb_to_hsv(1, 0, 0))


def syntax_trees() -> None:
    SANDBOX.execute(lambda broker: ast.dump(ast.parse("a = 1")) + ast.unparse(ast.parse("1")))


def time_tuples() -> None:
    SANDBOX.execute(lambda broker: time.strftime("%Y", time.struct_time((2024, 1, 1, 0, 0, 0, 0, 1, 0))))


def suppressed() -> None:
    def closure(broker: Broker[Never]) -> int:
        with contextlib.suppress(ValueError):
            return int("x")
        return 0

    SANDBOX.execute(closure)


def singledispatched() -> None:
    @functools.singledispatch
    def show(value: object) -> str:
        return str(value)

    @show.register
    def _(value: int) -> str:
        return f"{value:d}"

    SANDBOX.execute(lambda broker: show(1))  # FALSE: [capsafe-unknown]


def casts() -> None:
    SANDBOX.execute(lambda broker: typing.cast("str", json.loads("1")).upper())


def bytes_in_memory() -> None:
    def closure(broker: Broker[Never]) -> bytes:
        buffer = io.BytesIO(b"abc")
        buffer.seek(1)
        view = memoryview(bytearray(buffer.read()))
        return bytes(view[:1]) + buffer.getbuffer().tobytes()

    SANDBOX.execute(closure)


def text_lines_in_memory() -> None:
    SANDBOX.execute(lambda broker: [line.rstrip("\n") for line in io.StringIO("a\nb\n")])


def dictionaries() -> None:
    def closure(broker: Broker[Never]) -> dict[str, int]:
        table = {"a": 1}
        table.setdefault("b", 2)
        table.update(c=3, **{"d": 4})
        table.pop("a", None)
        return {k: v for k, v in sorted(table.items(), key=lambda item: -item[1])} | dict.fromkeys("xy", 0)

    SANDBOX.execute(closure)
