"""Parses and checks the address of a request, once."""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

from directory.networks.errors import Refused

MAX_URL_CHARS: Final = 8_192
MAX_HOST_CHARS: Final = 253
HTTPS_PORT: Final = 443
DEFAULT_PORTS: Final = {"https": HTTPS_PORT, "http": 80}

_VISIBLE = re.compile(r"[!-~]+")
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
# The last label begins with a letter. Some resolver takes any other name for a number: `127.1`,
# `2130706433` and `0x7f.0.0.1` are all this machine.
_HOST = re.compile(rf"(?:{_LABEL}\.)+[a-z](?:[a-z0-9-]{{0,61}}[a-z0-9])?")
_LOOPBACK_HOSTS: Final = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Target:
    """The target of a request. `path` includes the query; a fragment is dropped."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """The value of the header `Host`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> tuple[str, str, int]:
        """What one connection can serve: scheme, host and port."""
        return (self.scheme, self.host, self.port)

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.path}"


def parse_target(url: str, *, allow_loopback: bool) -> Target:
    """Parses an address that we may request. Raises Refused.

    Only https on its own port, and a host that is a name with a dot: numeric addresses are refused,
    since a server is identified by a name and a certificate. `allow_loopback` leaves the scheme and
    the port to the check of where the name leads, and allows this machine's own names.
    """
    if len(url) > MAX_URL_CHARS or not _VISIBLE.fullmatch(url):
        raise Refused("", "the address is too long, or holds characters that no address has")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise Refused("", "the address cannot be read") from None
    host = _host(parts, allow_loopback=allow_loopback)
    scheme = parts.scheme.lower()
    if scheme not in DEFAULT_PORTS or (scheme != "https" and not allow_loopback):
        raise Refused(host, "the address does not begin with https")
    port = DEFAULT_PORTS[scheme] if port is None else port
    if port != HTTPS_PORT and not allow_loopback:
        raise Refused(host, "the address names a port")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(scheme, host, port, path)


def _host(parts: SplitResult, *, allow_loopback: bool) -> str:
    if "@" in parts.netloc:
        raise Refused("", "the address holds a name or a password")
    host = parts.hostname or ""
    if allow_loopback and host in _LOOPBACK_HOSTS:
        return host
    # Python drops the brackets around what should be a numeric address and may be a name.
    if "[" in parts.netloc or len(host) > MAX_HOST_CHARS or not _HOST.fullmatch(host):
        raise Refused("", "the server's name is not one of the public internet")
    return host
