"""The address of another instance, as an operator types it: where it is asked, and the origin that it must have."""

from dataclasses import dataclass

from directory.host_names import DEMO_HOSTS, LOCAL_HOST
from directory.origin_names import LOG_SUFFIX
from directory.public_address import InvalidAddress, PublicAddress
from federation.errors import PeeringRefused


@dataclass(frozen=True, slots=True)
class PeerAddress:
    """A base URL that we may ask, and the origin of the log there."""

    url: str
    authority: str
    origin: str


def parse_peer_address(text: str, *, allow_loopback: bool) -> PeerAddress:
    """Parses an address, with or without `https://`. Raises PeeringRefused.

    Only https at a public name. `allow_loopback` is for trying out: then also names below `.localhost`, at any port.
    """
    try:
        address = PublicAddress.parse(text.strip() if "://" in text else f"https://{text.strip()}")
    except InvalidAddress as error:
        raise PeeringRefused(f"the address {error}") from error
    if address.log_host in {LOCAL_HOST, *DEMO_HOSTS} or (address.is_local and not allow_loopback):
        raise PeeringRefused("an address of this machine is nobody's peer")
    if address.scheme != "https" and not address.is_local:
        raise PeeringRefused("the address has to begin with https://")
    return PeerAddress(str(address), address.netloc, address.log_host + LOG_SUFFIX)


def address_of(origin: str, said: str | None, *, allow_loopback: bool) -> PeerAddress:
    """Returns the address of the log `origin`: https at its host, whatever it says itself. Only on one machine its own
    word is taken, for the port. Raises PeeringRefused."""
    host = origin.removesuffix(LOG_SUFFIX)
    address = parse_peer_address(said or host, allow_loopback=allow_loopback)
    is_expected = address.origin == origin and (
        said is None or _is_local(address) or address.authority == host
    )
    if not is_expected:
        raise PeeringRefused(f"{origin} is not a log at the address that was told")
    return address


def _is_local(address: PeerAddress) -> bool:
    return PublicAddress.parse(address.url).is_local
