# Numbers from the system.
__default__: Performs[Random]
def choice(seq) -> Performs[Random] | EffectsOf["seq.__len__", "seq.__getitem__"]: ...
DEFAULT_ENTROPY: Pure
