"""Decides which of the accounts found are ticked. Pure.

By default an answer is ticked where the follow is sure and wanted; the form carries the keys of those that
differ.
"""

from collections.abc import Iterable
from typing import Final

from directory.mappings import Network, Strength
from directory.queries import Lists, Query
from directory.ranking import Answer, Match

_NETWORK_LETTER: Final = {Network.BLUESKY: "b", Network.MASTODON: "m"}
_UNWANTED: Final = Lists.BLOCK | Lists.MUTE


def _is_wanted(lists: Lists) -> bool:
    """Returns whether the person followed them; people they blocked or muted are not wanted."""
    if lists & _UNWANTED:
        return False
    return lists is Lists.NONE or bool(lists & Lists.FOLLOWING)


_WANTED: Final = frozenset(lists for value in range(16) if _is_wanted(lists := Lists(value)))


def key_of(query: Query, answer: Answer) -> str:
    """Returns the key of a tick: the person on X, and the network."""
    if query.x_id is not None:
        return f"{query.x_id.value}.{_NETWORK_LETTER[answer.mapping.network]}"
    handle = query.x_handle.key if query.x_handle is not None else ""
    return f"@{handle}.{_NETWORK_LETTER[answer.mapping.network]}"


def is_ticked(query: Query, answer: Answer, toggled: frozenset[str]) -> bool:
    """Returns whether an answer is ticked; never where instances disagree."""
    if answer.disputed:
        return False
    is_ours = query.lists in _WANTED and answer.may_follow
    return is_ours != (bool(toggled) and key_of(query, answer) in toggled)


def ticked_answers(matches: Iterable[Match], toggled: frozenset[str]) -> list[Answer]:
    """Returns all ticked answers, of every page."""
    return [
        answer for match in matches for answer in match.answers if is_ticked(match.query, answer, toggled)
    ]


def toggled_after(
    matches: Iterable[Match], toggled: frozenset[str], shown: frozenset[str], ticked: frozenset[str]
) -> frozenset[str]:
    """Returns the ticks that differ from the default once the boxes of a page were sent back."""
    if not shown:
        return toggled
    changed = {
        key
        for match in matches
        for answer in match.answers
        if (key := key_of(match.query, answer)) in shown
        and not answer.disputed
        and is_ticked(match.query, answer, toggled) != (key in ticked)
    }
    return toggled ^ changed


def toggled_for_all(matches: Iterable[Match], toggled: frozenset[str], *, tick: bool) -> frozenset[str]:
    """Returns the ticks that differ from the default once all of these are ticked, or none of them is.

    "All" means all that are proven: an unchecked hint takes a person's own tick.
    """
    changed = {
        key_of(match.query, answer)
        for match in matches
        for answer in match.answers
        if not answer.disputed
        and is_ticked(match.query, answer, toggled) != tick
        and (not tick or answer.mapping.strength > Strength.IMPORTED)
    }
    return toggled ^ changed
