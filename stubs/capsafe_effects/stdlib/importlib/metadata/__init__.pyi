# What is installed: reads below sys.path. Only entry points import.
__default__: Performs[ReadFile]
class PackageNotFoundError:
    __default__: Pure
class EntryPoint:
    __default__: Pure
    def load(self) -> Performs[Import] | Unknown["runs the module that the entry point names, and hands out a name of it"]: ...
class EntryPoints(builtins.tuple):
    __default__: Pure
class SelectableGroups(builtins.dict):
    __default__: Pure
    @classmethod
    def load(cls, eps) -> EffectsOf["eps"]: ...
class FileHash:
    __default__: Pure
class DeprecatedTuple:
    __default__: Pure
class DeprecatedList(builtins.list):
    __default__: Pure
class Deprecated:
    __default__: Pure
class DeprecatedNonAbstract:
    __default__: Pure
class PackagePath:
    def locate(self) -> Pure: ...
class PathDistribution:
    def __init__(self, path) -> Pure: ...
    def locate_file(self, path) -> Pure: ...
class DistributionFinder:
    class Context:
        __default__: Pure
class MetadataPathFinder:
    @classmethod
    def invalidate_caches(cls) -> Pure: ...
