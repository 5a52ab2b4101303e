def whichdb(filename) -> Performs[ReadFile]: ...
@overload
def open(file, flag: Literal["r"] = ..., mode=...) -> Performs[ReadFile]: ...
@overload
def open(file, flag=..., mode=...) -> Performs[ReadFile | WriteFile]: ...
# Opened above.
class _Database:
    __default__: Pure
class _error:
    __default__: Pure
error: Pure
