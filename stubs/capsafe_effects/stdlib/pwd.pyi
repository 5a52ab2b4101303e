# The user database.
__default__: Performs[SystemInfo]
class struct_passwd:
    __default__: Pure
