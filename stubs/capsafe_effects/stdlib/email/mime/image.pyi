# Reviewed: bytes in memory, encoded by a function that may be passed.
__default__: Pure
class MIMEImage:
    def __init__(self, _imagedata, _subtype=..., _encoder=..., *, policy=..., **_params) -> EffectsOf["_encoder"]: ...
