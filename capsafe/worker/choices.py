"""Which of several capabilities is the likelier to be meant, by who makes a call.

This module knows the order of preference. It refuses to leave any out that would do, but for the one case in which what
is opened as a file would be taken for a part of the system.
"""

import os

from capsafe.capabilities import Capability
from capsafe.errors import GrantError
from capsafe.policy.model import LOW_HALF
from capsafe.policy.observation import Need, Use
from capsafe.policy.syscalls import AF_UNIX, SOCK_DGRAM, SOCK_STREAM, SOCK_TYPE_MASK
from capsafe.scopes import parse_scope
from capsafe.worker.callers import Caller, Label


def either(first: bool, one: str, other: str) -> Use:  # noqa: FBT001 - which of two comes first
    """Return a use of either of two capabilities, one of them likelier."""
    return (Need(one), Need(other)) if first else (Need(other), Need(one))


def ordered(needs: list[Need], caller: Caller) -> list[Need]:
    """Put first what is likelier: of a program what programs need, of the child's own code anything else."""
    return sorted(needs, key=lambda need: (need.wide, (need.capability == "Spawn") is not caller.program))


def preferred(needs: list[Need], caller: Caller, label: Label, path: str) -> list[Need]:
    """Order what gives a right on a path by who opens it.

    A program has its libraries by Spawn; Python's own code that opens a file means it, unless it imports; the C library
    opens what the system has for it.
    """
    order = ["Resolve", "SystemInfo", "ReadFile", "WriteFile", "Spawn", "Import", "NativeCode"]
    if caller.program:
        order = ["Spawn", "ReadFile", "WriteFile"]
    elif label.imports:
        order = ["Import", "NativeCode", "ReadFile"]
    elif label.event:
        # What is opened as a file is meant as one, wherever it lies.
        meant = [need for need in needs if need.capability in ("ReadFile", "WriteFile")]
        return meant or needs
    elif ".so" in os.path.basename(path):  # noqa: PTH119 - a text
        order = ["NativeCode", "Import", "Spawn"]
    rank = {name: at for at, name in enumerate(order)}
    return sorted(needs, key=lambda need: (need.wide, rank.get(need.capability, len(order))))


def kind_of(arguments: tuple[int, ...]) -> str:
    """Return what a call of socket(2) makes: "tcp", "udp", "unix", or "" for what is none of them."""
    if arguments[0] & LOW_HALF == AF_UNIX:
        return "unix"
    return {SOCK_STREAM: "tcp", SOCK_DGRAM: "udp"}.get(arguments[1] & SOCK_TYPE_MASK, "")


def endpoint_of(capability: type[Capability], text: str | None) -> str | None:
    """Return ``host:port`` as a scope, None where it is no such thing."""
    try:
        return None if text is None else parse_scope(capability, text)
    except GrantError:
        return None
