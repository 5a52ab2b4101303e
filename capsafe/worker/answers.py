"""What is said of a host name between the child, which asks, and the supervisor, which looks it up.

This module knows how question and answer are written. Both sides hold what they read to it: the child's question may
be anything, and an answer is data.
"""

import contextlib
import socket
from typing import Final, NamedTuple

from capsafe.kernel.asking import LONGEST_ANSWER
from capsafe.policy.hosts import Address

#: The name of the attribute that the system call is about: what kind of question it is.
RESOLVE: Final = b"capsafe?resolve"

#: The most addresses of a name; so many have room in an answer.
MOST_ADDRESSES: Final = 64
_LONGEST_TEXT: Final = 200


class Answer(NamedTuple):
    """What came of a look-up.

    ``addresses``: in the order in which they are to be tried. ``code``, ``text``: those of ``socket.gaierror`` where
    there are none.
    """

    addresses: tuple[Address, ...] = ()
    code: int = 0
    text: str = ""


def write_answer(answer: Answer) -> bytes:
    """Write an answer down, in at most as many bytes as the child reads."""
    if answer.code:
        return f"error {answer.code} {answer.text[:_LONGEST_TEXT]}".encode()[:LONGEST_ANSWER]
    lines = [f"{one.text} {one.zone}" for one in answer.addresses[:MOST_ADDRESSES]]
    return "\n".join(["addresses", *lines]).encode()[:LONGEST_ANSWER]


def read_answer(raw: bytes) -> Answer:
    """Read an answer; what is none says that the look-up has failed."""
    head, *lines = raw.decode(errors="replace").split("\n")
    with contextlib.suppress(ValueError):
        if head == "addresses":
            return Answer(tuple(_read_address(line) for line in lines[:MOST_ADDRESSES]))
        kind, code, text = head.split(" ", 2)
        if kind == "error" and int(code):
            return Answer(code=int(code), text=text)
    return Answer(code=socket.EAI_FAIL, text="the answer can't be read")


def _read_address(line: str) -> Address:
    text, zone = line.split(" ")
    if family_of(text) is None:
        raise ValueError(f"{text!r} is no address")
    return Address(text, int(zone))


def family_of(text: str) -> int | None:
    """Return the family of a numeric address without a zone, None for what is none."""
    for family in (socket.AF_INET, socket.AF_INET6):
        with contextlib.suppress(OSError, ValueError):
            socket.inet_pton(family, text)
            return family
    return None
