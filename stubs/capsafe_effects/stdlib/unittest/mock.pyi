# A mock does what it was told elsewhere, and patching changes any object of the process.
__default__: Unknown["a mock does what it was told elsewhere, and a patch changes any object of the process"]
__import__: Pure
class _CallList(builtins.list): ...
