# Memory that is shared: files with random names, mapped.
__default__: Performs[ReadFile | WriteFile | Random]
