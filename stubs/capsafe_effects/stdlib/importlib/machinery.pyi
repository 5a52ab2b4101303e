# Its names are those of the modules behind it.
__default__: Unknown["part of the import machinery"]
__import__: Pure
def all_suffixes() -> Pure: ...
