# Shapes for type checkers, nothing at run time. A value that is known by its shape alone may be of any class.
__default__: Unknown["a protocol, and which class this is can't be seen"]
__import__: Pure
