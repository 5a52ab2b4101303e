__default__: Unknown["Tcl runs scripts and callbacks in native code"]
__import__: Performs[NativeCode]
