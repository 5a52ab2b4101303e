# Reviewed: the profiler that is switched on and off.
__default__: Performs[Clock]
__import__: Pure
class Profiler:
    def __init__(self, timer=..., timeunit=..., subcalls=..., builtins=...) -> Performs[Clock] | EffectsOf["timer"]: ...
