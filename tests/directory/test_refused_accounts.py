"""A block on X holds for the account that it leads to, whoever else on the list leads there."""

import pytest

from directory.choosing import is_chosen_unasked, may_choose, may_choose_with_all
from directory.exports import bluesky_handles, listed_accounts, mastodon_accounts
from directory.follows.plan import Wishes, may_be_bridged, plan_follows
from directory.follows.reasons import Reason
from directory.identifiers import XHandle, XId
from directory.mappings import Mapping, Network, Strength
from directory.queries import Lists, Query
from directory.ranking import Match
from directory.services import lookup as lookups
from directory.services.lookup import Lookup
from directory.store.database import Database
from tests.harness.clock import FakeClock
from tests.harness.mappings import ORIGIN, OTHER_ORIGIN, bluesky, mastodon
from tests.harness.stored import StoredMappings
from web.pages.ticks import ticked_answers
from web.remarks import remark_of

FOLLOWED = Query(XId(1), None, Lists.FOLLOWING)
OTHER = Query(XId(3), None, Lists.FOLLOWING)


def refused(number: int, lists: Lists) -> Query:
    return Query(XId(number), None, lists)


@pytest.fixture
def lookup(mapping_store: StoredMappings, clock: FakeClock) -> Lookup:
    return Lookup(mapping_store, clock, ORIGIN)


async def match(lookup: Lookup, *queries: Query) -> list[Match]:
    """Both ways to match a list say the same."""
    found = await lookup.match(queries)
    assert list(await lookup.match_packed(queries)) == found
    return found


def wanted(matches: list[Match], network: Network = Network.BLUESKY) -> list[str]:
    plan = plan_follows(matches, Wishes(network, lambda _query, _answer: True))
    return [str(each.account.handle) for each in plan.wanted]


@pytest.mark.parametrize("lists", [Lists.BLOCK, Lists.MUTE, Lists.FOLLOWING | Lists.BLOCK])
@pytest.mark.parametrize("order", [1, -1])
async def test_an_account_that_was_blocked_is_followed_under_no_other_name(
    mapping_store: StoredMappings, lookup: Lookup, lists: Lists, order: int
) -> None:
    """Fault: a person with two accounts on X was blocked as one and followed as the other, and both lead to one account: it was
    followed, and ticked unasked, and a run that moves blocks blocked it, too."""
    await mapping_store.add(
        [
            bluesky("first", 1, target="same"),
            bluesky("second", 2, target="same"),
            mastodon("first", 1),
            bluesky("other", 3),
        ]
    )
    matches = await match(lookup, *[FOLLOWED, refused(2, lists), OTHER][::order])
    assert wanted(matches) == ["other.bsky.example"]
    assert wanted(matches, Network.MASTODON) == ["first@social.example"], "another account of theirs"
    plan = plan_follows(matches, Wishes(Network.BLUESKY, is_chosen_unasked))
    assert [(str(each.account and each.account.handle), each.reason) for each in plan.left_out] == [
        ("same.bsky.example", Reason.REFUSED_ON_X)
    ]
    ticked = list(ticked_answers(matches, frozenset({"1.b"})))
    assert bluesky_handles(ticked) == ["other.bsky.example"]
    assert mastodon_accounts(ticked) == ["first@social.example"]
    (answer,) = (
        each
        for found in matches
        if found.query == FOLLOWED
        for each in found.answers
        if each.mapping.network is Network.BLUESKY
    )
    assert not may_choose(FOLLOWED, answer)
    assert not may_choose_with_all(FOLLOWED, answer)
    assert set(remark_of(answer, FOLLOWED.lists).lists) & {"b", "m"}, "the page says why"


@pytest.mark.parametrize(
    "doubtful",
    [
        bluesky("second", 2, target="same", strength=Strength.LINKED),
        bluesky("second", 2, target="same", strength=Strength.IMPORTED),
    ],
)
async def test_a_hint_about_somebody_blocked_keeps_nobody_from_being_followed(
    mapping_store: StoredMappings, lookup: Lookup, doubtful: Mapping
) -> None:
    """Attack: whoever spreads hints names accounts of others for X accounts that many people have blocked."""
    await mapping_store.add([bluesky("first", 1, target="same"), doubtful])
    assert wanted(await match(lookup, FOLLOWED, refused(2, Lists.BLOCK))) == ["same.bsky.example"]


async def test_a_limited_instance_keeps_nobody_from_being_followed(
    mapping_store: StoredMappings, lookup: Lookup, database: Database
) -> None:
    await mapping_store.add(
        [bluesky("first", 1, target="same"), bluesky("second", 2, target="same", origin=OTHER_ORIGIN)]
    )
    async with database.connection() as connection:
        await connection.execute("UPDATE origin SET standing = 1 WHERE name = $1", OTHER_ORIGIN)
    assert wanted(await match(lookup, FOLLOWED, refused(2, Lists.BLOCK))) == ["same.bsky.example"]


async def test_who_is_blocked_on_another_part_of_the_list_is_found(
    mapping_store: StoredMappings, lookup: Lookup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookups, "SORTED_PAIRS", 2)
    await mapping_store.add([bluesky("first", 1, target="same"), bluesky("second", 2, target="same")])
    nobody = [Query(None, XHandle(f"nobody{number}"), Lists.FOLLOWING) for number in range(7)]
    assert wanted(await match(lookup, FOLLOWED, *nobody, refused(2, Lists.MUTE))) == []


async def test_no_copy_is_offered_of_an_account_that_was_blocked(
    mapping_store: StoredMappings, lookup: Lookup
) -> None:
    """Fault: whoever has accounts on the other network alone is offered by the copy that a bridge runs of them."""
    await mapping_store.add([mastodon("first", 1, target="same"), mastodon("second", 2, target="same")])
    matches = await match(lookup, FOLLOWED, refused(2, Lists.BLOCK))
    plan = plan_follows(matches, Wishes(Network.BLUESKY, is_chosen_unasked))
    assert [each.reason for each in plan.left_out] == [Reason.REFUSED_ON_X]
    assert may_be_bridged(plan) == {}


async def test_blocks_are_moved_for_whoever_was_blocked_alone(
    mapping_store: StoredMappings, lookup: Lookup
) -> None:
    await mapping_store.add(
        [mastodon("first", 1, target="same"), mastodon("second", 2, target="same"), mastodon("other", 3)]
    )
    matches = await match(lookup, FOLLOWED, refused(2, Lists.BLOCK), OTHER)
    assert listed_accounts(matches, Lists.BLOCK) == ["same@social.example"]
    assert listed_accounts(matches, Lists.MUTE) == []
