"""DATA: named groups of system calls, with the conditions on their arguments.

This module knows what each group does. It refuses to know who gets it: that is ``capsafe.policy.table`` and
``capsafe.policy.baseline``. Every value is written as a number, because the constants of ``os``, ``socket`` and
``fcntl`` are those of the machine that runs this, and a policy is the same wherever it is reviewed. The bits used here
have the same values on x86_64 and aarch64.
"""

from typing import Final

from capsafe.policy.model import OUTCOME_FD, Masked, Rule, always, equals, is_null, lacks

# --- memory ---------------------------------------------------------------------------------------------------------

PROT_EXEC: Final = 0x4

#: Memory without new native code: no mapping becomes executable.
MEMORY: Final = always("brk", "munmap", "mremap", "madvise") | {
    Rule("mmap", (lacks(2, PROT_EXEC),)),
    Rule("mprotect", (lacks(2, PROT_EXEC),)),
}

#: Memory that may be executed.
EXECUTABLE_MEMORY: Final = always("mmap", "mprotect")

#: Executable mappings as the dynamic loader makes them; what is mapped can't be *made* executable later.
LOADER_MEMORY: Final = always("mmap")

# --- the process itself ---------------------------------------------------------------------------------------------

#: Signal handlers, masks and timers of the process itself.
OWN_SIGNALS: Final = always(
    "rt_sigaction",
    "rt_sigprocmask",
    "rt_sigreturn",
    "rt_sigpending",
    "rt_sigsuspend",
    "rt_sigtimedwait",
    "sigaltstack",
    "restart_syscall",
    "pause",
    "alarm",
    "getitimer",
    "setitimer",
)

PR_SET_NAME: Final = 15
PR_GET_NAME: Final = 16
PR_SET_VMA: Final = 0x53564D41

#: Who am I, what am I using, and how do I stop.
OWN_PROCESS: Final = always(
    "exit",
    "exit_group",
    "getpid",
    "getppid",
    "gettid",
    "getuid",
    "geteuid",
    "getgid",
    "getegid",
    "getresuid",
    "getresgid",
    "getgroups",
    "getpgrp",
    "getcpu",
    "getrlimit",
    "getrusage",
    "times",
    "sched_yield",
    "futex",
    "set_robust_list",
    "set_tid_address",
    # glibc ends the process where it was there for the first thread and is not for the next.
    "rseq",
    "getrandom",
    "getcwd",
) | {
    # 0 is the process itself; a number could be any process.
    Rule("sched_getaffinity", (equals(0, 0),)),
    # With a new limit it could raise a soft limit that is there to hold it. NULL is compared in full: a pointer whose
    # lower half is 0 can be made.
    Rule("prlimit64", (equals(0, 0), is_null(2))),
    Rule("prctl", (equals(0, PR_SET_NAME),)),
    Rule("prctl", (equals(0, PR_GET_NAME),)),
    # malloc names its arenas with it.
    Rule("prctl", (equals(0, PR_SET_VMA),)),
}

TIME: Final = always("clock_gettime", "clock_getres", "clock_nanosleep", "nanosleep", "gettimeofday", "time")

# --- descriptors that are already there -----------------------------------------------------------------------------

TCGETS: Final = 0x5401
TIOCGWINSZ: Final = 0x5413
FIONREAD: Final = 0x541B
FIONBIO: Final = 0x5421
FIOCLEX_OR_FIONCLEX: Final = 0x5450
TCGETS2: Final = 0x802C542A

F_DUPFD: Final = 0
F_DUPFD_TO_GETFL_MASK: Final = 0xFFFFFFFC
F_SETFL: Final = 4
F_DUPFD_CLOEXEC: Final = 1030

DESCRIPTORS: Final = always(
    "close",
    "close_range",
    "dup",
    "dup2",
    "dup3",
    "lseek",
    "read",
    "readv",
    "pread64",
    "preadv",
    "preadv2",
    "poll",
    "ppoll",
    "select",
    "pselect6",
) | {
    # No F_SETOWN, F_SETSIG, F_NOTIFY (signals to others), F_SETLEASE, and no locks: those are in WRITE_FILES.
    Rule("fcntl", (Masked(1, F_DUPFD_TO_GETFL_MASK, 0),)),
    Rule("fcntl", (equals(1, F_SETFL),)),
    Rule("fcntl", (equals(1, F_DUPFD_CLOEXEC),)),
    # An allow-list: TIOCSTI puts keys into the terminal, TIOCLINUX and TIOCSCTTY take it over.
    Rule("ioctl", (equals(1, TCGETS),)),
    Rule("ioctl", (equals(1, TCGETS2),)),
    Rule("ioctl", (equals(1, TIOCGWINSZ),)),
    Rule("ioctl", (equals(1, FIONREAD),)),
    Rule("ioctl", (equals(1, FIONBIO),)),
    Rule("ioctl", (Masked(1, 0xFFFFFFFE, FIOCLEX_OR_FIONCLEX),)),
    # The child's one way out.
    Rule("write", (equals(0, OUTCOME_FD),)),
    Rule("writev", (equals(0, OUTCOME_FD),)),
}

