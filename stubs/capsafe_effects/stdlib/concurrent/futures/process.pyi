# Processes, the semaphores they share (files in memory, with random names), and a thread that feeds them.
__default__: Performs[Spawn | Threads | UnixSocket | WriteFile | Random]
class ProcessPoolExecutor:
    __default__: Performs[Spawn | Threads | UnixSocket | WriteFile | Random]
    def __init__(self, max_workers=..., mp_context=..., initializer=..., initargs=..., *, max_tasks_per_child=...) -> Performs[Spawn | Threads | UnixSocket | WriteFile | Random] | EffectsOf["initializer", "initargs"]: ...
class BrokenProcessPool:
    __default__: Pure
class _RemoteTraceback:
    __default__: Pure
