"""Attacks on what a closure was not granted. Each returns something true when it has worked.

Hostile code: it takes what it can get, by every way that is known. Grouped by what stops it.
"""

import ctypes
import fcntl
import mmap
import os
import posix
import resource
import signal
import socket
import subprocess
import sys
import threading
import _thread
import time
from pathlib import Path

from tests.escapes.arena import SECRET, Arena

LIBC = ctypes.CDLL(None, use_errno=True)
X86 = os.uname().machine == "x86_64"
NR = (
    {
        "openat": 257,
        "socket": 41,
        "connect": 42,
        "execve": 59,
        "fork": 57,
        "kill": 62,
        "memfd": 319,
        "chmod": 90,
        "ptrace": 101,
        "vmread": 310,
    }
    if X86
    else {
        "openat": 56,
        "socket": 198,
        "connect": 203,
        "execve": 221,
        "fork": 1079,
        "kill": 129,
        "memfd": 279,
        "chmod": 53,
        "ptrace": 117,
        "vmread": 270,
    }
)


# Under Sandbox[Never]


def open_a_file(a: Arena) -> object:
    return open(a.secret).read() == SECRET


def open_with_os(a: Arena) -> object:
    return os.read(os.open(a.secret, os.O_RDONLY), 99).decode() == SECRET


def write_a_file(a: Arena) -> object:
    return a.marker.write_text("x")


def open_by_the_system_call(a: Arena) -> object:
    fd = LIBC.syscall(NR["openat"], -100, str(a.secret).encode(), 0)
    return fd >= 0 and os.read(fd, 99).decode() == SECRET


def read_an_inherited_descriptor(a: Arena) -> object:
    return os.pread(a.descriptor, 99, 0).decode() == SECRET


def write_an_inherited_descriptor(a: Arena) -> object:
    return os.pwrite(a.descriptor, SECRET.encode(), 0)


def find_any_descriptor(a: Arena) -> object:
    for fd in range(4096):
        try:
            if os.pread(fd, 99, 0).decode() == SECRET:
                return True
        except (OSError, UnicodeDecodeError):
            continue
    return False


def climb_from_an_inherited_folder(a: Arena) -> object:
    return open(os.open("outside/secret", os.O_RDONLY, dir_fd=a.folder)).read() == SECRET


def run_a_shell(a: Arena) -> object:
    os.system(f"touch {a.marker}")
    return a.marker.exists()


def run_a_program(a: Arena) -> object:
    return subprocess.run(["/bin/true"]).returncode == 0


def spawn_a_program(a: Arena) -> object:
    pid = os.posix_spawn("/bin/touch", ["touch", str(a.marker)], {})
    return os.waitpid(pid, 0)[1] == 0


def become_a_program(a: Arena) -> object:
    os.execv("/bin/touch", ["touch", str(a.marker)])


def execute_by_the_system_call(a: Arena) -> object:
    argv = (ctypes.c_char_p * 3)(b"touch", str(a.marker).encode(), None)
    return LIBC.syscall(NR["execve"], b"/bin/touch", argv, None) == 0


def fork(a: Arena) -> object:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    return pid > 0


def fork_in_libc(a: Arena) -> object:
    pid = LIBC.fork()
    if pid == 0:
        os._exit(0)
    return pid > 0


def start_a_thread(a: Arena) -> object:
    done = threading.Event()
    _thread.start_new_thread(done.set, ())
    return done.wait(5)


def connect(a: Arena) -> object:
    socket.create_connection(("127.0.0.1", a.port)).close()
    return True


def connect_by_the_system_call(a: Arena) -> object:
    fd = LIBC.syscall(NR["socket"], 2, 1, 0)
    address = (2).to_bytes(2, "little") + a.port.to_bytes(2, "big") + bytes([127, 0, 0, 1]) + bytes(8)
    return fd >= 0 and LIBC.syscall(NR["connect"], fd, address, 16) == 0


def send_a_datagram(a: Arena) -> object:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        return s.sendto(b"x", ("127.0.0.1", 9))


def make_a_unix_socket(a: Arena) -> object:
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(b"\0capsafe-" + str(os.getpid()).encode())
        return True


def make_a_netlink_socket(a: Arena) -> object:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW) as s:
        return s.fileno() >= 0


def listen(a: Arena) -> object:
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.fileno() >= 0


def signal_the_parent(a: Arena) -> object:
    os.kill(os.getppid(), signal.SIGUSR1)
    return True


