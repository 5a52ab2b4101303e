# Data files of packages; a package that is named by a string is imported.
__default__: Performs[ReadFile | Import]
__import__: Pure
