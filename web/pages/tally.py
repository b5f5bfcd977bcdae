"""Counts what a page of results says of all who were found, in one pass over them. Pure."""

import io
from typing import Final

from directory.choosing import may_choose
from directory.exports import address_of, may_be_listed
from directory.mappings import Network
from directory.queries import Lists, Query
from directory.ranking import Answer, Match
from web.pages.ticks import is_ticked

# Looked up once: members of an enum are found slowly, and hashed slowly.
_BLUESKY: Final = Network.BLUESKY
_ALL_LISTS: Final = [Lists(value) for value in range(16)]
_REFUSING: Final = (Lists.BLOCK, Lists.MUTE)


class Tally:
    """Takes the people found one after the other, and keeps none of them."""

    def __init__(self, toggled: frozenset[str]) -> None:
        """`toggled` are the ticks that differ from the default."""
        self._toggled = toggled
        self._chosen = 0
        self._on_bluesky = set[str]()
        self._on_mastodon = set[str]()
        self._listed = {lists: set[str]() for lists in _REFUSING}
        self._may_choose_bluesky = False
        self._may_choose_mastodon = False
        self._people_on = [0] * len(_ALL_LISTS)
        self._pairs = io.StringIO()

    def add(self, match: Match) -> None:
        """Counts one of them."""
        query = match.query
        lists = query.lists
        self._people_on[lists._value_] += 1
        self._pairs.write(f"{query}\n")
        if lists.is_refused:
            self._list_refused(match)
            return
        for answer in match.answers:
            if may_choose(query, answer):
                self._count_choosable(query, answer)

    def _count_choosable(self, query: Query, answer: Answer) -> None:
        is_on_bluesky = answer.mapping.network is _BLUESKY
        if is_on_bluesky:
            self._may_choose_bluesky = True
        else:
            self._may_choose_mastodon = True
        if is_ticked(query, answer, self._toggled):
            self._chosen += 1
            accounts = self._on_bluesky if is_on_bluesky else self._on_mastodon
            accounts.add(address_of(answer))

    def _list_refused(self, match: Match) -> None:
        """Lists somebody who is blocked or muted, of whom nothing may be chosen."""
        for answer in match.answers:
            if may_be_listed(answer):
                for lists in _REFUSING:
                    if match.query.lists & lists:
                        self._listed[lists].add(address_of(answer))

    @property
    def lists(self) -> Lists:
        """The lists of the people found; where they stand on one list alone, a filter would be no choice."""
        found = Lists.NONE
        for lists, people in zip(_ALL_LISTS, self._people_on, strict=True):
            if people:
                found |= lists
        return found

    @property
    def beside(self) -> int:
        """How many of the people found nobody asked for: followers, and whoever is blocked or muted."""
        counted = zip(_ALL_LISTS, self._people_on, strict=True)
        return sum(people for lists, people in counted if not lists.is_wanted)

    @property
    def chosen(self) -> int:
        """How many answers are ticked."""
        return self._chosen

    @property
    def pairs(self) -> str:
        """The people found, as `parse_lines` reads them."""
        return self._pairs.getvalue().removesuffix("\n")

    def chosen_on(self, network: Network) -> int:
        """How many accounts the file of a network holds."""
        return len(self._on_bluesky if network is _BLUESKY else self._on_mastodon)

    def listed(self, lists: Lists) -> int:
        """How many accounts the file of those who are blocked, or muted, holds."""
        return len(self._listed[lists])

    def may_choose_on(self, network: Network) -> bool:
        """Whether anybody could be chosen for a network's files."""
        return self._may_choose_bluesky if network is _BLUESKY else self._may_choose_mastodon
