# Reviewed: text and bytes in memory.
__default__: Pure
class Charset:
    def header_encode_lines(self, string, maxlengths) -> EffectsOf["maxlengths"]: ...
