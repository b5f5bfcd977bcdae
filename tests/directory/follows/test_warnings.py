"""Whom a network warns of is followed by nobody, whether or not anybody looked at them in a plan."""

from collections.abc import Mapping, Sequence

import pytest

from directory.accounts import TargetAccount
from directory.follows.faces import Profile
from directory.follows.plan import target_of
from directory.follows.reasons import Reason
from directory.follows.states import ItemState, RunState
from directory.mappings import Network
from directory.networks.errors import Unreachable
from directory.services.warnings import ASKED_AT_A_TIME, NobodyWarns, Warnings
from directory.store.database import Database
from directory.store.faces import FaceStore
from tests.directory.follows.site import FollowSite, handle, letters
from tests.harness.clock import FakeClock
from tests.harness.mappings import bluesky, did


class Moderators:
    """Tells of accounts on one network, and notes who was asked for."""

    def __init__(self, reasons: Mapping[int, Reason]) -> None:
        self.reasons = {str(did(letters(number))): reason for number, reason in reasons.items()}
        self.asked: list[list[str]] = []
        self.fails: Exception | None = None

    async def read(self, accounts: Sequence[TargetAccount]) -> Sequence[Profile]:
        self.asked.append([str(each.id) for each in accounts])
        if self.fails is not None:
            raise self.fails
        return [Profile(each, reason=self.reasons.get(str(each.id), Reason.NONE)) for each in accounts]

    def warnings(self, database: Database, clock: FakeClock) -> Warnings:
        return Warnings(Network.BLUESKY, self, FaceStore(database), clock)


def people(*numbers: int) -> list[TargetAccount]:
    return [target_of(bluesky(letters(number), number)) for number in numbers]


def ids(*numbers: int) -> list[str]:
    return [str(did(letters(number))) for number in numbers]


async def test_a_run_follows_nobody_whom_the_moderators_warn_of(site: FollowSite) -> None:
    """Attack: an impersonator proves an X account and is labelled; members follow a list of many pages and open one of
    them, or wait for newcomers: nobody's plan had asked for the impersonator."""
    moderators = Moderators({3: Reason.LABELLED, 30: Reason.GONE})
    site.warned = moderators.warnings(site.database, site.clock).of
    await site.publish(*range(50))
    run = await site.start(*range(50))
    assert (await site.drive()).state is RunState.DONE
    assert site.network.followed == sorted(handle(number) for number in range(50) if number not in (3, 30))
    left = [(number, reason) for number, state, reason in await site.items(run) if state == "skipped"]
    assert left == [(3, Reason.LABELLED.label), (30, Reason.GONE.label)]
    assert [len(each) for each in moderators.asked] == [20, 20, 10], "each once, a batch at a time"


@pytest.mark.parametrize("error", [Unreachable("view.example", "no answer"), TimeoutError()])
async def test_a_run_waits_for_the_moderators(site: FollowSite, error: Exception) -> None:
    """Attack: somebody who is labelled keeps the service from answering, and is followed meanwhile."""
    moderators = Moderators({1: Reason.LABELLED})
    moderators.fails = error
    site.warned = moderators.warnings(site.database, site.clock).of
    await site.publish(1, 2)
    run = await site.start(1, 2)
    for _ in range(3):
        await site.run_once()
    assert await site.states(run) == {ItemState.PENDING: 2}
    assert (await site.only_run()).note == NobodyWarns.code
    moderators.fails = None
    await site.drive()
    assert site.network.followed == [handle(2)]


async def test_who_was_looked_at_today_is_not_asked_for_again(database: Database, clock: FakeClock) -> None:
    moderators, store = Moderators({1: Reason.LABELLED}), FaceStore(database)
    warnings = moderators.warnings(database, clock)
    await store.save_faces(Network.BLUESKY, [Profile(each) for each in people(2)], clock.now())
    for _ in range(2):
        assert await warnings.of(people(1, 2)) == {ids(1)[0]: Reason.LABELLED}
    assert moderators.asked == [ids(1)], "what warns is kept, and a plan tells of it"
    clock.advance(hours=25)
    await warnings.of(people(1, 2))
    assert moderators.asked[1:] == [ids(1, 2)]


async def test_many_are_asked_for_in_parts(database: Database, clock: FakeClock) -> None:
    moderators = Moderators({ASKED_AT_A_TIME: Reason.LABELLED})
    told = await moderators.warnings(database, clock).of(people(*range(ASKED_AT_A_TIME + 1)))
    assert told == {ids(ASKED_AT_A_TIME)[0]: Reason.LABELLED}
    assert [len(each) for each in moderators.asked] == [ASKED_AT_A_TIME, 1]


async def test_nobody_is_warned_of_who_was_not_asked_for(database: Database, clock: FakeClock) -> None:
    """Attack: a service answers for one person with another, whom nobody would follow any more."""

    class Liar(Moderators):
        async def read(self, accounts: Sequence[TargetAccount]) -> Sequence[Profile]:
            return [Profile(each, reason=Reason.LABELLED) for each in people(2)]

    warnings = Liar({}).warnings(database, clock)
    assert await warnings.of(people(1)) == {}
    assert await FaceStore(database).find_known(Network.BLUESKY, ids(2), clock.now()) == []
