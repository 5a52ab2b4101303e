# The user database.
__default__: Performs[SystemInfo]
