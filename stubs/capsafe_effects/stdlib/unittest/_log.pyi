# Runs tests, whatever they do.
__default__: Unknown["runs tests, whatever they do"]
__import__: Pure
