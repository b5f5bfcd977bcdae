"""Mappings that no other stands against are not ranked; whoever ranks them all the same finds the same answers."""

from datetime import date, timedelta
from typing import Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory import ranking
from directory.identifiers import XHandle, XId
from directory.mappings import Mapping, Network, Strength
from directory.origins import Standing
from directory.queries import Lists, Query
from tests.harness.clock import START
from tests.harness.mappings import ORIGIN, OTHER_ORIGIN, bluesky, mastodon
from tests.harness.ranking import NEITHER, TODAY

SEEN: Final = (None, TODAY - timedelta(days=800), TODAY, TODAY + timedelta(days=1))
mappings = st.builds(
    lambda make, name, number, target, said, **more: msgspec.structs.replace(
        make(name, number, target=target, **said), **more
    ),
    st.sampled_from([bluesky, mastodon]),
    st.sampled_from(["ada", "Ada", "grace"]),
    # Most are of one person.
    st.sampled_from([12, 12, 12, 99, None]),
    st.sampled_from(["first", "second"]),
    st.fixed_dictionaries(
        {
            "strength": st.sampled_from(Strength),
            "origin": st.sampled_from([ORIGIN, OTHER_ORIGIN, NEITHER]),
            "issued": st.integers(0, 2).map(lambda days: START + timedelta(days=days)),
        }
    ),
    leaf=st.none() | st.integers(0, 2),
    standing=st.sampled_from([Standing.FOLLOWING, Standing.LIMITED]),
    is_contested=st.booleans(),
    answers_by_name=st.booleans(),
    is_stale=st.booleans(),
    is_checked=st.booleans(),
)
queries = st.builds(
    Query,
    st.just(XId(12)),
    st.none() | st.just(XHandle("ada")),
    st.sampled_from([Lists.NONE, Lists.FOLLOWING, Lists.BLOCK]),
) | st.builds(Query, st.none() | st.just(XId(12)), st.just(XHandle("ada")), seen=st.sampled_from(SEEN))


def hold_equal(query: Query, known: list[Mapping], own: str, today: date = TODAY) -> None:
    every = ranking._rank_all(query, known, today, own)
    assert ranking.rank(query, known, today, own) == every


@given(query=queries, known=st.lists(mappings, max_size=3), own=st.sampled_from([ORIGIN, NEITHER]))
def test_what_is_not_ranked_is_answered_as_if_it_were(query: Query, known: list[Mapping], own: str) -> None:
    hold_equal(query, known, own)


@given(query=queries, pair=st.tuples(mappings, mappings), own=st.sampled_from([ORIGIN, NEITHER]))
def test_of_a_person_with_one_on_each_network(query: Query, pair: tuple[Mapping, Mapping], own: str) -> None:
    """Whatever they are: contested, of a limited or a silent origin, our own, of one strength or of two, in both orders."""
    asked = msgspec.structs.replace(query, x_id=XId(12))
    on_each = [
        msgspec.structs.replace(
            mapping,
            x_id=XId(12),
            network=network,
            target_id=made.target_id,
            target_handle=made.target_handle,
        )
        for mapping, network, made in zip(
            pair, Network, (bluesky("ada", 12), mastodon("ada", 12)), strict=True
        )
    ]
    hold_equal(asked, on_each, own)
    hold_equal(asked, on_each[::-1], own)
    assert len(ranking.rank(asked, on_each, TODAY, own).answers) == len(Network)


@pytest.mark.parametrize("known", [[bluesky("ada", 12)], [mastodon("ada", 12), bluesky("ada", 12)]])
def test_the_usual_cases_are_not_ranked(monkeypatch: pytest.MonkeyPatch, known: list[Mapping]) -> None:
    """To rank them takes five times as long, and a list has hundreds of them."""
    query = Query(XId(12), XHandle("ada"))
    expected = ranking._rank_all(query, known, TODAY, NEITHER)
    monkeypatch.setattr(ranking, "_rank_all", None)
    assert ranking.rank(query, known, TODAY, NEITHER) == expected


@pytest.mark.parametrize(
    ("ours_contested", "theirs_contested", "ours_is_first"),
    [(True, False, True), (True, True, True), (False, True, False), (False, False, False)],
)
def test_what_is_proven_here_and_contested_stands_first(
    ours_contested: bool, theirs_contested: bool, ours_is_first: bool
) -> None:
    """However weak it is. Where nobody contests it the stronger one of another network does, contested or not."""
    weak = bluesky("ada", 12, strength=Strength.HANDLE)
    ours = msgspec.structs.replace(weak, is_contested=ours_contested)
    strong = mastodon("ada", 12, origin=OTHER_ORIGIN)
    theirs = msgspec.structs.replace(strong, is_contested=theirs_contested)
    first = ranking.rank(Query(XId(12)), [theirs, ours], TODAY, ORIGIN).answers[0]
    assert (first.mapping == ours) is ours_is_first


def test_a_contested_one_of_a_peer_does_not_stand_first() -> None:
    ours = bluesky("ada", 12)
    weak = mastodon("ada", 12, strength=Strength.HANDLE, origin=OTHER_ORIGIN)
    theirs = msgspec.structs.replace(weak, is_contested=True)
    first, _ = ranking.rank(Query(XId(12)), [theirs, ours], TODAY, ORIGIN).answers
    assert first.mapping == ours
