"""Who is followed without a tick of their own, whom "all" adds, and whom nobody may tick."""

from datetime import date
from itertools import product
from typing import Final, NamedTuple

import msgspec
import pytest

from directory.choosing import Chosen, is_chosen_unasked, may_choose, may_choose_with_all
from directory.identifiers import XHandle, XId
from directory.mappings import Mapping, Strength
from directory.origins import Standing
from directory.queries import Lists, Query
from directory.ranking import Answer
from tests.harness.mappings import OTHER_ORIGIN, bluesky, mastodon
from tests.harness.ranking import TODAY, rank

LONG_AGO: Final = date(2019, 6, 1)
PROVEN: Final = bluesky("jack", 12)


class Ways(NamedTuple):
    """Whether an answer is chosen unasked, with "all", and by a tick of its own."""

    unasked: bool
    with_all: bool
    by_hand: bool


SURE: Final = Ways(unasked=True, with_all=True, by_hand=True)
WITH_ALL: Final = Ways(unasked=False, with_all=True, by_hand=True)
BY_HAND: Final = Ways(unasked=False, with_all=False, by_hand=True)
NEVER: Final = Ways(unasked=False, with_all=False, by_hand=False)


def ask(lists: Lists = Lists.FOLLOWING, seen: date | None = TODAY) -> Query:
    """Returns the query for somebody of an archive, whose name was read on that day."""
    return Query(XId(12), XHandle("jack"), lists, seen)


def ways_of(query: Query, answer: Answer) -> Ways:
    may = may_choose(query, answer)
    assert Chosen(query, answer).may_be_followed is may
    return Ways(is_chosen_unasked(query, answer), may_choose_with_all(query, answer), may)


def ways_to(query: Query, *mappings: Mapping) -> set[Ways]:
    return {ways_of(query, answer) for answer in rank(query, mappings).answers}


def limited(mapping: Mapping) -> Mapping:
    return msgspec.structs.replace(mapping, standing=Standing.LIMITED)


def stale(mapping: Mapping) -> Mapping:
    return msgspec.structs.replace(mapping, is_stale=True)


@pytest.mark.parametrize(
    ("mapping", "ways"),
    [
        (PROVEN, SURE),
        (bluesky("jack"), SURE),
        (mastodon("jack", 12), SURE),
        (bluesky("jack", 12, strength=Strength.HANDLE), WITH_ALL),
        (bluesky("jack", strength=Strength.LINKED), WITH_ALL),
        (bluesky("jack", strength=Strength.IMPORTED), BY_HAND),
        (limited(PROVEN), BY_HAND),
        (stale(PROVEN), BY_HAND),
    ],
)
def test_the_better_it_is_proven_the_less_a_person_has_to_tick(mapping: Mapping, ways: Ways) -> None:
    """What only a limited or a silent instance says may be invented or withdrawn: "all" would follow it by the hundred."""
    assert ways_to(ask(), mapping) == {ways}


def test_nobody_can_tick_what_instances_dispute() -> None:
    """Attack: a page that was made by hand ticks the account that an evil instance has named, or "all"."""
    assert ways_to(ask(), PROVEN, bluesky("jack", 12, target="mallory", origin=OTHER_ORIGIN)) == {NEVER}
    assert ways_to(ask(), msgspec.structs.replace(PROVEN, is_contested=True)) == {NEVER}


@pytest.mark.parametrize("seen", [LONG_AGO, None])
@pytest.mark.parametrize("strength", [Strength.HANDLE, Strength.LINKED])
def test_a_name_that_may_be_somebody_elses_takes_a_tick_of_its_own(
    seen: date | None, strength: Strength
) -> None:
    """However it is proven: X sold the name, perhaps, and whoever has it now proved it, or linked to their own account."""
    assert ways_to(ask(seen=seen), bluesky("jack", strength=strength)) == {BY_HAND}


def test_a_number_is_nobody_elses_whenever_its_name_was_seen() -> None:
    assert ways_to(ask(seen=LONG_AGO), PROVEN) == ways_to(ask(seen=None), PROVEN) == {SURE}


@pytest.mark.parametrize("lists", [Lists(value) for value in range(16)])
def test_whom_a_person_did_not_follow_is_not_followed_unasked(lists: Lists) -> None:
    """A mere follower may be ticked in person; whoever is blocked or muted by nobody, though they were followed, too."""
    if Lists.BLOCK in lists or Lists.MUTE in lists:
        ways = NEVER
    elif lists is Lists.FOLLOWER:
        ways = BY_HAND
    else:
        ways = SURE
    assert ways_to(ask(lists), PROVEN) == {ways}


def test_each_way_takes_less_than_the_one_before() -> None:
    """Of all that can be found, what is followed unasked is among "all", and these are among what can be ticked."""
    flags = (False, True)
    for x_id, strength, standing, is_stale, is_contested in product(
        (12, None), Strength, (Standing.FOLLOWING, Standing.LIMITED), flags, flags
    ):
        mapping = msgspec.structs.replace(
            bluesky("jack", x_id, strength=strength),
            standing=standing,
            is_stale=is_stale,
            is_contested=is_contested,
        )
        for lists, seen in product(map(Lists, range(16)), (TODAY, LONG_AGO, None)):
            for unasked, with_all, by_hand in ways_to(ask(lists, seen), mapping):
                assert unasked <= with_all <= by_hand
