# Reviewed: bytes and text in memory, by tables.
__default__: Pure
