"""What the supervisor does in the child's place: sockets held to hosts, datagrams, paths, and names looked up."""

import _socket
import asyncio
import contextlib
import errno
import http.client
import http.server
import os
import select
import socket
import socketserver
import struct
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, Never

import pytest

from capsafe import (
    Ambient,
    CapabilityError,
    Connect,
    Datagram,
    Denial,
    Listen,
    Resolve,
    Sandbox,
    SandboxTimeoutError,
    Spawn,
    Threads,
    UnixSocket,
    UnsupportedError,
)
from capsafe.kernel import probe, restrict
from capsafe.policy.hosts import Address, endpoint
from capsafe.worker import held, resolver
from capsafe.worker.answers import MOST_ADDRESSES, Answer, read_answer, write_answer
from tests.escapes.arena import in_child
from tests.escapes.pairs import call
from tests.sandbox.boxes import caught, children, descriptors, sandbox_of

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.network,
    pytest.mark.skipif(not probe().answers, reason="this kernel lets no supervisor answer"),
]

SLOW = 0.5


def at(capability: Any, *scopes: str) -> Any:
    """Give a capability scopes that are only known now."""
    return capability[Literal.__getitem__(scopes)]


def ambient(capability: Any) -> Any:
    """Grant it without the broker."""
    anyhow: Any = Ambient
    return anyhow[capability]


def told(argument: Any, closure: Callable[..., object], **limits: Any) -> tuple[object, list[Denial]]:
    """Run a closure; returns its result, or the error, and the denials."""
    seen: list[Denial] = []
    box = sandbox_of(argument, on_denial=seen.append, **{"timeout": 20, **limits})
    try:
        return box.execute(closure), seen
    except Exception as error:  # noqa: BLE001 - any may be what is expected
        return error, seen


def code_of(call: Callable[..., object], *arguments: object) -> str:
    """Return the name of the errno with which a call is refused, "done" where it is not."""
    try:
        call(*arguments)
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, type(error).__name__)
    return "done"


@contextlib.contextmanager
def serving(host: str = "127.0.0.1", backlog: int = 16) -> Iterator[tuple[socket.socket, int]]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as listener:
        try:
            listener.bind((host, 0))
        except OSError:
            pytest.skip(f"{host} is not there")
        listener.listen(backlog)
        listener.settimeout(10)
        yield listener, listener.getsockname()[1]


@pytest.fixture
def server() -> Iterator[tuple[socket.socket, int]]:
    with serving() as found:
        yield found


@pytest.fixture(autouse=True)
def nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sends a question to a name server, whatever goes wrong in it."""
    real = _socket.getaddrinfo

    def getaddrinfo(host: Any, *more: Any) -> Any:
        numeric = ":" in str(host) or str(host).strip("b'").replace(".", "").isdigit()
        only_numeric = len(more) > 4 and bool(more[4] & socket.AI_NUMERICHOST)
        assert host in (None, "", "localhost") or numeric or only_numeric, host
        return real(host, *more)

    monkeypatch.setattr(_socket, "getaddrinfo", getaddrinfo)


@pytest.fixture
def fake_names(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Names that stand for addresses of the loopback; each asked for is counted in "asked"."""
    names: dict[str, Any] = {"asked": []}

    def getaddrinfo(name: str, *_: object, **__: object) -> list[tuple[Any, ...]]:
        names["asked"].append(name)
        found = names.get(name)
        if found is None:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        if callable(found):
            found = found()
        return [
            (socket.AF_INET6, 1, 6, "", (one, 0, 0, 0)) if ":" in one else (socket.AF_INET, 1, 6, "", (one, 0))
            for one in found
        ]

    monkeypatch.setattr(resolver, "getaddrinfo", getaddrinfo)
    return names


# --- TCP ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1"])
def test_the_host_that_is_granted_is_reached_and_no_other(host: str) -> None:
    with serving(host) as (listener, port):
        scope = endpoint(host, port)

        def closure(broker: Any) -> bytes:
            with broker.connect(host, port, timeout=5) as stream:
                stream.sendall(b"ping")
                return bytes(stream.recv(4))

        def answer() -> None:
            stream, _ = listener.accept()
            with stream:
                stream.sendall(stream.recv(4)[::-1])

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        assert told(at(Connect, scope), closure) == (b"gnip", [])
        thread.join()
        # The same to another port, and to another host, whether anybody is there or not.
        for other in (f"127.0.0.9:{port}", scope.replace(str(port), str(port ^ 1))):
            error, seen = told(at(Connect, other), closure)
            assert isinstance(error, CapabilityError)
            assert (error.capability, error.target) == ("Connect", scope)
            assert scope in (error.write or "")
            assert [one.target for one in error.denials] == [scope]
            assert seen[0].call == "connect"
        listener.settimeout(0)
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_a_denial_without_the_broker_says_where_to(server: tuple[socket.socket, int]) -> None:
    _, port = server

    def closure(_: object) -> str:
        with socket.socket() as stream:
            return code_of(stream.connect, ("127.0.0.1", port))

    written = f'Sandbox[Connect[L["10.0.0.0/8:443", "127.0.0.1:{port}"]]]'
    said, seen = told(at(Connect, "10.0.0.0/8:443"), closure)
    assert said == "EPERM"
    assert [str(one).partition(" (")[0] for one in seen] == [
        f"connect to '127.0.0.1:{port}' needs Connect; write {written}"
    ]
    assert seen[0].file == __file__


