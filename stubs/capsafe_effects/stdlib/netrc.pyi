class NetrcParseError:
    __default__: Pure
class netrc:
    __default__: Pure
    # ~/.netrc, whose owner must be this user.
    def __init__(self, file=...) -> Performs[ReadFile | Environ | SystemInfo]: ...
