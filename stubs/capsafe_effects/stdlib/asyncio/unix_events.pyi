__default__: Pure
class _UnixSelectorEventLoop(asyncio.selector_events.BaseSelectorEventLoop):
    __default__: Pure
    def create_unix_server(self, protocol_factory, path=..., *, sock=..., backlog=..., ssl=..., ssl_handshake_timeout=..., ssl_shutdown_timeout=..., start_serving=..., cleanup_socket=...) -> Performs[UnixSocket] | EffectsOf["protocol_factory"]: ...
# Waiting for programs: a thread, signals or a descriptor for each.
class AbstractChildWatcher:
    __default__: Pure
    def add_child_handler(self, pid, callback, *args) -> EffectsOf["callback", "args"]: ...
class BaseChildWatcher(AbstractChildWatcher):
    __default__: Pure
class SafeChildWatcher(BaseChildWatcher):
    __default__: Pure
    def add_child_handler(self, pid, callback, *args) -> Performs[Process] | EffectsOf["callback", "args"]: ...
class FastChildWatcher(BaseChildWatcher):
    __default__: Pure
    def add_child_handler(self, pid, callback, *args) -> Performs[Process] | EffectsOf["callback", "args"]: ...
class MultiLoopChildWatcher(AbstractChildWatcher):
    __default__: Pure
    def add_child_handler(self, pid, callback, *args) -> Performs[Process] | EffectsOf["callback", "args"]: ...
class ThreadedChildWatcher(AbstractChildWatcher):
    __default__: Pure
    def add_child_handler(self, pid, callback, *args) -> Performs[Process | Threads] | EffectsOf["callback", "args"]: ...
class PidfdChildWatcher(AbstractChildWatcher):
    __default__: Pure
    def add_child_handler(self, pid, callback, *args) -> Performs[Process] | EffectsOf["callback", "args"]: ...
class _UnixDefaultEventLoopPolicy(asyncio.events.BaseDefaultEventLoopPolicy):
    __default__: Pure
