# Reviewed: text in memory.
__default__: Pure
