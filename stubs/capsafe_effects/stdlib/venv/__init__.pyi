# Makes environments: writes files, links the interpreter, runs it to install pip.
__default__: Performs[ReadFile | WriteFile | Spawn | Environ]
# Imports sysconfig, which reads the environment.
__import__: Performs[Environ | StatFile]
