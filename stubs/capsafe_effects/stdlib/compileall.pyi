# Compiles source files below folders; prints which.
__default__: Performs[ReadFile | WriteFile | Stdout | Stderr | Spawn]
__import__: Pure
