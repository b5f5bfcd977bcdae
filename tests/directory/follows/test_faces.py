"""Faces: fetched by this instance, kept a day, only pictures that browsers paint, and nothing without them."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from directory.accounts import TargetAccount
from directory.follows.faces import (
    MAX_DESCRIPTION_CHARS,
    MAX_NAME_CHARS,
    Picture,
    Profile,
    picture_type,
    trimmed,
)
from directory.follows.plan import target_of
from directory.follows.reasons import Reason
from directory.mappings import Network
from directory.networks.answers import Answer
from directory.networks.errors import Unreachable
from directory.networks.http import GuardedClient
from directory.networks.urls import parse_target
from directory.services.faces import Faces
from directory.store.database import Database
from directory.store.faces import FaceStore, purge_faces
from tests.harness.clock import FakeClock
from tests.harness.mappings import bluesky

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20
ANN = target_of(bluesky("ann", 1))
BOB = target_of(bluesky("bob", 2))
URL = "https://pictures.example/ann"


class Site:
    """A network that tells profiles, and counts how often it was asked."""

    def __init__(self, *profiles: Profile) -> None:
        self.profiles = profiles
        self.asked: list[str] = []
        self.is_down = False

    async def read(self, accounts: Sequence[TargetAccount]) -> Sequence[Profile]:
        self.asked += [str(each.handle) for each in accounts]
        if self.is_down:
            raise Unreachable("pds.example", "no answer")
        return self.profiles


class Pictures(GuardedClient):
    """Answers every address with the same bytes."""

    def __init__(self, body: bytes, status: int = 200) -> None:
        super().__init__("Passerelle/test")
        self.body, self.status, self.asked = body, status, 0

    async def get(self, url: str, **_: object) -> Answer:
        self.asked += 1
        return Answer(self.status, (), self.body, parse_target(url, allow_loopback=False))


@asynccontextmanager
async def faces_of(
    database: Database, clock: FakeClock, site: Site, body: bytes = PNG, status: int = 200
) -> AsyncIterator[tuple[Faces, Pictures]]:
    async with Pictures(body, status) as pictures:
        yield Faces(FaceStore(database), {Network.BLUESKY: site}, pictures, clock), pictures


def profile(account: TargetAccount = ANN, **more: Any) -> Profile:
    return Profile(account, "Ann", "Birds", URL, **more)


async def test_a_face_is_asked_for_once_a_day(database: Database, clock: FakeClock) -> None:
    site = Site(profile())
    async with faces_of(database, clock, site) as (faces, pictures):
        for _ in range(2):
            known = await faces.of(Network.BLUESKY, [ANN, BOB])
            face = known[str(ANN.id)]
            assert face.profile.name == "Ann"
            assert await faces.picture(face.code) == Picture(PNG, "image/png")
        assert (site.asked.count(str(ANN.handle)), pictures.asked) == (1, 1)
        clock.advance(days=1, minutes=1)
        assert await faces.picture(face.code) is None
        await faces.of(Network.BLUESKY, [ANN])
        assert site.asked.count(str(ANN.handle)) == 2
        clock.advance(days=2)
        assert await purge_faces(database, clock.now(), 10) == 1


async def test_a_plan_works_without_faces(database: Database, clock: FakeClock) -> None:
    site = Site()
    site.is_down = True
    async with faces_of(database, clock, site) as (faces, _):
        assert await faces.of(Network.BLUESKY, [ANN]) == {}
        assert await faces.of(Network.MASTODON, [ANN]) == {}
        assert await faces.picture("nobody") is None


@pytest.mark.parametrize(
    "body",
    [
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"<html><script>alert(1)</script>",
        b"RIFF\0\0\0\0WAVE",
        b"",
    ],
)
async def test_what_is_no_picture_is_not_served(database: Database, clock: FakeClock, body: bytes) -> None:
    """Attack: an avatar is a page, or an SVG with a script, which would run under the instance's own address."""
    assert picture_type(body) == ""
    async with faces_of(database, clock, Site(profile()), body) as (faces, pictures):
        code = (await faces.of(Network.BLUESKY, [ANN]))[str(ANN.id)].code
        assert await faces.picture(code) is None
        assert await faces.picture(code) is None
        assert pictures.asked == 1


async def test_an_error_page_is_no_picture(database: Database, clock: FakeClock) -> None:
    async with faces_of(database, clock, Site(profile()), PNG, 404) as (faces, _):
        code = (await faces.of(Network.BLUESKY, [ANN]))[str(ANN.id)].code
        assert await faces.picture(code) is None


async def test_a_network_tells_only_of_those_who_were_asked_for(database: Database, clock: FakeClock) -> None:
    """Attack: a server answers with the profile of somebody else, whose face it would write over."""
    async with faces_of(database, clock, Site(profile(BOB))) as (faces, _):
        assert await faces.of(Network.BLUESKY, [ANN]) == {}
        assert await FaceStore(database).find_faces(Network.BLUESKY, [str(BOB.id)], clock.now()) == []


async def test_what_the_network_says_of_an_account_is_kept(database: Database, clock: FakeClock) -> None:
    told = profile(reason=Reason.MOVED, moved_to=BOB)
    async with faces_of(database, clock, Site(told)) as (faces, _):
        await faces.of(Network.BLUESKY, [ANN])
        stored = await faces.of(Network.BLUESKY, [ANN])
        assert stored[str(ANN.id)].profile == told


def test_texts_of_strangers_are_cut_and_plain() -> None:
    """Attack: a name of a megabyte, or one that turns the line around."""
    long = trimmed(Profile(ANN, "a\u202eb\0" * 1_000, "x" * 10_000, "https://x.example/" + "y" * 5_000))
    assert len(long.name) == MAX_NAME_CHARS
    assert "\u202e" not in long.name
    assert "\0" not in long.name
    assert len(long.description) == MAX_DESCRIPTION_CHARS
    assert long.avatar_url == ""


async def test_a_face_of_a_clock_that_ran_ahead_ends_with_the_mistake(
    database: Database, clock: FakeClock
) -> None:
    """Fault: a face that was fetched while the clock of the machine was a year ahead counted for that year. Whoever was gone or
    moved then was left out of all plans, and the network was not asked again."""
    gone = Site(profile(reason=Reason.GONE))
    async with faces_of(database, clock, gone) as (faces, _):
        clock.advance(days=365)
        face = (await faces.of(Network.BLUESKY, [ANN]))[str(ANN.id)]
        assert await faces.picture(face.code) is not None
        clock.advance(days=-365)
        assert await FaceStore(database).find_known(Network.BLUESKY, [str(ANN.id)], clock.now()) == []
        assert await faces.picture(face.code) is None
        gone.profiles = (profile(),)
        assert (await faces.of(Network.BLUESKY, [ANN]))[str(ANN.id)].profile.reason is Reason.NONE
        clock.advance(days=365)
        await faces.of(Network.BLUESKY, [ANN])
        clock.advance(days=-365)
        assert await purge_faces(database, clock.now(), 10) == 1
