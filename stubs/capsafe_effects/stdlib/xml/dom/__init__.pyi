# Reviewed: constants and exceptions.
__default__: Pure
