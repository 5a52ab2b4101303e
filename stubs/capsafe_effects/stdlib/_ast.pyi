# Its names are those of ast.
__default__: Pure
