"""Whose page an address is, where only its server knows: asked through the guarded client, briefly, and kept."""

import pytest
from msgspec.structs import replace

from directory.errors import InvalidIdentifier
from directory.identifiers import Acct, ActorUri, XHandle
from directory.networks.http import GuardedClient
from directory.networks.mastodon.owners import KEPT_NOBODY_S, KEPT_S, MAX_KEPT, PageOwners
from directory.pasted.target_account import parse_target_account
from directory.services.lookup import Lookup
from directory.services.reversing import Reversing
from directory.store.database import Database
from directory.store.mappings import MappingStore
from tests.directory.networks.mastodon.signing_in import jrd
from tests.harness.clock import FakeClock
from tests.harness.fake_mastodon.internet import FakeInternet
from tests.harness.fake_mastodon.site import FakeServer
from tests.harness.mappings import mastodon
from tests.harness.stored import StoredMappings

BEA = ActorUri("https://mastodon.fern.test/users/bea")


class Watch:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def fern(internet: FakeInternet) -> FakeServer:
    return FakeServer.at(internet, "mastodon.fern.test", accounts=["bea"], domain="fern.test")


@pytest.mark.parametrize(
    "pasted",
    [
        "https://mastodon.fern.test/@bea",
        "mastodon.fern.test/@bea/1234",
        "bea@mastodon.fern.test",
        "https://mastodon.fern.test/users/bea",
        "@bea@fern.test",
    ],
)
async def test_the_server_knows_whose_page_it_is(fern: FakeServer, http: GuardedClient, pasted: str) -> None:
    named = parse_target_account(pasted)
    assert isinstance(named, Acct | ActorUri)
    found = await PageOwners(http).find_owner(named)
    assert found is not None
    assert (found.actor, found.acct) == (BEA, Acct("bea", "fern.test"))


async def test_a_number_for_a_name_is_asked(internet: FakeInternet, http: GuardedClient) -> None:
    """Mastodon's `/ap/users/123` tells no name."""
    actor = "https://num.test/ap/users/123"
    FakeServer.at(internet, "num.test", accounts=[]).broken["/.well-known/webfinger"] = jrd(
        "acct:bea@num.test", actor
    )
    found = await PageOwners(http).find_owner(ActorUri(actor))
    assert found is not None
    assert found.acct == Acct("bea", "num.test")


async def test_an_answer_is_kept(fern: FakeServer, internet: FakeInternet, http: GuardedClient) -> None:
    watch = Watch()
    owners = PageOwners(http, watch)
    for name in ("bea", "nobody"):
        acct = Acct(name, "mastodon.fern.test")
        first = await owners.find_owner(acct)
        asked = len(internet.requests)
        assert await owners.find_owner(acct) == first
        assert len(internet.requests) == asked
        watch.seconds += KEPT_S if first is not None else KEPT_NOBODY_S
        await owners.find_owner(acct)
        assert len(internet.requests) > asked


async def test_what_is_kept_is_bounded(http: GuardedClient) -> None:
    """Whoever asked for a million addresses filled the memory."""
    owners = PageOwners(http)
    for number in range(MAX_KEPT + 10):
        owners._keep(str(number), None)
    assert len(owners._kept) == MAX_KEPT


async def test_a_server_cannot_claim_anothers_account(
    fern: FakeServer, internet: FakeInternet, http: GuardedClient
) -> None:
    """evil.test says that its page is Bea's: the lookup of the page would show her X account."""
    FakeServer.at(internet, "evil.test", accounts=[]).broken["/.well-known/webfinger"] = jrd(
        "acct:bea@fern.test", "https://evil.test/users/bea"
    )
    assert await PageOwners(http).find_owner(ActorUri("https://evil.test/page")) is None


@pytest.mark.parametrize(
    "pasted",
    [
        "https://mastodon.fern.test/@bea",
        "mastodon.fern.test/deck/@bea/1234",
        "https://mastodon.fern.test/users/Bea/",
    ],
)
async def test_a_page_on_the_web_domain_leads_back_to_x(
    fern: FakeServer, http: GuardedClient, database: Database, clock: FakeClock, pasted: str
) -> None:
    """The account is bea@fern.test: its server alone knows that this page is hers."""
    known = replace(mastodon("ada_lovell"), target_id=BEA, target_handle=Acct("bea", "fern.test"))
    await StoredMappings(database).add([known])
    reversing = Reversing(Lookup(MappingStore(database), clock, "one.example/log"), PageOwners(http))
    (found,) = await reversing.reverse(parse_target_account(pasted))
    assert found.mapping.x_handle == XHandle("ada_lovell")


async def test_reverse_by_the_web_domain(
    fern: FakeServer, http: GuardedClient, database: Database, clock: FakeClock
) -> None:
    known = mastodon("ada_lovell", target="bea")
    await StoredMappings(database).add([known])
    lookup = Lookup(MappingStore(database), clock, "one.example/log")
    reversing = Reversing(lookup, PageOwners(http))
    assert await reversing.reverse(Acct("nobody", "mastodon.fern.test")) == []
    with pytest.raises(InvalidIdentifier):
        await reversing.reverse(ActorUri("https://mastodon.fern.test/about"))
    (found,) = await reversing.reverse(ActorUri("https://social.example/users/BEA"))
    assert found.mapping.x_handle == XHandle("ada_lovell")
