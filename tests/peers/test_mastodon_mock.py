"""Our client of the Mastodon API against `mastodon_mock`, a server of others in a process of its own."""

from typing import Any, Final
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from directory.accounts import MastodonAccount
from directory.identifiers import Acct, ActorUri
from directory.networks.http import GuardedClient
from directory.networks.mastodon.accounts import verify_credentials
from directory.networks.mastodon.apps import Apps
from directory.networks.mastodon.servers import describe
from directory.networks.mastodon.sign_in import MastodonSignIn
from directory.networks.mastodon.tokens import TokenEndpoint
from directory.networks.port import Purpose, Revocation
from directory.networks.sign_in_errors import (
    AccountNotFound,
    IdentityMismatch,
    NeedsSignIn,
    ServerMisbehaved,
    ServerUnreachable,
    SignInError,
    SignInExpired,
)
from directory.proofs.profile_link import LinkChecker
from directory.proofs.reasons import RefutedReason, UnreachableReason
from directory.proofs.results import Refuted, Unreachable
from tests.directory.networks.grants import NotedGrants
from tests.directory.networks.mastodon.signing_in import CALLBACK, MORNING, KeptApps
from tests.harness.clock import FakeClock
from tests.peers.mastodon_mock import HOST

USER: Final = Acct("testuser", HOST)
ACTOR: Final = ActorUri.parse(f"https://{HOST}/users/testuser")
PAGE: Final = "https://find.example.org/m/abcdefghijkmnpqrstuv"


@pytest.fixture
def kept() -> KeptApps:
    return KeptApps()


@pytest.fixture
def apps(http: GuardedClient, kept: KeptApps) -> Apps:
    return Apps(http, kept, lambda: "Passerelle of the tests", "https://find.example.org")


@pytest.fixture
def grants() -> NotedGrants:
    return NotedGrants()


@pytest.fixture
def sign_in(http: GuardedClient, apps: Apps, grants: NotedGrants) -> MastodonSignIn:
    return MastodonSignIn(http, apps, grants)


async def fail(http: GuardedClient, path: str, **effect: Any) -> None:
    """From now on that path fails so: the server's own fault injection."""
    rule = {"match": {"path": path}, "effect": effect}
    (await http.post(f"https://{HOST}/api/v1/_mock/faults", json=rule)).expect(200)


async def agree(http: GuardedClient, authorize_url: str) -> str:
    """What a person does at the page of the server; where their browser is sent then."""
    asked = {name: values[0] for name, values in parse_qs(urlsplit(authorize_url).query).items()}
    (await http.get(authorize_url)).expect(200)
    form = {name: asked[name] for name in ("redirect_uri", "client_id", "scope", "state")}
    answer = await http.post(f"https://{HOST}/oauth/authorize", form={**form, "username": "testuser"})
    location = answer.expect(302).header("location")
    assert location is not None
    return location


async def token(http: GuardedClient, apps: Apps, code: str = "mockcode_testuser") -> tuple[str, str, str]:
    """A token, with the app that it is of."""
    app = await apps.app_for(HOST, "read:accounts", f"{CALLBACK}/{HOST}", MORNING)
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": app.redirect_uri,
        "client_id": app.client_id,
        "client_secret": app.client_secret,
    }
    given = await TokenEndpoint(http).grant(HOST, form, spent=SignInExpired)
    return given.access_token, app.client_id, app.client_secret


async def test_what_the_server_can(http: GuardedClient) -> None:
    """From its OAuth metadata: PKCE, and no `profile` among its scopes."""
    server = await describe(http, HOST)
    assert server is not None
    assert (server.host, server.has_pkce, server.names_issuer) == (HOST, True, False)
    assert server.scope(Purpose.PROVE) == "read:accounts"


@pytest.mark.parametrize("path", ["/api/v1/instance", "/api/v2/instance"])
async def test_the_instance_endpoint_may_fail(
    http: GuardedClient, sign_in: MastodonSignIn, path: str
) -> None:
    """A well-known client asks 2,000 times then; ours does not ask there at all."""
    await fail(http, path, type="status", status=500)
    started = await sign_in.start_sign_in(HOST, purpose=Purpose.PROVE, redirect_uri=CALLBACK, now=MORNING)
    assert urlsplit(started.authorize_url).hostname == HOST


async def test_an_app_is_registered_once(apps: Apps, kept: KeptApps) -> None:
    """A wrong code was refused, and the app is kept; the server still knows it a day later."""
    first = await apps.app_for(HOST, "read:accounts", f"{CALLBACK}/{HOST}", MORNING)
    # Somebody came back with a token from it.
    await apps.note_return(first)
    later = MORNING.replace(day=MORNING.day + 1)
    again = await apps.app_for(HOST, "read:accounts", f"{CALLBACK}/{HOST}", later)
    assert [one.client_id for one in kept.kept.values()] == [again.client_id]
    assert (again.client_id, again.checked_at) == (first.client_id, later)


async def test_whose_token_it_is(http: GuardedClient, apps: Apps) -> None:
    access, _, _ = await token(http, apps)
    who = await verify_credentials(http, HOST, access)
    assert who.local_acct(HOST) == USER
    with pytest.raises(NeedsSignIn):
        await verify_credentials(http, HOST, "nobodys")


