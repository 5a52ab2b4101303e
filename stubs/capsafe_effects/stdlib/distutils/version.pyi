# Reviewed: comparing versions.
__default__: Pure
