# Its names are those of _frozen_importlib.
__default__: Unknown["part of the import machinery"]
__import__: Pure
