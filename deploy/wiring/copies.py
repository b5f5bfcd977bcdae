"""Opens what peers have kept of our own log, over one guarded client."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial

from directory.clock import Clock
from directory.networks.http import GuardedClient, user_agent
from directory.settings import Settings
from federation.keys.instance import KeyFolder
from federation.peers.signed_client import SignedClient
from federation.recovery.copies import HttpCopy
from federation.recovery.guard import PeerGuard


@asynccontextmanager
async def open_copies(
    settings: Settings, keys: KeyFolder, clock: Clock, origin: str, addresses: Sequence[str]
) -> AsyncIterator[list[HttpCopy]]:
    """Opens the copies of our log `origin` at these addresses, until the block ends. Asks nobody yet."""
    client = GuardedClient(user_agent(settings.base_url), allow_loopback=settings.allow_loopback)
    async with client:
        signed = SignedClient(client, origin, keys.read_peer, clock)
        yield [HttpCopy(address, origin, client, signed) for address in addresses]


def build_guard(settings: Settings, keys: KeyFolder, clock: Clock, origin: str) -> PeerGuard:
    """Builds what asks the peers before anything is signed in the log `origin`."""
    return PeerGuard(partial(open_copies, settings, keys, clock, origin), clock)
