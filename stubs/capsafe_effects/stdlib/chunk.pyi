# Reviewed: reads from the file that it is made of.
__default__: Pure
class Chunk:
    def __init__(self, file, align=..., bigendian=..., inclheader=...) -> EffectsOf["file.read", "file.seek", "file.tell"]: ...
