__default__: Performs[ReadFile | Stdout]
__import__: Pure
