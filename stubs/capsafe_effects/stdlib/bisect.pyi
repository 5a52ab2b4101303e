# Its names are those of _bisect.
__default__: Pure
