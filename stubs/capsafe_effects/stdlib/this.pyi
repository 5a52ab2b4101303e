# Importing it prints.
__default__: Pure
__import__: Performs[Stdout]
