"""Plans: whom a run would follow, surest first, and who is left out and why."""

from datetime import date, timedelta
from typing import Any

import pytest

from directory.choosing import is_chosen_unasked
from directory.doubts import Doubt
from directory.exports import number_of_files
from directory.follows.estimate import estimate
from directory.follows.plan import (
    TAKE_A_TICK,
    IsTicked,
    Known,
    Wishes,
    may_be_bridged,
    plan_follows,
    target_of,
)
from directory.follows.reasons import Reason, reason_of_doubt
from directory.follows.runs import Plan
from directory.follows.switches import Switches
from directory.identifiers import XHandle, XId
from directory.mappings import Mapping, Network, Strength
from directory.queries import Lists, Query
from directory.ranking import Match, rank
from tests.harness.clock import START
from tests.harness.mappings import ORIGIN, OTHER_ORIGIN, bluesky, did, mastodon


def match(query: Query, *mappings: Mapping) -> Match:
    return rank(query, mappings, START.date(), ORIGIN)


def by_id(number: int, lists: Lists = Lists.FOLLOWING) -> Query:
    return Query(XId(number), None, lists)


def plan(
    *matches: Match, network: Network = Network.BLUESKY, ticked: IsTicked | None = None, **more: Any
) -> Plan:
    return plan_follows(matches, Wishes(network, ticked or is_chosen_unasked, **more))


def names(made: Plan) -> list[str]:
    return [str(each.account.handle) for each in made.wanted]


def reasons(made: Plan) -> dict[str, Reason]:
    return {str(each.account.handle): each.reason for each in made.left_out if each.account}


def test_the_surest_come_first_and_only_what_the_network_has() -> None:
    handle = Query(None, XHandle("byname"), Lists.FOLLOWING)
    made = plan(
        match(handle, bluesky("byname")),
        match(by_id(1), bluesky("sure", 1), mastodon("sure", 1)),
        match(by_id(2), mastodon("elsewhere", 2)),
    )
    assert names(made) == ["sure.bsky.example", "byname.bsky.example"]
    assert reasons(made) == {"elsewhere@social.example": Reason.OTHER_NETWORK}
    assert not any(each.is_ticked for each in made.wanted)


def test_everybody_left_out_has_a_reason() -> None:
    old = Query(XId(9), XHandle("old"), Lists.FOLLOWING, date(2015, 1, 1))
    undated = Query(XId(8), XHandle("undated"), Lists.FOLLOWING)
    made = plan(
        match(by_id(1), bluesky("me", 1)),
        match(by_id(2, Lists.FOLLOWING | Lists.BLOCK), bluesky("blocked", 2)),
        match(
            by_id(3), bluesky("torn", 3, target="one"), bluesky("torn", 3, target="two", origin=OTHER_ORIGIN)
        ),
        match(by_id(4), bluesky("ignored", 4)),
        match(by_id(5), bluesky("linked", 5, strength=Strength.LINKED)),
        match(by_id(6), bluesky("gone", 6)),
        match(by_id(7, Lists.FOLLOWER), bluesky("fan", 7)),
        match(old, bluesky("old")),
        match(undated, bluesky("undated")),
        own={str(did("me"))},
        ignored={str(did("ignored"))},
        known={str(did("gone")): Known(Reason.GONE)},
    )
    assert names(made) == []
    assert reasons(made) == {
        "me.bsky.example": Reason.OWN_ACCOUNT,
        "blocked.bsky.example": Reason.REFUSED_ON_X,
        "one.bsky.example": Reason.DISPUTED,
        "two.bsky.example": Reason.DISPUTED,
        "ignored.bsky.example": Reason.CHOSEN_AWAY,
        "linked.bsky.example": Reason.NEEDS_TICK,
        "gone.bsky.example": Reason.GONE,
        "fan.bsky.example": Reason.NEEDS_TICK,
        "old.bsky.example": Reason.NAME_SEEN_LONG_AGO,
        "undated.bsky.example": Reason.NAME_OF_UNKNOWN_AGE,
    }


def test_a_tick_of_their_own_is_noted_and_never_overrules_a_refusal() -> None:
    """Attack: a form ticks somebody disputed, blocked, ignored, or the member themselves."""
    made = plan(
        match(by_id(1), bluesky("me", 1)),
        match(by_id(2, Lists.MUTE), bluesky("muted", 2)),
        match(
            by_id(3), bluesky("torn", 3, target="one"), bluesky("torn", 3, target="two", origin=OTHER_ORIGIN)
        ),
        match(by_id(4), bluesky("ignored", 4)),
        match(by_id(5), bluesky("linked", 5, strength=Strength.LINKED)),
        match(by_id(6), bluesky("sure", 6)),
        ticked=lambda _query, _answer: True,
        own={str(did("me"))},
        ignored={str(did("ignored"))},
    )
    assert [(str(each.account.handle), each.is_ticked) for each in made.wanted] == [
        ("sure.bsky.example", False),
        ("linked.bsky.example", True),
    ]


