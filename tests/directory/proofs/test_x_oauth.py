"""Sign-in with X over the guarded client and a strict fake of X's OAuth."""

from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import pytest

from directory.accounts import XAccount
from directory.identifiers import XHandle, XId
from directory.mappings import EvidenceKind
from directory.networks.http import GuardedClient
from directory.networks.port import SIGN_IN_LIFETIME, SignInStart
from directory.networks.sign_in_errors import (
    IdentityMismatch,
    RefusedByPerson,
    ServerMisbehaved,
    ServerUnreachable,
    SignInError,
    SignInExpired,
    StateMismatch,
)
from directory.proofs.x_oauth import XKey, XSignIn
from tests.harness.clock import START, FakeClock
from tests.harness.fake_x import Failure, FakeAccount, FakeX

CALLBACK = "https://find.example.org/sign-in/x/back"


@pytest.fixture
def alice(x: FakeX) -> FakeAccount:
    """An account that is signed in at X in the browser."""
    x.oauth.signed_in = x.account("Alice")
    return x.oauth.signed_in


@pytest.fixture
def sign_in(x: FakeX, client: GuardedClient, clock: FakeClock) -> XSignIn:
    return XSignIn(client, x.key(), clock)


def browse(x: FakeX, start: SignInStart, decision: str = "allow") -> str:
    """Returns the address that the browser comes back to."""
    fields = dict(parse_qsl(urlsplit(start.authorize_url).query))
    assert x.oauth.page(fields)[0] == 200
    back = x.oauth.decide(fields | {"decision": decision})
    assert back is not None
    return back


async def test_who_signs_in_is_told_and_the_token_is_gone(
    x: FakeX, alice: FakeAccount, sign_in: XSignIn
) -> None:
    start = sign_in.start(CALLBACK)
    done = await sign_in.finish(start.record, browse(x, start))
    assert (done.account, done.is_revoked) == (XAccount(alice.id, XHandle("Alice")), True)
    assert (done.evidence.kind, done.evidence.at) == (EvidenceKind.X_OAUTH, START)
    assert done.evidence.ref == f"https://x.com/i/user/{alice.id}"
    assert x.oauth.tokens == {}
    assert len(x.oauth.revoked) == 1


async def test_a_public_client_has_no_secret(
    x: FakeX, alice: FakeAccount, client: GuardedClient, clock: FakeClock
) -> None:
    x.oauth.client_secret = None
    sign_in = XSignIn(client, x.key(), clock)
    start = sign_in.start(CALLBACK)
    assert (await sign_in.finish(start.record, browse(x, start))).account.id == alice.id


def test_the_least_is_asked_for(sign_in: XSignIn) -> None:
    start = sign_in.start(CALLBACK)
    asked = parse_qs(urlsplit(start.authorize_url).query)
    assert asked["scope"] == ["users.read tweet.read"]
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["state"] == [start.state]
    assert start.expires == START + SIGN_IN_LIFETIME
    assert sign_in.start(CALLBACK).state != start.state


def test_secrets_are_in_no_repr(sign_in: XSignIn, x: FakeX) -> None:
    start = sign_in.start(CALLBACK)
    assert start.state not in repr(start)
    assert "secret" not in repr(x.key())


async def test_login_csrf_the_state_of_another_browser(
    x: FakeX, alice: FakeAccount, sign_in: XSignIn
) -> None:
    """The attacker has the victim's browser finish the attacker's sign-in: the victim's record has another state."""
    attackers, victims = sign_in.start(CALLBACK), sign_in.start(CALLBACK)
    with pytest.raises(StateMismatch):
        await sign_in.finish(victims.record, browse(x, attackers))
    assert x.requests == []


@pytest.mark.parametrize("changed", [{"state": ""}, {"state": "é"}, {}])
async def test_a_missing_or_foreign_state(changed: dict[str, str], sign_in: XSignIn) -> None:
    start = sign_in.start(CALLBACK)
    with pytest.raises(StateMismatch):
        await sign_in.finish(start.record, f"{CALLBACK}?{urlencode(changed | {'code': 'x'})}")


async def test_another_address_to_come_back_to(x: FakeX, alice: FakeAccount, sign_in: XSignIn) -> None:
    start = sign_in.start(CALLBACK)
    with pytest.raises(StateMismatch):
        await sign_in.finish(start.record, browse(x, start).replace("/x/back", "/mastodon/back"))


async def test_too_late(x: FakeX, alice: FakeAccount, sign_in: XSignIn, clock: FakeClock) -> None:
    start = sign_in.start(CALLBACK)
    clock.advance(minutes=15)
    with pytest.raises(SignInExpired):
        await sign_in.finish(start.record, browse(x, start))


async def test_a_record_that_is_none(sign_in: XSignIn) -> None:
    with pytest.raises(SignInExpired):
        await sign_in.finish(b"{", CALLBACK)


