# Runs pip in another process.
__default__: Performs[ReadFile | WriteFile | Spawn | Environ]
# Imports sysconfig, which reads the environment.
__import__: Performs[Environ | StatFile]
def version() -> Performs[ReadFile]: ...
