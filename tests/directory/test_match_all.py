"""Matching a list finds for each query what it would find by itself, in the order of the queries."""

from hypothesis import given
from hypothesis import strategies as st

from directory.identifiers import XHandle, XId
from directory.mappings import Mapping
from directory.queries import Query
from directory.services.lookup import match_all
from tests.harness.mappings import ORIGIN, OTHER_ORIGIN, bluesky, mastodon
from tests.harness.ranking import NEITHER, TODAY, rank

names = st.sampled_from(["ada", "Ada", "grace", "joan"])
numbers = st.none() | st.integers(1, 4)
mappings = st.builds(
    lambda make, name, number, target, origin: make(name, number, target=target, origin=origin),
    st.sampled_from([bluesky, mastodon]),
    names,
    numbers,
    st.sampled_from(["first", "second"]),
    st.sampled_from([ORIGIN, OTHER_ORIGIN]),
)
queries = st.builds(
    lambda number, name: Query(
        XId(number) if number is not None else None,
        XHandle(name) if name is not None or number is None else None,
    ),
    numbers,
    names,
) | st.builds(lambda number: Query(XId(number)), st.integers(1, 4))


def of_query(query: Query, mappings: list[Mapping]) -> list[Mapping]:
    """Returns the mappings of an id, and those of a handle that belong to no other id."""
    by_id = [each for each in mappings if query.x_id is not None and each.x_id == query.x_id]
    return by_id + [
        each
        for each in mappings
        if query.x_handle is not None
        and each.x_handle.key == query.x_handle.key
        and (query.x_id is None or each.x_id is None)
    ]


@given(asked=st.lists(queries, max_size=6), known=st.lists(mappings, max_size=8))
def test_each_query_finds_what_is_its_own(asked: list[Query], known: list[Mapping]) -> None:
    expected = [rank(query, of_query(query, known)) for query in asked]
    assert match_all(asked, known, TODAY, NEITHER) == [match for match in expected if match.answers]
