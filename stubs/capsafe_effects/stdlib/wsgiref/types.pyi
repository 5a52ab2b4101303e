# Shapes of what servers and applications pass to each other; which class it is, its type does not say.
__default__: Unknown["a protocol, and which class this is can't be seen"]
__import__: Pure