async def test_a_code_serves_once(x: FakeX, alice: FakeAccount, sign_in: XSignIn) -> None:
    start = sign_in.start(CALLBACK)
    back = browse(x, start)
    await sign_in.finish(start.record, back)
    with pytest.raises(SignInExpired):
        await sign_in.finish(start.record, back)


async def test_a_stolen_code_needs_the_verifier(x: FakeX, alice: FakeAccount, sign_in: XSignIn) -> None:
    """Code injection: the victim's code in the attacker's own sign-in, with the attacker's state."""
    victims, attackers = sign_in.start(CALLBACK), sign_in.start(CALLBACK)
    code = parse_qs(urlsplit(browse(x, victims)).query)["code"][0]
    injected = f"{CALLBACK}?{urlencode({'state': attackers.state, 'code': code})}"
    with pytest.raises(SignInExpired):
        await sign_in.finish(attackers.record, injected)


async def test_the_person_says_no(x: FakeX, alice: FakeAccount, sign_in: XSignIn) -> None:
    start = sign_in.start(CALLBACK)
    with pytest.raises(RefusedByPerson):
        await sign_in.finish(start.record, browse(x, start, "deny"))


async def test_another_account_than_the_expected_one(x: FakeX, alice: FakeAccount, sign_in: XSignIn) -> None:
    start = sign_in.start(CALLBACK, XId(12))
    with pytest.raises(IdentityMismatch):
        await sign_in.finish(start.record, browse(x, start))
    assert x.oauth.tokens == {}
    again = sign_in.start(CALLBACK, alice.id)
    assert (await sign_in.finish(again.record, browse(x, again))).account.id == alice.id


async def test_a_wrong_secret(x: FakeX, alice: FakeAccount, client: GuardedClient, clock: FakeClock) -> None:
    sign_in = XSignIn(client, x.key(), clock)
    x.oauth.client_secret = "changed-since"  # noqa: S105 - it opens nothing
    start = sign_in.start(CALLBACK)
    with pytest.raises(ServerMisbehaved) as caught:
        await sign_in.finish(start.record, browse(x, start))
    assert "fake-secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        (Failure(503), ServerUnreachable),
        (Failure.rate_limited(60), ServerUnreachable),
        (Failure(hangs_up=True), ServerUnreachable),
        (Failure(400, b'{"error":"invalid_client"}'), ServerMisbehaved),
        (Failure(400), ServerMisbehaved),
        (Failure(200), ServerMisbehaved),
        (Failure.huge(), ServerMisbehaved),
        (Failure(200, b'{"access_token":"a b","token_type":"bearer"}'), ServerMisbehaved),
        (Failure(200, b'{"access_token":"a\\r\\nb","token_type":"bearer"}'), ServerMisbehaved),
        (Failure(200, b'{"access_token":"","token_type":"bearer"}'), ServerMisbehaved),
        (Failure(200, b'{"access_token":"a","token_type":"mac"}'), ServerMisbehaved),
    ],
)
async def test_what_comes_of_a_token_endpoint_that_fails(
    failure: Failure, error: type[SignInError], x: FakeX, alice: FakeAccount, sign_in: XSignIn
) -> None:
    start = sign_in.start(CALLBACK)
    back = browse(x, start)
    x.fail("oauth", failure)
    with pytest.raises(error):
        await sign_in.finish(start.record, back)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((402, b'{"title":"CreditsDepleted"}'), ServerUnreachable),
        ((429, b""), ServerUnreachable),
        ((401, b"{}"), ServerMisbehaved),
        ((403, b"{}"), ServerMisbehaved),
        ((200, b"{}"), ServerMisbehaved),
        ((200, b'{"data":{"id":"0","username":"alice"}}'), ServerMisbehaved),
        ((200, b'{"data":{"id":"12","username":"al ice"}}'), ServerMisbehaved),
    ],
)
async def test_whoever_cannot_be_told_leaves_no_token_behind(
    answer: tuple[int, bytes], error: type[SignInError], x: FakeX, alice: FakeAccount, sign_in: XSignIn
) -> None:
    start = sign_in.start(CALLBACK)
    x.oauth.answers_me = answer
    with pytest.raises(error):
        await sign_in.finish(start.record, browse(x, start))
    assert (x.oauth.tokens, len(x.oauth.revoked)) == ({}, 1)


async def test_a_revocation_that_fails_is_told(x: FakeX, alice: FakeAccount, sign_in: XSignIn) -> None:
    start = sign_in.start(CALLBACK)
    x.oauth.answers_revoke = (503, b"")
    done = await sign_in.finish(start.record, browse(x, start))
    assert (done.account.id, done.is_revoked) == (alice.id, False)


def test_the_addresses_of_x() -> None:
    key = XKey("id")
    assert (key.authorize_base, key.api_base) == ("https://x.com", "https://api.x.com")