def test_what_is_not_caught_is_the_same_denial(server: tuple[socket.socket, int]) -> None:
    _, port = server
    error, _ = told(at(Connect, f"127.0.0.2:{port}"), lambda _: socket.create_connection(("127.0.0.1", port)).close())
    assert isinstance(error, CapabilityError)
    assert f'Connect[L["127.0.0.1:{port}", "127.0.0.2:{port}"]]' in str(error)
    assert len(error.denials) == 1


def test_an_address_of_ipv4_in_ipv6_is_that_of_ipv4(server: tuple[socket.socket, int]) -> None:
    listener, port = server

    def closure(_: object) -> list[str]:
        said = []
        for host in ("::ffff:127.0.0.1", "::ffff:127.0.0.2", "::ffff:0.0.0.0", "::1", "::"):
            with socket.socket(socket.AF_INET6) as stream:
                said.append(code_of(stream.connect, (host, port)))
        return said

    assert told(at(Connect, f"127.0.0.1:{port}"), closure)[0] == ["done", "EPERM", "done", "EPERM", "EPERM"]
    assert told(at(Connect, f"[::/0]:{port}"), closure)[0] == ["EPERM"] * 3 + ["ECONNREFUSED"] * 2
    for _ in range(2):
        listener.accept()[0].close()
    listener.settimeout(0)
    with pytest.raises(BlockingIOError):
        listener.accept()


def test_any_address_is_the_own_host(server: tuple[socket.socket, int]) -> None:
    _, port = server

    def closure(_: object) -> str:
        with socket.socket() as stream:
            return code_of(stream.connect, ("0.0.0.0", port))

    assert told(at(Connect, f"127.0.0.1:{port}"), closure)[0] == "done"
    assert told(at(Connect, f"0.0.0.0:{port}"), closure)[0] == "EPERM"
    assert told(at(Connect, f"127.0.0.2:{port}"), closure)[0] == "EPERM"


def raw_connect(stream: socket.socket, address: bytes, length: int | None = None) -> str:
    return code_of(call, "connect", stream.fileno(), address, len(address) if length is None else length)


def test_an_address_of_another_form_is_what_the_kernel_says_of_it(server: tuple[socket.socket, int]) -> None:
    _, port = server
    good = struct.pack("=H", 2) + struct.pack("!H4s8x", port, bytes([127, 0, 0, 1]))

    def closure(_: object) -> list[str]:
        said = []
        for address, length in (
            (good[:8], None),
            (b"", None),
            (good, 0),
            (good, -1),
            (good, 129),
            (good, 1 << 31),
            (struct.pack("=H", 0) + good[2:], None),
            (struct.pack("=H", 10) + good[2:] + bytes(12), None),
            (struct.pack("=H", 1) + b"/run/x\0", None),
            (good + bytes(112), None),
        ):
            with socket.socket() as stream:
                said.append(raw_connect(stream, address, length))
        with socket.socket() as stream:
            said.append(code_of(call, "connect", stream.fileno(), 8, 16))
            said.append(code_of(call, "connect", stream.fileno(), (1 << 64) - 8, 16))
        return said

    said, seen = told(at(Connect, f"127.0.0.1:{port}"), closure)
    assert said == [
        *["EINVAL"] * 6,
        *["EAFNOSUPPORT"] * 3,
        "done",
        "EFAULT",
        "EFAULT",
    ]
    assert seen == []


def test_the_peer_hears_of_the_end_as_soon_as_the_closure_closes(server: tuple[socket.socket, int]) -> None:
    """No descriptor of the connection is left in the supervisor."""
    listener, port = server

    def closure(broker: Any) -> bytes:
        for _ in range(3):
            stream = broker.connect("127.0.0.1", port, timeout=5)
            stream.close()
            # Without a timeout the call waits in the supervisor.
            with socket.socket() as waiting:
                waiting.connect(("127.0.0.1", port))
        reading = broker.connect("127.0.0.1", port, timeout=10)
        return bytes(reading.recv(1))

    def answer() -> None:
        for _ in range(6):
            stream, _ = listener.accept()
            with stream:
                stream.settimeout(5)
                ends.append(stream.recv(1))
        stream, _ = listener.accept()
        stream.sendall(b"x")
        stream.close()

    ends: list[bytes] = []
    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    assert told(at(Connect, f"127.0.0.1:{port}"), closure) == (b"x", [])
    thread.join()
    assert ends == [b""] * 6


def test_a_socket_that_does_not_block_is_told_that_it_is_under_way(server: tuple[socket.socket, int]) -> None:
    _, port = server

    def closure(_: object) -> list[object]:
        with socket.socket() as stream:
            stream.settimeout(0)
            said: list[object] = [errno.errorcode[stream.connect_ex(("127.0.0.1", port))]]
            select.select([], [stream], [], 5)
            said.append(stream.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
            said.append(stream.getpeername() == ("127.0.0.1", port))
            time.sleep(0.1)
            # As some event loops ask whether it has worked.
            said += [errno.errorcode[stream.connect_ex(("127.0.0.1", port))], stream.getblocking()]
        with socket.socket() as stream:
            stream.settimeout(0)
            said.append(errno.errorcode[stream.connect_ex(("127.0.0.1", 1))])
            select.select([], [stream], [], 5)
            said.append(errno.errorcode[stream.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)])
        return said

    said, seen = told(at(Connect, "127.0.0.1:*"), closure)
    assert said == ["EINPROGRESS", 0, True, "EISCONN", False, "EINPROGRESS", "ECONNREFUSED"]
    assert seen == []


