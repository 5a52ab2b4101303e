__default__: Performs[Stdio | Environ | ReadFile]
