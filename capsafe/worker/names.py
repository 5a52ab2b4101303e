"""Host names inside the sandbox: the functions of ``socket`` that look names up, asking the supervisor in their place.

This module knows what those functions take and return. It refuses to look anything up itself: there is no resolver,
no netlink and no /etc in the child. Numeric addresses need nobody.
"""

import _socket
import contextlib
import errno
import os
import socket
import sys
from typing import Any, Final, NoReturn

from capsafe.kernel.asking import ask, find_call
from capsafe.policy.hosts import LOCALHOST, Address, normal_name
from capsafe.worker.answers import RESOLVE, Answer, family_of, read_answer

_ANY: Final = ("0.0.0.0", "::")  # noqa: S104 - the address of servers
#: What a look-up without a type returns of each address, in this order.
_KINDS: Final[tuple[tuple[int, int], ...]] = (
    (socket.SOCK_STREAM, socket.IPPROTO_TCP),
    (socket.SOCK_DGRAM, socket.IPPROTO_UDP),
    (socket.SOCK_RAW, 0),
)
_MOST_PORT: Final = 0xFFFF
_HOST_NOT_FOUND: Final = 1

#: What names stood for, for the words of a denial alone.
KNOWN: Final[dict[str, tuple[Address, ...]]] = {}

_call = 0


def prepare() -> None:
    """Look up, in the parent, what the child needs."""
    global _call  # noqa: PLW0603 - the number is the machine's
    import encodings.idna  # noqa: PLC0415 - where names are asked for alone

    del encodings
    _call = find_call()


def replace_functions() -> None:
    """Put functions that ask the supervisor in the place of those that look names up, in the child."""
    for name, function in _FUNCTIONS.items():
        for module in (_socket, socket):
            # ``socket`` wraps the first of them in a function of its own, which calls the C one.
            if module is _socket or name != "getaddrinfo":
                setattr(module, name, function)


def look_up(host: str) -> tuple[Address, ...]:
    """Return the addresses of a name. Raises ``socket.gaierror``, and ``PermissionError`` where it may not be asked."""
    try:
        # As the C function does with names of other letters.
        name = normal_name(host if host.isascii() else host.encode("idna").decode("ascii"))
    except UnicodeError:
        name = None
    if name is None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    if name == "localhost":
        return tuple(map(Address, LOCALHOST))
    answer = _ask(name)
    if answer.code:
        raise socket.gaierror(answer.code, answer.text)
    KNOWN[name] = answer.addresses
    return answer.addresses


def _ask(name: str) -> Answer:
    try:
        return read_answer(ask(_call, name.encode("ascii"), RESOLVE))
    except PermissionError:
        error = PermissionError(errno.EPERM, f"{os.strerror(errno.EPERM)}: resolve {name!r} needs Resolve")
        error._capsafe_needs = ("resolve", "Resolve", name)  # type: ignore[attr-defined]  # noqa: SLF001 - read by capsafe.worker.denial
        raise error from None
    except OSError as error:
        raise socket.gaierror(socket.EAI_SYSTEM, str(error)) from error


def _numeric(text: str) -> Address | None:
    """Read a numeric address, with the number of its interface where there is one."""
    host, percent, zone = text.partition("%")
    if family_of(host) is None or (percent and not (zone.isascii() and zone.isdigit())):
        return None
    return Address(host, int(zone or 0))


def _addresses(host: str, flags: int) -> tuple[Address, ...]:
    numeric = _numeric(host)
    if numeric is not None:
        return (numeric,)
    if flags & socket.AI_NUMERICHOST:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    return look_up(host)


def _text(host: object) -> str:
    if isinstance(host, str):
        return host
    if isinstance(host, bytes | bytearray):
        return bytes(host).decode("ascii", errors="replace")
    raise TypeError(f"getaddrinfo() argument 1 must be string or None, not {type(host).__name__}")


