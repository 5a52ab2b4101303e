# Reviewed: text.
__default__: Pure