@pytest.mark.parametrize("unticked", [1, 2])
def test_whose_tick_is_taken_away_is_followed_for_nobody_else(unticked: int) -> None:
    """Two X accounts of one person were followed. The plan shows one row, and its tick is taken away."""
    made = plan(
        match(by_id(3, Lists.FOLLOWER), bluesky("fan", 3, target="same")),
        match(by_id(1), bluesky("first", 1, target="same")),
        match(by_id(2), bluesky("second", 2, target="same")),
        match(by_id(4), bluesky("other", 4)),
        ticked=lambda query, answer: is_chosen_unasked(query, answer) and query != by_id(unticked),
    )
    assert names(made) == ["other.bsky.example"]
    (left_out,) = made.left_out
    assert left_out.reason is Reason.CHOSEN_AWAY
    assert left_out.query == by_id(unticked), "its tick takes the account in again"


def test_one_account_is_wanted_once_whoever_leads_to_it() -> None:
    """Attack: two X accounts lead to one account, which a run would follow twice."""
    made = plan(
        match(by_id(1, Lists.FOLLOWER), bluesky("a", 1, target="same")),
        match(by_id(2), bluesky("b", 2, target="same")),
        match(by_id(3), bluesky("c", 3, target="same")),
    )
    assert names(made) == ["same.bsky.example"]
    assert made.left_out == ()


def test_a_moved_account_offers_the_new_one_and_a_closed_host_nobody() -> None:
    here, there = mastodon("here", 1), mastodon("there", 9)
    known = Known(Reason.MOVED, target_of(there))
    made = plan(match(by_id(1), here), network=Network.MASTODON, known={str(here.target_id): known})
    assert [(each.reason, each.instead) for each in made.left_out] == [(Reason.MOVED, target_of(there))]
    made = plan(
        match(by_id(1), here),
        network=Network.MASTODON,
        is_closed=Switches(not_to=frozenset({"social.example"})).stop_target,
    )
    assert reasons(made) == {"here@social.example": Reason.SWITCHED_OFF}


@pytest.mark.parametrize(
    ("network", "people", "at_least", "at_most"),
    [
        (Network.BLUESKY, 0, timedelta(0), timedelta(0)),
        (Network.BLUESKY, 1_000, timedelta(0), timedelta(minutes=5)),
        (Network.BLUESKY, 5_000, timedelta(hours=3), timedelta(hours=3, minutes=5)),
        (Network.BLUESKY, 12_000, timedelta(days=1), timedelta(days=1, hours=1)),
        (Network.MASTODON, 400, timedelta(minutes=10), timedelta(minutes=20)),
        (Network.MASTODON, 5_000, timedelta(days=12), timedelta(days=13)),
    ],
)
def test_how_long_it_takes(network: Network, people: int, at_least: timedelta, at_most: timedelta) -> None:
    assert at_least <= estimate(network, people) <= at_most


def test_how_many_files() -> None:
    assert [number_of_files(people) for people in (0, 1, 7_500, 7_501)] == [0, 1, 1, 2]


def test_each_doubt_is_told_as_one_reason_before_a_run_and_in_it() -> None:
    """Fault: the plan and the run had a table each. Whoever only a silent instance names was "not sure enough" on the page, and
    named by an instance we do not rely on in the run."""
    assert {doubt for doubt in Doubt if reason_of_doubt(doubt) is Reason.NEEDS_TICK} == {
        Doubt.STALE,
        Doubt.LINKS_ONLY,
        Doubt.UNCHECKED,
    }
    assert {reason_of_doubt(doubt) for doubt in set(Doubt) - {Doubt.DISPUTED}} <= TAKE_A_TICK


@pytest.mark.parametrize("reason", [Reason.GONE, Reason.LABELLED, Reason.MOVED])
def test_no_copy_is_offered_of_an_account_that_must_not_be_followed_itself(reason: Reason) -> None:
    """Attack: an account that its network says to pretend to be somebody was left out there, and its copy was offered to
    members of the other network."""
    new = target_of(mastodon("new", 1))
    made = plan(
        match(by_id(1), mastodon("old", 1)),
        known={"https://social.example/users/old": Known(reason, new if reason is Reason.MOVED else None)},
    )
    assert reasons(made) == {"old@social.example": reason}
    assert may_be_bridged(made) == {}
    assert made.left_out[0].instead == (new if reason is Reason.MOVED else None)
