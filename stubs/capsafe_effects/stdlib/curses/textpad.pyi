__default__: Performs[Stdio | Environ | ReadFile]
class Textbox:
    __default__: Performs[Stdio | Environ | ReadFile]
    # Asked about each key.
    def edit(self, validate=...) -> Performs[Stdio | Environ | ReadFile] | EffectsOf["validate"]: ...
