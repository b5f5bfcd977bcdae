"""The address at which people reach an instance, in one spelling. The log is named after its host."""

import ipaddress
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Self
from urllib.parse import SplitResult, urlsplit

from directory.errors import DirectoryError
from directory.host_names import LOCAL_HOST, InvalidHost, is_local_name, parse_host_name

DEFAULT_PORTS: Final = {"https": 443, "http": 80}
MAX_ADDRESS_CHARS: Final = 2_048
LIKE_THIS: Final = "https://find.example.org, without a path"


class InvalidAddress(DirectoryError):
    """A text is not an address at which people can reach an instance."""


@dataclass(frozen=True, slots=True)
class PublicAddress:
    """Scheme, host and port of an instance. `port` is None where it is the one of the scheme."""

    scheme: str
    host: str
    """A host name in its one spelling, or a loopback address."""
    port: int | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parses an address as people type it: `HTTPS://Find.Example:443/`. Raises InvalidAddress.

        A public host has no port of its own: peers, and the networks that members sign in at, ask 443 alone.
        """
        parts, port = _split(text)
        if port == DEFAULT_PORTS[parts.scheme]:
            port = None
        address = cls(parts.scheme, _parse_host(parts), port)
        if port is not None and not address.is_local:
            raise InvalidAddress(
                f"must look like {LIKE_THIS}: a port other than 443 is for a local address only"
            )
        return address

    @property
    def netloc(self) -> str:
        """Host and port, as in the header `Host`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"

    @property
    def is_local(self) -> bool:
        """Whether it leads to the machine of whoever asks, so that nobody else can follow its log."""
        return is_local_name(self.host) or _parse_ip(self.host) is not None

    @property
    def log_host(self) -> str:
        """The host in the names of the log and its keys. A name below `.localhost` is its own: several instances can be
        tried out on one machine."""
        return LOCAL_HOST if self.host == LOCAL_HOST or _parse_ip(self.host) is not None else self.host

    def __str__(self) -> str:
        return f"{self.scheme}://{self.netloc}"


@lru_cache(16)
def parse_address(text: str) -> PublicAddress:
    """As PublicAddress.parse, for a text that is asked for at every request."""
    return PublicAddress.parse(text)


def _split(text: str) -> tuple[SplitResult, int | None]:
    # `urlsplit` drops some control characters silently, and then reads another host than a person does.
    if len(text) > MAX_ADDRESS_CHARS or any(character <= " " or character in "\x7f\\%" for character in text):
        raise InvalidAddress(f"must look like {LIKE_THIS}: it holds a character that no address has")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise InvalidAddress(f"must look like {LIKE_THIS}: it cannot be read") from None
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname or port == 0:
        raise InvalidAddress(f"must look like {LIKE_THIS}")
    if "@" in parts.netloc or parts.path not in {"", "/"} or "?" in text or "#" in text:
        raise InvalidAddress(f"must look like {LIKE_THIS}: nothing may stand beside the host")
    return parts, port


def _parse_host(parts: SplitResult) -> str:
    host = parts.hostname or ""
    if (address := _parse_ip(host)) is not None:
        if not address.is_loopback:
            raise InvalidAddress(f"must look like {LIKE_THIS}: the host has to be a name, not a number")
        return str(address)
    try:
        return parse_host_name(host)
    except InvalidHost as error:
        raise InvalidAddress(f"must look like {LIKE_THIS}: {error.why}") from None


def _parse_ip(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
