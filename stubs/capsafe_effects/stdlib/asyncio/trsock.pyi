# A socket that is in hand.
__default__: Pure
