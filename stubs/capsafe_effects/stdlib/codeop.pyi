# Compiles, does not run.
__default__: Pure
