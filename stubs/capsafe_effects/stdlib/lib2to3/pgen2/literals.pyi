# Reviewed: constants.
__default__: Pure
