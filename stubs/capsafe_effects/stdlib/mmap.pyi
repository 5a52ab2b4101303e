class mmap:
    # Memory that is mapped.
    __default__: Pure
    # -1 is memory of its own; a descriptor is a file. A protection may make the memory executable.
    @overload
    def __init__(self, fileno: Literal[-1], length, flags=..., prot: Absent = ..., access=..., offset=..., *, trackfd=...) -> Pure: ...
    @overload
    def __init__(self, fileno, length, flags=..., prot: Absent = ..., access=..., offset=..., *, trackfd=...) -> Performs[ReadFile | WriteFile]: ...
    @overload
    def __init__(self, fileno, length, flags=..., prot=..., access=..., offset=..., *, trackfd=...) -> Performs[ReadFile | WriteFile | NativeCode]: ...
ACCESS_DEFAULT: Pure
ACCESS_READ: Pure
ACCESS_WRITE: Pure
ACCESS_COPY: Pure
ALLOCATIONGRANULARITY: Pure
MAP_DENYWRITE: Pure
MAP_EXECUTABLE: Pure
MAP_POPULATE: Pure
MAP_STACK: Pure
MAP_ANON: Pure
MAP_ANONYMOUS: Pure
MAP_PRIVATE: Pure
MAP_SHARED: Pure
PROT_EXEC: Pure
PROT_READ: Pure
PROT_WRITE: Pure
PAGESIZE: Pure
MADV_NORMAL: Pure
MADV_RANDOM: Pure
MADV_SEQUENTIAL: Pure
MADV_WILLNEED: Pure
MADV_DONTNEED: Pure
MADV_FREE: Pure
MADV_REMOVE: Pure
MADV_DONTFORK: Pure
MADV_DOFORK: Pure
MADV_HWPOISON: Pure
MADV_MERGEABLE: Pure
MADV_UNMERGEABLE: Pure
MADV_HUGEPAGE: Pure
MADV_NOHUGEPAGE: Pure
MADV_DONTDUMP: Pure
MADV_DODUMP: Pure
MAP_32BIT: Pure
MAP_NORESERVE: Pure
