# Simple readers, by another name.
__default__: Performs[ReadFile]
__import__: Pure
