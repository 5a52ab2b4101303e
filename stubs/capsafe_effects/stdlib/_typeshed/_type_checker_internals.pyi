# Reviewed: what type checkers give to the classes that NamedTuple and TypedDict make: tuples and dictionaries.
__default__: Pure
class NamedTupleFallback:
    @classmethod
    def _make(cls, iterable) -> EffectsOf["iterable"]: ...
class TypedDictFallback:
    def update(self, m, /) -> EffectsOf["m.keys", "m.__getitem__"]: ...
