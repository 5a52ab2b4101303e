__default__: Unknown["distutils runs compilers and set-up scripts, and writes where it is told to"]
__import__: Pure
