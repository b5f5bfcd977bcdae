"""Decides which of the accounts found are ticked. Pure.

By default an answer is ticked where the follow is sure and wanted; the form carries the keys of those that
differ. A key of somebody who may not be chosen changes nothing.

A form can be hours old. Whoever is not ticked by default has the account in their key: so a tick is of the account that was
shown, and a tick that was taken away is no tick of somebody who has become doubtful since; nor is one that was set before it
was taken away, while that account was doubtful.
"""

import hashlib
from collections.abc import Container, Iterable, Iterator
from typing import Final

from directory.choosing import Chosen, is_chosen_unasked, may_choose, may_choose_with_all
from directory.identifiers import TargetId
from directory.mappings import Network
from directory.queries import Query
from directory.ranking import Answer, Match

_BLUESKY: Final = Network.BLUESKY
"""Looked up once: members of an enum are found slowly."""
_ACCOUNT_BYTES: Final = 6
"""Of the hash in a key: it tells the few accounts apart that one person on X can have had."""


def key_of(query: Query, answer: Answer) -> str:
    """Returns the key of a tick: the person on X and the network; and the account, where it is not ticked by default."""
    return _key_of(query, answer, is_chosen_unasked=is_chosen_unasked(query, answer))


def _key_of(query: Query, answer: Answer, *, is_chosen_unasked: bool) -> str:
    letter = "b" if answer.mapping.network is _BLUESKY else "m"
    key = f"{_person_of(query)}.{letter}"
    return key if is_chosen_unasked else f"{key}.{account_key(answer.mapping.target_id)}"


def _person_of(query: Query) -> str:
    """Returns the part of a key that stands for a person: a number, or a name after an @. There is no dot in it."""
    if query.x_id is not None:
        return str(query.x_id.value)
    return f"@{query.x_handle.key}" if query.x_handle is not None else "@"


def account_key(target: TargetId) -> str:
    """Returns the part of a key that stands for an account."""
    return hashlib.blake2s(str(target).encode(), digest_size=_ACCOUNT_BYTES).hexdigest()


def is_ticked(query: Query, answer: Answer, toggled: frozenset[str]) -> bool:
    """Returns whether an answer is ticked; never one that may not be chosen."""
    is_chosen = is_chosen_unasked(query, answer)
    if not toggled:
        return is_chosen
    key = _key_of(query, answer, is_chosen_unasked=is_chosen)
    return is_chosen != (key in toggled) and may_choose(query, answer)


def ticked_answers(matches: Iterable[Match], toggled: frozenset[str]) -> Iterator[Chosen]:
    """Yields all ticked answers, of every page."""
    return (
        Chosen(match.query, answer)
        for match in matches
        for answer in match.answers
        if is_ticked(match.query, answer, toggled)
    )


def toggled_after(
    matches: Iterable[Match], toggled: frozenset[str], shown: frozenset[str], ticked: frozenset[str]
) -> frozenset[str]:
    """Returns the ticks that differ from the default once the boxes of a page were sent back."""
    if not shown:
        return toggled
    # A page shows fifty people: no key is made of the others.
    people = {key.partition(".")[0] for key in shown}
    changed = {
        key
        for match in matches
        if _person_of(match.query) in people
        for answer in match.answers
        if (key := key_of(match.query, answer)) in shown
        and may_choose(match.query, answer)
        and is_ticked(match.query, answer, toggled) != (key in ticked)
    }
    return _without_former(toggled ^ changed, changed, changed - ticked)


def _without_former(
    toggled: frozenset[str], changed: Container[str], unticked: Iterable[str]
) -> frozenset[str]:
    """Drops ticks that were set in person before, of people and networks where a tick was taken away now."""
    places = {_place_of(key) for key in unticked}
    if not places:
        return toggled
    return frozenset(
        key for key in toggled if key in changed or key in places or _place_of(key) not in places
    )


def _place_of(key: str) -> str:
    """Returns the part of a key that stands for the person and the network."""
    return ".".join(key.split(".", 2)[:2])


def toggled_for_all(matches: Iterable[Match], toggled: frozenset[str], *, tick: bool) -> frozenset[str]:
    """Returns the ticks that differ from the default once all of these are ticked, or none of them is.

    "All" means all that are wanted and proven (`may_choose_with_all`). "None" means nobody at all.
    """
    may_be_changed = may_choose_with_all if tick else may_choose
    changed, shown = set[str](), set[str]()
    for match in matches:
        for answer in match.answers:
            key = key_of(match.query, answer)
            shown.add(key)
            if is_ticked(match.query, answer, toggled) != tick and may_be_changed(match.query, answer):
                changed.add(key)
    return toggled ^ changed if tick else _without_former(toggled ^ changed, changed, shown)
