"""Decides who has signed a request to the addresses of peers, for all of their routes.

Requests of peers do not count in the limits of strangers; those that are not signed by one do. A stranger beyond its
limit is told so, whatever else is wrong.
"""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from litestar import Request
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException

from federation.errors import Malformed, PeerRefused, UntrustedRequest
from federation.peers.signing import Request as SignedRequest
from federation.protocol.peer import Peer
from web.middleware.rate_limit import ClientKeys, RateLimiter
from web.peer_services import PeerServices
from web.services import Services

T = TypeVar("T")


def require_peers(services: Services) -> PeerServices:
    """Returns the services of peers. Raises NotFoundException in a process that answers none."""
    if services.peers is None:
        raise NotFoundException
    return services.peers


class StrangerLimit:
    """Counts the requests that no confirmed peer has signed, by the caller's address."""

    def __init__(self, limiter: RateLimiter, keys: ClientKeys) -> None:
        self._limiter = limiter
        self._keys = keys

    def take(self, request: Request[Any, Any, Any]) -> None:
        """Counts one. Raises TooManyRequestsException."""
        self._limiter.take(self._keys.key_of(request.scope)).check()

    async def counted(self, request: Request[Any, Any, Any], verifying: Awaitable[T]) -> T:
        """Awaits what verifies a request, and counts it where it is refused. Raises as that does."""
        try:
            return await verifying
        except (UntrustedRequest, PeerRefused, Malformed):
            self.take(request)
            raise


async def as_signed(request: Request[Any, Any, Any], services: Services) -> SignedRequest:
    """Returns the request as its signature covers it: made for the host of the settings, whatever its headers say.

    Raises UntrustedRequest where it has a query, which no signature covers.
    """
    content = await request.body()
    if request.scope["query_string"]:
        raise UntrustedRequest("a signed request has no query")
    headers = tuple(
        (name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in request.scope["headers"]
    )
    path = request.scope["raw_path"].decode("latin-1")
    return SignedRequest(request.method, services.settings.domain, path, headers, content)


async def any_peer(
    request: Request[Any, Any, Any],
    services: NamedDependency[Services],
    stranger_limit: NamedDependency[StrangerLimit],
) -> Peer:
    """Provides the confirmed peer that has signed the request, also a frozen one."""
    return await _verified(request, services, stranger_limit, require_peers(services).requests.verify)


async def approved_peer(
    request: Request[Any, Any, Any],
    services: NamedDependency[Services],
    stranger_limit: NamedDependency[StrangerLimit],
) -> Peer:
    """Provides the approved peer that has signed the request."""
    return await _verified(
        request, services, stranger_limit, require_peers(services).requests.verify_approved
    )


async def _verified(
    request: Request[Any, Any, Any],
    services: Services,
    limit: StrangerLimit,
    verify: Callable[[SignedRequest], Awaitable[Peer]],
) -> Peer:
    async def run() -> Peer:
        return await verify(await as_signed(request, services))

    return await limit.counted(request, run())
