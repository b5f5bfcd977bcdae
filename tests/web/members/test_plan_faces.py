"""How people look on a page of a plan who have only a copy on the member's network."""

import asyncio
from collections.abc import Sequence
from typing import Final

import pytest

from directory.accounts import BlueskyAccount, TargetAccount
from directory.choosing import is_chosen_unasked
from directory.clock import Clock
from directory.follows.faces import Profile
from directory.follows.plan import Wishes, plan_follows, target_of
from directory.follows.reasons import Reason
from directory.identifiers import AtHandle
from directory.mappings import Network
from directory.networks.http import GuardedClient
from directory.queries import Lists, Query
from directory.ranking import rank
from directory.services.bridging import Bridging
from directory.services.faces import Faces
from directory.store.database import Database
from directory.store.faces import FaceStore
from tests.harness.clock import START
from tests.harness.mappings import ORIGIN, did, mastodon
from web.pages.follow_form import Part
from web.pages.plan_faces import look_of_page
from web.pages.plan_rows import PlanPage, plan_page

CAROL: Final = mastodon("carol", 5)
COPY: Final = BlueskyAccount(did("copy"), AtHandle("carol.social.example.ap.brid.gy"))
WISHES: Final = Wishes(Network.BLUESKY, is_chosen_unasked)


class Site:
    """A network that tells these profiles, and nothing of anybody else."""

    def __init__(self, *profiles: Profile) -> None:
        self._profiles = profiles
        self.asked: list[str] = []

    async def read(self, accounts: Sequence[TargetAccount]) -> Sequence[Profile]:
        self.asked += [str(each.handle) for each in accounts]
        return self._profiles


class Shown:
    """The page of whom a member on Bluesky cannot follow but by a copy."""

    def __init__(self, database: Database, clock: Clock, *profiles: Profile) -> None:
        self._database, self._clock = database, clock
        self.bluesky, self.mastodon = Site(*profiles), Site(*profiles)
        self.bridge_hangs = False

    async def find(self, account: TargetAccount) -> TargetAccount | None:
        if self.bridge_hangs:
            await asyncio.Event().wait()
        return COPY

    async def look(self) -> tuple[PlanPage, dict[str, str]]:
        """Returns the page, and the name shown beside each id."""
        found = rank(Query(CAROL.x_id, None, Lists.FOLLOWING), [CAROL], START.date(), ORIGIN)
        page = plan_page(plan_follows([found], WISHES), [found], Part.LEFT_OUT, 1, frozenset())
        sites = {Network.BLUESKY: self.bluesky, Network.MASTODON: self.mastodon}
        async with GuardedClient("Passerelle/test") as http:
            faces = Faces(FaceStore(self._database), sites, http, self._clock)
            page, known = await look_of_page(faces, Bridging(self.find, self._clock), WISHES, page)
        return page, {key: face.profile.name for key, face in known.items()}


async def test_who_is_told_of_by_their_own_server_looks_as_there(database: Database, clock: Clock) -> None:
    shown = Shown(database, clock, Profile(target_of(CAROL), "Carol"), Profile(COPY, "Carol, the copy"))
    page, names = await shown.look()
    assert page.rows[0].bridged == COPY
    assert names == {str(CAROL.target_id): "Carol"}


async def test_who_is_told_of_by_nobody_looks_as_the_copy(database: Database, clock: Clock) -> None:
    """Servers like GoToSocial tell strangers nothing: the copy stood there as a bare address."""
    shown = Shown(database, clock, Profile(COPY, "Carol, the copy"))
    page, names = await shown.look()
    assert page.rows[0].bridged == COPY
    assert names == {str(CAROL.target_id): "Carol, the copy"}
    assert shown.mastodon.asked == ["carol@social.example"], "the bridge's own server is not asked"


async def test_no_copy_is_offered_of_who_is_just_seen_to_be_gone(database: Database, clock: Clock) -> None:
    shown = Shown(database, clock, Profile(target_of(CAROL), "Carol", reason=Reason.GONE))
    page, _ = await shown.look()
    assert page.rows[0].bridged is None


async def test_a_page_works_without_faces_and_without_the_bridge(
    database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page waits once, not once for the bridge and then once more for the faces of what it said."""
    monkeypatch.setattr("web.pages.plan_faces.WAIT_S", 0.2)
    monkeypatch.setattr("directory.services.bridging.WAIT_S", 0.2)
    shown = Shown(database, clock)
    shown.bridge_hangs = True
    async with asyncio.timeout(2):
        page, names = await shown.look()
    assert page.rows[0].bridged is None
    assert names == {}
    assert shown.bluesky.asked == []