#: Write to any descriptor: for capabilities that make descriptors.
WRITE_ANYWHERE: Final = always("write", "writev")
WRITE_STDOUT: Final = frozenset({Rule("write", (equals(0, 1),)), Rule("writev", (equals(0, 1),))})
WRITE_STDERR: Final = frozenset({Rule("write", (equals(0, 2),)), Rule("writev", (equals(0, 2),))})

AF_UNIX: Final = 1
AF_INET: Final = 2
AF_INET6: Final = 10
SOCK_STREAM: Final = 1
SOCK_DGRAM: Final = 2
SOCK_TYPE_MASK: Final = 0xF
IPPROTO_TCP: Final = 6
IPPROTO_UDP: Final = 17
MSG_FASTOPEN: Final = 0x20000000

#: What an event loop talks to itself with. A socket pair reaches nobody else; only stream pairs, because a datagram
#: pair could send to the path of any Unix socket.
PLUMBING: Final = always(
    "epoll_create1",
    "epoll_ctl",
    "epoll_wait",
    "epoll_pwait",
    "recvfrom",
    "getsockname",
    "getpeername",
    "getsockopt",
    "shutdown",
) | {
    Rule("socketpair", (equals(0, AF_UNIX), Masked(1, SOCK_TYPE_MASK, SOCK_STREAM), equals(2, 0))),
    # MSG_FASTOPEN connects while it sends, past the rules on connect. No address: a granted stream may be a datagram
    # socket, which could send to any.
    Rule("sendto", (lacks(3, MSG_FASTOPEN), is_null(4))),
}

# --- files ----------------------------------------------------------------------------------------------------------

O_ACCMODE: Final = 0x3
O_WRONLY: Final = 0x1
O_CREAT: Final = 0x40
O_TRUNC: Final = 0x200
O_PATH: Final = 0x200000
O_TMPFILE: Final = 0x400000

#: Metadata by path.
METADATA: Final = always(
    "stat",
    "lstat",
    "fstat",
    "newfstatat",
    "statx",
    "access",
    "faccessat",
    "faccessat2",
    "readlink",
    "readlinkat",
    "statfs",
    "fstatfs",
)

# O_CREAT makes and O_TRUNC empties a file even with O_RDONLY. No O_PATH: such a descriptor is not checked by Landlock.
_READ_FLAGS: Final = O_ACCMODE | O_CREAT | O_TRUNC | O_TMPFILE | O_PATH
_WRITE_FLAGS: Final = O_ACCMODE | O_PATH

OPEN_TO_READ: Final = frozenset({Rule("open", (lacks(1, _READ_FLAGS),)), Rule("openat", (lacks(2, _READ_FLAGS),))})
OPEN_TO_WRITE: Final = frozenset(
    {
        Rule("open", (Masked(1, _WRITE_FLAGS, O_WRONLY),)),
        Rule("openat", (Masked(2, _WRITE_FLAGS, O_WRONLY),)),
    }
)
#: Reading and writing through one descriptor; Landlock still wants both rights on the path.
OPEN_FOR_BOTH: Final = frozenset({Rule("open", (lacks(1, O_PATH),)), Rule("openat", (lacks(2, O_PATH),))})

READ_FILES: Final = always(
    "getdents64", "getdents", "fadvise64", "readahead", "chdir", "fchdir", "fgetxattr", "flistxattr"
)

#: Extended attributes by path: content, and no Landlock rule sees it.
READ_ATTRIBUTES: Final = always("getxattr", "lgetxattr", "listxattr", "llistxattr")

F_GETLK_TO_SETLKW: Final = (5, 6, 7)
F_OFD_LOCKS: Final = (36, 37, 38)

WRITE_FILES: Final = always(
    "pwrite64",
    "pwritev",
    "pwritev2",
    "creat",
    "truncate",
    "ftruncate",
    "fallocate",
    "fsync",
    "fdatasync",
    "sync_file_range",
    "msync",
    "sendfile",
    "copy_file_range",
    "mkdir",
    "mkdirat",
    "rmdir",
    "unlink",
    "unlinkat",
    "rename",
    "renameat",
    "renameat2",
    "link",
    "linkat",
    "symlink",
    "symlinkat",
    "umask",
    "chdir",
    "fchdir",
    # A lock keeps others out, so it is a write. flock works on a descriptor that was opened to read, too: with reading
    # granted elsewhere, files there can be locked.
    "flock",
) | {Rule("fcntl", (equals(1, command),)) for command in (*F_GETLK_TO_SETLKW, *F_OFD_LOCKS)}

#: Modes and times. No Landlock right covers them, by path or by a descriptor that was opened to read.
CHANGE_METADATA: Final = always("chmod", "fchmod", "fchmodat", "utime", "utimes", "futimesat", "utimensat")

