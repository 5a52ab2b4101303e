# Runs pip in another process.
__default__: Performs[ReadFile | WriteFile | Spawn | Environ]
__import__: Pure
def version() -> Performs[ReadFile]: ...
