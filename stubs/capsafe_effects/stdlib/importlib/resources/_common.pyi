# Data files of packages; a package that is named by a string is imported.
__default__: Performs[ReadFile | Import]
__import__: Pure
# A file that lies in an archive is written to a temporary one.
def as_file(path) -> Performs[ReadFile | WriteFile]: ...
