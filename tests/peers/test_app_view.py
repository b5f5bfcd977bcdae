"""Bluesky's real AppView does what the fake of it does, and our code reads it: faces, labels, and who is gone."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
from structlog.testing import capture_logs

from directory.accounts import BlueskyAccount
from directory.clock import SystemClock
from directory.follows.faces import Profile
from directory.follows.plan import Wishes, plan_follows
from directory.follows.reasons import Reason
from directory.identifiers import AtHandle, Did, XId
from directory.mappings import Network
from directory.networks.bluesky.profiles import MODERATION, PROFILES_A_CALL, BlueskyProfiles, Singly
from directory.networks.http import GuardedClient
from directory.queries import Lists, Query
from directory.ranking import rank
from directory.services.faces import Faces
from directory.services.warnings import Warnings
from directory.store.database import Database
from directory.store.faces import FaceStore
from tests.directory.networks.bluesky.follows.following import stranger_did
from tests.directory.networks.strangers import loopback_client
from tests.harness.clock import START, FakeClock
from tests.harness.mappings import ORIGIN
from tests.peers.app_view import AppView, account_of, mapping_to
from tests.peers.node_server import LOOPBACK, listening_at
from tests.peers.pds import Account, XrpcError
from tests.web.members.follow_worlds import PIXEL

UNHURRIED_S: Final = 20.0
"""For answers that tests are about; the machine may be busy."""
LATER: Final = "2100-01-01T00:00:00.000Z"
LONG_AGO: Final = "2026-01-03T00:00:00.000Z"


@pytest.fixture
async def http() -> AsyncIterator[GuardedClient]:
    async with loopback_client() as client:
        yield client


@pytest.fixture
async def ann(app_view: AppView) -> Account:
    """Somebody with a name, whom the AppView shows."""
    return await asyncio.to_thread(app_view.create_account, displayName="Ann")


def reader(app_view: AppView, http: GuardedClient, **more: Any) -> BlueskyProfiles:
    return BlueskyProfiles(http, SystemClock(), app_view.url, singly=Singly(25, UNHURRIED_S), **more)


async def reason(app_view: AppView, http: GuardedClient, account: Account) -> Reason | None:
    """What is read of one account; None where nothing is known of it."""
    found = await reader(app_view, http).read([account_of(account)])
    return found[0].reason if found else None


async def test_a_face(app_view: AppView, http: GuardedClient, database: Database) -> None:
    """The picture comes from the AppView, which makes it anew, and goes out from our address."""
    cat = await asyncio.to_thread(
        app_view.create_account, PIXEL, displayName="Cat 🐈", description="Birds\n\nand bread"
    )
    clock = FakeClock()
    faces = Faces(FaceStore(database), {Network.BLUESKY: reader(app_view, http)}, http, clock)
    face = (await faces.of(Network.BLUESKY, [account_of(cat)], wait_s=UNHURRIED_S))[cat.did]
    assert (face.profile.name, face.profile.description) == ("Cat 🐈", "Birds and bread")
    assert face.has_picture
    picture = await faces.picture(face.code)
    assert picture is not None
    assert picture.media_type == "image/webp"
    clock.advance(hours=25)
    assert await faces.picture(face.code) is None


async def test_somebody_without_a_profile(app_view: AppView, http: GuardedClient) -> None:
    bare = await asyncio.to_thread(app_view.pds.create_account)
    await asyncio.to_thread(app_view.wait_until, lambda: app_view.says_of(bare.did) == "shown")
    assert await reader(app_view, http).read([account_of(bare)]) == [Profile(account_of(bare))]


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ({"val": "impersonation"}, Reason.LABELLED),
        ({"val": "!takedown"}, Reason.LABELLED),
        ({"val": "!suspend"}, Reason.LABELLED),
        ({"val": "impersonation", "exp": LATER}, Reason.LABELLED),
        ({"val": "impersonation", "exp": LONG_AGO}, Reason.NONE),
        ({"val": "impersonation", "neg": True}, Reason.NONE),
        ({"val": "spam"}, Reason.NONE),
    ],
)
async def test_labels(
    app_view: AppView, http: GuardedClient, ann: Account, label: dict[str, Any], expected: Reason
) -> None:
    await app_view.label(ann.did, src=MODERATION, **label)
    assert await reason(app_view, http, ann) is expected


async def test_a_label_on_the_profile_alone(app_view: AppView, http: GuardedClient, ann: Account) -> None:
    """Moderators label a profile as often as an account."""
    await app_view.label(f"at://{ann.did}/app.bsky.actor.profile/self", src=MODERATION, val="impersonation")
    assert await reason(app_view, http, ann) is Reason.LABELLED


async def test_a_labeler_that_is_an_account(app_view: AppView, http: GuardedClient, ann: Account) -> None:
    """Attack: anybody can run a labeler, and have their rival left out of plans."""
    rival = await asyncio.to_thread(app_view.create_account, displayName="Labels of mine")
    await app_view.label(ann.did, src=rival.did, val="impersonation")
    assert await reason(app_view, http, ann) is Reason.NONE
    heeds = reader(app_view, http, labelers=(rival.did,))
    assert [each.reason for each in await heeds.read([account_of(ann)])] == [Reason.LABELLED]


async def test_a_labeler_that_it_does_not_know_is_told_of(
    app_view: AppView, http: GuardedClient, ann: Account
) -> None:
    """It leaves out the labels of such a one without a word. Whoever runs an instance over it has to hear of that."""
    unknown = stranger_did(2)
    await app_view.label(ann.did, src=unknown, val="impersonation")
    for labelers, unheard in (((MODERATION,), []), ((MODERATION, unknown), [unknown])):
        with capture_logs() as lines:
            found = await reader(app_view, http, labelers=labelers).read([account_of(ann)])
        assert [each.reason for each in found] == [Reason.NONE]
        assert [line["labelers"] for line in lines if line["event"] == "labels did not come"] == (
            [unheard] if unheard else []
        )


async def test_labels_that_people_give_themselves(app_view: AppView, http: GuardedClient) -> None:
    own = {"$type": "com.atproto.label.defs#selfLabels", "values": [{"val": "impersonation"}]}
    joker = await asyncio.to_thread(app_view.create_account, displayName="Parody", labels=own)
    shown = (await asyncio.to_thread(app_view.profiles, [joker.did]))[joker.did]["labels"]
    assert [(label["src"], label["val"]) for label in shown] == [(joker.did, "impersonation")]
    assert await reason(app_view, http, joker) is Reason.NONE


async def test_an_account_taken_down_and_brought_back(
    app_view: AppView, http: GuardedClient, ann: Account
) -> None:
    await asyncio.to_thread(app_view.set_takedown, ann.did, is_applied=True)
    assert await asyncio.to_thread(app_view.profiles, [ann.did]) == {}
    assert (
        await asyncio.to_thread(app_view.says_of, ann.did)
        == "400 AccountTakedown: Account has been suspended"
    )
    assert await reason(app_view, http, ann) is Reason.LABELLED
    await asyncio.to_thread(app_view.set_takedown, ann.did, is_applied=False)
    assert await reason(app_view, http, ann) is Reason.NONE


async def test_an_account_switched_off_and_on(app_view: AppView, http: GuardedClient, ann: Account) -> None:
    def switch(method: str, is_shown: bool, **more: str) -> None:
        app_view.pds.procedure(f"com.atproto.server.{method}", token=ann.access_token, **more)
        app_view.wait_until(lambda: (app_view.says_of(ann.did) == "shown") is is_shown)

    await asyncio.to_thread(switch, "deactivateAccount", False, deleteAfter=LATER)
    assert await asyncio.to_thread(app_view.profiles, [ann.did]) == {}
    assert (
        await asyncio.to_thread(app_view.says_of, ann.did) == "400 AccountDeactivated: Account is deactivated"
    )
    assert await reason(app_view, http, ann) is Reason.GONE
    await asyncio.to_thread(switch, "activateAccount", True)
    assert await reason(app_view, http, ann) is Reason.NONE


@pytest.mark.parametrize("is_deleted", [True, False])
async def test_an_account_that_its_own_server_shut(
    app_view: AppView, http: GuardedClient, ann: Account, is_deleted: bool
) -> None:
    if is_deleted:
        await asyncio.to_thread(app_view.pds.delete_account, ann.did)
    else:
        await asyncio.to_thread(app_view.pds.set_takedown, ann.did, is_applied=True)
    await asyncio.to_thread(app_view.wait_until, lambda: app_view.says_of(ann.did) != "shown")
    says = (
        "InvalidRequest: Profile not found" if is_deleted else "AccountTakedown: Account has been suspended"
    )
    assert await asyncio.to_thread(app_view.says_of, ann.did) == f"400 {says}"
    assert await reason(app_view, http, ann) is (Reason.GONE if is_deleted else Reason.LABELLED)


async def test_somebody_whom_nobody_knows(app_view: AppView, http: GuardedClient) -> None:
    nobody = BlueskyAccount(Did(stranger_did(1)), AtHandle.parse("nobody.test"))
    assert (
        await asyncio.to_thread(app_view.says_of, stranger_did(1)) == "400 InvalidRequest: Profile not found"
    )
    assert await reader(app_view, http).read([nobody]) == [Profile(nobody, reason=Reason.GONE)]


async def test_it_takes_25_at_a_time(app_view: AppView, http: GuardedClient, ann: Account) -> None:
    strangers = [stranger_did(number) for number in range(PROFILES_A_CALL)]
    with pytest.raises(XrpcError, match="array too big"):
        await asyncio.to_thread(app_view.profiles, [*strangers, ann.did])
    nobodies = [BlueskyAccount(Did(did), AtHandle.parse("nobody.test")) for did in strangers]
    found = await reader(app_view, http).read([*nobodies, account_of(ann)])
    assert {each.account.id.value: each.reason for each in found} == {
        **dict.fromkeys(strangers, Reason.GONE),
        ann.did: Reason.NONE,
    }


async def test_a_plan_leaves_out_whom_the_moderators_name(
    app_view: AppView, http: GuardedClient, database: Database, ann: Account
) -> None:
    """Attack: somebody proves an X account, is labelled as its impersonator at Bluesky, and waits for followers."""
    fake, shut, gone = [await asyncio.to_thread(app_view.create_account, displayName="Ann") for _ in range(3)]
    await app_view.label(fake.did, src=MODERATION, val="impersonation")
    await asyncio.to_thread(app_view.set_takedown, shut.did, is_applied=True)
    await asyncio.to_thread(app_view.pds.delete_account, gone.did)
    await asyncio.to_thread(app_view.wait_until, lambda: app_view.says_of(gone.did) != "shown")
    clock, people, profiles = FakeClock(), [ann, fake, shut, gone], reader(app_view, http)
    faces = Faces(FaceStore(database), {Network.BLUESKY: profiles}, http, clock)
    matches = [
        rank(Query(XId(n), None, Lists.FOLLOWING), [mapping_to(each, n)], START.date(), ORIGIN)
        for n, each in enumerate(people, 1)
    ]
    await faces.of(Network.BLUESKY, [account_of(each) for each in people], wait_s=UNHURRIED_S)
    known = await faces.known(Network.BLUESKY, matches)
    plan = plan_follows(matches, Wishes(Network.BLUESKY, lambda _query, _answer: True, known=known))
    assert [str(each.account.id) for each in plan.wanted] == [ann.did]
    assert {str(each.account.id): each.reason for each in plan.left_out if each.account} == {
        fake.did: Reason.LABELLED,
        shut.did: Reason.LABELLED,
        gone.did: Reason.GONE,
    }


async def test_nobody_has_to_look_at_a_plan(
    app_view: AppView, http: GuardedClient, database: Database, ann: Account
) -> None:
    """What is asked right before people are followed."""
    fake = await asyncio.to_thread(app_view.create_account, displayName="Ann")
    await app_view.label(fake.did, src=MODERATION, val="impersonation")
    warnings = Warnings(Network.BLUESKY, reader(app_view, http), FaceStore(database), FakeClock())
    assert await warnings.of([account_of(ann), account_of(fake)]) == {fake.did: Reason.LABELLED}


def test_it_listens_on_loopback_only(app_view: AppView) -> None:
    assert listening_at(urlsplit(app_view.url).port or 0) == [LOOPBACK]
