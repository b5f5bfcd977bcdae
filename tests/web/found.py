"""Matches as a lookup returns them, for the tests of what is shown and what is ticked."""

from typing import Final

from hypothesis import strategies as st

from directory.identifiers import XHandle, XId
from directory.mappings import Mapping, Strength
from directory.queries import Lists, Query
from directory.ranking import Match
from tests.harness.mappings import ORIGIN, OTHER_ORIGIN, bluesky, mastodon
from tests.harness.ranking import rank


def asked(name: str, *mappings: Mapping, x_id: int | None = None, lists: Lists = Lists.NONE) -> Match:
    """Returns the match of a query for @name (and an id) over these mappings."""
    return rank(Query(XId(x_id) if x_id else None, XHandle(name), lists), mappings)


SURE: Final = asked("sure", bluesky("sure", 1), mastodon("sure", 1), x_id=1)
HINT: Final = asked("hint", bluesky("hint", strength=Strength.IMPORTED))
LINKED: Final = asked("linked", mastodon("linked", strength=Strength.LINKED))
TORN: Final = asked(
    "torn", bluesky("torn", 2, target="a"), bluesky("torn", 2, target="b", origin=OTHER_ORIGIN)
)
EVERYBODY: Final = [SURE, HINT, LINKED, TORN]


def _mappings(name: str, x_id: int) -> st.SearchStrategy[list[Mapping]]:
    one = st.builds(
        lambda make, has_id, strength, origin, target: make(
            name, x_id if has_id else None, strength=strength, origin=origin, target=target
        ),
        st.sampled_from([bluesky, mastodon]),
        st.booleans(),
        st.sampled_from(Strength),
        st.sampled_from([ORIGIN, OTHER_ORIGIN]),
        st.sampled_from(["first", "second"]),
    )
    return st.lists(one, min_size=1, max_size=5)


@st.composite
def many_matches(draw: st.DrawFn) -> list[Match]:
    """Returns matches as a lookup does: each person once, each with an answer."""
    found = []
    for number in range(1, draw(st.integers(1, 5)) + 1):
        lists = Lists(draw(st.integers(0, 15)))
        query = Query(XId(number) if draw(st.booleans()) else None, XHandle(f"p{number}"), lists)
        found.append(rank(query, draw(_mappings(f"p{number}", number))))
    return [match for match in found if match.answers]
