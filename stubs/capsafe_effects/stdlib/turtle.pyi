# Reads turtle.cfg when it is imported.
__default__: Unknown["turtle draws on a display through native code, and runs callbacks in its event loop"]
__import__: Performs[NativeCode | ReadFile]
class Vec2D:
    __default__: Pure
