"""The real kernel: what a confined child can do, and that the same works where nothing confines it."""

import ctypes
import mmap
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, Never

import pytest

from capsafe import capabilities as caps
from capsafe.capabilities import Network, Process, Stdio
from capsafe.errors import MissingPathError, UnsupportedError
from capsafe.grants import Grant, Granted, read_grant
from capsafe.kernel import prepare, probe
from capsafe.kernel.libc import LIBC
from capsafe.policy import compile_policy
from capsafe.policy.denials import DENIED
from capsafe.policy.numbers import NUMBERS
from tests.kernel.confined import NOBODY, confined, forked, scratch

pytestmark = pytest.mark.kernel

NUMBER = NUMBERS.get(probe().machine, {})
ROOT = os.geteuid() == 0
USERS = [pytest.param(None, id="self"), *([pytest.param(NOBODY, id="nobody")] if ROOT else [])]
AS_ROOT = pytest.mark.skipif(not ROOT, reason="root's own powers are what is tested")


@pytest.fixture
def folder() -> Iterator[Path]:
    """Give a folder with a file, a folder of a longer name beside it, and symlinks that lead out."""
    base = Path(scratch())
    for name in ("data", "database"):
        (base / name).mkdir(mode=0o777)
        (base / name).chmod(0o777)
        (base / name / "file").write_text("content")
        (base / name / "file").chmod(0o666)
    (base / "data" / "out").symlink_to(base / "database" / "file")
    (base / "data" / "up").symlink_to("..")
    yield base
    shutil.rmtree(base)


def scoped(capability: Any, *paths: object) -> Grant:
    return Grant([Granted(capability, frozenset(map(str, paths)))])


def syscall(name: str, *arguments: Any) -> int:
    """Make a raw call; raises OSError."""
    result = int(LIBC.syscall(NUMBER[name], *arguments))
    if result == -1:
        code = ctypes.get_errno()
        raise OSError(code, name)
    return result


# --- it is really in force ------------------------------------------------------------------------------------------


def status_of_self() -> dict[str, str]:
    lines = Path("/proc/self/status").read_text().splitlines()
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def test_the_filter_is_loaded_and_no_new_privs_is_set() -> None:
    """Another process looks, since the child itself can't read /proc."""
    prepared = prepare(compile_policy(read_grant(Never)))
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        prepared.restrict()
        os.read(reader, 1)
        os._exit(0)
    try:
        deadline = time.monotonic() + 10
        while True:
            status = dict(
                line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line
            )
            if status["Seccomp_filters"] == "2" or time.monotonic() > deadline:
                break
        assert status["Seccomp"] == "2"
        assert status["Seccomp_filters"] == "2"
        assert status["NoNewPrivs"] == "1"
    finally:
        os.close(writer)
        os.close(reader)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def test_landlock_is_in_force_by_itself(folder: Path) -> None:
    """Without the filter the ruleset alone must refuse."""
    from capsafe.kernel import landlock
    from capsafe.kernel.libc import prctl

    prepared = prepare(compile_policy(scoped(caps.ReadFile, folder / "data")))
    assert prepared.ruleset is not None
    ruleset = prepared.ruleset

    def child() -> Any:
        prctl(38, 1)
        landlock.restrict(ruleset)
        return [attempt(read(folder / name / "file")) for name in ("data", "database")]

    assert forked(child) == ["content", "EACCES"]


def attempt(function: Callable[[], Any]) -> Any:
    import errno

    try:
        return function()
    except OSError as error:
        return errno.errorcode[error.errno or 0]


# --- Sandbox[Never] -------------------------------------------------------------------------------------------------


def pure() -> Any:
    data = bytearray(1 << 24)
    text = "".join(chr(97 + i % 26) for i in range(100_000))
    try:
        int("mine")
    except ValueError as error:
        caught = str(error)
    return [len(data), len(text), caught, sum(i * i for i in range(1000)), time.monotonic() > 0, len(os.urandom(8))]


@pytest.mark.parametrize("user", USERS)
def test_pure_python_runs(user: int | None) -> None:
    assert confined(Never, pure, user=user) == [
        1 << 24,
        100_000,
        "invalid literal for int() with base 10: 'mine'",
        332833500,
        True,
        8,
    ]


