# The same in Python as _decimal; its names are those of decimal.
__default__: Pure
