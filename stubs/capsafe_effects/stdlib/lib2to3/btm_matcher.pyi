__default__: Unknown["lib2to3 reads, rewrites and writes source files, by fixers that it imports by name"]
__import__: Pure
