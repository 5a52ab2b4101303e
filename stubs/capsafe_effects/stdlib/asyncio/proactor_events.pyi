# Windows alone.
__default__: Performs[Capability]
