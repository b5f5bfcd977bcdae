"""Finds the X accounts of an account on the new networks, by whatever address of it was pasted."""

import re
from typing import Final

from directory.errors import InvalidIdentifier
from directory.identifiers import Acct, ActorUri, AtHandle, Did
from directory.networks.mastodon.owners import PageOwners
from directory.ranking import Answer
from directory.services.lookup import Lookup

_OF_USER: Final = re.compile(r"https://([^/]+)/users/([A-Za-z0-9_.-]+)")
_OF_NUMBER: Final = re.compile(r"https://[^/]+/ap/users/[0-9]+")


class Reversing:
    """Keeps nothing of what it was asked but what servers told of a page. `owners` is None where nobody can be asked."""

    def __init__(self, lookup: Lookup, owners: PageOwners | None = None) -> None:
        self._lookup = lookup
        self._owners = owners

    async def reverse(self, account: Did | AtHandle | Acct | ActorUri) -> list[Answer]:
        """Finds the X accounts that map to an account. Asks its server only where the directory knows no such address.

        Raises InvalidIdentifier for a page of which no server tells whose it is, and DirectoryUnavailable.
        """
        for form in _forms(account):
            if answers := await self._lookup.reverse(form):
                return answers
        # Of both forms the address: in that a server ignores the case of a name.
        named = _forms(account)[-1]
        if not isinstance(named, Acct | ActorUri):
            return []
        owner = await self._owners.find_owner(named) if self._owners is not None else None
        if owner is not None:
            return await self._lookup.reverse(owner.actor)
        if isinstance(named, ActorUri) and not _OF_NUMBER.fullmatch(str(named)):
            raise InvalidIdentifier("the address of an account", str(named), "it names no person")
        return []


def _forms(account: Did | AtHandle | Acct | ActorUri) -> tuple[Did | AtHandle | Acct | ActorUri, ...]:
    """Returns an account, and the address that the usual form of its URI shows: servers ignore the case of a name."""
    if not isinstance(account, ActorUri) or (found := _OF_USER.fullmatch(str(account))) is None:
        return (account,)
    try:
        return (account, Acct.parse(f"{found[2]}@{found[1]}"))
    except InvalidIdentifier:
        return (account,)
