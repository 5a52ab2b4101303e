# Bytes to bytes.
__default__: Pure
