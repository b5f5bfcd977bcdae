"""Asks a server whose page an address is, where only the server knows: another web domain, a number for a name.

Anybody can have us ask, without an account: so one asks little at a time, briefly, and what was told is kept.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

import msgspec

from directory.accounts import MastodonAccount
from directory.failures import hide_name
from directory.identifiers import Acct, ActorUri
from directory.networks.http import GuardedClient
from directory.networks.mastodon.identity import resolve_acct, resolve_page
from directory.networks.sign_in_errors import OurselvesBusy, SignInError

ASK_S: Final = 8.0
MAX_AT_ONCE: Final = 8
MAX_KEPT: Final = 4_096
KEPT_S: Final = 3_600.0
KEPT_NOBODY_S: Final = 300.0


class _Kept(msgspec.Struct, frozen=True):
    owner: MastodonAccount | None
    until: float


class PageOwners:
    """Not trusted with a proof: what it finds is looked up, and never linked. Built once for each process."""

    def __init__(self, http: GuardedClient, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._http = http
        self._monotonic = monotonic
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._places = asyncio.Semaphore(MAX_AT_ONCE)

    async def find_owner(self, named: Acct | ActorUri) -> MastodonAccount | None:
        """Returns the account that an address or a page leads to, as the hosts that have a part in it agree.

        Returns None where they name none, do not agree or do not answer, and where too many ask at the moment.
        """
        key = named.key if isinstance(named, Acct) else str(named)
        kept = self._kept.get(key)
        if kept is not None and kept.until > self._monotonic():
            return kept.owner
        if self._places.locked():
            return None
        hide_name(key)
        async with self._places:
            try:
                async with asyncio.timeout(ASK_S):
                    owner = await self._ask(named)
            except OurselvesBusy:
                return None
            except (SignInError, TimeoutError):
                owner = None
        self._keep(key, owner)
        return owner

    async def _ask(self, named: Acct | ActorUri) -> MastodonAccount:
        if isinstance(named, Acct):
            return await resolve_acct(self._http, named)
        return await resolve_page(self._http, named)

    def _keep(self, key: str, owner: MastodonAccount | None) -> None:
        for_s = KEPT_NOBODY_S if owner is None else KEPT_S
        self._kept[key] = _Kept(owner, self._monotonic() + for_s)
        self._kept.move_to_end(key)
        while len(self._kept) > MAX_KEPT:
            self._kept.popitem(last=False)
