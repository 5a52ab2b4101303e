# Opening is charged; what an open file does is not, because whoever has one was charged, or was handed it, and handing
# one to a closure is the business of capture. Wrapping (BufferedReader, TextIOWrapper, ...) opens nothing.
#
# Reading and writing a wrapper goes on to what it wraps, which is charged where the wrapper is made.
class _IOBase:
    __default__: Pure
    def writelines(self, lines, /) -> EffectsOf["lines"]: ...
class _RawIOBase:
    __default__: Pure
class _BufferedIOBase:
    __default__: Pure
class _TextIOBase:
    __default__: Pure
    def writelines(self, lines, /) -> EffectsOf["lines"]: ...

# A number opens a descriptor that is there already: see builtins.open.
class FileIO:
    __default__: Pure
    @overload
    def __init__(self, file, mode: Literal["r", "rb", "br"] = ..., closefd=..., opener=...) -> Performs[ReadFile] | EffectsOf["opener", "file.__fspath__"]: ...
    @overload
    def __init__(self, file, mode: Literal["w", "wb", "bw", "a", "ab", "ba", "x", "xb", "bx"], closefd=..., opener=...) -> Performs[WriteFile] | EffectsOf["opener", "file.__fspath__"]: ...
    @overload
    def __init__(self, file, mode=..., closefd=..., opener=...) -> Performs[ReadFile | WriteFile] | EffectsOf["opener", "file.__fspath__"]: ...

# Memory.
class BytesIO:
    __default__: Pure
    def __init__(self, initial_bytes=...) -> EffectsOf["initial_bytes.__buffer__"]: ...
class StringIO:
    __default__: Pure

# What a class of the user's is asked, sooner or later.
class BufferedReader:
    __default__: Pure
    def __init__(self, raw, buffer_size=...) -> EffectsOf["raw.readinto", "raw.read", "raw.seek", "raw.tell", "raw.truncate", "raw.flush", "raw.close", "raw.closed", "raw.readable", "raw.seekable"]: ...
class BufferedWriter:
    __default__: Pure
    def __init__(self, raw, buffer_size=...) -> EffectsOf["raw.write", "raw.seek", "raw.tell", "raw.truncate", "raw.flush", "raw.close", "raw.closed", "raw.writable", "raw.seekable"]: ...
class BufferedRandom:
    __default__: Pure
    def __init__(self, raw, buffer_size=...) -> EffectsOf["raw.readinto", "raw.read", "raw.write", "raw.seek", "raw.tell", "raw.truncate", "raw.flush", "raw.close", "raw.closed", "raw.readable", "raw.writable", "raw.seekable"]: ...
class BufferedRWPair:
    __default__: Pure
    def __init__(self, reader, writer, buffer_size=..., /) -> EffectsOf["reader.readinto", "reader.read", "reader.close", "reader.readable", "writer.write", "writer.flush", "writer.close", "writer.writable"]: ...
class TextIOWrapper:
    __default__: Pure
    # The encoding of the locale, where none is given, was read when Python started.
    def __init__(self, buffer, encoding=..., errors=..., newline=..., line_buffering=..., write_through=...) -> EffectsOf["buffer.read", "buffer.read1", "buffer.write", "buffer.seek", "buffer.tell", "buffer.truncate", "buffer.flush", "buffer.close", "buffer.closed", "buffer.readable", "buffer.writable", "buffer.seekable"]: ...
class IncrementalNewlineDecoder:
    __default__: Pure
    def __init__(self, decoder, translate, errors=...) -> EffectsOf["decoder.decode", "decoder.reset", "decoder.getstate", "decoder.setstate"]: ...

# As builtins.open, which it is.
@overload
def open(file, mode: Literal["r", "rt", "tr", "rb", "br"] = ..., buffering=..., encoding=..., errors=..., newline=..., closefd=..., opener=...) -> Performs[ReadFile] | EffectsOf["opener", "file.__fspath__"]: ...
@overload
def open(file, mode: Literal["w", "wt", "tw", "wb", "bw", "a", "at", "ta", "ab", "ba", "x", "xt", "tx", "xb", "bx"], buffering=..., encoding=..., errors=..., newline=..., closefd=..., opener=...) -> Performs[WriteFile] | EffectsOf["opener", "file.__fspath__"]: ...
@overload
def open(file, mode=..., buffering=..., encoding=..., errors=..., newline=..., closefd=..., opener=...) -> Performs[ReadFile | WriteFile] | EffectsOf["opener", "file.__fspath__"]: ...
# Reads, whatever an audit hook makes of it.
def open_code(path) -> Performs[ReadFile]: ...
# May warn that an encoding is missing; a warning goes to standard error only where it was asked for (-X warn_default_encoding).
def text_encoding(encoding, stacklevel=..., /) -> Pure: ...
DEFAULT_BUFFER_SIZE: Pure
BlockingIOError: Pure
