__default__: Performs[ReadFile | Environ]
# HOME.
__import__: Performs[Environ]
