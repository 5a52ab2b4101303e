# Text to text.
__default__: Pure
