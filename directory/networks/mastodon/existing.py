"""Reads whom an account follows already.

Takahē's list holds also whom it has only asked, and whom the account blocks: neither is followed again.
"""

from collections.abc import AsyncIterator
from typing import Final

from directory.errors import InvalidIdentifier
from directory.follows.port import Followed
from directory.identifiers import ActorUri
from directory.networks.mastodon.api import Api
from directory.networks.mastodon.entities import ApiAccount
from directory.networks.mastodon.finding import Fingers
from directory.networks.mastodon.shown import parse_shown_acct

MAX_PAGES: Final = 150
"""12,000 people: more than Mastodon lets nearly everybody follow."""


async def followed_by(api: Api, fingers: Fingers, me: ApiAccount) -> AsyncIterator[Followed]:
    """Yields whom the account that asks follows. Raises as `Api`."""
    domain = await _domain_of(me, api.wire.host, fingers)
    after: str | None = None
    for _ in range(MAX_PAGES):
        people, following = await api.following(me.id, after)
        for one in people:
            yield Followed(
                _actor(one.uri), _acct(one.acct if "@" in one.acct else f"{one.acct}@{domain}"), one.id
            )
        if following is None or following == after:
            return
        after = following


async def _domain_of(me: ApiAccount, host: str, fingers: Fingers) -> str:
    """Returns the domain of the addresses of the server's own accounts, which most servers leave out."""
    try:
        own = parse_shown_acct(me.acct if "@" in me.acct else f"{me.acct}@{host}")
    except InvalidIdentifier:
        return host
    found = await fingers.account_of(own) if "@" not in me.acct else None
    return found.acct.host if found is not None else own.host


def _acct(shown: str) -> str:
    """Returns an address in its one spelling, and one that is none as it is."""
    try:
        return str(parse_shown_acct(shown))
    except InvalidIdentifier:
        return shown


def _actor(uri: str | None) -> ActorUri | None:
    try:
        return ActorUri.parse(uri) if uri else None
    except InvalidIdentifier:
        return None
