"""Checks the form of addresses that DID documents and servers name, before any is requested.

The guarded client checks where a name leads.
"""

from typing import Final
from urllib.parse import SplitResult, urlsplit

from directory.networks.sign_in_errors import ServerMisbehaved

MAX_URL_CHARS: Final = 2_048
_LOOPBACK_HOSTS: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_DEFAULT_PORTS: Final = {"https": 443, "http": 80}


def parse_origin(text: object, *, allow_loopback: bool) -> str:
    """Parses `https://host` or `https://host:port`, without a path; one slash at the end is dropped.

    `allow_loopback` also takes http on this machine's own names. Raises ServerMisbehaved.
    """
    parts = _parts(text, allow_loopback=allow_loopback)
    if parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise ServerMisbehaved(parts.hostname or "", "a server's address holds more than its name")
    return origin_of(parts)


def parse_endpoint(text: object, *, allow_loopback: bool) -> str:
    """Checks an address that is to be requested, or given to a browser. Returns it as it was.

    Raises ServerMisbehaved.
    """
    parts = _parts(text, allow_loopback=allow_loopback)
    if parts.fragment:
        raise ServerMisbehaved(parts.hostname or "", "an endpoint's address holds a fragment")
    return parts.geturl()


def origin_of(parts: SplitResult) -> str:
    """Returns scheme, host and port; the port is left out where it is the scheme's own."""
    host = parts.hostname or ""
    shown = f"[{host}]" if ":" in host else host
    port = "" if parts.port in {None, _DEFAULT_PORTS.get(parts.scheme)} else f":{parts.port}"
    return f"{parts.scheme}://{shown}{port}"


def _parts(text: object, *, allow_loopback: bool) -> SplitResult:
    if not isinstance(text, str) or len(text) > MAX_URL_CHARS or not text.isascii() or not text.isprintable():
        raise ServerMisbehaved("", "a server's address is not one")
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        raise ServerMisbehaved("", "a server's address cannot be read") from None
    host = parts.hostname or ""
    secure = parts.scheme == "https" or (
        allow_loopback and parts.scheme == "http" and host in _LOOPBACK_HOSTS
    )
    if not secure or not host or "@" in parts.netloc or " " in text or "\\" in text:
        raise ServerMisbehaved(host, "a server's address does not begin with https, or is no address")
    return parts
