__default__: Performs[Spawn | ReadFile | WriteFile | Random | Environ]
