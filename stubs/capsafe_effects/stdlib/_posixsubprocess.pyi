__default__: Performs[Spawn]
