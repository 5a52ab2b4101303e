# The user database.
__default__: Performs[SystemInfo]
class struct_group:
    __default__: Pure
