"""DATA: what no capability gives, denied by a second filter that holds whatever the first one allows.

This module knows the calls that reach out of any sandbox. It refuses to know about grants. They are a second filter
rather than rows of the first, because libseccomp silently drops a conditional rule beside an unconditional one, and of
two filters the kernel takes the stricter answer.
"""

from typing import Final

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

DENIED: Final[tuple[str, ...]] = (
    *OTHER_PROCESSES,
    *KERNEL,
    *KEYS,
    *MOUNTS,
    *MACHINE,
    *OWNERSHIP,
    *CHANNELS,
    *PAST_THE_FILTER,
)

#: A standard stream that was not granted is refused by its number, so that ``print`` fails at the call and its text
#: is not lost in a buffer. The authority itself is gone already: nothing is open there.
STREAM_READS: Final = ("read", "readv", "pread64", "preadv", "preadv2")
STREAM_WRITES: Final = ("write", "writev", "pwrite64", "pwritev", "pwritev2")
STREAMS: Final[tuple[tuple[str, int, tuple[str, ...]], ...]] = (
    ("stdin", 0, STREAM_READS),
    ("stdout", 1, STREAM_WRITES),
    ("stderr", 2, STREAM_WRITES),
)

#: Of those, the ones that a supervisor is told of where there is one; programs and libraries use them to print.
REPORTED_STREAM_CALLS: Final = ("read", "write")

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
