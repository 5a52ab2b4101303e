# A sandbox that is used inside a closure: running one starts a process, which the closure was not given.
__default__: Pure
class Sandbox:
    __default__: Pure                                   # grant, policy, repr: data
    def __init__(self, **limits) -> Pure: ...           # makes a value; nothing runs yet
    def execute(self, fn, /, *args, **kwargs) -> Performs[Process]: ...
    def execute_async(self, fn, /, *args, **kwargs) -> Performs[Process]: ...
    def enter(self) -> Performs[Process]: ...           # confines the whole process for ever
    def bind(self, fn) -> Pure: ...                     # its result runs the sandbox, and is unknown where it is called
