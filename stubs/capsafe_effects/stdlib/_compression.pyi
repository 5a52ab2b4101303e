__default__: Pure
class DecompressReader:
    __default__: Pure
    def __init__(self, fp, decomp_factory, trailing_error=..., **decomp_args) -> EffectsOf["fp.read", "fp.seek", "decomp_factory"]: ...
