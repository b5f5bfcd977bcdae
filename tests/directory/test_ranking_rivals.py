"""Several mappings for one query: which of them answers, in which order, and what is in dispute."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import permutations
from typing import Final

import msgspec
import pytest

from directory.doubts import Doubt
from directory.identifiers import XHandle, XId
from directory.mappings import Mapping, Network, Strength
from directory.origins import Standing
from directory.queries import Query
from directory.ranking import Answer, MatchedBy
from tests.harness.clock import START
from tests.harness.mappings import ORIGIN, OTHER_ORIGIN, bluesky, mastodon
from tests.harness.ranking import NEITHER, rank

BY_ID: Final = Query(x_id=XId(12))
BY_HANDLE: Final = Query(x_handle=XHandle("jack"))
BY_BOTH: Final = Query(XId(12), XHandle("jack"))
LATER: Final = START + timedelta(days=3)
THIRD_ORIGIN: Final = "three.example/log"


def limited(mapping: Mapping) -> Mapping:
    return msgspec.structs.replace(mapping, standing=Standing.LIMITED)


def ranked(query: Query, mappings: Sequence[Mapping], own: str = NEITHER) -> tuple[Answer, ...]:
    """The answers, which are the same in whatever order the mappings come."""
    every_order = [rank(query, order, own=own) for order in permutations(mappings)]
    assert all(match == every_order[0] for match in every_order)
    assert every_order[0].query == query
    return every_order[0].answers


def test_a_handle_whose_last_holder_is_known_is_no_dispute() -> None:
    """One origin names two people for a handle in turn: the newer holds it, and is followed. Taken for a dispute, a
    handle that was once somebody else's could never be followed again."""
    old, new = bluesky("jack", 12, target="old"), bluesky("jack", 99, target="new", issued=LATER)
    (answer,) = ranked(BY_HANDLE, [old, new])
    assert (answer.mapping, answer.disputed, answer.may_follow) == (new, False, True)


def test_two_people_at_one_account_are_a_dispute() -> None:
    """A hostile instance names the same new account, and another id: the handle alone does not tell whose it is."""
    ours = bluesky("jack", 12, target="jack")
    theirs = bluesky("jack", 99, target="jack", origin=OTHER_ORIGIN)
    answers = ranked(BY_HANDLE, [ours, theirs])
    assert answers
    assert all(answer.disputed and not answer.may_follow for answer in answers)


def test_two_limited_origins_that_name_two_people_are_shown_in_dispute() -> None:
    """Nobody else knows the handle: there is no followed origin to decide."""
    one = limited(bluesky("jack", 12, target="a"))
    other = limited(bluesky("jack", 99, target="b", origin=OTHER_ORIGIN))
    answers = ranked(BY_HANDLE, [one, other])
    assert {answer.mapping for answer in answers} == {one, other}
    assert all(answer.disputed for answer in answers)


@pytest.mark.parametrize("strength", [Strength.HANDLE, Strength.BOUND])
def test_a_limited_origin_is_not_heard_where_a_followed_one_speaks(strength: Strength) -> None:
    """However strong it says its proof is: on probation, it could else stop or turn the follows of anybody."""
    ours = bluesky("jack", 12, strength=Strength.HANDLE)
    theirs = limited(bluesky("jack", 12, target="mallory", strength=strength, origin=OTHER_ORIGIN))
    (answer,) = ranked(BY_BOTH, [ours, theirs])
    assert (answer.mapping, answer.disputed) == (ours, False)


def test_an_unknown_id_is_no_other_person() -> None:
    """A mapping by its handle alone neither puts aside one with an id nor is put aside, though two people held it."""
    named = bluesky("jack", strength=Strength.HANDLE)
    known = mastodon("jack", 12, strength=Strength.IMPORTED)
    assert {answer.mapping for answer in ranked(BY_HANDLE, [named, known])} == {named, known}
    before, after = mastodon("jack", 12), mastodon("jack", 99, target="new", issued=LATER)
    assert {answer.mapping for answer in ranked(BY_HANDLE, [named, before, after])} == {named, after}


def test_the_handle_of_another_is_not_who_was_asked_for() -> None:
    assert ranked(BY_HANDLE, [bluesky("ann")]) == ()
    assert ranked(BY_BOTH, [bluesky("ann"), bluesky("jack", 99)]) == ()


def test_a_proof_of_the_handle_is_followed_only_for_who_asks_by_it() -> None:
    """The handle may have passed on since: an id that came with it proves nothing."""
    mapping = bluesky("jack", 12, strength=Strength.HANDLE)
    for query, may_follow in [(BY_ID, False), (BY_HANDLE, True)]:
        (answer,) = ranked(query, [mapping])
        assert answer.may_follow is may_follow


