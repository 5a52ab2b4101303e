# Windows only.
__default__: Pure
