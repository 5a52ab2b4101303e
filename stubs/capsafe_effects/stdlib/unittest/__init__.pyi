# Its names are those of the modules inside.
__default__: Unknown["runs tests, whatever they do"]
__import__: Pure
