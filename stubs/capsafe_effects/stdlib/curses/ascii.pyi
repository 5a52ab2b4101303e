# Characters to characters.
__default__: Pure
