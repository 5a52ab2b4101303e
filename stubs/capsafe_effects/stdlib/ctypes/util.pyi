__default__: Performs[ReadFile | Spawn | Environ]
# Opens the program itself as a library.
__import__: Performs[NativeCode]
