"""Runs that block and mute: only whom the member refused on X, only sure ones, with a permission of their own."""

from collections.abc import Sequence

import pytest

from directory.accounts import TargetAccount
from directory.choosing import is_chosen_unasked
from directory.follows.plan import Wishes
from directory.follows.reasons import Reason
from directory.follows.refusals import plan_refusals
from directory.follows.runs import Plan, RunKind
from directory.follows.states import ItemState, RunState
from directory.identifiers import XHandle, XId
from directory.mappings import Mapping, Network
from directory.networks.port import DpopBinding, Purpose, TokenSet
from directory.networks.sign_in_errors import NeedsSignIn
from directory.queries import Lists, Query
from directory.ranking import Match, rank
from directory.services.following import Asked
from directory.store.standing_matches import StandingMatchStore
from tests.directory.follows.site import FollowSite
from tests.harness.clock import START
from tests.harness.mappings import ORIGIN, OTHER_ORIGIN, bluesky, did, mastodon
from tests.harness.stored import StoredMappings

EVE = Query(XId(7), None, Lists.BLOCK | Lists.FOLLOWING)


def match(query: Query, *mappings: Mapping) -> Match:
    return rank(query, mappings, START.date(), ORIGIN)


def refused(kind: RunKind, *matches: Match, own: frozenset[str] = frozenset()) -> list[str]:
    made = plan_refusals(matches, kind, Wishes(Network.BLUESKY, is_chosen_unasked, own=own))
    assert not any(each.is_ticked for each in made.wanted)
    return [str(each.account.handle) for each in made.wanted]


def test_each_list_has_a_plan_of_its_own() -> None:
    matches = (
        match(EVE, bluesky("eve", 7), mastodon("eve", 7)),
        match(Query(XId(8), None, Lists.MUTE), bluesky("mat", 8)),
        match(Query(XId(9), None, Lists.FOLLOWING), bluesky("fay", 9)),
        match(EVE, bluesky("eve", 7)),
    )
    assert refused(RunKind.BLOCK, *matches) == ["eve.bsky.example"]
    assert refused(RunKind.MUTE, *matches) == ["mat.bsky.example"]


@pytest.mark.parametrize(
    "unsure",
    [
        match(EVE, bluesky("eve", 7, target="one"), bluesky("eve", 7, target="two", origin=OTHER_ORIGIN)),
        match(Query(XId(8), XHandle("undated"), Lists.BLOCK), bluesky("undated")),
        match(EVE, mastodon("eve", 7)),
        match(EVE),
    ],
    ids=["disputed", "name of unknown age", "other network", "not in the directory"],
)
def test_nobody_is_blocked_for_somebody_else(unsure: Match) -> None:
    """Attack: somebody claims the X account of a person who is blocked by many, for the account of a rival."""
    assert refused(RunKind.BLOCK, unsure) == []


def test_an_account_of_the_members_own_is_not_blocked() -> None:
    own = frozenset({str(did("eve"))})
    assert refused(RunKind.BLOCK, match(EVE, bluesky("eve", 7)), own=own) == []


def plan() -> Plan:
    made = match(EVE, bluesky("eve", 7))
    return plan_refusals([made], RunKind.BLOCK, Wishes(Network.BLUESKY, is_chosen_unasked))


async def permit_to_arrange(site: FollowSite) -> None:
    tokens = TokenSet(
        Network.BLUESKY, str(did("ada")), "https://pds.example", "arranging", None, "arrange", None,
        "https://one.example/client", DpopBinding("a key", None),
    )  # fmt: skip
    await site.permissions.keep(site.account, Purpose.ARRANGE, tokens)
    await site.following.permission_given(site.account)


async def test_the_permission_to_follow_does_not_reach_so_far(site: FollowSite) -> None:
    await StoredMappings(site.database).add([bluesky("eve", 7)])
    run = await site.following.start(site.member, site.account, plan(), Asked(kind=RunKind.BLOCK))
    assert (await site.drive()).state is RunState.NEEDS_SIGN_IN
    assert site.network.asked == []
    await permit_to_arrange(site)
    assert (await site.drive()).state is RunState.DONE
    assert await site.states(run) == {ItemState.FOLLOWED: 1}
    with pytest.raises(NeedsSignIn):
        await site.permissions.read(site.account, Purpose.ARRANGE)


async def test_the_permission_to_follow_ends_with_the_wish_though_a_run_that_blocks_is_open(
    site: FollowSite,
) -> None:
    """A run that blocks can be paused for months: the permission to follow stayed for as long, and nothing needed it."""
    standing = StandingMatchStore(site.database)
    await standing.set_standing(site.member, [site.account], site.clock.now())
    await permit_to_arrange(site)
    await site.following.start(site.member, site.account, plan(), Asked(kind=RunKind.BLOCK))
    assert (await site.permissions.read(site.account, Purpose.FOLLOW)).access == "first"
    await standing.set_standing(site.member, [], site.clock.now())
    with pytest.raises(NeedsSignIn):
        await site.permissions.read(site.account, Purpose.FOLLOW)
    assert (await site.permissions.read(site.account, Purpose.ARRANGE)).access == "arranging"


async def test_who_is_disputed_by_the_time_of_the_run_is_not_blocked(site: FollowSite) -> None:
    """Attack: the claim that was disputed before the plan comes back, or comes, before the block."""
    rival = bluesky("eve", 7, target="two", origin=OTHER_ORIGIN)
    await StoredMappings(site.database).add([bluesky("eve", 7)])
    await permit_to_arrange(site)
    run = await site.following.start(site.member, site.account, plan(), Asked(kind=RunKind.BLOCK))
    await StoredMappings(site.database).add([rival])
    await site.drive()
    assert [(state, reason) for _, state, reason in await site.items(run)] == [("skipped", "disputed")]
    assert site.network.sent == []


async def test_an_impersonator_can_be_blocked(site: FollowSite) -> None:
    """Whom the network's moderators warn of is followed by nobody; a block has no use for the warning."""

    async def all_of(accounts: Sequence[TargetAccount]) -> dict[str, Reason]:
        return {str(each.id): Reason.LABELLED for each in accounts}

    site.warned = all_of
    await StoredMappings(site.database).add([bluesky("eve", 7)])
    await permit_to_arrange(site)
    run = await site.following.start(site.member, site.account, plan(), Asked(kind=RunKind.BLOCK))
    await site.drive()
    assert await site.states(run) == {ItemState.FOLLOWED: 1}
