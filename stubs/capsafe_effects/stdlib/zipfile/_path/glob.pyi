# Patterns to regular expressions.
__default__: Pure
