# Importing it opens a page in a browser.
__default__: Pure
__import__: Performs[Spawn | Environ | ReadFile]
