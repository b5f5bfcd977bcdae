"""Tokens are renewed where they end, and ended when they are no longer wanted."""

import pytest
from msgspec.structs import replace

from directory.networks.mastodon.accounts import verify_credentials
from directory.networks.port import DpopBinding, Revocation, TokenSet
from directory.networks.sign_in_errors import NeedsSignIn, ServerMisbehaved, ServerUnreachable
from tests.directory.networks.mastodon.signing_in import Instance
from tests.harness.fake_mastodon.internet import FakeInternet, Response
from tests.harness.fake_mastodon.profiles import MASTODON_4_3, PLEROMA, STRICT, Profile
from tests.harness.fake_mastodon.site import FakeServer

everywhere = pytest.mark.parametrize("profile", STRICT, ids=lambda profile: profile.name)


async def works(instance: Instance, tokens: TokenSet) -> bool:
    try:
        await verify_credentials(instance.http, tokens.server, tokens.access)
    except NeedsSignIn:
        return False
    return True


@everywhere
async def test_a_token_is_revoked(internet: FakeInternet, instance: Instance, profile: Profile) -> None:
    FakeServer.at(internet, "social.test", profile, now=instance.now)
    tokens = (await instance.signed_in("social.test")).tokens
    assert await works(instance, tokens)
    assert await instance.sign_in.revoke(tokens, instance.time) is Revocation.REVOKED
    assert not await works(instance, tokens)


@everywhere
async def test_revoking_twice_is_no_error(
    internet: FakeInternet, instance: Instance, profile: Profile
) -> None:
    FakeServer.at(internet, "social.test", profile, now=instance.now)
    tokens = (await instance.signed_in("social.test")).tokens
    for _ in range(2):
        assert await instance.sign_in.revoke(tokens, instance.time) is Revocation.REVOKED


@everywhere
async def test_revoking_one_leaves_the_others(
    internet: FakeInternet, instance: Instance, profile: Profile
) -> None:
    FakeServer.at(internet, "social.test", profile, accounts=["alice", "bob"], now=instance.now)
    alices = (await instance.signed_in("social.test", "alice")).tokens
    bobs = (await instance.signed_in("social.test", "bob")).tokens
    await instance.sign_in.revoke(alices, instance.time)
    assert await works(instance, bobs)


async def test_a_server_without_revocation_says_so(internet: FakeInternet, instance: Instance) -> None:
    server = FakeServer.at(internet, "social.test", now=instance.now)
    tokens = (await instance.signed_in("social.test")).tokens
    server.broken["/oauth/revoke"] = lambda _: Response(404)
    assert await instance.sign_in.revoke(tokens, instance.time) is Revocation.NOT_OFFERED


@pytest.mark.parametrize(("status", "expected"), [(503, ServerUnreachable), (403, ServerMisbehaved)])
async def test_a_token_that_lives_on_is_not_called_revoked(
    internet: FakeInternet, instance: Instance, status: int, expected: type[Exception]
) -> None:
    server = FakeServer.at(internet, "social.test", now=instance.now)
    tokens = (await instance.signed_in("social.test")).tokens
    server.broken["/oauth/revoke"] = lambda _: Response(status)
    with pytest.raises(expected):
        await instance.sign_in.revoke(tokens, instance.time)


@pytest.mark.parametrize("status", [401, 403])
async def test_a_page_of_a_proxy_is_no_word_about_a_token(
    internet: FakeInternet, instance: Instance, status: int
) -> None:
    """What stands before a server answers for a minute with a page of its own. Once, the token counted as revoked then,
    and lived on; and one that was to be renewed was thrown away."""
    server = FakeServer.at(internet, "social.test", PLEROMA, now=instance.now)
    tokens = (await instance.signed_in("social.test")).tokens
    for path in ("/oauth/revoke", "/oauth/token", "/api/v1/accounts/verify_credentials"):
        server.broken[path] = lambda _: Response.html("<h1>Checking your browser</h1>", status)
    with pytest.raises(ServerMisbehaved):
        await instance.sign_in.revoke(tokens, instance.time)
    with pytest.raises(ServerUnreachable):
        await instance.sign_in.refresh(tokens, instance.time)
    server.broken.clear()
    assert await works(instance, tokens)
    assert await instance.sign_in.revoke(tokens, instance.time) is Revocation.REVOKED


async def test_tokens_without_an_end_stay_fresh(internet: FakeInternet, instance: Instance) -> None:
    FakeServer.at(internet, "social.test", MASTODON_4_3, now=instance.now)
    tokens = (await instance.signed_in("social.test")).tokens
    instance.wait(days=1_000)
    assert tokens.is_fresh(instance.time)
    with pytest.raises(NeedsSignIn):
        await instance.sign_in.refresh(tokens, instance.time)


async def test_tokens_with_an_end_are_renewed(internet: FakeInternet, instance: Instance) -> None:
    FakeServer.at(internet, "social.test", PLEROMA, now=instance.now)
    old = (await instance.signed_in("social.test")).tokens
    instance.wait(days=100)
    assert not old.is_fresh(instance.time)
    new = await instance.sign_in.refresh(old, instance.time)
    assert new.is_fresh(instance.time)
    assert await works(instance, new)
    assert new.account_id == old.account_id
    with pytest.raises(NeedsSignIn):
        await instance.sign_in.refresh(old, instance.time)


async def test_tokens_of_a_forgotten_app(internet: FakeInternet, instance: Instance) -> None:
    server = FakeServer.at(internet, "social.test", PLEROMA, now=instance.now)
    tokens = (await instance.signed_in("social.test")).tokens
    server.oauth.apps.clear()
    with pytest.raises(NeedsSignIn):
        await instance.sign_in.refresh(tokens, instance.time)


async def test_tokens_of_another_network(internet: FakeInternet, instance: Instance) -> None:
    FakeServer.at(internet, "social.test", now=instance.now)
    tokens = (await instance.signed_in("social.test")).tokens
    strange = replace(tokens, binding=DpopBinding("{}", None))
    with pytest.raises(NeedsSignIn):
        await instance.sign_in.revoke(strange, instance.time)
    with pytest.raises(NeedsSignIn):
        await instance.sign_in.refresh(strange, instance.time)


@pytest.mark.parametrize("sealed", [b"", b"{}", b"\xff\xfe", b"[]"])
def test_stored_tokens_that_are_none(sealed: bytes) -> None:
    with pytest.raises(NeedsSignIn):
        TokenSet.from_bytes(sealed)
