# The tables of the system are read on the first question.
__default__: Performs[ReadFile]
inited: Pure
knownfiles: Pure
suffix_map: Pure
encodings_map: Pure
types_map: Pure
common_types: Pure
class MimeTypes:
    __default__: Pure
    def __init__(self, filenames=..., strict=...) -> Performs[ReadFile]: ...
    def read(self, filename, strict=...) -> Performs[ReadFile]: ...
    def readfp(self, fp, strict=...) -> EffectsOf["fp.readline"]: ...
