# Shapes for type checkers, nothing at run time. A value that is known by its shape alone may be of any class.
__default__: Unknown["a protocol, and which class this is can't be seen"]
__import__: Pure
# A tuple with names, such as time.struct_time: values in memory.
class structseq:
    __default__: Pure
    def __init__(self, sequence, dict=...) -> EffectsOf["sequence"]: ...
