__default__: Unknown["tkinter talks to a display through native code, and runs callbacks in its event loop"]
__import__: Performs[NativeCode]
