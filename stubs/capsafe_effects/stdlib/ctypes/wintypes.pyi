__default__: Performs[NativeCode] | Unknown["ctypes runs native code and reaches any memory"]
