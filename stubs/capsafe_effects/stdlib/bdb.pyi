# A debugger sees and changes whatever runs.
__default__: Unknown["a debugger sees and changes whatever runs"]
__import__: Pure
class BdbQuit:
    __default__: Pure
