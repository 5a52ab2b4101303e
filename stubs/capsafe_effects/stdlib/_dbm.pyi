__default__: Performs[ReadFile | WriteFile]
class error:
    __default__: Pure
