"""DATA: the names of capsafe that the plugin hooks. No others are hooked: the first plugin's hook wins."""

from typing import Final

#: The class whose closures are checked.
SANDBOX: Final = "capsafe.sandbox.Sandbox"

#: Its methods that take a closure as their first argument.
CLOSURE_METHODS: Final = frozenset({"execute", "execute_async", "bind"})

#: The broker, whose explicit self types make mypy say what was not granted.
BROKERS: Final = ("capsafe.broker.surface.Broker", "capsafe.broker.paths.BrokerPath")

#: The root of all capabilities, and the one that lets effects be ambient.
CAPABILITY: Final = "capsafe.capabilities.Capability"
AMBIENT: Final = "capsafe.capabilities.Ambient"
