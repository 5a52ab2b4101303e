class BaseSubprocessTransport:
    __default__: Performs[Spawn | Signal]
    def _call(self, cb, *data) -> EffectsOf["cb"]: ...
    def __init__(self, loop, protocol, args, shell, stdin, stdout, stderr, bufsize, waiter=..., extra=..., **kwargs) -> Performs[Spawn] | EffectsOf["protocol.connection_made"]: ...
class WriteSubprocessPipeProto:
    __default__: Pure
class ReadSubprocessPipeProto:
    __default__: Pure
