__default__: Performs[ReadFile | Spawn | Environ]
