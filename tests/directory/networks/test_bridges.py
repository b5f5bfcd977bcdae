"""A bridged account is offered only where the bridge names the very account that was proven.

The bridge's answers are as it was seen to give them (snarfed/bridgy-fed, issues 1080, 1294, 1331 and 1990): the actor of a Bluesky
account holds its DID, and the DID document of an account of the fediverse names its actor.
"""

import pytest

from directory.accounts import BlueskyAccount, MastodonAccount
from directory.follows.bridges import (
    ON_FEDIVERSE,
    expected_on_fediverse,
    is_bridge_of,
    is_bridged,
    name_on_bluesky,
)
from directory.identifiers import Acct, ActorUri, AtHandle, Did
from directory.networks.bluesky.did import DidResolver
from directory.networks.bluesky.handles import HandleResolver, well_known_source
from directory.networks.bluesky.identity import Identities
from directory.networks.bridges import Bridges
from directory.networks.http import GuardedClient
from directory.networks.sign_in_errors import ServerUnreachable, SignInError
from tests.harness.fake_mastodon.fixtures import http_fixture, internet_fixture
from tests.harness.fake_mastodon.internet import FakeInternet, Request, Response, nobody
from tests.harness.fake_mastodon.site import JRD

DID = "did:plc:" + "a" * 24
MALLORY = "did:plc:" + "m" * 24
ADA = BlueskyAccount(Did(DID), AtHandle("ada.example"))
BEA = MastodonAccount(ActorUri("https://fern.example/users/Bea_B"), Acct("Bea_B", "fern.example"))
BEAS_NAME = "bea-b.fern.example.ap.brid.gy"


internet = internet_fixture()
http = http_fixture()


@pytest.fixture
def bridges(http: GuardedClient) -> Bridges:
    return Bridges(http, Identities(DidResolver(http), HandleResolver(well_known_source(http))))


def bridge_says(internet: FakeInternet, actor: str, subject: str = f"ada.example@{ON_FEDIVERSE}") -> None:
    link = {"rel": "self", "type": "application/activity+json", "href": actor}
    answer = {
        "subject": f"acct:{subject}",
        "aliases": ["https://bsky.app/profile/ada.example"],
        "links": [link],
    }

    def site(request: Request) -> Response:
        is_asked = request.query.get("resource") == f"acct:ada.example@{ON_FEDIVERSE}"
        return Response.json(answer, type_=JRD) if is_asked else Response(404)

    internet.sites[ON_FEDIVERSE] = site


def bluesky_says(internet: FakeInternet, *known_as: str, did: str = DID) -> None:
    document = {
        "id": did,
        "alsoKnownAs": list(known_as),
        "service": [
            {
                "id": "#atproto_pds",
                "type": "AtprotoPersonalDataServer",
                "serviceEndpoint": "https://atproto.brid.gy",
            }
        ],
    }
    internet.sites[BEAS_NAME] = lambda _: Response(200, did.encode())
    internet.sites["plc.directory"] = lambda request: (
        Response.json(document) if request.path == f"/{did}" else Response(404)
    )


async def test_a_bluesky_account_on_the_fediverse(internet: FakeInternet, bridges: Bridges) -> None:
    bridge_says(internet, f"https://bsky.brid.gy/ap/{DID}")
    found = await bridges.find(ADA)
    assert found == expected_on_fediverse(ADA)
    assert found is not None
    assert str(found.handle) == "ada.example@bsky.brid.gy"
    assert is_bridge_of(found, ADA)


@pytest.mark.parametrize(
    "actor",
    [
        f"https://bsky.brid.gy/ap/{MALLORY}",
        f"https://evil.example/ap/{DID}",
        f"https://bsky.brid.gy/ap/{DID}/x",
        "https://bsky.brid.gy/bsky.brid.gy",
    ],
)
async def test_the_bridge_of_somebody_else_is_not_offered(
    internet: FakeInternet, bridges: Bridges, actor: str
) -> None:
    """Somebody else had the handle when it was bridged, or has it now."""
    bridge_says(internet, actor)
    assert await bridges.find(ADA) is None


async def test_who_is_not_bridged_is_not_offered(internet: FakeInternet, bridges: Bridges) -> None:
    internet.sites[ON_FEDIVERSE] = nobody
    internet.sites[BEAS_NAME] = nobody
    assert await bridges.find(ADA) is None
    assert await bridges.find(BEA) is None


async def test_an_account_of_the_fediverse_on_bluesky(internet: FakeInternet, bridges: Bridges) -> None:
    """An underscore makes no handle: the bridge writes a dash."""
    bluesky_says(internet, f"at://{BEAS_NAME}", str(BEA.actor))
    found = await bridges.find(BEA)
    assert found == BlueskyAccount(Did(DID), AtHandle(BEAS_NAME))
    assert found is not None
    assert is_bridge_of(found, BEA)


async def test_a_document_that_names_another_actor(internet: FakeInternet, bridges: Bridges) -> None:
    """`bea_b` and `bea-b` of one server have the same name on Bluesky, and only one of them is bridged."""
    bluesky_says(internet, f"at://{BEAS_NAME}", "https://fern.example/users/bea-b")
    assert await bridges.find(BEA) is None


async def test_a_document_that_goes_by_another_name(internet: FakeInternet, bridges: Bridges) -> None:
    bluesky_says(internet, "at://mallory.example", f"at://{BEAS_NAME}", str(BEA.actor))
    assert await bridges.find(BEA) is None


async def test_a_bridge_that_is_away_says_nothing_of_anybody(
    internet: FakeInternet, bridges: Bridges
) -> None:
    internet.sites[ON_FEDIVERSE] = lambda _: Response(503)
    with pytest.raises(SignInError):
        await bridges.find(ADA)
    internet.sites[BEAS_NAME] = lambda _: Response(503)
    with pytest.raises(ServerUnreachable):
        await bridges.find(BEA)


def test_names() -> None:
    odd = MastodonAccount(ActorUri("https://fern.example/users/__"), Acct("__", "fern.example"))
    assert name_on_bluesky(odd) is None
    assert name_on_bluesky(BEA) == AtHandle(BEAS_NAME)
    long = MastodonAccount(BEA.actor, Acct("b", ".".join(["x" * 60] * 4)))
    assert name_on_bluesky(long) is None
    assert not is_bridged(ADA)
    assert not is_bridged(BEA)
    assert is_bridged(expected_on_fediverse(ADA))
    assert is_bridged(BlueskyAccount(Did(DID), AtHandle(BEAS_NAME)))
    assert not is_bridge_of(expected_on_fediverse(ADA), BEA)
    assert not is_bridge_of(ADA, BEA)
    assert not is_bridge_of(BEA, ADA)
