"""What the sentences beside an answer are made of: a badge, why it was found, why it is not chosen, and who says so. Pure.

A page of fifty people has a handful of these. The macros are given this alone, so that what they write for one answer holds for
every other with the same.
"""

from datetime import date
from typing import Final

import msgspec

from directory.doubts import Doubt
from directory.queries import Lists
from directory.ranking import Answer, MatchedBy

_NAME_SEEN_LONG_AGO: Final = Doubt.NAME_SEEN_LONG_AGO
"""Looked up once: members of an enum are found slowly."""


class Remark(msgspec.Struct, frozen=True):
    """What is said beside an answer: no name of anybody. `strength` is the word of the protocol.

    `lists` are letters; empty where nobody's lists are at hand. `year` is that in which the name was seen, 0 where
    that is not said.
    """

    strength: str
    doubt: Doubt | None
    name_doubt: Doubt | None
    disputed: bool
    is_contested: bool
    is_stale: bool
    matched_by: MatchedBy
    origin: str
    lists: str = ""
    year: int = 0


def remark_of(answer: Answer, lists: Lists = Lists.NONE, seen: date | None = None) -> Remark:
    """Returns what is said beside an answer to a query with these lists, whose name was seen on that day."""
    mapping = answer.mapping
    is_old = answer.name_doubt is _NAME_SEEN_LONG_AGO
    return Remark(
        mapping.strength.label,
        answer.doubt,
        answer.name_doubt,
        answer.disputed,
        mapping.is_contested,
        mapping.is_stale,
        answer.matched_by,
        mapping.origin,
        str(lists if answer.refused_as is None else lists | answer.refused_as),
        seen.year if is_old and seen is not None else 0,
    )
