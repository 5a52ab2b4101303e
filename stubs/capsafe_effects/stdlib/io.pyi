# Names for the classes of _io, where the methods are said.
class UnsupportedOperation:
    __default__: Pure
class IOBase:
    __default__: Pure
class RawIOBase:
    __default__: Pure
class BufferedIOBase:
    __default__: Pure
class TextIOBase:
    __default__: Pure
SEEK_SET: Pure
SEEK_CUR: Pure
SEEK_END: Pure
