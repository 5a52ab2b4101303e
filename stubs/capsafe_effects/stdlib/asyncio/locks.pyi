# Waiting for other tasks alone.
__default__: Pure
class Condition:
    __default__: Pure
    def wait_for(self, predicate) -> EffectsOf["predicate"]: ...