def test_an_event_loop_runs() -> None:
    import asyncio

    async def work() -> int:
        await asyncio.sleep(0)
        return sum(await asyncio.gather(*(asyncio.sleep(0.001, one) for one in (1, 2, 3))))

    assert confined(Never, lambda: asyncio.run(work())) == 6


def exec_mapping() -> str:
    mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_EXEC).close()
    return "done"


ATTACKS: dict[str, Callable[[], Any]] = {
    "open": lambda: os.close(os.open("/etc/hostname", os.O_RDONLY)),
    "stat": lambda: os.stat("/etc/hostname").st_size * 0,
    "listdir": lambda: len(os.listdir("/etc")) * 0,
    "fork": lambda: os.waitpid(os.posix_spawn("/bin/true", ["true"], {}), 0)[1],
    "tcp": lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM).close(),
    "udp": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).close(),
    "unix": lambda: socket.socket(socket.AF_UNIX, socket.SOCK_STREAM).close(),
    "netlink": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0).close(),
    "signal the parent": lambda: os.kill(os.getppid(), 0),
    "executable memory": lambda: len(exec_mapping()) * 0,
    "uname": lambda: len(os.uname().nodename) * 0,
    "memfd": lambda: os.close(os.memfd_create("x")),
    "priority of the parent": lambda: os.getpriority(os.PRIO_PROCESS, os.getppid()) * 0,
    "affinity of the parent": lambda: len(os.sched_getaffinity(os.getppid())) * 0,
    "raw open": lambda: os.close(syscall("openat", -100, b"/etc/hostname", 0)),
    "raw getpgid": lambda: syscall("getpgid", os.getppid()) * 0,
    "session": os.setsid,
    "print": lambda: os.write(1, b"x") * 0,
    "pidfd": lambda: os.close(os.pidfd_open(os.getppid())),
}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
@pytest.mark.parametrize("user", USERS)
def test_an_attack_works_outside_and_fails_inside(attack: Callable[[], Any], user: int | None) -> None:
    assert forked(attack) in (None, 0)
    assert confined(Never, attack, user=user) == "EPERM"


def test_a_thread_works_outside_and_fails_inside() -> None:
    def start() -> str:
        thread = threading.Thread(target=lambda: None)
        try:
            thread.start()
        except RuntimeError:
            return "refused"
        thread.join()
        return "started"

    assert forked(start) == "started"
    assert confined(Never, start) == "refused"
    assert confined(caps.Threads, start) == "started"


# --- which calls reach the kernel: EFAULT and EBADF say yes, EPERM says no --------------------------------------------


EVERYTHING = (
    caps.FileSystem | Network | Process | Stdio | caps.Threads | caps.NativeCode | caps.SystemInfo | caps.Import
)
#: With these arguments they do nothing even where they are allowed, except these few that would end or stop the child.
HARMFUL = {
    "exit",
    "exit_group",
    "reboot",
    "vhangup",
    "pause",
    "rt_sigreturn",
    "rt_sigsuspend",
    "vfork",
    "fork",
    "clone",
}


@pytest.mark.parametrize("call", sorted(set(DENIED) & set(NUMBER) - HARMFUL))
def test_hard_denials_in_the_kernel(call: str) -> None:
    """No grant, root or not, gets past: not even to EFAULT."""
    said = confined(EVERYTHING, lambda: syscall(call, -1, -1, -1, -1, -1, -1))
    assert said in ("EPERM", "ENOSYS")


def test_probes_tell_reached_from_refused() -> None:
    """The control: the same probe on calls that are allowed gets past the filter."""
    assert confined(caps.ReadFile, lambda: syscall("openat", -100, 1, 0)) == "EFAULT"
    assert confined(caps.ReadFile, lambda: syscall("openat", -100, 1, os.O_WRONLY)) == "EPERM"
    assert confined(caps.ReadFile, lambda: syscall("fchmod", -1, 0)) == "EPERM"
    assert confined(caps.WriteFile, lambda: syscall("fchmod", -1, 0)) == "EBADF"
    assert confined(caps.Connect, lambda: syscall("connect", -1, 0, 0)) == "EBADF"
    assert confined(caps.Connect, lambda: syscall("bind", -1, 0, 0)) == "EPERM"


