class BaseSelectorEventLoop(asyncio.base_events.BaseEventLoop):
    __default__: Pure
    # A pair of sockets with which it wakes itself.
    def __init__(self, selector=...) -> Performs[UnixSocket] | EffectsOf["selector"]: ...
