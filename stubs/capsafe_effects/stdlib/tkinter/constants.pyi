# Reviewed: constants.
__default__: Pure
__import__: Performs[NativeCode]
