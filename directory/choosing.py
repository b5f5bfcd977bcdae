"""Decides which of the accounts found may be chosen, and which are chosen without a person's own tick. Pure.

Only people whom somebody followed on X, and neither blocked nor muted, are chosen by a general tick. Whoever stands on
no list was asked for in person.
"""

from typing import Final

import msgspec

from directory.doubts import Doubt
from directory.mappings import Strength
from directory.queries import Query
from directory.ranking import Answer

_TAKE_A_TICK_OF_THEIR_OWN: Final = frozenset({Doubt.LIMITED, Doubt.STALE})


class Chosen(msgspec.Struct, frozen=True, gc=False):
    """An answer that is chosen, and the query that it answers."""

    query: Query
    answer: Answer

    @property
    def may_be_followed(self) -> bool:
        """Whether it may stand in a file of people to follow."""
        return may_choose(self.query, self.answer)


def may_choose(query: Query, answer: Answer) -> bool:
    """Returns whether a person may choose an answer at all: never where instances disagree, nor whom they blocked or
    muted, under whatever name on X."""
    return not answer.disputed and not query.lists.is_refused and answer.refused_as is None


def is_chosen_unasked(query: Query, answer: Answer) -> bool:
    """Returns whether an answer is chosen without a tick: the follow is sure, and wanted."""
    return query.lists.is_wanted and answer.doubt is None and may_choose(query, answer)


def may_choose_with_all(query: Query, answer: Answer) -> bool:
    """Returns whether "all" means this one, too: it is wanted and proven.

    An unchecked hint, a name that may be somebody else's by now, and what only a limited or a silent instance says take a
    tick of their own.
    """
    return (
        query.lists.is_wanted
        and answer.doubt not in _TAKE_A_TICK_OF_THEIR_OWN
        and answer.name_doubt is None
        and answer.mapping.strength > Strength.IMPORTED
        and may_choose(query, answer)
    )
