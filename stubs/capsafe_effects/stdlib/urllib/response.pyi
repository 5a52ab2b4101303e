# Wrappers around a response that is open.
__default__: Pure
class addbase:
    __default__: Pure
    def __init__(self, fp) -> EffectsOf["fp.read", "fp.close"]: ...
class addclosehook:
    __default__: Pure
    # Called when the response is closed.
    def __init__(self, fp, closehook, *hookargs) -> EffectsOf["fp.read", "fp.close", "closehook", "hookargs"]: ...
class addinfo:
    __default__: Pure
    def __init__(self, fp, headers) -> EffectsOf["fp.read", "fp.close"]: ...
class addinfourl:
    __default__: Pure
    def __init__(self, fp, headers, url, code=...) -> EffectsOf["fp.read", "fp.close"]: ...
