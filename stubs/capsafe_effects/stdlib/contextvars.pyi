# Its names are those of _contextvars.
__default__: Pure