TIOCSTI = 0x5412


@pytest.mark.parametrize("request_", [TIOCSTI, TIOCSTI | 1 << 32], ids=["plain", "with a high bit"])
def test_keys_can_not_be_put_into_a_terminal(request_: int) -> None:
    """The kernel reads 32 bits of the request (CVE-2019-10063)."""
    call = lambda: syscall("ioctl", ctypes.c_int(-1), ctypes.c_ulong(request_), 0)  # noqa: E731  # short
    assert forked(call) == "EBADF"
    assert confined(EVERYTHING, call) == "EPERM"


@pytest.mark.parametrize("call", ["clone3", "openat2", "io_uring_setup"])
def test_calls_that_libc_does_without_are_not_there(call: str) -> None:
    assert confined(EVERYTHING, lambda: syscall(call, 0, 0, 0, 0)) == "ENOSYS"


def test_newer_calls_are_not_there() -> None:
    assert confined(EVERYTHING, lambda: int(LIBC.syscall(457, 0, 0, 0, 0)) and ctypes.get_errno()) == 38
    assert confined(EVERYTHING, lambda: int(LIBC.syscall(9999, 0, 0, 0, 0)) and ctypes.get_errno()) == 38


@pytest.mark.skipif(probe().machine != "x86_64", reason="x32 is an ABI of x86_64")
def test_the_x32_abi_kills() -> None:
    assert forked(lambda: syscall_number(0x40000000 | 39)) == "ENOSYS"
    assert confined(EVERYTHING, lambda: syscall_number(0x40000000 | 39)) == "SIGSYS"


def syscall_number(number: int) -> int:
    result = int(LIBC.syscall(number, 0, 0, 0, 0, 0, 0))
    if result == -1:
        raise OSError(ctypes.get_errno(), "call")
    return result


# --- files ----------------------------------------------------------------------------------------------------------


def read(path: object) -> Callable[[], str]:
    return lambda: Path(str(path)).read_text()


@pytest.mark.parametrize("user", USERS)
def test_reading_is_held_to_the_scope(folder: Path, user: int | None) -> None:
    what = scoped(caps.ReadFile, folder / "data")
    assert forked(read(folder / "database" / "file")) == "content"
    assert forked(read(folder / "data" / "out")) == "content"
    assert confined(what, read(folder / "data" / "file"), user=user) == "content"
    assert confined(what, read(folder / "database" / "file"), user=user) == "EACCES"
    assert confined(what, read(folder / "data" / "out"), user=user) == "EACCES"
    assert confined(what, read(folder / "data" / ".." / "database" / "file"), user=user) == "EACCES"
    assert confined(what, read(folder / "data" / "up" / "database" / "file"), user=user) == "EACCES"
    assert confined(what, lambda: sorted(os.listdir(folder / "data")), user=user) == ["file", "out", "up"]
    assert confined(what, lambda: os.listdir(folder), user=user) == "EACCES"


def test_a_scope_may_be_a_file(folder: Path) -> None:
    what = scoped(caps.FileSystem, folder / "data" / "file")
    assert confined(what, read(folder / "data" / "file")) == "content"
    assert confined(what, lambda: Path(folder, "data", "file").write_text("new")) == 3
    assert confined(what, lambda: Path(folder, "data", "other").write_text("new")) == "EACCES"


