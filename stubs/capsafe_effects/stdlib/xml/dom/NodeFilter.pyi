# Reviewed: values in memory alone.
__default__: Pure
