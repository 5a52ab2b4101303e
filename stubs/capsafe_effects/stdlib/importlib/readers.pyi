# Data files of packages.
__default__: Performs[ReadFile]