def _port(port: object) -> int:
    if port is None:
        return 0
    text = port.decode("ascii", errors="replace") if isinstance(port, bytes) else str(port)
    if not isinstance(port, int | str | bytes) or not (text.isascii() and text.lstrip("-").isdigit()):
        raise socket.gaierror(socket.EAI_SERVICE, "Servname not supported for ai_socktype: write the port as a number")
    return int(text) & _MOST_PORT


def getaddrinfo(
    host: object,
    port: object,
    family: int = 0,
    type: int = 0,  # noqa: A002 - the parameters of the C function
    proto: int = 0,
    flags: int = 0,
) -> list[tuple[int, int, int, str, tuple[Any, ...]]]:
    """Do what ``_socket.getaddrinfo`` does. Service names are not known."""
    sys.audit("socket.getaddrinfo", host, port, family, type, proto)
    number = _port(port)
    if host is None or host in ("", b""):
        found = tuple(map(Address, _ANY if flags & socket.AI_PASSIVE else LOCALHOST))
    else:
        found = _addresses(_text(host), flags)
    kinds = [
        (kind, own)
        for kind, own in _KINDS
        if type in (0, kind) and (proto in (0, own) or kind == type == socket.SOCK_RAW)
    ]
    canonical = _text(host) if host and flags & socket.AI_CANONNAME else ""
    rows: list[tuple[int, int, int, str, tuple[Any, ...]]] = [
        (own, kind, proto or protocol, canonical, _address(own, one, number))
        for one in found
        if (own := family_of(one.text)) is not None and family in (0, own)
        for kind, protocol in kinds
    ]
    if not rows:
        code, text = (socket.EAI_FAMILY, "family") if not kinds else (socket.EAI_NONAME, "name")
        raise socket.gaierror(code, f"there is no address of this {text}")
    return rows


def _address(family: int, address: Address, port: int) -> tuple[Any, ...]:
    return (address.text, port) if family == socket.AF_INET else (address.text, port, 0, address.zone)


def _first_addresses(host: object) -> list[str]:
    found = [one.text for one in _addresses(_text(host), 0) if family_of(one.text) == socket.AF_INET]
    if not found:
        raise socket.gaierror(socket.EAI_NONAME, "there is no address of IPv4")
    return list(dict.fromkeys(found))


def gethostbyname(host: object) -> str:
    """Do what ``_socket.gethostbyname`` does."""
    sys.audit("socket.gethostbyname", host)
    return _first_addresses(host)[0]


def gethostbyname_ex(host: object) -> tuple[str, list[str], list[str]]:
    """Do what ``_socket.gethostbyname_ex`` does, with no aliases."""
    sys.audit("socket.gethostbyname", host)
    return _text(host), [], _first_addresses(host)


def gethostbyaddr(host: object) -> NoReturn:
    """Say that an address has no name: nobody is asked."""
    sys.audit("socket.gethostbyaddr", host)
    raise socket.herror(_HOST_NOT_FOUND, "Unknown host")


def getnameinfo(sockaddr: tuple[Any, ...], flags: int) -> tuple[str, str]:
    """Return host and port as numbers: nobody is asked for a name."""
    sys.audit("socket.getnameinfo", sockaddr)
    host, port, *more = sockaddr
    if flags & socket.NI_NAMEREQD:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    numeric = _numeric(_text(host))
    if numeric is None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    zone = numeric.zone or (more[1] if len(more) > 1 else 0)
    return (f"{numeric.text}%{zone}" if zone else numeric.text), str(_port(port))


_FUNCTIONS: Final = {
    "getaddrinfo": getaddrinfo,
    "gethostbyname": gethostbyname,
    "gethostbyname_ex": gethostbyname_ex,
    "gethostbyaddr": gethostbyaddr,
    "getnameinfo": getnameinfo,
}


def known_addresses() -> dict[str, tuple[Address, ...]]:
    """Return what names were found to stand for in this process."""
    with contextlib.suppress(RuntimeError):  # another thread has just asked
        return dict(KNOWN)
    return {}
