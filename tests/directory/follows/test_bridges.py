"""Runs that follow bridged accounts: only those whose person the directory still names, under the bridge's own name for them."""

import asyncio

import msgspec

from directory.accounts import BlueskyAccount, MastodonAccount, TargetAccount
from directory.choosing import is_chosen_unasked
from directory.clock import Clock
from directory.follows.bridges import expected_on_fediverse, name_on_bluesky
from directory.follows.plan import Wishes, may_be_bridged, plan_follows, target_of, with_bridges
from directory.follows.proof import present_account
from directory.follows.reasons import Reason
from directory.follows.runs import Item, LeftOut, Plan, Run, RunKind, Wanted
from directory.follows.states import ItemState
from directory.identifiers import AtHandle
from directory.mappings import Mapping, Network
from directory.networks.sign_in_errors import ServerUnreachable
from directory.queries import Lists, Query
from directory.ranking import rank
from directory.services import bridging
from directory.services.bridging import MAX_OF_A_PAGE, Bridging
from directory.services.following import Asked
from tests.directory.follows.site import FollowSite
from tests.harness.clock import START, FakeClock
from tests.harness.mappings import ORIGIN, OTHER_ORIGIN, bluesky, did, mastodon
from tests.harness.stored import StoredMappings

CAROL = mastodon("carol", 5)
ASKED = Query(CAROL.x_id, None, Lists.FOLLOWING)


def on_bluesky(mapping: Mapping, name: str = "copy") -> BlueskyAccount:
    """The copy on Bluesky of somebody on Mastodon."""
    account = target_of(mapping)
    assert isinstance(account, MastodonAccount)
    handle = name_on_bluesky(account)
    assert handle is not None
    return BlueskyAccount(did(name), handle)


def bridged(account: TargetAccount, *, is_ticked: bool = True) -> Plan:
    return Plan((Wanted(account, ASKED, is_ticked, str(CAROL.target_id)),), ())


async def follow(site: FollowSite, plan: Plan) -> Run:
    run = await site.following.start(site.member, site.account, plan, Asked())
    await site.drive()
    return run


async def test_a_run_follows_a_bridged_account_and_takes_it_back(site: FollowSite) -> None:
    await StoredMappings(site.database).add([CAROL])
    run = await follow(site, bridged(on_bluesky(CAROL)))
    assert site.network.followed == ["carol.social.example.ap.brid.gy"]
    await site.permit("second")
    await site.following.undo(site.member, run.id)
    await site.drive()
    assert site.network.followed == []


async def test_the_bridge_of_somebody_who_withdrew_is_not_followed(site: FollowSite) -> None:
    """Attack: a plan of last week follows the copy of somebody who is in the directory no more."""
    run = await follow(site, bridged(on_bluesky(CAROL)))
    assert await site.items(run) == [(0, "skipped", "withdrawn")]


async def test_an_account_that_is_not_the_persons_bridge_is_not_followed(site: FollowSite) -> None:
    """Attack: a plan names any account as the bridge of somebody whom the directory knows."""
    await StoredMappings(site.database).add([CAROL])
    run = await follow(site, bridged(BlueskyAccount(did("mallory"), AtHandle("mallory.bsky.example"))))
    assert await site.items(run) == [(0, "skipped", "not-that-id")]
    assert site.network.followed == []


async def test_a_bridge_that_nobody_ticked_is_not_followed(site: FollowSite) -> None:
    await StoredMappings(site.database).add([CAROL])
    run = await follow(site, bridged(on_bluesky(CAROL), is_ticked=False))
    assert await site.items(run) == [(0, "skipped", "needs-tick")]


def test_a_person_who_was_renamed_is_followed_under_the_present_name() -> None:
    """The copy on the fediverse is named after the DID: its address goes with the handle."""
    was, now = target_of(bluesky("dora", 6)), target_of(bluesky("dora", 6))
    assert isinstance(now, BlueskyAccount)
    was = msgspec.structs.replace(now, handle=AtHandle("old.bsky.example"))
    query = Query.parse("6")
    item = Item(
        number=0, account=expected_on_fediverse(was), query=query, is_ticked=True, bridge_of=str(now.did),
        state=ItemState.PENDING, reason=Reason.NONE, remote="", looks=0, changed_at=START,
    )  # fmt: skip
    match = rank(query, [bluesky("dora", 6)], START.date(), ORIGIN)
    assert present_account(item, match, RunKind.FOLLOW) == expected_on_fediverse(now)


