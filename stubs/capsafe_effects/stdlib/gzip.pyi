# Bytes to bytes is pure. A file object that is passed was opened elsewhere; a path is opened.
# compress puts the present time into the header, unless it is told one (3.11 to 3.13).
@overload
def compress(data, compresslevel=..., *, mtime: None = ...) -> Performs[Clock]: ...
@overload
def compress(data, compresslevel=..., *, mtime=...) -> Pure: ...
def decompress(data) -> Pure: ...
# Writing puts the present time into the header.
@overload
def open(filename: Instance["typing.IO", "_io._IOBase"], mode: Literal["r", "rb", "rt"] = ..., compresslevel=..., encoding=..., errors=..., newline=...) -> EffectsOf["filename.read", "filename.seek", "filename.close"]: ...
@overload
def open(filename: Instance["typing.IO", "_io._IOBase"], mode=..., compresslevel=..., encoding=..., errors=..., newline=...) -> Performs[Clock] | EffectsOf["filename.read", "filename.write", "filename.seek", "filename.close"]: ...
@overload
def open(filename, mode: Literal["r", "rb", "rt"] = ..., compresslevel=..., encoding=..., errors=..., newline=...) -> Performs[ReadFile] | EffectsOf["filename.read", "filename.seek", "filename.close", "filename.__fspath__"]: ...
@overload
def open(filename, mode=..., compresslevel=..., encoding=..., errors=..., newline=...) -> Performs[ReadFile | WriteFile | Clock] | EffectsOf["filename.read", "filename.write", "filename.seek", "filename.close", "filename.__fspath__"]: ...
class GzipFile:
    __default__: Pure
    # Writing without mtime puts the present time into the header.
    @overload
    def __init__(self, filename=..., mode: Literal["r", "rb"] = ..., compresslevel=..., fileobj: Instance["typing.IO", "_io._IOBase"] = ..., mtime=...) -> EffectsOf["fileobj.read", "fileobj.seek"]: ...
    @overload
    def __init__(self, filename=..., mode=..., compresslevel=..., fileobj: Instance["typing.IO", "_io._IOBase"] = ..., mtime=...) -> Performs[Clock] | EffectsOf["fileobj.read", "fileobj.write", "fileobj.seek"]: ...
    @overload
    def __init__(self, filename=..., mode=..., compresslevel=..., fileobj=..., mtime=...) -> Performs[ReadFile | WriteFile | Clock] | EffectsOf["fileobj.read", "fileobj.write", "fileobj.seek", "filename.__fspath__"]: ...
READ: Pure
WRITE: Pure
FTEXT: Pure
FHCRC: Pure
FEXTRA: Pure
FNAME: Pure
FCOMMENT: Pure
class _PaddedFile:
    __default__: Pure
    def __init__(self, f, prepend=...) -> EffectsOf["f.read", "f.seek"]: ...
class BadGzipFile:
    __default__: Pure
class _GzipReader:
    __default__: Pure
    def __init__(self, fp) -> EffectsOf["fp.read", "fp.seek"]: ...
class _ReadableFileobj:
    __default__: Pure
class _WritableFileobj:
    __default__: Pure
