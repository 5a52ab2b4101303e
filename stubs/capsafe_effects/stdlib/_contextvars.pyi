# Reviewed: values in memory; only Context.run calls.
__default__: Pure
class Context:
    def run(self, callable, *args, **kwargs) -> EffectsOf["callable"]: ...
