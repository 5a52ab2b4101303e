# Reviewed: bytes in memory, encoded by a function that may be passed.
__default__: Pure
class MIMEApplication:
    def __init__(self, _data, _subtype=..., _encoder=..., *, policy=..., **_params) -> EffectsOf["_encoder"]: ...