def test_only_people_on_the_other_network_are_taken_in() -> None:
    """Attack: a tick of a copy makes somebody followed who is disputed, or whom no list led to."""
    carol, dora = target_of(CAROL), target_of(bluesky("dora", 6))
    plan = Plan((), (LeftOut(ASKED, carol, Reason.OTHER_NETWORK), LeftOut(ASKED, dora, Reason.DISPUTED)))
    assert list(may_be_bridged(plan)) == [str(carol.id)]
    copy = on_bluesky(CAROL)
    made = with_bridges(plan, {str(carol.id): copy, str(dora.id): copy, "nobody": copy})
    assert made.wanted == (Wanted(copy, ASKED, True, str(carol.id)),)
    assert [each.account for each in made.left_out] == [dora]


def test_no_copy_of_a_member_themself_or_of_somebody_disputed_is_offered() -> None:
    """Attack: two instances name different people for one account on X, and the copy of one of them is offered."""
    rivals = rank(ASKED, [CAROL, mastodon("rival", 5, origin=OTHER_ORIGIN)], START.date(), ORIGIN)
    assert rivals.answers[0].disputed
    made = plan_follows([rivals], Wishes(Network.BLUESKY, is_chosen_unasked))
    assert {each.reason for each in made.left_out} == {Reason.DISPUTED}
    alone = rank(ASKED, [CAROL], START.date(), ORIGIN)
    mine = Wishes(Network.BLUESKY, is_chosen_unasked, own={str(CAROL.target_id)})
    assert {each.reason for each in plan_follows([alone], mine).left_out} == {Reason.OWN_ACCOUNT}


class Asking:
    """A bridge that counts what it is asked."""

    def __init__(self, answer: TargetAccount | Exception | None) -> None:
        self.answer = answer
        self.asked: list[str] = []
        self.hangs = False

    async def find(self, account: TargetAccount) -> TargetAccount | None:
        self.asked.append(str(account.id))
        if self.hangs:
            await asyncio.Event().wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def people(number: int) -> list[TargetAccount]:
    return [target_of(mastodon(f"p{each}", each + 1)) for each in range(number)]


async def test_an_answer_is_kept_for_a_day_also_that_there_is_none(clock: FakeClock) -> None:
    for answer in (on_bluesky(CAROL), None):
        bridge = Asking(answer)
        pages = Bridging(bridge.find, clock)
        first = await pages.of(people(1))
        assert await pages.of(people(1)) == first
        assert len(bridge.asked) == 1
        clock.advance(hours=24)
        await pages.of(people(1))
        assert len(bridge.asked) == 2


async def test_a_start_asks_anew(clock: FakeClock) -> None:
    """Attack: somebody left the bridge this morning, and their name there is another's by noon."""
    bridge = Asking(on_bluesky(CAROL))
    pages = Bridging(bridge.find, clock)
    assert len(await pages.of(people(1))) == 1
    bridge.answer = None
    assert await pages.look_again(people(1)) == {}
    assert await pages.of(people(1)) == {}


async def test_a_bridge_that_is_away_is_asked_again_soon_and_not_at_once(clock: FakeClock) -> None:
    bridge = Asking(ServerUnreachable("bsky.brid.gy", "is away"))
    pages = Bridging(bridge.find, clock)
    assert await pages.of(people(1)) == {}
    assert await pages.of(people(1)) == {}
    assert len(bridge.asked) == 1
    clock.advance(seconds=bridging.AFTER_FAILURE.total_seconds())
    bridge.answer = on_bluesky(CAROL)
    assert len(await pages.of(people(1))) == 1


async def test_a_page_asks_for_no_more_people_than_it_shows(clock: FakeClock) -> None:
    bridge = Asking(None)
    await Bridging(bridge.find, clock).of(people(MAX_OF_A_PAGE + 20))
    assert len(bridge.asked) == MAX_OF_A_PAGE


async def test_a_silent_bridge_holds_a_page_up_for_seconds_alone(clock: Clock) -> None:
    bridge = Asking(None)
    bridge.hangs = True
    pages = Bridging(bridge.find, clock)
    began = asyncio.get_running_loop().time()
    assert await pages.of(people(20)) == {}
    assert asyncio.get_running_loop().time() - began < bridging.WAIT_S + 2
    bridge.hangs = False
    assert await pages.of(people(1)) == {}
    assert len(bridge.asked) == bridging.AT_ONCE_EACH + 1, "the places are free again"
