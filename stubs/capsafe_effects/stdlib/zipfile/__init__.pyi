# A file object that is passed was opened elsewhere, and a BytesIO is memory: reading an archive from one is pure. A path
# is opened. Members are read through the archive that is open; extracting writes.
@overload
def is_zipfile(filename: Instance["typing.IO", "_io._IOBase"]) -> EffectsOf["filename.read", "filename.seek", "filename.tell"]: ...
@overload
def is_zipfile(filename) -> Performs[ReadFile] | EffectsOf["filename.read", "filename.seek", "filename.tell"]: ...
class BadZipFile:
    __default__: Pure
BadZipfile: Pure
error: Pure
class LargeZipFile:
    __default__: Pure
class ZipFile:
    __default__: Pure
    @overload
    def __init__(self, file: Instance["typing.IO", "_io._IOBase"], mode=..., compression=..., allowZip64=..., compresslevel=..., *, strict_timestamps=..., metadata_encoding=...) -> EffectsOf["file.read", "file.write", "file.seek", "file.tell", "file.flush", "file.close"]: ...
    @overload
    def __init__(self, file, mode: Literal["r"] = ..., compression=..., allowZip64=..., compresslevel=..., *, strict_timestamps=..., metadata_encoding=...) -> Performs[ReadFile] | EffectsOf["file.read", "file.seek", "file.tell", "file.close", "file.__fspath__"]: ...
    @overload
    def __init__(self, file, mode=..., compression=..., allowZip64=..., compresslevel=..., *, strict_timestamps=..., metadata_encoding=...) -> Performs[ReadFile | WriteFile] | EffectsOf["file.read", "file.write", "file.seek", "file.tell", "file.flush", "file.close", "file.__fspath__"]: ...
    def extract(self, member, path=..., pwd=...) -> Performs[WriteFile]: ...
    def extractall(self, path=..., members=..., pwd=...) -> Performs[WriteFile]: ...
    # Copies a file into the archive.
    def write(self, filename, arcname=..., compress_type=..., compresslevel=...) -> Performs[ReadFile]: ...
    # A member without a time of its own gets the present one.
    @overload
    def open(self, name, mode: Literal["r"] = ..., pwd=..., *, force_zip64=...) -> Pure: ...
    @overload
    def open(self, name, mode=..., pwd=..., *, force_zip64=...) -> Performs[Clock]: ...
    @overload
    def writestr(self, zinfo_or_arcname: Instance["zipfile.ZipInfo"], data, compress_type=..., compresslevel=...) -> Pure: ...
    @overload
    def writestr(self, zinfo_or_arcname, data, compress_type=..., compresslevel=...) -> Performs[Clock]: ...
    @overload
    def mkdir(self, zinfo_or_directory_name: Instance["zipfile.ZipInfo"], mode=...) -> Pure: ...
    @overload
    def mkdir(self, zinfo_or_directory_name, mode=...) -> Performs[Clock]: ...
    @overload
    def printdir(self, file: None = ...) -> Performs[Stdout]: ...
    @overload
    def printdir(self, file=...) -> EffectsOf["file.write"]: ...
class ZipInfo:
    __default__: Pure
    def from_file(cls, filename, arcname=..., *, strict_timestamps=...) -> Performs[StatFile]: ...
class ZipExtFile:
    __default__: Pure
class PyZipFile(ZipFile):
    __default__: Pure
    def writepy(self, pathname, basename=..., filterfunc=...) -> Performs[ReadFile | WriteFile] | EffectsOf["filterfunc"]: ...
class CompleteDirs(ZipFile):
    __default__: Pure
class Path:
    __default__: Pure
    @overload
    def __init__(self, root: Instance["zipfile.ZipFile"], at=...) -> Pure: ...
    @overload
    def __init__(self, root, at=...) -> Performs[ReadFile] | EffectsOf["root.read", "root.seek", "root.tell", "root.__fspath__"]: ...
ZIP64_LIMIT: Pure
ZIP_FILECOUNT_LIMIT: Pure
ZIP_MAX_COMMENT: Pure
ZIP_STORED: Pure
ZIP_DEFLATED: Pure
ZIP_BZIP2: Pure
ZIP_LZMA: Pure
DEFAULT_VERSION: Pure
ZIP64_VERSION: Pure
BZIP2_VERSION: Pure
LZMA_VERSION: Pure
MAX_EXTRACT_VERSION: Pure
