"""The syntax of scopes: where a capability holds, written as ``Literal`` strings.

This module knows which capability takes which kind of scope, how each kind is written and its one normal form. It
refuses to know whether a path exists or a host resolves, and touches neither: it is text in, text out.
"""

import posixpath
import re
from typing import Final

from capsafe import capabilities as caps
from capsafe.capabilities import Capability
from capsafe.errors import GrantError

_PATHS: Final = (caps.FileSystem, caps.Spawn, caps.UnixSocket)
_HOSTS: Final = (caps.Network,)
_MODULES: Final = (caps.Import,)

_LABEL: Final = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_MAXIMUM_HOST: Final = 253
_MAXIMUM_PORT: Final = 65535
_HOST_FORMS: Final = '"host:443", "host:*", "*:443", "10.0.0.0/8:443" or "[::1]:443"'


def parse_scope(capability: type[Capability], text: str) -> str:
    """Return the normal form of a scope.

    ``capability``: the one that has the scope, which says what kind it is. ``text``: an absolute path for files,
    programs and Unix sockets (``..`` and double slashes are taken out); ``host:port`` for the network, with ``*`` for
    any host or any port, or a CIDR block; a dotted module name for Import. Raises ``GrantError`` with the way out.
    """
    name = capability.__name__
    if not text:
        raise GrantError(f"the scope of {name} is empty; name one, or write {name} to grant it anywhere")
    if "\0" in text:
        raise GrantError(f"the scope {text!r} of {name} has a NUL in it")
    if issubclass(capability, _PATHS):
        return _parse_path(name, text)
    if issubclass(capability, _HOSTS):
        return _parse_endpoint(name, text)
    if issubclass(capability, _MODULES):
        return _parse_module(name, text)
    raise GrantError(f"{name} takes no scope; write {name}")


def covers_path(scope: str, path: str) -> bool:
    """Say whether a path scope covers a path, component by component: ``/data`` does not cover ``/database``.

    Both are absolute; ``..`` in ``path`` is taken out first. Symlinks are the kernel's matter.
    """
    path = _normalise(path)
    return scope in ("/", path) or path.startswith(scope + "/")


def covers_endpoint(scope: str, endpoint: str) -> bool:
    """Say whether a network scope covers ``host:port``: by its port, its host, or a block of addresses.

    Both are in their normal form. Names are compared and not resolved.
    """
    host, _, port = endpoint.rpartition(":")
    allowed, _, allowed_port = scope.rpartition(":")
    if allowed_port not in ("*", port):
        return False
    if allowed in ("*", host):
        return True
    if "/" not in allowed:
        return False
    import ipaddress  # noqa: PLC0415  # as below

    try:
        return ipaddress.ip_address(host.strip("[]")) in ipaddress.ip_network(allowed.strip("[]"))
    except ValueError:
        return False


def _normalise(path: str) -> str:
    # POSIX leaves exactly two leading slashes alone; Linux gives them no meaning.
    return "/" + posixpath.normpath(path).lstrip("/")


def _parse_path(name: str, text: str) -> str:
    if not text.startswith("/"):
        hint = "the home folder is not expanded" if text.startswith("~") else "it would depend on the current folder"
        raise GrantError(f'the scope {text!r} of {name} is no absolute path ({hint}); write it in full, as "/data"')
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise GrantError(f"the scope {text!r} of {name} can't be written as a path: {error.reason}") from error
    return _normalise(text)


def _parse_module(name: str, text: str) -> str:
    if not all(part.isidentifier() for part in text.split(".")):
        raise GrantError(f'the scope {text!r} of {name} is no module name; write it as "json" or "package.module"')
    return text


def _parse_endpoint(name: str, text: str) -> str:
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port:
        raise GrantError(f"the scope {text!r} of {name} is no host and port; write {_HOST_FORMS}")
    if port != "*":
        if not (port.isascii() and port.isdigit() and int(port) <= _MAXIMUM_PORT):
            raise GrantError(f"the port {port!r} in the scope {text!r} of {name} is not in 0..65535 and not *")
        port = str(int(port))
    if host == "*":
        if port == "*":
            raise GrantError(f"the scope {text!r} of {name} is everywhere; write {name} alone")
        return f"*:{port}"
    return f"{_parse_host(name, text, host)}:{port}"


def _parse_host(name: str, text: str, host: str) -> str:
    if host.startswith("[") and host.endswith("]"):
        return f"[{_parse_address(name, text, host[1:-1], version=6)}]"
    if ":" in host:
        raise GrantError(f'the scope {text!r} of {name} has more than one colon; write IPv6 as "[::1]:443"')
    if "/" in host or re.fullmatch(r"[0-9.]+", host):
        return _parse_address(name, text, host, version=4)
    host = host.lower().removesuffix(".")
    if not is_host_name(host):
        instead = _in_ascii(host) or _HOST_FORMS
        raise GrantError(f"the host {host!r} in the scope {text!r} of {name} is no host name; write {instead}")
    return host


def is_host_name(text: str) -> bool:
    """Say whether a text is a host name in its normal form: in lower case, in ASCII, without the last dot."""
    return len(text) <= _MAXIMUM_HOST and all(_LABEL.fullmatch(label) for label in text.split("."))


def _in_ascii(host: str) -> str | None:
    """Return how a name of other letters is written, None where it can't be.

    It is not done for the user: two names may look the same, and the standards differ on some letters.
    """
    try:
        written = host.encode("idna").decode("ascii")
    except UnicodeError:
        return None
    return f'"{written}:443", the form in which it is asked for' if written != host and is_host_name(written) else None


def _parse_address(name: str, text: str, address: str, *, version: int) -> str:
    import ipaddress  # noqa: PLC0415  # takes a tenth of the time that importing capsafe may take

    if "%" in address:
        raise GrantError(f"the scope {text!r} of {name} names an interface (%), which scopes don't; leave it out")
    try:
        network = ipaddress.ip_network(address)
    except ValueError as error:
        raise GrantError(f"the scope {text!r} of {name} has a bad address: {error}; write {_HOST_FORMS}") from error
    if network.version != version:
        raise GrantError(f'the scope {text!r} of {name} mixes IPv4 and IPv6; write "10.0.0.0/8:443" or "[::1]:443"')
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    if mapped is not None:
        raise GrantError(f'the scope {text!r} of {name} is an address of IPv4; write it as "{mapped}:443"')
    return str(network) if "/" in address else str(network.network_address)
