__default__: Pure
class TaskGroup:
    __default__: Pure
    def create_task(self, coro, *, name=..., context=...) -> EffectsOf["coro"]: ...
