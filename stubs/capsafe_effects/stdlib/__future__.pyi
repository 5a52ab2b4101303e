# Reviewed: feature names.
__default__: Pure
