"""Finds an account on the member's own server, and makes sure that it is the one that was proven.

A server names accounts by ids of its own. One counts only where its address is that of the mapping and its actor URI is
the mapping's: searches give strangers too, and an address can have passed to somebody else.
"""

from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from directory.accounts import MastodonAccount
from directory.clock import Clock
from directory.errors import InvalidIdentifier
from directory.follows.reasons import Reason
from directory.identifiers import Acct, ActorUri
from directory.networks.errors import BadAnswer, TooSlow
from directory.networks.http import GuardedClient
from directory.networks.mastodon.api import Api, Trouble
from directory.networks.mastodon.entities import ApiAccount
from directory.networks.mastodon.identity import resolve_acct
from directory.networks.mastodon.shown import parse_shown_acct
from directory.networks.mastodon.webfinger import finger
from directory.networks.sign_in_errors import AccountNotFound, SignInError

KEEP_FINGERS: Final = timedelta(minutes=5)
"""An address can pass to somebody else in the time; whoever many members follow at once is asked about once."""
MAX_FINGERS: Final = 20_000


class Found(msgspec.Struct, frozen=True):
    """The account, by its id at the member's server."""

    id: str


class Lost(msgspec.Struct, frozen=True):
    """Why nobody is followed. `moved_to`: where the account moved."""

    reason: Reason
    moved_to: MastodonAccount | None = None


class Fingers:
    """Actor URIs by address, as WebFinger tells them; kept for a few minutes, for all runs of the process."""

    def __init__(self, http: GuardedClient, clock: Clock) -> None:
        self._http = http
        self._clock = clock
        self._kept: OrderedDict[str, tuple[ActorUri, datetime]] = OrderedDict()

    async def actor_of(self, acct: Acct) -> ActorUri | None:
        """Returns the actor URI of an address; None where the address is another's name for it. Raises SignInError."""
        now = self._clock.now()
        kept = self._kept.get(acct.key)
        if kept is not None and timedelta() <= now - kept[1] < KEEP_FINGERS:
            return kept[0]
        found = await finger(self._http, acct.host, acct)
        if found.subject.key != acct.key:
            return None
        self._kept[acct.key] = (found.actor, now)
        self._kept.move_to_end(acct.key)
        while len(self._kept) > MAX_FINGERS:
            self._kept.popitem(last=False)
        return found.actor

    async def account_of(self, acct: Acct) -> MastodonAccount | None:
        """Returns the account of an address on which both hosts agree; None where it cannot be told now."""
        try:
            return await resolve_acct(self._http, acct)
        except SignInError:
            return None


class Finder:
    """Finds accounts at one server."""

    def __init__(self, api: Api, fingers: Fingers) -> None:
        self._api = api
        self._fingers = fingers
        self._host = api.wire.host
        # A lookup asks nobody else, but knows only whom the server has seen; a search knows both. After the first whom
        # the server had not seen, searches come first: two requests less for each that follows.
        self._searches_first = False

    async def find(self, wanted: MastodonAccount) -> Found | Lost:
        """Finds an account, wherever it is. Raises NeedsSignIn and NetworkError for what is no fault of the account."""
        ways = [self._by_lookup, self._by_search]
        troubles = 0
        for way in reversed(ways) if self._searches_first else ways:
            try:
                seen = await way(wanted)
            except BadAnswer:
                troubles += 1
                continue
            for account in seen:
                if self._is_named(account.acct, wanted):
                    return await self._judged(account, wanted)
        if troubles == len(ways):
            # Is it the account, or the server?
            await self._api.me()
        return Lost(Reason.NOT_FOUND)

    async def find_seen(self, wanted: MastodonAccount) -> Found | Lost:
        """Finds an account among those that the server has seen: whoever was followed from there is one of them.

        Raises NeedsSignIn, NetworkError, BadAnswer for what may be the fault of the account, and SignInError where who it
        is cannot be told.
        """
        for account in await self._by_lookup(wanted):
            if self._is_named(account.acct, wanted) and account.id and await self._is_proven(account, wanted):
                return Found(account.id)
        return Lost(Reason.NOT_FOUND)

    async def _by_lookup(self, wanted: MastodonAccount) -> Sequence[ApiAccount]:
        account = await self._api.lookup(str(wanted.acct))
        if account is None and wanted.actor.host == self._host:
            # mastodon_mock knows its own accounts by their bare names alone.
            account = await self._api.lookup(wanted.acct.user)
        elif account is None:
            self._searches_first = True
        return [] if account is None else [account]

    async def _by_search(self, wanted: MastodonAccount) -> Sequence[ApiAccount]:
        try:
            return await self._api.search(wanted.acct)
        except TooSlow as error:
            # It waits for the other server. A lookup tells whether it is well itself.
            raise Trouble(error.host, error.why, may_have_arrived=True) from error

    def _is_named(self, given: str, wanted: MastodonAccount) -> bool:
        """Tells whether a server's address for an account is that of the mapping."""
        if "@" not in given:
            is_own = self._host in {wanted.actor.host, wanted.acct.host}
            return is_own and given.lower() == wanted.acct.user.lower()
        try:
            return parse_shown_acct(given).key == wanted.acct.key
        except InvalidIdentifier:
            return False

    async def _judged(self, account: ApiAccount, wanted: MastodonAccount) -> Found | Lost:
        try:
            if not await self._is_proven(account, wanted):
                return Lost(Reason.NOT_THAT_ID)
        except AccountNotFound:
            return Lost(Reason.GONE)
        except SignInError:
            # Who it is cannot be told now.
            return Lost(Reason.NOT_FOUND)
        if account.suspended:
            return Lost(Reason.LABELLED)
        there = account.moved_acct(wanted.acct, self._host)
        if there is not None:
            return Lost(Reason.MOVED, await self._fingers.account_of(there))
        return Found(account.id) if account.id else Lost(Reason.NOT_FOUND)

    async def _is_proven(self, account: ApiAccount, wanted: MastodonAccount) -> bool:
        """Tells whether an account is the one that was proven, by its URI. Raises SignInError where none can be had."""
        if account.uri:
            return account.uri == str(wanted.actor)
        return await self._fingers.actor_of(wanted.acct) == wanted.actor
