# Reviewed: digests of bytes.
__default__: Pure
# A file, or a BytesIO that gives its buffer; and a digest by name or by constructor.
def file_digest(fileobj, digest, /, *, _bufsize=...) -> EffectsOf["fileobj.readinto", "fileobj.getbuffer", "fileobj.readable", "digest"]: ...
