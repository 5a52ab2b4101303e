# Makes environments: writes files, links the interpreter, runs it to install pip.
__default__: Performs[ReadFile | WriteFile | Spawn | Environ]
__import__: Pure