CHANGES: dict[str, Callable[[Path], Any]] = {
    "write": lambda file: file.write_text("x"),
    "append": lambda file: file.open("a").close(),
    "truncate": lambda file: os.truncate(file, 0),
    "truncate on opening": lambda file: os.close(os.open(file, os.O_RDONLY | os.O_TRUNC)),
    "chmod": lambda file: file.chmod(0o600),
    "fchmod": lambda file: os.chmod(os.open(file, os.O_RDONLY), 0o600),
    "utime": os.utime,
    "setxattr": lambda file: os.setxattr(file, b"user.x", b"1"),
    "unlink": lambda file: file.unlink(),
    "rename": lambda file: os.rename(file, file.with_name("new")),
    "link": lambda file: os.link(file, file.with_name("new")),
    "symlink": lambda file: os.symlink(file, file.with_name("new")),
    "mkdir": lambda file: file.with_name("new").mkdir(),
    "create": lambda file: os.close(os.open(file.with_name("new"), os.O_CREAT | os.O_RDONLY)),
    "fifo": lambda file: os.mkfifo(file.with_name("new")),
    "lock": lambda file: __import__("fcntl").flock(os.open(file, os.O_RDONLY), 2),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("user", USERS)
def test_reading_changes_nothing(folder: Path, change: Callable[[Path], Any], user: int | None) -> None:
    """Modes, times, attributes and locks are not Landlock's: the filter has to refuse them."""
    file = folder / "data" / "file"
    if user is not None:
        os.chown(file, user, user)
    before = (file.read_text(), file.stat().st_mode, file.stat().st_mtime_ns, sorted(os.listdir(folder / "data")))
    what = scoped(caps.ReadFile, folder / "data")
    assert confined(what, lambda: change(file), user=user) in ("EPERM", "EACCES", "ENOTSUP")
    assert confined(caps.ReadFile, lambda: change(file), user=user) in ("EPERM", "EACCES", "ENOTSUP")
    after = (file.read_text(), file.stat().st_mode, file.stat().st_mtime_ns, sorted(os.listdir(folder / "data")))
    assert before == after
    # The control: outside it does change something, or is at least allowed.
    assert forked(lambda: change(file) and None) is None


@pytest.mark.parametrize("user", USERS)
def test_writing_is_held_to_the_scope(folder: Path, user: int | None) -> None:
    what = scoped(caps.WriteFile, folder / "data")

    def work() -> Any:
        inside, outside = folder / "data", folder / "database"
        (inside / "new").write_text("new")
        (inside / "deep").mkdir()
        (inside / "new").rename(inside / "deep" / "moved")
        os.truncate(inside / "file", 2)
        return [
            attempt(lambda: (outside / "new").write_text("x")),
            attempt(lambda: (outside / "file").write_text("x")),
            attempt((outside / "file").unlink),
            attempt(lambda: os.truncate(outside / "file", 0)),
            attempt(lambda: os.link(outside / "file", inside / "linked")),
            attempt(lambda: (outside / "file").chmod(0o777)),
            attempt(lambda: (inside / "file").chmod(0o777)),
            attempt(lambda: os.utime(outside / "file")),
            attempt((inside / "file").read_text),
            attempt(lambda: os.listdir(inside)),
            attempt(lambda: os.chown(inside / "file", 0, 0)),
        ]

    said = confined(what, work, user=user)
    assert said == [
        "EACCES",
        "EACCES",
        "EACCES",
        "EACCES",
        "EXDEV",
        "EPERM",
        "EPERM",
        "EPERM",
        "EPERM",
        "EPERM",
        "EPERM",
    ]
    assert (folder / "data" / "deep" / "moved").read_text() == "new"
    assert (folder / "data" / "file").read_text() == "co"
    assert (folder / "database" / "file").read_text() == "content"


def test_writing_anywhere_changes_modes_and_times(folder: Path) -> None:
    def work() -> None:
        (folder / "data" / "file").chmod(0o640)
        os.utime(folder / "data" / "file", (1, 1))

    assert confined(caps.WriteFile, work) is None
    assert (folder / "data" / "file").stat().st_mtime == 1


def test_relative_paths_and_the_current_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder / "data")
    assert confined(scoped(caps.ReadFile, folder / "data"), read("file")) == "content"
    assert confined(caps.ReadFile, read("../database/file")) == "content"
    assert confined(scoped(caps.ReadFile, folder / "data"), read("../database/file")) == "EACCES"


@pytest.mark.parametrize(
    "path", ["/proc/self/environ", "/proc/self/mem", "/proc/1/cmdline", "/proc/self/status", "/proc/cpuinfo"]
)
@pytest.mark.parametrize("what", [caps.FileSystem, caps.FileSystem[Literal["/"]]], ids=["anywhere", "the root"])
def test_proc_is_out_of_reach(path: str, what: Any) -> None:
    assert confined(what, lambda: os.close(os.open(path, os.O_RDONLY))) == "EACCES"
    if ROOT:
        assert forked(lambda: os.close(os.open(path, os.O_RDONLY))) is None


