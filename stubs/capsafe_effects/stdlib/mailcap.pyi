__default__: Performs[ReadFile | Environ | Spawn]
