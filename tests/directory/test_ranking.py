"""Never a wrong person: who answers a query, and what may be followed unseen."""

from datetime import datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.identifiers import XHandle, XId
from directory.mappings import Mapping, Network, Strength
from directory.origins import Standing
from directory.queries import Lists, Query
from directory.ranking import MatchedBy
from tests.harness.clock import START
from tests.harness.mappings import ORIGIN, OTHER_ORIGIN, bluesky, mastodon
from tests.harness.ranking import rank

BY_ID = Query(x_id=XId(12))
BY_HANDLE = Query(x_handle=XHandle("jack"))
BY_BOTH = Query(XId(12), XHandle("jack"))
LATER = START + timedelta(days=3)


def test_a_bound_mapping_answers_by_id_and_by_handle() -> None:
    mapping = bluesky("Jack", 12)
    for query, how in [(BY_ID, MatchedBy.ID), (BY_HANDLE, MatchedBy.HANDLE), (BY_BOTH, MatchedBy.ID)]:
        (answer,) = rank(query, [mapping]).answers
        assert answer.matched_by is how
        assert answer.may_follow


def test_a_handle_mapping_answers_only_who_asks_by_handle() -> None:
    mapping = bluesky("jack")
    assert rank(BY_ID, [mapping]).answers == ()
    (answer,) = rank(BY_HANDLE, [mapping]).answers
    assert answer.matched_by is MatchedBy.HANDLE
    assert answer.may_follow
    (answer,) = rank(BY_BOTH, [mapping]).answers
    assert answer.matched_by is MatchedBy.HANDLE


def test_a_handle_that_was_sold_leads_to_nobody() -> None:
    """X resells handles: account 12 was @jack once; whoever proved @jack with another id is a stranger."""
    assert rank(BY_BOTH, [bluesky("jack", 99)]).answers == ()


@pytest.mark.parametrize("strength", [Strength.LINKED, Strength.IMPORTED])
def test_a_weak_mapping_is_shown_and_never_followed_unseen(strength: Strength) -> None:
    (answer,) = rank(BY_HANDLE, [bluesky("jack", strength=strength)]).answers
    assert not answer.may_follow


def test_the_stronger_wins_whatever_its_age() -> None:
    strong = bluesky("jack", 12, target="old")
    weak = bluesky("jack", target="new", issued=LATER, origin=OTHER_ORIGIN)
    assert [a.mapping for a in rank(BY_BOTH, [weak, strong]).answers] == [strong]


def test_an_origin_may_change_its_mind() -> None:
    old, new = bluesky("jack", 12, target="old"), bluesky("jack", 12, target="new", issued=LATER)
    (answer,) = rank(BY_ID, [old, new]).answers
    assert answer.mapping == new
    assert not answer.disputed


def test_two_origins_of_equal_strength_are_a_dispute() -> None:
    """A hostile instance must not win by being newer: neither is followed."""
    ours = bluesky("jack", 12, target="ours")
    theirs = bluesky("jack", 12, target="theirs", issued=LATER, origin=OTHER_ORIGIN)
    answers = rank(BY_ID, [ours, theirs]).answers
    assert {answer.mapping for answer in answers} == {ours, theirs}
    assert all(answer.disputed and not answer.may_follow for answer in answers)


def test_origins_that_agree_are_one_answer() -> None:
    ours, theirs = bluesky("jack", 12), bluesky("jack", 12, issued=LATER, origin=OTHER_ORIGIN)
    (answer,) = rank(BY_ID, [ours, theirs]).answers
    assert answer.mapping == theirs
    assert answer.agreeing == (ORIGIN,)
    assert answer.may_follow


def test_a_dispute_on_one_network_leaves_the_other_alone() -> None:
    rows = [
        bluesky("jack", 12, target="a"),
        bluesky("jack", 12, target="b", origin=OTHER_ORIGIN),
        mastodon("jack", 12),
    ]
    answers = rank(BY_ID, rows).answers
    assert [a.mapping.network for a in answers if not a.disputed] == [Network.MASTODON]
    assert len([a for a in answers if a.disputed]) == 2


def test_a_handle_held_by_two_people_in_turn_is_the_newer_one_of_one_origin() -> None:
    """Asked by name alone, two ids are two people: their accounts are never mixed into one answer."""
    old, new = bluesky("jack", 12), mastodon("jack", 99, issued=LATER)
    (answer,) = rank(BY_HANDLE, [old, new]).answers
    assert answer.mapping == new


def test_a_handle_that_two_origins_give_to_two_people_is_a_dispute() -> None:
    old, new = bluesky("jack", 12), mastodon("jack", 99, issued=LATER, origin=OTHER_ORIGIN)
    answers = rank(BY_HANDLE, [old, new]).answers
    assert len(answers) == 2
    assert all(answer.disputed for answer in answers)


