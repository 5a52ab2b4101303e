__default__: Pure
class POP3:
    __default__: Pure
    def __init__(self, host, port=..., timeout=...) -> Performs[Connect | Resolve]: ...
class POP3_SSL(POP3):
    __default__: Pure
    def __init__(self, host, port=..., keyfile=..., certfile=..., timeout=..., context=...) -> Performs[Connect | Resolve | ReadFile]: ...
