# Processes, the semaphores they share (files in memory, with random names), and a thread that feeds them.
__default__: Performs[Spawn | Threads | UnixSocket | WriteFile | Random]
class ProcessPoolExecutor:
    __default__: Performs[Spawn | Threads | UnixSocket | WriteFile | Random]
    def __init__(self, max_workers=..., mp_context=..., initializer=..., initargs=..., *, max_tasks_per_child=...) -> Performs[Spawn | Threads | UnixSocket | WriteFile | Random] | EffectsOf["initializer", "initargs"]: ...
def _process_chunk(fn, chunk) -> EffectsOf["fn", "chunk"]: ...
def _process_worker(call_queue, result_queue, initializer, initargs, max_tasks=...) -> Performs[Process] | EffectsOf["initializer", "initargs"]: ...
class _WorkItem:
    __default__: Pure
    def __init__(self, future, fn, args, kwargs) -> EffectsOf["fn", "args", "kwargs"]: ...
class _CallItem:
    __default__: Pure
    def __init__(self, work_id, fn, args, kwargs) -> EffectsOf["fn", "args", "kwargs"]: ...
class BrokenProcessPool:
    __default__: Pure
class _RemoteTraceback:
    __default__: Pure
