# Reviewed: values in memory.
__default__: Pure
class FileWrapper:
    def __init__(self, filelike, blksize=...) -> EffectsOf["filelike.read", "filelike.close"]: ...