def signal_by_the_system_call(a: Arena) -> object:
    return LIBC.syscall(NR["kill"], os.getppid(), signal.SIGUSR1) == 0


def signal_with_a_pidfd(a: Arena) -> object:
    signal.pidfd_send_signal(os.pidfd_open(os.getppid()), signal.SIGUSR1)
    return True


def own_a_descriptor_to_signal_the_parent(a: Arena) -> object:
    r, w = socket.socketpair()
    fcntl.fcntl(r, 8, os.getppid())  # F_SETOWN
    fcntl.fcntl(r, 10, signal.SIGUSR1)  # F_SETSIG
    return fcntl.fcntl(r, 9) == os.getppid()


def read_the_environment(a: Arena) -> object:
    return os.environ.get("CAPSAFE_SECRET")


def read_the_environment_of_libc(a: Arena) -> object:
    LIBC.getenv.restype = ctypes.c_char_p
    return LIBC.getenv(b"CAPSAFE_SECRET")


def read_the_environment_at_the_start(a: Arena) -> object:
    return posix.environ


def read_the_parents_environment(a: Arena) -> object:
    return open(f"/proc/{os.getppid()}/environ", "rb").read()


def read_its_own_environment(a: Arena) -> object:
    return open("/proc/self/environ", "rb").read()


def read_the_parents_memory(a: Arena) -> object:
    return open(f"/proc/{os.getppid()}/maps").read()


def read_memory_by_the_system_call(a: Arena) -> object:
    source = ctypes.create_string_buffer(b"abc")
    target = ctypes.create_string_buffer(3)
    mine = (ctypes.c_void_p * 2)(ctypes.addressof(target), 3)
    theirs = (ctypes.c_void_p * 2)(ctypes.addressof(source), 3)
    return LIBC.syscall(NR["vmread"], os.getppid(), mine, 1, theirs, 1, 0) == 3


def write_to_standard_output(a: Arena) -> object:
    return os.write(1, b"") == 0


def print_something(a: Arena) -> object:
    print(end="", flush=True)
    sys.stdout.write(" ")
    sys.stdout.flush()
    return True


def stop_the_parents_limits(a: Arena) -> object:
    return resource.prlimit(os.getppid(), resource.RLIMIT_CORE)


def change_the_parents_priority(a: Arena) -> object:
    os.setpriority(os.PRIO_PROCESS, os.getppid(), 19)
    return True


def change_the_parents_processors(a: Arena) -> object:
    os.sched_setaffinity(os.getppid(), os.sched_getaffinity(0))
    return True


def make_a_file_in_memory(a: Arena) -> object:
    return os.memfd_create("x") >= 0


def map_executable_memory(a: Arena) -> object:
    return mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)


def make_a_session(a: Arena) -> object:
    if os.fork() == 0:
        os._exit(0)
    return True


def change_the_current_folder(a: Arena) -> object:
    os.chdir(a.inside)
    return True


def see_metadata(a: Arena) -> object:
    return os.stat(a.secret)


def read_the_host_name(a: Arena) -> object:
    return os.uname()


def load_a_library(a: Arena) -> object:
    ctypes.CDLL("libBrokenLocale.so.1")  # of the C library, and loaded by nobody
    return True


def import_a_module(a: Arena) -> object:
    import this_is_loaded_by_nobody_else  # type: ignore[import-not-found]

    return True


def debug_the_parent(a: Arena) -> object:
    return LIBC.syscall(NR["ptrace"], 0x4206, os.getppid(), 0, 0) == 0  # PTRACE_SEIZE


# Under ReadFile


def change_a_mode(a: Arena) -> object:
    os.chmod(a.base / "own", 0o600)
    return True


def change_times(a: Arena) -> object:
    os.utime(a.base / "own", (1, 1))
    return True


def set_an_attribute(a: Arena) -> object:
    os.setxattr(a.base / "own", "user.x", b"1")
    return True


def truncate(a: Arena) -> object:
    os.truncate(a.secret, 3)
    return True


def truncate_while_opening(a: Arena) -> object:
    os.open(a.secret, os.O_RDONLY | os.O_TRUNC)
    return os.stat(a.secret).st_size == 0


def create_while_reading(a: Arena) -> object:
    os.open(a.marker, os.O_RDONLY | os.O_CREAT)
    return a.marker.exists()


