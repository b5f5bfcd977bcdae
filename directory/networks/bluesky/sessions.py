"""Opens sessions that follow on Bluesky."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

import msgspec

from directory.clock import Clock
from directory.follows.port import FollowSession
from directory.follows.runs import Run
from directory.identifiers import Did
from directory.networks.bluesky import sdk
from directory.networks.bluesky.follows import BlueskyFollows
from directory.networks.bluesky.identity import Identities
from directory.networks.bluesky.points import Allowances
from directory.networks.bluesky.requests import DpopRequests
from directory.networks.bluesky.servers import Servers
from directory.networks.bluesky.wire import acting_as
from directory.networks.errors import Unreachable
from directory.networks.port import TokenSet
from directory.networks.sign_in_errors import NeedsSignIn, SignInError

KEPT_FOR: Final = timedelta(hours=1)
"""How long an account's server is kept: a run sends some hundred batches, and each opens a session."""
_MAX_KEPT: Final = 10_000


class _Home(msgspec.Struct, frozen=True):
    """An account's server, the one that signs it in, and when that was seen."""

    origin: str
    issuer: str
    seen_at: datetime


class BlueskySessions:
    """Opens sessions, one for each step of a run. One of these serves a whole process."""

    def __init__(
        self, identities: Identities, servers: Servers, requests: DpopRequests, clock: Clock
    ) -> None:
        """`requests` should be the one of the sign-ins, which knows the servers' nonces."""
        self._identities = identities
        self._servers = servers
        self._requests = requests
        self._clock = clock
        self._allowances = Allowances()
        self._homes: dict[Did, _Home] = {}

    @asynccontextmanager
    async def open(self, run: Run, tokens: TokenSet) -> AsyncIterator[FollowSession]:
        """Opens a session that acts with these tokens, at the account's present server.

        Raises NeedsSignIn where the tokens are not those of that server, and NetworkError.
        """
        origin = await self._find_home(tokens)
        await sdk.load()
        send = acting_as(self._requests, tokens, self._clock)
        async with BlueskyFollows(
            run, tokens, origin=origin, send=send, allowances=self._allowances, clock=self._clock
        ) as session:
            yield session

    async def find_host(self, tokens: TokenSet) -> str:
        """Finds the host of the account's server: its tokens name the one that signs people in, for many of these. Raises as `open`."""
        return urlsplit(await self._find_home(tokens)).netloc.lower()

    async def _find_home(self, tokens: TokenSet) -> str:
        """Finds the account's server, and whether it still names the one of the sign-in. A server that lies gets tokens
        that are of no use to it: they are valid with our key alone (RFC 9449)."""
        did, now = Did.parse(tokens.account_id), self._clock.now()
        home = self._homes.get(did)
        if home is None or home.issuer != tokens.server or not home.seen_at <= now < home.seen_at + KEPT_FOR:
            home = await self._look_up(did, now)
            self._homes.pop(did, None)
            while len(self._homes) >= _MAX_KEPT:
                del self._homes[next(iter(self._homes))]
            self._homes[did] = home
        if home.issuer != tokens.server:
            raise NeedsSignIn(tokens.server, "the account has moved to another server")
        return home.origin

    async def _look_up(self, did: Did, now: datetime) -> _Home:
        try:
            origin = (await self._identities.document(did)).pds
            return _Home(origin, await self._servers.issuer_for(origin), now)
        except NeedsSignIn:
            raise
        except SignInError as error:
            raise Unreachable(error.host, error.why) from error
