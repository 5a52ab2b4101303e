# Shapes of what servers pass; what is passed has a class of its own.
__default__: Pure
class StartResponse:
    def __call__(self, status, headers, exc_info=..., /) -> EffectsOf["self"]: ...
class InputStream:
    __default__: Pure
