"""Chooses the address of an account's profile page: as its server tells it, and never built from its name.

A server says what it likes, and people open what we link to. So a page counts only on a host that stands for the account
already: that of its actor URI or the domain of its address, which have both agreed on who it is.
"""

from collections.abc import Iterable
from typing import Final

from directory.accounts import MastodonAccount
from directory.errors import InvalidIdentifier
from directory.identifiers import ActorUri

MAX_PAGE_CHARS: Final = 256
"""It stands on pages of ours and, as evidence, in the log."""


def choose_page(told: Iterable[str | None], account: MastodonAccount) -> str | None:
    """Returns the first address that may be the account's profile page; None where none may.

    https, without user, port, query or fragment: nothing that leads on to elsewhere or hides where it leads.
    """
    hosts = {account.actor.host, account.acct.host}
    pages = (_page(each) for each in told)
    return next((str(page) for page in pages if page is not None and page.host in hosts), None)


def _page(told: str | None) -> ActorUri | None:
    """Parses an address. Returns None for one that no page may have."""
    try:
        page = ActorUri.parse(told)
    except InvalidIdentifier:
        return None
    return page if "?" not in str(page) and len(str(page)) <= MAX_PAGE_CHARS else None