async def test_a_code_that_never_was(http: GuardedClient, apps: Apps) -> None:
    with pytest.raises(SignInExpired):
        await token(http, apps, "guess")


async def unheard() -> None:
    """Hears that the server does not know the app."""


async def test_a_token_is_revoked(http: GuardedClient, apps: Apps) -> None:
    access, client_id, client_secret = await token(http, apps)
    for _ in range(2):
        revoked = await TokenEndpoint(http).revoke(HOST, client_id, client_secret, access, unheard)
        assert revoked is Revocation.REVOKED
    with pytest.raises(NeedsSignIn):
        await verify_credentials(http, HOST, access)


async def test_there_and_back(sign_in: MastodonSignIn) -> None:
    """An address leads to an actor, and the actor to its address. The server fingers addresses only."""
    assert await sign_in.resolve_handle(USER) == ACTOR
    assert await sign_in.current_account(MastodonAccount(ACTOR, USER)) == MastodonAccount(ACTOR, USER)
    with pytest.raises(AccountNotFound):
        await sign_in.resolve_handle(Acct("nobody", HOST))


async def test_nobody_moved(sign_in: MastodonSignIn) -> None:
    assert await sign_in.moved_to(MastodonAccount(ACTOR, USER)) is None


async def test_a_whole_sign_in_ends_where_the_server_contradicts_itself(
    http: GuardedClient, sign_in: MastodonSignIn, grants: NotedGrants
) -> None:
    """Its API names another URI for the account than its WebFinger: that is not believed, and the token given back."""
    started = await sign_in.start_sign_in(
        str(USER), purpose=Purpose.PROVE, redirect_uri=CALLBACK, now=MORNING
    )
    returned = await agree(http, started.authorize_url)
    assert returned.startswith(f"{CALLBACK}/{HOST}?")
    before = await tokens_of(http)
    with pytest.raises(IdentityMismatch):
        await sign_in.finish_sign_in(started.record, returned, MORNING)
    await grants.revoke_all(sign_in, MORNING)
    assert await tokens_of(http) == before


async def tokens_of(http: GuardedClient) -> object:
    """The newest token of each account, as the server tells its own developers."""
    return (await http.get(f"https://{HOST}/api/v1/_mock/dev_users")).expect(200).json()


async def test_a_profile_as_the_api_tells_it(http: GuardedClient, apps: Apps, clock: FakeClock) -> None:
    """No link, one that the server has not verified, and an account that is not there."""
    checker = LinkChecker(http, clock)
    no_link = Refuted(RefutedReason.NO_LINK_BACK)
    assert await checker.check_mastodon(MastodonAccount(ACTOR, USER), f"https://{HOST}", PAGE) == no_link
    access, _, _ = await token(http, apps)
    link = f'<a href="{PAGE}" rel="me">{PAGE}</a>'
    form = urlencode({"fields_attributes[0][name]": "Page", "fields_attributes[0][value]": link})
    saved = await http.request(
        "PATCH",
        f"https://{HOST}/api/v1/accounts/update_credentials",
        headers={"authorization": f"Bearer {access}", "content-type": "application/x-www-form-urlencoded"},
        content=form.encode(),
    )
    saved.expect(200)
    unverified = Refuted(RefutedReason.LINK_UNVERIFIED)
    assert await checker.check_mastodon(MastodonAccount(ACTOR, USER), f"https://{HOST}", PAGE) == unverified
    nobody = await checker.check_mastodon(
        MastodonAccount(ACTOR, Acct("nobody", HOST)), f"https://{HOST}", PAGE
    )
    assert nobody == Unreachable(UnreachableReason.TURNED_AWAY)


FAULTS: Final = [
    ("/api/v1/accounts/verify_credentials", {"type": "ratelimit"}, ServerUnreachable),
    ("/api/v1/accounts/verify_credentials", {"type": "status", "status": 503}, ServerUnreachable),
    ("/api/v1/accounts/verify_credentials", {"type": "status", "status": 403}, NeedsSignIn),
    ("/api/v1/accounts/verify_credentials", {"type": "malformed"}, ServerMisbehaved),
]


@pytest.mark.parametrize(("path", "effect", "expected"), FAULTS)
async def test_faults(
    http: GuardedClient, apps: Apps, path: str, effect: dict[str, Any], expected: type[SignInError]
) -> None:
    access, _, _ = await token(http, apps)
    await fail(http, path, **effect)
    with pytest.raises(expected):
        await verify_credentials(http, HOST, access)


@pytest.mark.parametrize(
    ("effect", "expected"),
    [
        ({"type": "ratelimit"}, ServerUnreachable),
        ({"type": "status", "status": 502}, ServerUnreachable),
        ({"type": "malformed"}, ServerMisbehaved),
    ],
)
async def test_a_webfinger_that_fails_refutes_nothing(
    http: GuardedClient, sign_in: MastodonSignIn, effect: dict[str, Any], expected: type[SignInError]
) -> None:
    await fail(http, "/.well-known/webfinger", **effect)
    with pytest.raises(expected):
        await sign_in.current_account(MastodonAccount(ACTOR, USER))
