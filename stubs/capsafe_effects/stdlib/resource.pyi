def getrusage(who, /) -> Performs[SystemInfo]: ...
def getrlimit(resource, /) -> Performs[SystemInfo]: ...
def getpagesize() -> Performs[SystemInfo]: ...
# Limits of this process, or of another.
def setrlimit(resource, limits, /) -> Performs[Process]: ...
def prlimit(pid, resource, limits=..., /) -> Performs[Process]: ...
class struct_rusage:
    __default__: Pure
error: Pure
RLIMIT_AS: Pure
RLIMIT_CORE: Pure
RLIMIT_CPU: Pure
RLIMIT_DATA: Pure
RLIMIT_FSIZE: Pure
RLIMIT_MEMLOCK: Pure
RLIMIT_NOFILE: Pure
RLIMIT_NPROC: Pure
RLIMIT_RSS: Pure
RLIMIT_STACK: Pure
RLIM_INFINITY: Pure
RUSAGE_CHILDREN: Pure
RUSAGE_SELF: Pure
RLIMIT_MSGQUEUE: Pure
RLIMIT_NICE: Pure
RLIMIT_OFILE: Pure
RLIMIT_RTPRIO: Pure
RLIMIT_RTTIME: Pure
RLIMIT_SIGPENDING: Pure
RUSAGE_THREAD: Pure
