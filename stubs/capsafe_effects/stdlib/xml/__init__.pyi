# Reviewed: names and constants.
__default__: Pure