@pytest.mark.parametrize(
    ("query", "x_id", "how"), [(BY_ID, 12, MatchedBy.ID), (BY_HANDLE, None, MatchedBy.HANDLE)]
)
def test_each_answer_tells_what_found_it(query: Query, x_id: int | None, how: MatchedBy) -> None:
    """One alone, two that agree, one a network: what was proven by handle is followed if the handle found it."""
    ours, theirs = bluesky("jack", x_id), bluesky("jack", x_id, origin=OTHER_ORIGIN)
    for mappings in ([ours], [ours, theirs], [ours, mastodon("jack", x_id)]):
        for answer in ranked(query, mappings):
            assert (answer.matched_by, answer.may_follow, answer.disputed) == (how, True, False)
            assert isinstance(answer.agreeing, tuple)


def test_only_who_names_the_same_account_agrees() -> None:
    """A weaker claim to another account must not be counted as one more voice for this one."""
    ours, theirs = bluesky("jack", 12), bluesky("jack", 12, issued=LATER, origin=OTHER_ORIGIN)
    weaker = bluesky("jack", 12, target="else", strength=Strength.LINKED, origin=THIRD_ORIGIN)
    (answer,) = ranked(BY_ID, [ours, theirs, weaker])
    assert (answer.mapping, answer.agreeing) == (theirs, (ORIGIN,))


def test_who_names_the_same_account_agrees_however_well_it_was_proven_there() -> None:
    """A person who hesitates is told of everybody who says the same."""
    proven = bluesky("jack", 12)
    linked = bluesky("jack", 12, strength=Strength.LINKED, origin=OTHER_ORIGIN)
    (answer,) = ranked(BY_ID, [proven, linked])
    assert (answer.mapping, answer.agreeing) == (proven, (OTHER_ORIGIN,))


def test_two_people_of_one_moment_are_one_and_the_same_everywhere() -> None:
    """One origin names both for a handle, at one account: nothing else tells them apart, and two instances that know the
    same answer the same."""
    people = [bluesky("jack", x_id, target="jack") for x_id in (12, 99)]
    (answer,) = ranked(BY_HANDLE, people)
    assert answer.mapping in people


def test_the_stronger_stands_first_then_bluesky() -> None:
    strong, weak = mastodon("jack", 12), bluesky("jack", 12, strength=Strength.HANDLE)
    assert [answer.mapping for answer in ranked(BY_BOTH, [weak, strong])] == [strong, weak]
    equal = bluesky("jack", 12)
    networks = [answer.mapping.network for answer in ranked(BY_BOTH, [strong, equal])]
    assert networks == [Network.BLUESKY, Network.MASTODON]


@pytest.mark.parametrize(("early", "late"), [(3, 7), (None, 0)])
def test_of_one_second_the_later_leaf_counts(early: int | None, late: int) -> None:
    """A member who corrects a mistake at once is followed at the account that they said last."""
    mistake = msgspec.structs.replace(bluesky("jack", 12, target="zoe"), leaf=early)
    correction = msgspec.structs.replace(bluesky("jack", 12, target="ann"), leaf=late)
    (answer,) = ranked(BY_ID, [mistake, correction])
    assert answer.mapping == correction


def contested(mapping: Mapping) -> Mapping:
    return msgspec.structs.replace(mapping, is_contested=True)


@pytest.mark.parametrize("query", [BY_HANDLE, BY_BOTH])
def test_a_name_that_ended_finds_nobody(query: Query) -> None:
    """Attack: a name that only a sign-in at X had proven was sold 60 days later. Whoever looked for its buyer found the
    seller, for as long as the mapping stood."""
    for x_id in (None, 99):
        ended = msgspec.structs.replace(bluesky("jack", x_id), answers_by_name=False)
        assert ranked(query, [ended]) == ()
        assert [answer.mapping for answer in ranked(query, [ended, mastodon("jack")])] == [mastodon("jack")]


@pytest.mark.parametrize("query", [BY_ID, BY_BOTH])
def test_a_number_finds_its_account_after_its_name_ended(query: Query) -> None:
    """It never passes on: who looks for account 12 is not to lose it since its name is not renewed."""
    ended = msgspec.structs.replace(bluesky("jack", 12), answers_by_name=False)
    (answer,) = ranked(query, [ended])
    assert (answer.mapping, answer.matched_by, answer.may_follow) == (ended, MatchedBy.ID, True)


def test_of_two_instances_that_tell_of_a_contest_the_newer_answers() -> None:
    """Each says that its mapping is contested: the one that was checked last is shown, and the other agrees."""
    older = contested(bluesky("jack", 12))
    newer = contested(bluesky("jack", 12, origin=OTHER_ORIGIN, issued=LATER))
    (answer,) = ranked(BY_ID, [older, newer])
    assert (answer.mapping, answer.disputed, answer.agreeing) == (newer, True, (ORIGIN,))


def test_who_agrees_is_told_of_a_doubtful_name_as_well() -> None:
    """A person who has to look decides by how many instances say so: none would be told."""
    rows = [bluesky("jack"), bluesky("jack", origin=OTHER_ORIGIN, issued=LATER)]
    (answer,) = ranked(BY_BOTH, rows)
    assert (answer.doubt, answer.agreeing) == (Doubt.NAME_OF_UNKNOWN_AGE, (ORIGIN,))
