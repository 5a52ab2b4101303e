__default__: Performs[Spawn | ReadFile | Environ]
