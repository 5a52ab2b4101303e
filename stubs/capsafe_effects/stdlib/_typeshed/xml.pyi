# Shapes for type checkers, nothing at run time; what is passed has a class of its own.
__default__: Pure
