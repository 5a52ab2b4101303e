# Reviewed: values in memory.
__default__: Pure
class Headers:
    def __init__(self, headers=...) -> EffectsOf["headers.__iter__"]: ...
