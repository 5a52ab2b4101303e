# Reviewed: source text to tables.
__default__: Pure
