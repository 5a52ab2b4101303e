# Reviewed: text and bytes in memory.
__default__: Pure
