"""DATA: the names of capsafe that the plugin hooks. No others are hooked: the first plugin's hook wins."""

from typing import Final

#: The class whose closures are checked.
SANDBOX: Final = "capsafe.sandbox.Sandbox"

#: Its methods that take a closure as their first argument.
CLOSURE_METHODS: Final = frozenset({"execute", "execute_async", "bind", "observe"})

#: The root of all capabilities, and the one that lets effects be ambient.
CAPABILITY: Final = "capsafe.capabilities.Capability"
AMBIENT: Final = "capsafe.capabilities.Ambient"
