# Packs a folder into an archive that runs.
__default__: Performs[ReadFile | WriteFile]
__import__: Pure
class ZipAppError:
    __default__: Pure
def get_interpreter(archive) -> Performs[ReadFile]: ...
def create_archive(source, target=..., interpreter=..., main=..., filter=..., compressed=...) -> Performs[ReadFile | WriteFile] | EffectsOf["filter"]: ...
