"""Accounts that a list refuses: somebody on it who is blocked or muted on X is proven to have them. Pure.

Another X account on the same list may lead there, too: a second one of the same person, or of whoever has taken it over. A
block holds for the account, whoever leads to it. Only a sure answer refuses one: else whoever spreads hints could keep people
from being followed.
"""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from directory.doubts import Doubt
from directory.identifiers import TargetId
from directory.queries import Lists
from directory.ranking import Match

Refused = Mapping[TargetId, Lists]
"""The accounts, each with the lists of those who refuse it."""
_SURE: Final = frozenset({None, Doubt.STALE})


def note_refused(refused: dict[TargetId, Lists], matches: Iterable[Match | None]) -> None:
    """Notes the accounts that these matches refuse: the same that a file would have somebody block or mute."""
    for match in matches:
        if match is not None and match.query.lists.is_refused:
            for answer in match.answers:
                if answer.may_follow:
                    target = answer.mapping.target_id
                    refused[target] = refused.get(target, Lists.NONE) | match.query.lists


def leads_to_refused(match: Match) -> bool:
    """Returns whether a marked match leads for sure to an account that somebody else refuses; a silent instance is as sure, as it
    comes back."""
    return any(each.refused_as is not None and each.doubt in _SURE for each in match.answers)


def mark_refused(match: Match, refused: Refused) -> Match:
    """Returns a match with the marks of those of its accounts that others on the list refuse."""
    if match.query.lists.is_refused or all(each.mapping.target_id not in refused for each in match.answers):
        return match
    answers = (
        msgspec.structs.replace(each, refused_as=refused.get(each.mapping.target_id))
        for each in match.answers
    )
    return Match(match.query, tuple(answers))
