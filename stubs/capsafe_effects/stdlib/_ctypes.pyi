# Addresses and foreign functions: whatever the native code does.
__default__: Performs[NativeCode] | Unknown["ctypes runs native code and reaches any memory"]