def reading(path: str) -> Callable[[], None]:
    return lambda: os.close(os.open(path, os.O_RDONLY))


@AS_ROOT
def test_devices_and_settings_of_the_kernel_are_out_of_reach() -> None:
    disks = [path for path in ("/dev/mem", "/dev/kmsg", "/dev/vda", "/dev/sda", "/dev/tty") if os.path.exists(path)]
    for path in disks:
        assert confined(caps.FileSystem, reading(path)) == "EACCES"
    setting = "/sys/kernel/mm/transparent_hugepage/enabled"
    if os.path.exists(setting):
        assert confined(caps.FileSystem, lambda: os.close(os.open(setting, os.O_WRONLY))) == "EACCES"
    assert confined(caps.FileSystem, lambda: os.write(os.open("/dev/null", os.O_WRONLY), b"x")) == 1


def test_looking_sees_no_content(folder: Path) -> None:
    assert confined(caps.StatFile, lambda: (folder / "data" / "file").stat().st_size) == 7
    assert confined(caps.StatFile, read(folder / "data" / "file")) == "EPERM"
    assert confined(caps.StatFile, lambda: os.listdir(folder)) == "EPERM"


# --- network --------------------------------------------------------------------------------------------------------


@pytest.fixture
def server() -> Iterator[int]:
    """Listen on a port of the loopback."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def dial(port: int) -> Callable[[], str]:
    def work() -> str:
        with socket.create_connection(("127.0.0.1", port), timeout=5):
            return "connected"

    return work


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


@pytest.mark.network
@pytest.mark.parametrize("user", USERS)
def test_connecting_is_held_to_the_port(server: int, user: int | None) -> None:
    # The address is a number, so that no name is resolved.
    assert forked(dial(server)) == "connected"
    assert confined(caps.Connect, raw_dial(server), user=user) == "connected"
    assert confined(scoped(caps.Connect, f"*:{server}"), raw_dial(server), user=user) == "connected"
    assert confined(scoped(caps.Connect, "*:1"), raw_dial(server), user=user) == "EACCES"
    assert confined(caps.Listen, raw_dial(server), user=user) == "EPERM"


def raw_dial(port: int) -> Callable[[], str]:
    def work() -> str:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as client:
            client.connect(("127.0.0.1", port))
        return "connected"

    return work


def serve(port: int) -> Callable[[], str]:
    def work() -> str:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listening:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(("127.0.0.1", port))
            listening.listen()
        return "listening"

    return work


@pytest.mark.network
def test_listening_is_granted() -> None:
    port = free_port()
    assert forked(serve(port)) == "listening"
    assert confined(caps.Listen, serve(port)) == "listening"
    assert confined(caps.Connect, serve(port)) == "EPERM"


@pytest.mark.network
def test_datagrams_bring_no_tcp(server: int) -> None:
    """Bind and connect are the same calls for both: with Listen's sockets, Landlock refuses the connection."""

    def send() -> int:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            return out.sendto(b"hello", ("127.0.0.1", 9))

    assert confined(caps.Datagram, send) == 5
    assert confined(caps.Connect, send) == "EPERM"
    assert confined(caps.Datagram, raw_dial(server)) == "EPERM"
    assert confined(caps.Datagram | caps.Listen, raw_dial(server)) == "EACCES"
    assert confined(caps.Datagram | caps.Connect, serve(free_port())) in ("EACCES", "EPERM")


@pytest.mark.network
def test_fast_open_does_not_connect_past_the_rules(server: int) -> None:
    def fast_open() -> int:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as client:
            return client.sendto(b"x", 0x20000000, ("127.0.0.1", server))

    assert forked(fast_open) in (1, "EOPNOTSUPP")
    assert confined(caps.Connect, fast_open) == "EPERM"
    assert confined(scoped(caps.Connect, "*:1"), fast_open) == "EPERM"


