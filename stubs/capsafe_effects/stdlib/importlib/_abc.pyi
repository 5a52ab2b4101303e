__default__: Unknown["a loader makes and runs modules"]
__import__: Pure
