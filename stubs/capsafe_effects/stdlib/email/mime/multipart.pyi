# Reviewed: messages in memory.
__default__: Pure
class MIMEMultipart:
    def __init__(self, _subtype=..., boundary=..., _subparts=..., *, policy=..., **_params) -> EffectsOf["_subparts"]: ...
