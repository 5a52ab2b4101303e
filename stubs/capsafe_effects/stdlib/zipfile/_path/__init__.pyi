__default__: Pure
class Path:
    __default__: Pure
    @overload
    def __init__(self, root: Instance["zipfile.ZipFile"], at=...) -> Pure: ...
    @overload
    def __init__(self, root, at=...) -> Performs[ReadFile] | EffectsOf["root.read", "root.seek", "root.tell", "root.__fspath__"]: ...
