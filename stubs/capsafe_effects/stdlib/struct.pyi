# Its names are those of _struct, and the exception.
__default__: Pure
