"""Sign in with servers of every family, to the end."""

from urllib.parse import parse_qs, urlsplit

import pytest

from directory.accounts import MastodonAccount
from directory.identifiers import Acct, ActorUri
from directory.networks.port import Purpose, TokenSet
from directory.networks.sign_in_errors import AccountNotFound, NotAServer, RefusedByPerson, ServerUnreachable
from tests.directory.networks.mastodon.signing_in import CALLBACK, Instance
from tests.harness.fake_mastodon.internet import FakeInternet, Response
from tests.harness.fake_mastodon.profiles import (
    GOTOSOCIAL,
    MASTODON_4_1,
    MASTODON_4_3,
    PLEROMA,
    STRICT,
    TAKAHE,
    Profile,
)
from tests.harness.fake_mastodon.site import FakeServer

ALICE = Acct("alice", "social.test")
LEAST = {GOTOSOCIAL: "read:accounts write:follows", TAKAHE: "read write:follows"}
NODEINFO = "http://nodeinfo.diaspora.software/ns/schema/2.0"


@pytest.fixture(params=STRICT, ids=lambda profile: profile.name)
def profile(request: pytest.FixtureRequest) -> Profile:
    chosen: Profile = request.param
    return chosen


async def test_a_person_signs_in(internet: FakeInternet, instance: Instance, profile: Profile) -> None:
    server = FakeServer.at(internet, "social.test", profile, now=instance.now)
    done = await instance.signed_in("@alice@social.test")
    account = server.account("alice")
    assert account is not None
    assert done.account == MastodonAccount(ActorUri.parse(server.actor(account)), ALICE)
    assert done.purpose is Purpose.PROVE
    assert not done.may_follow


@pytest.mark.parametrize(
    "typed",
    [
        "alice@social.test",
        "@alice@Social.Test",
        " acct:alice@social.test ",
        "https://social.test/@alice",
        "https://social.test/users/alice",
        "https://social.test/",
        "https://social.test/home",
        "social.test",
        "SOCIAL.test",
    ],
)
async def test_a_server_is_found_however_it_is_named(
    internet: FakeInternet, instance: Instance, typed: str
) -> None:
    FakeServer.at(internet, "social.test", now=instance.now)
    assert (await instance.signed_in(typed)).account.handle == ALICE


@pytest.mark.parametrize("typed", ["@alice@pasture.test", "pasture.test", "alice@social.pasture.test"])
async def test_the_address_may_be_on_another_domain_than_the_server(
    internet: FakeInternet, instance: Instance, profile: Profile, typed: str
) -> None:
    server = FakeServer.at(internet, "social.pasture.test", profile, domain="pasture.test", now=instance.now)
    done = await instance.signed_in(typed)
    account = server.account("alice")
    assert account is not None
    assert done.account.handle == Acct("alice", "pasture.test")
    assert done.account.id == ActorUri.parse(server.actor(account))
    assert urlsplit(str(done.account.id)).hostname == "social.pasture.test"
    assert done.tokens.server == "social.pasture.test"


async def test_who_signed_in_counts_not_who_was_named(internet: FakeInternet, instance: Instance) -> None:
    FakeServer.at(internet, "social.test", accounts=["alice", "bob"], now=instance.now)
    assert (await instance.signed_in("@alice@social.test", "bob")).account.handle == Acct(
        "bob", "social.test"
    )


@pytest.mark.parametrize("status", [404, 500])
async def test_the_instance_endpoint_is_not_needed(
    internet: FakeInternet, instance: Instance, profile: Profile, status: int
) -> None:
    """A host that fails there made a well-known client ask 2,000 times, until its stack ended."""
    server = FakeServer.at(internet, "social.test", profile, now=instance.now)
    server.broken["/api/v1/instance"] = server.broken["/api/v2/instance"] = lambda _: Response(status)
    assert (await instance.signed_in("social.test")).account.handle == ALICE
    assert len(internet.requests) < 20


@pytest.mark.parametrize(
    ("profile", "scope"),
    [(MASTODON_4_3, "profile"), (MASTODON_4_1, "read:accounts"), (TAKAHE, "read")],
)
async def test_the_least_scope_is_asked_for(
    internet: FakeInternet, instance: Instance, profile: Profile, scope: str
) -> None:
    FakeServer.at(internet, "social.test", profile)
    started = await instance.start("social.test")
    assert parse_qs(urlsplit(started.authorize_url).query)["scope"] == [scope]


async def test_following_is_asked_for_apart(
    internet: FakeInternet, instance: Instance, profile: Profile
) -> None:
    FakeServer.at(internet, "social.test", profile, now=instance.now)
    done = await instance.signed_in("social.test", purpose=Purpose.FOLLOW)
    assert done.may_follow
    assert done.purpose is Purpose.FOLLOW
    assert done.tokens.scope == LEAST.get(profile, "read:accounts read:follows write:follows")


async def test_pkce_is_used_where_it_is_offered(internet: FakeInternet, instance: Instance) -> None:
    FakeServer.at(internet, "new.test", MASTODON_4_3, now=instance.now)
    FakeServer.at(internet, "old.test", MASTODON_4_1, now=instance.now)
    new, old = await instance.start("new.test"), await instance.start("old.test")
    assert parse_qs(urlsplit(new.authorize_url).query)["code_challenge_method"] == ["S256"]
    assert "code_challenge" not in old.authorize_url
    await instance.finish(new, await instance.visit(new, "alice"))
    exchanged = [request.form for request in internet.requests if request.path == "/oauth/token"][-1]
    assert exchanged["code_verifier"]


