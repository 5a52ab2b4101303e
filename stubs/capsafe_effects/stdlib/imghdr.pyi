# Looks at the head of a file, or of the bytes that are passed.
__default__: Pure
@overload
def what(file, h: None = ...) -> Performs[ReadFile] | EffectsOf["file.read", "file.seek", "file.tell"]: ...
@overload
def what(file, h=...) -> Pure: ...
# Functions that somebody added look as well.
tests: Pure
