"""DATA: what no capability gives, denied by a second filter that holds whatever the first one allows.

This module knows the calls that reach out of any sandbox. It refuses to know about grants. They are a second filter
rather than rows of the first, because libseccomp silently drops a conditional rule beside an unconditional one, and of
two filters the kernel takes the stricter answer.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from capsafe.policy.model import Masked, equals
from capsafe.policy.syscalls import F_DUPFD, F_DUPFD_CLOEXEC, F_SETFL, FIONBIO

#: The memory, descriptors and identity of other processes.
OTHER_PROCESSES: Final = (
    "ptrace",
    "process_vm_readv",
    "process_vm_writev",
    "process_madvise",
    "process_mrelease",
    "kcmp",
    "pidfd_getfd",
    "pidfd_send_signal",
    "rt_sigqueueinfo",
    "rt_tgsigqueueinfo",
    "move_pages",
    "migrate_pages",
)

#: Code in the kernel, and its tables. Not uretprobe: the kernel takes it past every filter, and it ends whoever calls
#: it from anywhere but the kernel's own trampoline.
KERNEL: Final = (
    "bpf",
    "perf_event_open",
    "userfaultfd",
    "kexec_load",
    "kexec_file_load",
    "init_module",
    "finit_module",
    "delete_module",
    "create_module",
    "query_module",
    "get_kernel_syms",
    "modify_ldt",
    "iopl",
    "ioperm",
    "syslog",
    "_sysctl",
    "sysfs",
    "nfsservctl",
    "lookup_dcookie",
    "uselib",
    "personality",
)

#: The kernel's keys.
KEYS: Final = ("keyctl", "add_key", "request_key")

#: Mounts, roots and namespaces; and files found past the tree of paths that Landlock guards.
MOUNTS: Final = (
    "mount",
    "umount2",
    "pivot_root",
    "chroot",
    "unshare",
    "setns",
    "fsopen",
    "fsconfig",
    "fsmount",
    "fspick",
    "move_mount",
    "open_tree",
    "mount_setattr",
    "quotactl",
    "quotactl_fd",
    "open_by_handle_at",
    "name_to_handle_at",
    "fanotify_init",
    "fanotify_mark",
)

#: The machine.
MACHINE: Final = (
    "reboot",
    "swapon",
    "swapoff",
    "acct",
    "sethostname",
    "setdomainname",
    "settimeofday",
    "clock_settime",
    "clock_adjtime",
    "adjtimex",
    "vhangup",
)

#: Owners, identities and device files.
OWNERSHIP: Final = (
    "setuid",
    "setgid",
    "setreuid",
    "setregid",
    "setresuid",
    "setresgid",
    "setfsuid",
    "setfsgid",
    "setgroups",
    "capset",
    "chown",
    "fchown",
    "lchown",
    "fchownat",
    "mknod",
    "mknodat",
)

#: Channels between processes that no path and no descriptor guards.
CHANNELS: Final = (
    "shmget",
    "shmat",
    "shmctl",
    "shmdt",
    "semget",
    "semop",
    "semctl",
    "semtimedop",
    "msgget",
    "msgsnd",
    "msgrcv",
    "msgctl",
    "mq_open",
    "mq_unlink",
    "mq_timedsend",
    "mq_timedreceive",
    "mq_notify",
    "mq_getsetattr",
)

#: Ways past the conditions on arguments: they take flags, or whole calls, from memory.
PAST_THE_FILTER: Final = ("clone3", "openat2", "io_uring_setup", "io_uring_enter", "io_uring_register", "execveat")

#: All of them, by what they reach, in words.
DENIED_GROUPS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "other processes' memory, descriptors and signals": OTHER_PROCESSES,
        "code in the kernel, and its tables": KERNEL,
        "the kernel's keys": KEYS,
        "mounts, roots, namespaces, and files past the tree of paths": MOUNTS,
        "the machine": MACHINE,
        "owners, identities, device files": OWNERSHIP,
        "channels that no path guards": CHANNELS,
        "flags and calls that no filter sees": PAST_THE_FILTER,
    }
)
DENIED: Final[tuple[str, ...]] = tuple(call for group in DENIED_GROUPS.values() for call in group)

#: A standard stream that was not granted is refused by its number, so that ``print`` fails at the call and its text
#: is not lost in a buffer. The authority itself is gone already: nothing is open there.
STREAM_READS: Final = ("read", "readv", "pread64", "preadv", "preadv2")
STREAM_WRITES: Final = ("write", "writev")
STREAMS: Final[tuple[tuple[str, int, tuple[str, ...]], ...]] = (
    ("stdin", 0, STREAM_READS),
    ("stdout", 1, STREAM_WRITES),
    ("stderr", 2, STREAM_WRITES),
)

#: Of those, the ones that a supervisor is told of where there is one; programs and libraries use them to print.
REPORTED_STREAM_CALLS: Final = ("read", "write")

#: What would change a stream for the parent, too, since what is open is one and the same: whether it blocks, where in a
#: file it stands, what was written before. A copy of the descriptor would be the same thing under a number that no
#: filter knows. And what would make more of a stream that is a socket than its two ends: another peer, an address,
#: descriptors in messages. Not where programs are granted: they put pipes of their own in the place of the streams.
_FIRST_TWO: Final = Masked(0, 0xFFFFFFFE, 0)
_ALL_THREE: Final = (_FIRST_TWO, equals(0, 2))
STREAM_CHANGES: Final[Mapping[str, tuple[tuple[Masked, ...], ...]]] = MappingProxyType(
    {
        **{call: tuple((stream,) for stream in _ALL_THREE) for call in ("dup", "dup2", "dup3")},
        "fcntl": tuple(
            (stream, equals(1, command)) for stream in _ALL_THREE for command in (F_DUPFD, F_SETFL, F_DUPFD_CLOEXEC)
        ),
        "ioctl": tuple((stream, equals(1, FIONBIO)) for stream in _ALL_THREE),
        **{
            call: tuple((stream,) for stream in _ALL_THREE)
            for call in (
                *("lseek", "ftruncate", "fallocate", "pwrite64", "pwritev", "pwritev2"),
                *("connect", "bind", "listen", "sendmsg", "sendmmsg", "recvmsg", "recvmmsg"),
            )
        },
    }
)

#: The flags of the one ``sendmsg`` by which a child that is not yet confined in full hands its listener over; the last
#: filter denies it again. Three that TCP once had (MSG_FIN, MSG_SYN, MSG_RST) and MSG_NOSIGNAL: no program sends so,
#: and Unix sockets ignore them.
HANDOVER_FLAGS: Final = 0x5600
HANDOVER_FLAGS_ARGUMENT: Final = 2

#: The call by which an observed child says what the kernel does not see, and the value of one argument that no program
#: uses (there are five ways to seek). The kernel refuses it: it seeks nowhere, on nothing.
BELL_CALL: Final = "lseek"
BELL_ARGUMENT: Final = 2
BELL: Final = 0x5600