def test_errors_and_options_are_the_sockets_own() -> None:
    def closure(_: object) -> list[object]:
        with socket.socket() as stream:
            stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            said: list[object] = [code_of(stream.connect, ("127.0.0.1", 1)), stream.getblocking()]
            # The same socket may try again.
            said.append(code_of(stream.connect, ("127.0.0.1", 1)))
            said.append(stream.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            said.append(os.get_inheritable(stream.fileno()))
        with socket.socket(type=socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as stream:
            said.append(stream.getblocking())
        return said

    said, _ = told(at(Connect, "127.0.0.0/8:1"), closure)
    assert said == ["ECONNREFUSED", True, "ECONNREFUSED", 1, False, False]


def full_backlog() -> tuple[socket.socket, list[socket.socket], int]:
    """Make a server that answers no more: a connect to it waits."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    port = listener.getsockname()[1]
    filling = []
    for _ in range(4):
        one = socket.socket()
        one.settimeout(0)
        one.connect_ex(("127.0.0.1", port))
        filling.append(one)
    time.sleep(0.1)
    return listener, filling, port


def test_a_connect_that_waits_stops_neither_the_timeout_nor_other_threads(server: tuple[socket.socket, int]) -> None:
    listener, filling, port = full_backlog()
    _, other = server

    def closure(broker: Any) -> object:
        def dial(number: int) -> str:
            if number == 0:
                with socket.socket() as stream:
                    return code_of(stream.connect, ("127.0.0.1", port))
            broker.connect("127.0.0.1", other, timeout=5).close()
            done.append(number)
            if len(done) == 3:
                os.remove("/capsafe the others are through")
            return "done"

        done: list[int] = []
        return broker.run_in_threads(dial, range(4), workers=4)

    before = descriptors(), children()
    started = time.monotonic()
    error, seen = told(at(Connect, "127.0.0.1:*") | Threads, closure, timeout=2)
    assert isinstance(error, SandboxTimeoutError)
    # Which the denied call tells, as it comes.
    assert [one.target for one in seen] == ["/capsafe the others are through"]
    assert time.monotonic() - started < 6
    assert (descriptors(), children()) == before

    def alone(broker: Any) -> str:
        return code_of(lambda: broker.connect("127.0.0.1", port, timeout=0.3))

    assert told(at(Connect, f"127.0.0.1:{port}"), alone)[0] in ("TimeoutError", "ETIMEDOUT")
    for one in (listener, *filling):
        one.close()


def test_threads_connect_at_once(server: tuple[socket.socket, int]) -> None:
    _, port = server

    def closure(broker: Any) -> list[str]:
        def dial(number: int) -> str:
            where = port if number % 2 else port ^ 1
            with socket.socket() as stream:
                return code_of(stream.connect, ("127.0.0.1", where))

        return list(broker.run_in_threads(dial, range(12), workers=6))

    said, seen = told(at(Connect, f"127.0.0.1:{port}") | Threads, closure)
    assert said == ["EPERM", "done"] * 6
    assert len(seen) == 6


def test_an_event_loop_connects(server: tuple[socket.socket, int], fake_names: dict[str, Any]) -> None:
    listener, port = server
    fake_names["api.example.com"] = ["127.0.0.1"]

    def answer() -> None:
        for _ in range(3):
            stream, _ = listener.accept()
            with stream:
                stream.sendall(stream.recv(10))

    async def closure(_: object) -> list[bytes]:
        async def one() -> bytes:
            reader, writer = await asyncio.open_connection("api.example.com", port)
            writer.writelines([b"a", b"bc"])
            await writer.drain()
            found = await reader.read(10)
            writer.close()
            return found

        return list(await asyncio.gather(*(one() for _ in range(3))))

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    grant = ambient(at(Connect, f"api.example.com:{port}")) | Threads
    box: Any = sandbox_of(grant, timeout=20)
    assert asyncio.run(box.execute_async(closure)) == [b"abc"] * 3
    thread.join()
    assert fake_names["asked"] == ["api.example.com"]


def test_http_over_the_brokers_socket(fake_names: dict[str, Any]) -> None:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"hello")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    # Not HTTPServer, which asks for the name of the address.
    httpd = socketserver.TCPServer(("127.0.0.1", 0), Handler)
    port = httpd.server_address[1]
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    fake_names["api.example.com"] = ["127.0.0.1"]

    def closure(broker: Any) -> bytes:
        connection = http.client.HTTPConnection("api.example.com", port)
        connection.sock = broker.connect("api.example.com", port, timeout=5)
        connection.request("GET", "/")
        return connection.getresponse().read()

    def without_broker(_: object) -> bytes:
        connection = http.client.HTTPConnection("api.example.com", port, timeout=5)
        connection.request("GET", "/")
        return connection.getresponse().read()

    scope = f"api.example.com:{port}"
    assert told(at(Connect, scope), closure) == (b"hello", [])
    assert told(ambient(at(Connect, scope)), without_broker) == (b"hello", [])
    httpd.shutdown()
    httpd.server_close()
    thread.join()


# --- names ----------------------------------------------------------------------------------------------------------


def test_a_name_is_asked_for_once_and_its_first_answer_holds(fake_names: dict[str, Any]) -> None:
    with serving("127.0.0.1") as (_, port), serving("127.0.0.2") as (_, other):
        answers = iter([["127.0.0.1"], ["127.0.0.2"]])
        fake_names["api.example.com"] = lambda: next(answers)

        def closure(broker: Any) -> list[object]:
            first = broker.connect("api.example.com", port, timeout=5).getpeername()
            again = socket.getaddrinfo("API.example.com.", port, socket.AF_INET, socket.SOCK_STREAM)[0][4]
            with socket.socket() as stream:
                elsewhere = code_of(stream.connect, ("127.0.0.2", other))
            return [first, again, elsewhere]

        said, seen = told(at(Connect, "api.example.com:*"), closure)
        assert said == [("127.0.0.1", port), ("127.0.0.1", port), "EPERM"]
        assert fake_names["asked"] == ["api.example.com"]
        assert [one.target for one in seen] == [f"127.0.0.2:{other}"]
        # Another run asks again.
        assert told(at(Connect, "api.example.com:*"), lambda b: b.connect("api.example.com", other, timeout=5) and None)
        assert fake_names["asked"] == ["api.example.com"] * 2


def test_an_address_that_was_not_asked_for_by_its_name_is_refused(
    server: tuple[socket.socket, int], fake_names: dict[str, Any]
) -> None:
    _, port = server
    fake_names["api.example.com"] = ["127.0.0.1"]

    def closure(_: object) -> list[str]:
        said = []
        for _ in range(2):
            with socket.socket() as stream:
                said.append(code_of(stream.connect, ("127.0.0.1", port)))
            socket.gethostbyname("api.example.com")
        return said

    assert told(at(Connect, f"api.example.com:{port}"), closure)[0] == ["EPERM", "done"]


def test_other_names_and_ports_are_refused_by_name(fake_names: dict[str, Any]) -> None:
    fake_names["api.example.com"] = fake_names["evil.example.com"] = ["127.0.0.1"]
    for host, port in (("evil.example.com", 443), ("api.example.com", 444)):
        error, seen = told(at(Connect, "api.example.com:443"), lambda b, h=host, p=port: b.connect(h, p) and None)
        assert isinstance(error, CapabilityError), error
        assert error.target == f"{host}:{port}"
        assert error.capability == "Connect"
        assert f'Connect[L["api.example.com:443", "{host}:{port}"]]' in (error.write or "")
        assert len(seen) == 1
    assert fake_names["asked"] == []


def test_what_may_be_looked_up(fake_names: dict[str, Any]) -> None:
    fake_names["api.example.com"] = ["127.0.0.1"]
    fake_names["other.example.com"] = ["127.0.0.2"]

    def closure(_: object) -> list[str]:
        names = ("api.example.com", "other.example.com", "localhost", "127.0.0.5", "none.example.com", "bad name")
        said = []
        for name in names:
            try:
                said.append(socket.gethostbyname(name))
            except OSError as error:
                said.append(type(error).__name__)
        return said

    refused = "PermissionError"
    said, seen = told(at(Connect, "api.example.com:443"), closure)
    assert said == ["127.0.0.1", refused, "127.0.0.1", "127.0.0.5", refused, "gaierror"]
    assert [(one.operation, one.target, one.capability) for one in seen] == [
        ("resolve", "other.example.com", "Resolve"),
        ("resolve", "none.example.com", "Resolve"),
    ]
    said, seen = told(Ambient[Resolve], closure)
    assert said == ["127.0.0.1", "127.0.0.2", "127.0.0.1", "127.0.0.5", "gaierror", "gaierror"]
    assert seen == []
    said, _ = told(at(Connect, "10.0.0.0/8:443"), closure)
    assert said == [refused, refused, "127.0.0.1", "127.0.0.5", refused, "gaierror"]


def test_a_denial_names_the_host_that_was_asked_for(
    server: tuple[socket.socket, int], fake_names: dict[str, Any]
) -> None:
    _, port = server
    fake_names["evil.example.com"] = ["127.0.0.1"]

    def closure(_: object) -> str:
        return code_of(socket.create_connection, ("evil.example.com", port))

    said, seen = told(Ambient[Resolve] | at(Connect, "10.0.0.1:1"), closure)
    assert said == "EPERM"
    assert f'"evil.example.com:{port}"' in (seen[0].write or "")


def test_resolve_needs_no_socket_and_no_file(fake_names: dict[str, Any]) -> None:
    fake_names["a.example"] = ["127.0.0.1", "::1", "127.0.0.1"]

    def closure(broker: Any) -> list[object]:
        found: list[object] = [broker.resolve("a.example", 80)]
        found += [code_of(socket.socket, family, kind) for family in (1, 2, 10, 16) for kind in (1, 2)]
        found += [code_of(os.open, path, os.O_RDONLY) for path in ("/etc/hosts", "/etc/resolv.conf")]
        return found

    assert told(Resolve, closure)[0] == [[("127.0.0.1", 80), ("::1", 80)], *["EPERM"] * 10]


def test_localhost_is_the_loopback_for_real() -> None:
    def closure(broker: Any) -> list[object]:
        return [broker.resolve("localhost", 1), socket.gethostbyname_ex("localhost"), socket.getfqdn("localhost")]

    assert told(Resolve, closure)[0] == [
        [("127.0.0.1", 1), ("::1", 1)],
        ("localhost", [], ["127.0.0.1"]),
        "localhost",
    ]


def test_what_getaddrinfo_returns_is_what_it_returns_outside() -> None:
    """For numbers, which nobody has to look up."""
    asked: list[tuple[Any, ...]] = [
        ("127.0.0.1", 80),
        ("127.0.0.1", "80", 0, socket.SOCK_STREAM),
        (b"127.0.0.1", None, socket.AF_INET, socket.SOCK_DGRAM),
        ("::1", 443, 0, 0, socket.IPPROTO_TCP),
        ("fe80::1%1", 1, 0, socket.SOCK_STREAM),
        ("127.0.0.1", 80, socket.AF_INET6),
        (None, 80, 0, socket.SOCK_STREAM, 0, socket.AI_PASSIVE),
        ("no.such.name", 80, 0, 0, 0, socket.AI_NUMERICHOST),
        ("127.0.0.1", "no such service"),
        ("127.0.0.1", 80, 77),
    ]

    def all_of_them(_: object = None) -> list[object]:
        said: list[object] = []
        for arguments in asked:
            try:
                said.append(sorted(tuple(map(str, row)) for row in socket.getaddrinfo(*arguments)))
            except socket.gaierror:
                said.append("gaierror")
        said += [socket.getnameinfo(("127.0.0.1", 80), socket.NI_NUMERICHOST | socket.NI_NUMERICSERV)]
        return said

    inside, seen = told(Ambient[Resolve], all_of_them)
    outside = all_of_them()
    assert isinstance(inside, list)
    for question, one, other in zip([*asked, "nameinfo"], inside, outside, strict=True):
        assert one == other, question
    assert seen == []


def test_a_look_up_that_takes_long_stops_neither_the_timeout_nor_other_names(fake_names: dict[str, Any]) -> None:
    gate = threading.Event()

    def wait() -> list[str]:
        gate.wait(20)
        return ["127.0.0.1"]

    fake_names["slow.example"] = wait
    fake_names["fast.example"] = ["127.0.0.1"]

    def closure(broker: Any) -> object:
        def ask(name: str) -> None:
            socket.gethostbyname(name)
            if name == "fast.example":
                os.remove(f"/capsafe {name}")

        return broker.run_in_threads(ask, ["slow.example", "slow.example", "fast.example"], workers=3)

    before = threading.active_count(), len(descriptors())
    started = time.monotonic()
    error, seen = told(Ambient[Resolve] | Threads, closure, timeout=SLOW)
    assert isinstance(error, SandboxTimeoutError)
    assert [one.target for one in seen] == ["/capsafe fast.example"]
    assert time.monotonic() - started < 5
    assert sorted(fake_names["asked"]) == ["fast.example", "slow.example"]
    gate.set()
    deadline = time.monotonic() + 10
    while (threading.active_count(), len(descriptors())) != before and time.monotonic() < deadline:
        time.sleep(0.02)
    assert (threading.active_count(), len(descriptors())) == before


def test_many_names_are_looked_up_some_at_a_time(fake_names: dict[str, Any]) -> None:
    running: list[int] = []
    most = [0]
    lock = threading.Lock()

    def slowly() -> list[str]:
        with lock:
            running.append(1)
            most[0] = max(most[0], len(running))
        time.sleep(0.05)
        with lock:
            running.pop()
        return ["127.0.0.1"]

    names = [f"n{number}.example" for number in range(20)]
    fake_names.update(dict.fromkeys(names, slowly))
    said, _ = told(
        Ambient[Resolve] | Threads, lambda b: b.run_in_threads(socket.gethostbyname, names, workers=len(names))
    )
    assert said == ["127.0.0.1"] * 20
    assert 1 < most[0] <= resolver._MOST_AT_ONCE


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"addresses\nx y",
        b"addresses\n127.0.0.1",
        b"addresses\n127.0.0.1 x",
        b"error",
        b"error 0 x",
        b"\xff",
        b"a\n",
    ],
)
def test_an_answer_that_can_not_be_read_is_a_failure(raw: bytes) -> None:
    assert read_answer(raw).code == socket.EAI_FAIL
    assert read_answer(raw).addresses == ()


def test_answers_are_written_and_read() -> None:
    many = tuple(Address(f"fe80::{number:x}", number) for number in range(200))
    assert read_answer(write_answer(Answer(many))).addresses == many[:MOST_ADDRESSES]
    assert len(write_answer(Answer(many))) <= 4096
    assert read_answer(write_answer(Answer(code=-2, text="no\nsuch" * 1000))).code == -2


# --- listening ------------------------------------------------------------------------------------------------------


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def test_listening_is_held_to_the_scope() -> None:
    port = free_port()

    def closure(broker: Any) -> list[object]:
        said: list[object] = []
        with broker.listen("127.0.0.1", port) as listener, socket.socket() as client:
            said += [listener.getsockname(), code_of(client.connect, ("127.0.0.1", port))]
            # As event loops do with a socket that listens already.
            said += [code_of(listener.listen), code_of(listener.connect, ("127.0.0.1", port))]
        for host, where in (("127.0.0.1", port ^ 1), ("127.0.0.2", port), ("0.0.0.0", port), ("127.0.0.1", 0)):
            with socket.socket() as other:
                said.append(code_of(other.bind, (host, where)))
        with socket.socket() as unbound:
            said.append(code_of(unbound.listen))
        return said

    said, seen = told(at(Listen, f"127.0.0.1:{port}"), closure)
    assert said == [("127.0.0.1", port), "EPERM", "done", "EISCONN", *["EPERM"] * 5]
    assert [one.operation for one in seen] == [
        "connect to",
        *["listen on"] * 4,
        "listen without being bound, on",
    ]
    assert {one.capability for one in seen[1:]} == {"Listen"}


@pytest.mark.parametrize("scope", ["*:{}", "0.0.0.0/0:{}", "0.0.0.0:{}"])
def test_a_port_may_be_served_on_every_interface_where_that_is_granted(scope: str) -> None:
    port = free_port()

    def closure(_: object) -> list[str]:
        said = []
        with socket.socket() as listener:
            said += [code_of(listener.bind, ("0.0.0.0", port)), code_of(listener.listen)]
        with socket.socket() as unbound:
            said.append(code_of(unbound.listen))
        return said

    assert told(at(Listen, scope.format(port)), closure)[0] == ["done", "done", "EPERM"]


def test_a_server_inside_is_reached_from_outside() -> None:
    port = free_port()

    def closure(broker: Any) -> bytes:
        with broker.listen("127.0.0.1", port) as listener:
            listener.settimeout(10)
            stream, _ = listener.accept()
            with stream:
                return bytes(stream.recv(10))

    def call() -> None:
        for _ in range(100):
            with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)) as stream:
                stream.sendall(b"hello")
                return
            time.sleep(0.05)

    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    assert told(at(Listen, f"127.0.0.1:{port}"), closure) == (b"hello", [])
    thread.join()


# --- UDP ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def mailbox() -> Iterator[tuple[socket.socket, int]]:
    with socket.socket(type=socket.SOCK_DGRAM) as one:
        one.bind(("127.0.0.1", 0))
        one.settimeout(5)
        yield one, one.getsockname()[1]


def test_datagrams_are_held_to_where_they_are_sent(mailbox: tuple[socket.socket, int]) -> None:
    box, port = mailbox

    def closure(broker: Any) -> list[object]:
        said: list[object] = []
        with broker.datagram("127.0.0.1") as one:
            said.append(one.sendto(b"first", ("127.0.0.1", port)))
            one.sendto(b"", ("127.0.0.1", port))
            one.settimeout(5)
            said.append(one.recvfrom(10)[0])
            said.append(code_of(one.sendto, b"x", ("127.0.0.1", port ^ 1)))
            said.append(code_of(one.sendto, b"x", ("127.0.0.2", port)))
            said.append(code_of(one.sendmsg, [b"x"], [], 0, ("127.0.0.2", port)))
            one.connect(("127.0.0.1", port))
            said.append(one.send(b"second"))
            # With an address it would go there, connected or not.
            said.append(code_of(one.sendto, b"x", ("127.0.0.2", port)))
            said.append(code_of(one.connect, ("127.0.0.2", port)))
            said.append(code_of(one.sendto, bytes(70000), ("127.0.0.1", port)))
        for host, where in (("127.0.0.1", port ^ 1), ("0.0.0.0", port ^ 1)):
            with socket.socket(type=socket.SOCK_DGRAM) as other:
                said.append(code_of(other.bind, (host, where)))
        return said

    def answer() -> None:
        got.append(box.recvfrom(100)[0])
        text, sender = box.recvfrom(100)
        got.append(text)
        box.sendto(b"answer", sender)
        got.append(box.recvfrom(100)[0])

    got: list[bytes] = []
    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    said, seen = told(at(Datagram, f"127.0.0.1:{port}"), closure)
    thread.join()
    assert said == [5, b"answer", "EPERM", "EPERM", "EPERM", 6, "EPERM", "EPERM", "EMSGSIZE", "EPERM", "EPERM"]
    assert got == [b"first", b"", b"second"]
    assert [(one.call, one.capability) for one in seen if one.call != "sendmsg"] == [
        *[("sendto", "Datagram")] * 3,
        ("connect", "Datagram"),
        *[("bind", "Datagram")] * 2,
    ]
    box.settimeout(0)
    with pytest.raises(BlockingIOError):
        box.recv(1)


def test_a_name_may_be_sent_to(mailbox: tuple[socket.socket, int], fake_names: dict[str, Any]) -> None:
    box, port = mailbox
    fake_names["mail.example"] = ["127.0.0.1"]

    def closure(broker: Any) -> int:
        with broker.datagram() as one:
            return int(one.sendto(b"x", (socket.gethostbyname("mail.example"), port)))

    assert told(at(Datagram, f"mail.example:{port}"), closure) == (1, [])
    assert box.recv(10) == b"x"


# --- Unix sockets ---------------------------------------------------------------------------------------------------


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="capsafe-unix-", dir="/tmp") as path:
        (Path(path) / "in").mkdir()
        (Path(path) / "out").mkdir()
        yield Path(path)


def answering(path: Path, kind: int = socket.SOCK_STREAM) -> socket.socket:
    one = socket.socket(socket.AF_UNIX, kind)
    one.bind(str(path))
    if kind == socket.SOCK_STREAM:
        one.listen()
    one.settimeout(5)
    return one


def test_unix_sockets_are_held_to_the_path(folder: Path) -> None:
    with answering(folder / "in" / "s") as good, answering(folder / "out" / "s") as bad:
        (folder / "in" / "link").symlink_to(folder / "out" / "s")
        (folder / "in" / "up").symlink_to("../out")
        (folder / "out" / "back").symlink_to(folder / "in" / "s")
        (folder / "in" / "file").write_text("")

        def closure(broker: Any) -> list[object]:
            broker.unix_connect(folder / "in" / "s", timeout=5).close()
            said: list[object] = []
            for path in (
                f"{folder}/in/s",
                f"{folder}/in/../in/s",
                f"{folder}/out/s",
                f"{folder}/out/none",
                f"{folder}/out/back",
                f"{folder}/in/link",
                f"{folder}/in/up/s",
                f"{folder}/in/../out/s",
                f"/proc/self/root{folder}/out/s",
                f"{folder}/inside",
                f"{folder}/in/none",
                f"{folder}/in/file",
                "relative",
                "\0abstract",
            ):
                with socket.socket(socket.AF_UNIX) as one:
                    said.append(code_of(one.connect, path))
            return said

        said, seen = told(at(UnixSocket, f"{folder}/in"), closure)
        assert said == [
            *["done"] * 2,
            *["EPERM"] * 8,
            "ENOENT",
            "ECONNREFUSED",
            "EPERM",
            "EPERM",
        ]
        assert len(seen) == 10
        assert {one.capability for one in seen[:8]} == {"UnixSocket"}
        assert f'UnixSocket[L["{folder}/in", "{folder}/out/s"]]' in (seen[0].write or "")
        for _ in range(3):
            good.accept()[0].close()
        bad.settimeout(0)
        with pytest.raises(BlockingIOError):
            bad.accept()


def test_a_scope_that_is_a_symlink_is_what_it_leads_to(folder: Path) -> None:
    (folder / "link").symlink_to(folder / "in")
    with answering(folder / "in" / "s"):
        said, _ = told(at(UnixSocket, f"{folder}/link"), lambda b: b.unix_connect(f"{folder}/link/s").close())
        assert said is None


def test_serving_at_a_path(folder: Path) -> None:
    def closure(broker: Any) -> list[object]:
        with (
            broker.unix_listen(folder / "in" / "own") as listener,
            broker.unix_connect(folder / "in" / "own") as client,
        ):
            server, _ = listener.accept()
            with server:
                client.sendall(b"ping")
                said: list[object] = [server.recv(10)]
        for path in (
            f"{folder}/out/own",
            f"{folder}/in/../out/own",
            f"{folder}/in/own",
            f"{folder}/in/.",
            "own",
            "\0x",
        ):
            with socket.socket(socket.AF_UNIX) as one:
                said.append(code_of(one.bind, path))
        with socket.socket(socket.AF_UNIX) as one:
            said.append(code_of(one.listen))
        return said

    said, _ = told(at(UnixSocket, f"{folder}/in"), closure)
    assert said == [b"ping", "EPERM", "EPERM", "EADDRINUSE", "EADDRINUSE", "EPERM", "EPERM", "EINVAL"]
    assert (folder / "in" / "own").exists()
    assert not list((folder / "out").iterdir())


def test_datagrams_to_paths(folder: Path) -> None:
    with answering(folder / "in" / "m", socket.SOCK_DGRAM) as good, answering(folder / "out" / "m", socket.SOCK_DGRAM):

        def closure(_: object) -> list[object]:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as one:
                said: list[object] = [one.sendto(b"first", f"{folder}/in/m")]
                said.append(code_of(one.sendto, b"x", f"{folder}/out/m"))
                one.connect(f"{folder}/in/m")
                said.append(one.send(b"second"))
                said.append(code_of(one.connect, f"{folder}/out/m"))
            return said

        said, _ = told(at(UnixSocket, f"{folder}/in"), closure)
        assert said == [5, "EPERM", 6, "EPERM"]
        assert [good.recv(10), good.recv(10)] == [b"first", b"second"]


def test_a_server_whose_queue_is_full_is_waited_for(folder: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{folder}/in/s")
        listener.listen(0)
        with socket.socket(socket.AF_UNIX) as first:
            first.connect(f"{folder}/in/s")

            def closure(_: object) -> list[str]:
                said = []
                with socket.socket(socket.AF_UNIX) as one:
                    one.settimeout(0)
                    said.append(code_of(one.connect, f"{folder}/in/s"))
                with socket.socket(socket.AF_UNIX) as one:
                    said.append(code_of(one.connect, f"{folder}/in/s"))
                return said

            def accept() -> None:
                time.sleep(SLOW)
                for _ in range(2):
                    listener.accept()[0].close()

            thread = threading.Thread(target=accept, daemon=True)
            thread.start()
            started = time.monotonic()
            assert told(at(UnixSocket, f"{folder}/in"), closure) == (["EAGAIN", "done"], [])
            assert time.monotonic() - started >= SLOW * 0.8
            thread.join()


# --- numbers --------------------------------------------------------------------------------------------------------


def test_a_copy_of_a_socket_is_not_known(server: tuple[socket.socket, int]) -> None:
    _, port = server

    def closure(_: object) -> list[str]:
        with socket.socket() as stream:
            copy = socket.socket(fileno=os.dup(stream.fileno()))
            return [code_of(copy.connect, ("127.0.0.1", port)), code_of(stream.connect, ("127.0.0.1", port))]

    said, seen = told(at(Connect, f"127.0.0.1:{port}"), closure)
    assert said == ["EPERM", "done"]
    assert "that the supervisor did not make" in str(seen[0])


def test_how_many_sockets_are_held_is_bounded() -> None:
    def closure(_: object) -> list[str]:
        kept = [socket.socket() for _ in range(held.MOST_HELD + 5)]
        return [code_of(kept[at].connect, ("127.0.0.1", 1)) for at in (0, 4, 5, -1)]

    before = descriptors()
    most = 0

    def watch() -> None:
        nonlocal most
        while not done.wait(0.002):
            most = max(most, len(os.listdir("/proc/self/fd")))

    done = threading.Event()
    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    said, _ = told(at(Connect, "127.0.0.1:1"), closure)
    done.set()
    thread.join()
    assert said == ["EPERM", "EPERM", "ECONNREFUSED", "ECONNREFUSED"]
    assert most <= held.MOST_HELD + len(before) + 15
    assert descriptors() == before


def test_a_limit_of_open_files_holds_for_sockets_too() -> None:
    def closure(_: object) -> str:
        kept: list[socket.socket] = []
        while len(kept) < 50 and (one := attempted()) is not None:
            kept.append(one)
        return f"{len(kept)} {code_of(socket.socket)}"

    def attempted() -> socket.socket | None:
        with contextlib.suppress(OSError):
            return socket.socket()
        return None

    assert told(at(Connect, "127.0.0.1:1"), closure, open_files=10)[0] == "10 EMFILE"


def test_nothing_is_left_of_many_runs(server: tuple[socket.socket, int], fake_names: dict[str, Any]) -> None:
    listener, port = server
    fake_names["api.example.com"] = ["127.0.0.1"]
    box = sandbox_of(at(Connect, f"api.example.com:{port}") | at(Datagram, "127.0.0.1:9"), timeout=20)

    def closure(broker: Any) -> None:
        broker.connect("api.example.com", port, timeout=5)
        broker.datagram()
        for _ in range(5):
            # Each has the number of the one before.
            socket.socket().close()

    box.execute(closure)
    listener.accept()[0].close()
    before = descriptors(), children(), threading.active_count()
    for _ in range(40):
        box.execute(closure)
        listener.accept()[0].close()
    assert (descriptors(), children(), threading.active_count()) == before


# --- programs -------------------------------------------------------------------------------------------------------


def test_a_program_has_no_sockets_and_is_told_why(server: tuple[socket.socket, int]) -> None:
    _, port = server

    def closure(broker: Any) -> str:
        program = f"exec 3<>/dev/tcp/127.0.0.1/{port} && echo connected"
        return str(broker.run(["/bin/bash", "-c", program], text=True).stdout)

    if not Path("/bin/bash").exists():
        pytest.skip("there is no bash, which connects by itself")
    said, seen = told(at(Connect, f"127.0.0.1:{port}") | Spawn, closure)
    assert said == ""
    assert any("make a socket in a program that the closure started" in str(one) for one in seen)
    assert told(Connect | Spawn, closure)[0] == "connected\n"


# --- where it can't be had ------------------------------------------------------------------------------------------

SUPERVISED: list[Any] = [
    Connect[Literal["a.example:443"]],
    Listen[Literal["*:8080"]],
    Datagram[Literal["*:53"]],
    UnixSocket[Literal["/run/x"]],
    Resolve,
]


@pytest.mark.parametrize("grant", SUPERVISED)
def test_without_a_supervisor_nothing_runs(grant: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import dataclasses

    box = sandbox_of(grant)
    with pytest.raises(UnsupportedError, match="open_files=2 there is no room"):
        sandbox_of(grant, open_files=2).execute(lambda _: None)
    with pytest.raises(UnsupportedError, match=r"enter\(\) has none"):
        box.enter()
    for missing in ({"answers": False}, {"notifications": False, "answers": False}):
        monkeypatch.setattr(restrict, "probe", lambda missing=missing: dataclasses.replace(probe(), **missing))
        with pytest.raises(UnsupportedError, match="lets none answer"):
            sandbox_of(grant).execute(lambda _: os._exit(1))


@pytest.mark.parametrize("grant", SUPERVISED)
def test_where_the_listener_is_taken_nothing_runs(grant: Any) -> None:
    """As in a container whose manager listens for itself."""
    from tests.kernel.listening import listen

    box = sandbox_of(grant)

    def listened() -> str:
        listen()
        try:
            return str(box.execute(lambda _: "it ran"))
        except UnsupportedError as error:
            return str(error)

    assert "another listener" in in_child(listened)


def test_without_the_childs_memory_nothing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.kernel.exchanged import FAILURE, exchange

    exchange(monkeypatch, lambda call: call.name == "openat" and call.may_fail, FAILURE._replace(may_fail=True))
    assert sandbox_of(Never).execute(lambda _: 1) == 1
    error = caught(lambda _: "it ran", Sandbox[Resolve]())
    assert isinstance(error, UnsupportedError)
    assert "can't read the child's memory" in str(error)