def test_abstract_unix_sockets_are_out_of_reach() -> None:
    name = f"\0capsafe-{os.getpid()}"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(name)
        listening.listen()

        def meet() -> str:
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(name)
            return "connected"

        assert forked(meet) == "connected"
        assert confined(caps.UnixSocket, meet) == "EPERM"


# --- processes ------------------------------------------------------------------------------------------------------


def start(*command: str) -> Callable[[], Any]:
    def work() -> Any:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, env={})
        return [done.returncode, done.stdout.decode()]

    return work


@pytest.mark.parametrize("user", USERS)
def test_programs_start_and_stay_confined(folder: Path, user: int | None) -> None:
    assert confined(caps.Spawn, start("/bin/echo", "hello"), user=user) == [0, "hello\n"]
    code, text = confined(caps.Spawn, start("/bin/cat", str(folder / "data" / "file")), user=user)
    assert code == 1
    assert "Permission denied" in text
    what = Grant([Granted(caps.Spawn), Granted(caps.ReadFile, frozenset({str(folder / "data")}))])
    assert confined(what, start("/bin/cat", str(folder / "data" / "file")), user=user) == [0, "content"]


def test_spawning_is_held_to_the_programs() -> None:
    echo, true = os.path.realpath("/bin/echo"), os.path.realpath("/bin/true")
    what = scoped(caps.Spawn, echo)
    assert confined(what, start(echo, "hello")) == [0, "hello\n"]
    assert forked(start(true)) == [0, ""]
    assert confined(what, start(true)) == "EACCES"
    assert confined(caps.ReadFile, start(true)) == "EPERM"


def test_a_script_needs_its_interpreter(folder: Path) -> None:
    script = folder / "data" / "script"
    script.write_text("#!/bin/sh\necho hello\n")
    script.chmod(0o755)
    assert confined(scoped(caps.Spawn, script), start(str(script))) == "EACCES"
    assert confined(
        Grant(
            [Granted(caps.Spawn, frozenset({str(script), "/bin/sh"})), Granted(caps.ReadFile, frozenset({str(script)}))]
        ),
        start(str(script)),
    ) == [0, "hello\n"]


def test_signals_reach_only_what_was_started() -> None:
    def work() -> Any:
        child = subprocess.Popen(["/bin/sleep", "60"], env={})
        outside = attempt(lambda: os.kill(os.getppid(), signal.SIGTERM))
        os.kill(child.pid, signal.SIGKILL)
        return [outside, child.wait()]

    assert confined(Process, work) == ["EPERM", -signal.SIGKILL]


def test_a_namespace_can_not_be_entered() -> None:
    new_user = 0x10000000

    def unshare() -> int:
        return syscall("unshare", new_user)

    def clone() -> int:
        pid = syscall("clone", new_user | signal.SIGCHLD, 0, 0, 0, 0)
        if pid == 0:
            os._exit(0)
        return os.waitpid(pid, 0)[1]

    if probe().user_namespaces:
        assert forked(unshare) == 0
        assert forked(clone) == 0
    assert confined(EVERYTHING, unshare) == "EPERM"
    assert confined(EVERYTHING, clone) == "EPERM"


# --- the other capabilities -----------------------------------------------------------------------------------------


def test_streams_are_refused_by_number() -> None:
    assert confined(caps.Stdout, lambda: os.write(1, b"x")) == 1
    assert confined(caps.Stdout, lambda: os.write(2, b"x")) == "EPERM"
    assert confined(caps.Stderr, lambda: os.write(2, b"x")) == 1
    assert confined(caps.Stdin, lambda: len(os.read(0, 1))) == 0
    assert confined(caps.FileSystem, lambda: os.write(1, b"x")) == "EPERM"
    assert confined(caps.FileSystem, lambda: len(os.read(0, 1))) == "EPERM"


def test_facts_of_the_system() -> None:
    import platform
    import pwd

    assert confined(caps.SystemInfo, lambda: os.uname().sysname) == "Linux"
    assert confined(caps.SystemInfo, lambda: pwd.getpwuid(0).pw_name) == "root"
    assert confined(caps.SystemInfo, platform.machine) == platform.machine()
    assert confined(caps.SystemInfo, read("/proc/self/environ")) == "EACCES"
    assert confined(Never, lambda: os.uname().sysname) == "EPERM"


