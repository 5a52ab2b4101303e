__default__: Performs[NativeCode] | Unknown["ctypes runs native code and reaches any memory"]
# Opens the program itself as a library.
__import__: Performs[NativeCode]