async def test_a_person_says_no(internet: FakeInternet, instance: Instance, profile: Profile) -> None:
    FakeServer.at(internet, "social.test", profile, now=instance.now)
    started = await instance.start("social.test")
    returned = await instance.visit(started, "alice", deny=True)
    with pytest.raises(RefusedByPerson):
        await instance.finish(started, returned)


async def test_a_host_that_is_no_such_server(internet: FakeInternet, instance: Instance) -> None:
    internet.sites["shop.test"] = lambda request: Response.html(
        "<h1>A shop</h1>", 200 if request.method == "GET" else 405
    )
    with pytest.raises(NotAServer):
        await instance.start("shop.test")


async def test_a_page_for_everything_is_no_server(internet: FakeInternet, instance: Instance) -> None:
    internet.sites["app.test"] = lambda _: Response.html("<div id=app></div>")
    with pytest.raises(NotAServer):
        await instance.start("app.test")


async def test_an_account_that_is_not_there(internet: FakeInternet, instance: Instance) -> None:
    FakeServer.at(internet, "social.test")
    with pytest.raises(AccountNotFound):
        await instance.start("@nobody@social.test")


async def test_a_host_that_is_not_there(instance: Instance) -> None:
    with pytest.raises(ServerUnreachable):
        await instance.start("@alice@gone.test")


async def test_nothing_secret_is_shown(internet: FakeInternet, instance: Instance) -> None:
    """What ends in a log or an error page is what `repr` and `str` say."""
    FakeServer.at(internet, "social.test", PLEROMA, now=instance.now)
    started = await instance.start("social.test")
    done = await instance.finish(started, await instance.visit(started, "alice"))
    app = next(iter(instance.apps.kept.values()))
    shown = " ".join(map(repr, (started, done, done.tokens, done.tokens.binding, app)))
    for secret in (started.state, done.tokens.access, done.tokens.refresh, app.client_secret):
        assert secret
        assert secret not in shown
    assert TokenSet.from_bytes(done.tokens.to_bytes()) == done.tokens


async def test_the_way_back_is_the_servers_own(internet: FakeInternet, instance: Instance) -> None:
    FakeServer.at(internet, "social.test", GOTOSOCIAL)
    started = await instance.start("@alice@social.test")
    asked = parse_qs(urlsplit(started.authorize_url).query)
    assert asked["redirect_uri"] == [f"{CALLBACK}/social.test"]


@pytest.mark.parametrize(
    ("profile", "prove", "follow"),
    [
        (MASTODON_4_3, "profile", "read:accounts read:follows write:follows"),
        (MASTODON_4_1, "read:accounts", "read:accounts read:follows write:follows"),
        (GOTOSOCIAL, "read:accounts", "read:accounts write:follows"),
        (TAKAHE, "read", "read write:follows"),
    ],
    ids=lambda value: value.name if isinstance(value, Profile) else None,
)
async def test_the_least_scope_that_works_at_each_server(
    internet: FakeInternet, instance: Instance, profile: Profile, prove: str, follow: str
) -> None:
    """Takahē does not tell who signed in with `read:accounts`; GoToSocial has no use for `read:follows`."""
    FakeServer.at(internet, "social.test", profile, now=instance.now)
    for typed in ("@alice@social.test", "social.test"):
        assert (await instance.signed_in(typed)).tokens.scope == prove
        done = await instance.signed_in(typed, purpose=Purpose.FOLLOW)
        assert done.tokens.scope == follow
        assert done.may_follow


@pytest.mark.parametrize(
    "links",
    [
        Response(404),
        Response.html("<h1>Hello</h1>"),
        Response.json({"links": [{"rel": NODEINFO, "href": "https://[::1/"}]}),
        Response.json({"links": [{"rel": NODEINFO, "href": "https://social.test/none"}]}),
        Response.json({"links": 5}),
    ],
)
async def test_a_server_that_does_not_say_what_it_is(
    internet: FakeInternet, instance: Instance, links: Response
) -> None:
    """It is taken for a Mastodon."""
    server = FakeServer.at(internet, "social.test", GOTOSOCIAL, now=instance.now)
    server.broken["/.well-known/nodeinfo"] = lambda _request: links
    done = await instance.signed_in("@alice@social.test", purpose=Purpose.FOLLOW)
    assert done.tokens.scope == "read:accounts read:follows write:follows"


async def test_nobody_else_is_asked_what_a_server_is(internet: FakeInternet, instance: Instance) -> None:
    """Another server would choose what is asked for here."""
    server = FakeServer.at(internet, "social.test", GOTOSOCIAL, now=instance.now)
    FakeServer.at(internet, "elsewhere.test", TAKAHE, now=instance.now)
    links = {"links": [{"rel": NODEINFO, "href": "https://elsewhere.test/nodeinfo/2.0"}]}
    server.broken["/.well-known/nodeinfo"] = lambda _request: Response.json(links)
    done = await instance.signed_in("@alice@social.test", purpose=Purpose.FOLLOW)
    assert done.tokens.scope == LEAST[GOTOSOCIAL]
    assert not internet.asked("elsewhere.test")