def test_modules_are_imported_where_granted() -> None:
    name = "this" if "this" not in sys.modules else "antigravity"

    def load() -> str:
        import contextlib
        import io

        with contextlib.redirect_stdout(io.StringIO()):
            return __import__(name).__name__

    assert forked(load) == name
    assert confined(caps.Import, load) == name

    def refused() -> str:
        try:
            return load()
        except (ImportError, PermissionError):
            return "refused"

    assert confined(Never, refused) == "refused"


def test_native_code_is_mapped_where_granted() -> None:
    assert confined(caps.NativeCode, exec_mapping) == "done"
    assert confined(EVERYTHING_BUT_NATIVE, lambda: syscall("mprotect", 0, 4096, 4)) == "EPERM"


EVERYTHING_BUT_NATIVE = caps.FileSystem | Network | Process | Stdio | caps.Threads | caps.SystemInfo | caps.Import


# --- what prepare refuses -------------------------------------------------------------------------------------------


def test_a_missing_scope_is_named() -> None:
    with pytest.raises(MissingPathError, match=r"a scope can't be opened .*: '/no/such/folder'") as caught:
        prepare(compile_policy(read_grant(caps.ReadFile[Literal["/no/such/folder"]])))
    assert caught.value.filename == "/no/such/folder"
    with pytest.raises(
        MissingPathError, match=r"create it first, or grant the folder that it will be in, '/tmp'.*no-such-file"
    ):
        prepare(compile_policy(read_grant(caps.WriteFile[Literal["/tmp/no-such-file"]])))


UNENFORCEABLE = [
    (caps.StatFile[Literal["/etc"]], "no Landlock right covers stat"),
    (Network[Literal["*:443"]], "UnixSocket: '\\*:443' is no path"),
    (caps.Import[Literal["json"]], "one module's files"),
    (caps.ReadFile[Literal["/proc"]], "environment and memory"),
    (caps.ReadFile[Literal["/proc/self"]], "environment and memory"),
    (caps.ReadFile[Literal["/proc/1/environ"]], "environment and memory"),
]


@pytest.mark.parametrize(("what", "reason"), UNENFORCEABLE, ids=[str(read_grant(one)) for one, _ in UNENFORCEABLE])
def test_what_can_not_be_exact_is_refused(what: Any, reason: str) -> None:
    with pytest.raises(UnsupportedError, match=reason):
        prepare(compile_policy(read_grant(what)))


def test_a_symlink_into_proc_is_refused(folder: Path) -> None:
    (folder / "link").symlink_to("/proc/self")
    with pytest.raises(UnsupportedError, match="leads to '/proc/"):
        prepare(compile_policy(scoped(caps.ReadFile, folder / "link")))


def test_single_files_of_proc_may_be_named() -> None:
    assert (
        confined(caps.ReadFile[Literal["/proc/meminfo"]], lambda: len(Path("/proc/meminfo").read_text()) > 100) is True
    )


def test_filters_fail_closed_where_the_kernel_refuses() -> None:
    """An outer filter that takes seccomp away: restrict raises, it does not go on."""
    prepared = prepare(compile_policy(read_grant(Never)))

    def child() -> Any:
        prepared.restrict()
        prepared.restrict()

    assert forked(child) == "EPERM"


def test_two_policies_stack_to_what_both_allow(folder: Path) -> None:
    """Two rulesets, one inside the other, where the outer one leaves room for it."""
    from capsafe.kernel import landlock
    from capsafe.kernel.libc import prctl

    wide = prepare(compile_policy(scoped(caps.ReadFile, folder))).ruleset
    narrow = prepare(compile_policy(scoped(caps.ReadFile, folder / "data"))).ruleset
    assert wide is not None
    assert narrow is not None

    def child() -> Any:
        prctl(38, 1)
        landlock.restrict(wide)
        landlock.restrict(narrow)
        return [attempt(read(folder / name / "file")) for name in ("data", "database")]

    assert forked(child) == ["content", "EACCES"]