_mappings = st.builds(
    lambda make, x_id, target, strength, origin, days: make(
        "jack",
        x_id if strength is Strength.BOUND else None,
        target=target,
        strength=strength,
        origin=origin,
        issued=START + timedelta(days=days),
    ),
    st.sampled_from([bluesky, mastodon]),
    st.sampled_from([12, 99]),
    st.sampled_from(["a", "b"]),
    st.sampled_from(list(Strength)),
    st.sampled_from([ORIGIN, OTHER_ORIGIN]),
    st.integers(0, 3),
)


@given(st.sampled_from([BY_ID, BY_HANDLE, BY_BOTH]), st.lists(_mappings, max_size=8))
def test_what_may_be_followed_is_the_only_best_answer(query: Query, mappings: list[Mapping]) -> None:
    match = rank(query, mappings)
    assert match == rank(query, mappings[::-1])
    for network in Network:
        here = [answer for answer in match.answers if answer.mapping.network is network]
        assert len(here) <= 1 or all(answer.disputed for answer in here)
        for answer in here:
            assert answer.mapping in mappings
            if query.x_id is not None and answer.mapping.x_id is not None:
                assert answer.mapping.x_id == query.x_id
            if answer.may_follow:
                assert answer.mapping.strength >= Strength.HANDLE


@given(st.sets(st.sampled_from("frbm")))
def test_lists_are_read_back(letters: set[str]) -> None:
    text = "".join(letter for letter in "frbm" if letter in letters)
    assert str(Lists.parse(text)) == text


def test_a_limited_origin_does_not_say_who_holds_a_handle() -> None:
    """A limited peer that named another id for a handle, on a network where no followed origin had a mapping, put the
    followed one's answer in dispute; with a stronger proof it even took its place."""
    ours = bluesky("jack", 12)
    theirs = mastodon("jack", 99, target="mallory", origin=OTHER_ORIGIN)
    limited = msgspec.structs.replace(theirs, standing=Standing.LIMITED)
    for strength in (Strength.BOUND, Strength.LINKED):
        followed = msgspec.structs.replace(ours, strength=strength)
        (answer,) = rank(BY_HANDLE, [limited, followed]).answers
        assert answer.mapping == followed
        assert not answer.disputed
        assert answer.may_follow is (strength is Strength.BOUND)


def test_a_limited_origin_is_shown_beside_a_followed_one_of_the_same_person() -> None:
    theirs = mastodon("jack", 12, origin=OTHER_ORIGIN)
    limited = msgspec.structs.replace(theirs, standing=Standing.LIMITED)
    answers = rank(BY_HANDLE, [limited, bluesky("jack", 12)]).answers
    assert {answer.mapping.network: answer.may_follow for answer in answers} == {
        Network.BLUESKY: True,
        Network.MASTODON: False,
    }


def contested(mapping: Mapping) -> Mapping:
    return msgspec.structs.replace(mapping, is_contested=True)


@pytest.mark.parametrize("query", [BY_ID, BY_HANDLE, BY_BOTH])
def test_what_its_instance_says_is_contested_is_followed_unseen_by_nobody(query: Query) -> None:
    """Attack: the handle passed on, its new bearer proved it, and the old mapping was followed unseen for 60 days."""
    (answer,) = rank(query, [contested(bluesky("jack", 12))]).answers
    assert (answer.disputed, answer.may_follow) == (True, False)
    for answer in rank(query, [contested(bluesky("jack", 12)), mastodon("jack", 12)]).answers:
        assert answer.may_follow is (answer.mapping.network is Network.MASTODON)


@pytest.mark.parametrize("issued", [START, LATER])
def test_another_instance_does_not_lift_a_contest(issued: datetime) -> None:
    """The old bearer had proven the account there as well, where nobody has heard of the new one yet."""
    here = contested(bluesky("jack"))
    there = bluesky("jack", origin=OTHER_ORIGIN, issued=issued)
    (answer,) = rank(BY_HANDLE, [here, there]).answers
    assert (answer.mapping, answer.disputed, answer.may_follow) == (here, True, False)
    assert answer.agreeing == (OTHER_ORIGIN,)


def test_a_stronger_proof_is_not_contested_by_a_weaker_one() -> None:
    """Whoever has the number stays; what is contested is a name."""
    bound = bluesky("jack", 12, origin=OTHER_ORIGIN)
    (answer,) = rank(BY_BOTH, [contested(bluesky("jack", target="other")), bound]).answers
    assert (answer.mapping, answer.may_follow) == (bound, True)