# --- network --------------------------------------------------------------------------------------------------------


def _sockets(kind: int, protocol: int) -> frozenset[Rule]:
    """Allow internet sockets of a kind: 0 asks for the kind's own protocol. Others (MPTCP, SCTP) pass Landlock by."""
    return frozenset(
        Rule("socket", (equals(0, family), Masked(1, SOCK_TYPE_MASK, kind), equals(2, number)))
        for family in (AF_INET, AF_INET6)
        for number in (0, protocol)
    )


TCP_SOCKETS: Final = _sockets(SOCK_STREAM, IPPROTO_TCP)
UDP_SOCKETS: Final = _sockets(SOCK_DGRAM, IPPROTO_UDP)
UNIX_SOCKETS: Final = frozenset({Rule("socket", (equals(0, AF_UNIX),))})

SOL_IP: Final = 0
SOL_SOCKET: Final = 1
SOL_TCP: Final = 6
SOL_IPV6: Final = 41

#: Options of sockets. Of SOL_SOCKET those below 24, in two blocks: 26 (SO_ATTACH_FILTER) and 50 (SO_ATTACH_BPF) put
#: code into the kernel, 25 leaves by a device of choice. Of TCP the first sixteen and 18 (TCP_USER_TIMEOUT): no
#: TCP_REPAIR, no TCP_ULP.
SOCKET_OPTIONS: Final = frozenset(
    {
        Rule("setsockopt", (equals(1, SOL_SOCKET), Masked(2, 0xFFFFFFF0, 0))),
        Rule("setsockopt", (equals(1, SOL_SOCKET), Masked(2, 0xFFFFFFF8, 16))),
        Rule("setsockopt", (equals(1, SOL_TCP), Masked(2, 0xFFFFFFF0, 0))),
        Rule("setsockopt", (equals(1, SOL_TCP), equals(2, 18))),
        # Of IP 0 to 3 and 8 to 11. Not 4 (IP_OPTIONS): a source route leads to another host than the one that is
        # connected to.
        Rule("setsockopt", (equals(1, SOL_IP), Masked(2, 0xFFFFFFFC, 0))),
        Rule("setsockopt", (equals(1, SOL_IP), Masked(2, 0xFFFFFFFC, 8))),
        # IPV6_RECVERR and IPV6_V6ONLY are 25 and 26.
        Rule("setsockopt", (equals(1, SOL_IPV6), Masked(2, 0xFFFFFFF8, 24))),
    }
)

RECEIVE_MESSAGES: Final = always("recvmsg", "recvmmsg")
#: The address of a message lies in memory, where no filter sees it.
SEND_MESSAGES: Final = frozenset(
    {Rule("sendmsg", (lacks(2, MSG_FASTOPEN),)), Rule("sendmmsg", (lacks(3, MSG_FASTOPEN),))}
)
#: MSG_FASTOPEN connects while it sends, past the rules on connect.
SEND_TO: Final = frozenset({Rule("sendto", (lacks(3, MSG_FASTOPEN),))})
CONNECT: Final = always("connect")
BIND: Final = always("bind")
LISTEN: Final = always("bind", "listen")
ACCEPT: Final = always("accept", "accept4")

# --- processes and threads ------------------------------------------------------------------------------------------

CLONE_VFORK: Final = 0x4000
CLONE_THREAD: Final = 0x10000
#: Namespaces (NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET), PTRACE, UNTRACED, and PARENT, which would
#: give the process to the sandbox's own parent.
_CLONE_NEVER: Final = 0x20000 | 0x7E000000 | 0x2000 | 0x800000 | 0x8000
SIGCHLD: Final = 17

#: The calls that start a process or a thread. Whatever they do is said in their registers (clone3 is never there).
STARTING_CALLS: Final = frozenset({"clone", "fork", "vfork"})

NEW_THREADS: Final = frozenset(
    {
        Rule("clone", (Masked(0, CLONE_THREAD | CLONE_VFORK | _CLONE_NEVER, CLONE_THREAD),)),
    }
)
NEW_PROCESSES: Final = always("vfork", "fork", "execve", "wait4", "waitid") | {
    # The parent hears of the end by SIGCHLD and by no other signal.
    Rule("clone", (Masked(0, CLONE_THREAD | _CLONE_NEVER | 0xFF, SIGCHLD),)),
}
#: What the dynamic loader and ordinary programs do as they start, and pipes to talk to them. No setsid or setpgid: all
#: that a sandbox starts stays in its process group, so that it can be ended as one.
PROGRAMS: Final = always(
    "arch_prctl", "pipe", "pipe2", "uname", "sysinfo", "getdents64", "getpgid", "getsid", "chdir", "fchdir", "umask"
)
SEND_SIGNALS: Final = always("kill", "tkill", "tgkill")

SYSTEM_FACTS: Final = always("uname", "sysinfo", "getpriority", "sched_getscheduler", "sched_getparam")