def make_a_nameless_file(a: Arena) -> object:
    return os.open(a.base, os.O_TMPFILE | os.O_RDWR) >= 0


def remove(a: Arena) -> object:
    os.unlink(a.base / "own")
    return True


def rename(a: Arena) -> object:
    os.rename(a.base / "own", a.marker)
    return True


def link(a: Arena) -> object:
    os.link(a.base / "own", a.marker)
    return True


def make_a_symlink(a: Arena) -> object:
    os.symlink("/", a.marker)
    return True


def make_a_pipe(a: Arena) -> object:
    os.mkfifo(a.marker)
    return True


def lock_a_file(a: Arena) -> object:
    import fcntl

    fcntl.flock(os.open(a.secret, os.O_RDONLY), fcntl.LOCK_EX)
    return True


def watch_the_parent(a: Arena) -> object:
    return open(f"/proc/{os.getppid()}/status").read()


def read_the_parents_files_through_proc(a: Arena) -> object:
    return os.listdir(f"/proc/{a.parent}/fd")


# Under ReadFile[inside]


def read_beside_the_scope(a: Arena) -> object:
    return open(a.secret).read() == SECRET


def read_past_the_scope(a: Arena) -> object:
    return open(a.inside / ".." / "outside" / "secret").read() == SECRET


def follow_a_symlink(a: Arena) -> object:
    return open(a.inside / "link").read() == SECRET


def follow_a_folders_symlink(a: Arena) -> object:
    return open(a.inside / "up" / "outside" / "secret").read() == SECRET


def go_up_by_a_descriptor(a: Arena) -> object:
    inside = os.open(a.inside, os.O_RDONLY)
    return open(os.open("../outside/secret", os.O_RDONLY, dir_fd=inside)).read() == SECRET


def go_in_and_up(a: Arena) -> object:
    os.chdir(a.inside)
    return open("../outside/secret").read() == SECRET


def open_through_proc(a: Arena) -> object:
    return open(f"/proc/self/root{a.secret}").read() == SECRET


def open_a_place_and_then_the_file(a: Arena) -> object:
    place = os.open(a.base / "outside", os.O_PATH)
    return open(os.open("secret", os.O_RDONLY, dir_fd=place)).read() == SECRET


# Under ReadFile[inside] | WriteFile[inside]


def write_beside_the_scope(a: Arena) -> object:
    return a.marker.write_text("x")


def write_through_a_symlink(a: Arena) -> object:
    (a.inside / "link").write_text("gone")
    return a.secret.read_text() == "gone"


def plant_a_symlink(a: Arena) -> object:
    os.symlink(a.secret, a.inside / "planted")
    return (a.inside / "planted").read_text() == SECRET


def link_a_file_into_the_scope(a: Arena) -> object:
    os.link(a.secret, a.inside / "linked")
    return (a.inside / "linked").read_text() == SECRET


def move_a_file_into_the_scope(a: Arena) -> object:
    os.rename(a.secret, a.inside / "moved")
    return (a.inside / "moved").read_text() == SECRET


def move_a_file_out_of_the_scope(a: Arena) -> object:
    os.rename(a.inside / "note", a.marker)
    return True


# Under Spawn | ReadFile


def a_program_writes(a: Arena) -> object:
    return subprocess.run(["/bin/touch", str(a.marker)], stderr=subprocess.DEVNULL).returncode == 0


def a_program_changes_a_mode(a: Arena) -> object:
    return subprocess.run(["/bin/chmod", "600", str(a.base / "own")], stderr=subprocess.DEVNULL).returncode == 0


def a_program_leaves_the_session(a: Arena) -> object:
    return subprocess.run(["/usr/bin/setsid", "--wait", "/bin/true"], stderr=subprocess.DEVNULL).returncode == 0


def a_program_signals_the_parent(a: Arena) -> object:
    return subprocess.run(["/bin/sh", "-c", f"kill -USR1 {os.getppid()}"], stderr=subprocess.DEVNULL).returncode == 0


def a_program_has_the_environment(a: Arena) -> object:
    return b"CAPSAFE_SECRET" in subprocess.run(["/usr/bin/env"], stdout=subprocess.PIPE).stdout


def a_program_reads_a_descriptor(a: Arena) -> object:
    out = subprocess.run(
        ["/bin/cat", f"/proc/self/fd/{a.descriptor}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        pass_fds=(a.descriptor,),
    )
    return SECRET.encode() in out.stdout
