__default__: Performs[Spawn | Environ | ReadFile]
class Error:
    __default__: Pure
def register(name, klass, instance=..., *, preferred=...) -> EffectsOf["klass", "instance"]: ...
