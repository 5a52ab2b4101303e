__default__: Performs[Stdio | ReadFile] | Unknown["a debugger runs what it is told"]
