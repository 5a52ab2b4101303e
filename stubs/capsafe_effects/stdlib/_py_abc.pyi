# Reviewed: abstract classes and their registries, in Python. isinstance asks the class for its own hook.
__default__: Pure
