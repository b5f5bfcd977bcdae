"""Strangers who would sign in with Bluesky as somebody else. Each test's docstring tells the attack."""

from typing import Any

import pytest

from directory.accounts import BlueskyAccount
from directory.identifiers import NO_HANDLE, Did
from directory.networks.bluesky.handles import HandleResolver
from directory.networks.sign_in_errors import (
    AccountNotFound,
    HandleMismatch,
    IdentityMismatch,
    IssuerMismatch,
    NotAServer,
    OurselvesBusy,
    RefusedByPerson,
    ServerMisbehaved,
    ServerUnreachable,
    StateMismatch,
)
from tests.directory.networks.bluesky.fakes import (
    ALICE,
    MALLORY,
    NOON,
    REDIRECT,
    FakePds,
    Neighbourhood,
    document,
    evil,
)


async def test_the_fakes_sign_in(near: Neighbourhood) -> None:
    started = await near.start("alice.test")
    done = await near.finish(started, "https://pds.test")
    assert done.account.id == Did(ALICE)
    assert str(done.account.handle) == "alice.test"


async def test_a_server_that_signs_in_accounts_of_another(near: Neighbourhood) -> None:
    """The attacker's server says that whoever signs in there is Alice."""
    evil(near).signs_in = ALICE
    started = await near.start("https://evil.test")
    with pytest.raises(IssuerMismatch):
        await near.finish(started, "https://evil.test")


async def test_a_token_for_somebody_else(near: Neighbourhood) -> None:
    """Mallory starts as herself; her server then says that it was Alice."""
    evil(near).signs_in = ALICE
    started = await near.start("mallory.test")
    with pytest.raises(IssuerMismatch):
        await near.finish(started, "https://evil.test")


async def test_a_document_that_points_elsewhere(near: Neighbourhood) -> None:
    """Alice's account moved away; her old server still signs people in as her."""
    started = await near.start("alice.test")
    near.documents[ALICE] = document(ALICE, "alice.test", near.server("new.test", ALICE).origin)
    with pytest.raises(IssuerMismatch):
        await near.finish(started, "https://pds.test")


async def test_a_pds_that_points_to_another_issuer(near: Neighbourhood) -> None:
    """The PDS of the account names another authorization server than the one that gave the token."""
    started = await near.start("alice.test")
    pds = near.internet.sites["pds.test"]
    assert isinstance(pds, FakePds)
    pds.issuer = "https://evil.test"
    with pytest.raises(IssuerMismatch):
        await near.finish(started, "https://pds.test")


async def test_a_pds_that_signs_in_through_an_honest_server(near: Neighbourhood) -> None:
    """The attacker's PDS names the honest server: Alice signs in there, for a sign-in of Mallory's. She is Alice, and
    it is told that Mallory was named."""
    evil(near).issuer = "https://pds.test"
    started = await near.start("mallory.test")
    done = await near.finish(started, "https://pds.test")
    assert (done.account.id, done.instead_of) == (Did(ALICE), "mallory.test")


@pytest.mark.parametrize(
    "issuer", ["https://pds.test", "", "https://evil.test/", "HTTPS://EVIL.TEST", "evil.test"]
)
async def test_mix_up(near: Neighbourhood, issuer: str) -> None:
    """The code of an honest server comes back into a sign-in with the attacker's (RFC 9207)."""
    started = await near.start("mallory.test")
    before = len(near.internet.asked("evil.test"))
    with pytest.raises(IssuerMismatch):
        await near.finish(started, issuer)
    assert len(near.internet.asked("evil.test")) == before, "the code must not reach the other server"


async def test_a_missing_issuer(near: Neighbourhood) -> None:
    """The parameter is left out, in the hope that then nothing is compared."""
    started = await near.start("mallory.test")
    with pytest.raises(IssuerMismatch):
        await near.sign_in.finish_sign_in(
            started.record,
            f"{REDIRECT}?state={started.state}&code=code",
            started.expires.replace(hour=12, minute=1),
        )


async def test_metadata_of_another_server(near: Neighbourhood) -> None:
    """The attacker's server calls itself by the honest one's name."""
    evil(near).changed["issuer"] = "https://pds.test"
    with pytest.raises(IssuerMismatch):
        await near.start("mallory.test")


WEAKER: list[dict[str, Any]] = [
    {"code_challenge_methods_supported": ["plain"]},
    {"dpop_signing_alg_values_supported": ["none"]},
    {"authorization_response_iss_parameter_supported": False},
    {"require_pushed_authorization_requests": False},
    {"client_id_metadata_document_supported": False},
    {"scopes_supported": ["openid"]},
]


@pytest.mark.parametrize("changed", WEAKER, ids=lambda changed: next(iter(changed)))
async def test_a_server_without_the_safeguards(near: Neighbourhood, changed: dict[str, Any]) -> None:
    """A server offers less, so that what protects the sign-in is left out."""
    evil(near).changed.update(changed)
    with pytest.raises(NotAServer):
        await near.start("mallory.test")


@pytest.mark.parametrize(
    "endpoint",
    [
        "javascript:alert(1)",
        "http://evil.test/oauth",
        "https://user@evil.test/",
        "//evil.test",
        "https://",
        "x" * 3000,
    ],
)
async def test_an_endpoint_that_is_no_web_address(near: Neighbourhood, endpoint: str) -> None:
    """The browser would be sent to it."""
    evil(near).changed["authorization_endpoint"] = endpoint
    with pytest.raises(ServerMisbehaved):
        await near.start("mallory.test")


TOKENS: list[dict[str, Any]] = [
    {"token_type": "Bearer"},
    {"scope": "transition:generic"},
    {"scope": ""},
    {"sub": "mallory.test"},
    {"sub": "did:key:zQ3sh"},
    {"sub": None},
    {"access_token": ""},
    {"access_token": "x" * 10_000},
    {"refresh_token": "x" * 10_000},
    {"expires_in": "soon"},
]


@pytest.mark.parametrize("tokens", TOKENS, ids=str)
async def test_tokens_that_are_not_those_of_a_sign_in(near: Neighbourhood, tokens: dict[str, Any]) -> None:
    """Without its binding to a key, without the scope, or for nobody, a token proves nothing."""
    evil(near).tokens.update(tokens)
    started = await near.start("mallory.test")
    with pytest.raises(ServerMisbehaved):
        await near.finish(started, "https://evil.test")


async def test_a_handle_that_leads_to_somebody_else(near: Neighbourhood) -> None:
    """The attacker's domain leads to Alice's account, which has another name."""
    near.txt["_atproto.famous.test"] = [f"did={ALICE}"]
    with pytest.raises(HandleMismatch):
        await near.start("famous.test")


async def test_a_document_that_claims_a_handle(near: Neighbourhood) -> None:
    """The attacker writes Alice's handle into a document of their own: they are nobody by that name. The tokens are ended."""
    near.documents[MALLORY]["alsoKnownAs"] = ["at://alice.test"]
    started = await near.start(MALLORY)
    done = await near.finish(started, "https://evil.test")
    assert done.account == BlueskyAccount(Did(MALLORY), NO_HANDLE)
    assert isinstance(done.nameless, HandleMismatch)
    await near.grants.revoke_all(near.sign_in, NOON)
    assert near.internet.asked("evil.test")[-1] == "/oauth/revoke"


@pytest.mark.parametrize(
    "names", [[], ["https://mallory.test"], ["at://not a handle"], ["at://localhost"], [7]]
)
async def test_a_document_without_a_handle(near: Neighbourhood, names: list[object]) -> None:
    near.documents[MALLORY]["alsoKnownAs"] = names
    started = await near.start(MALLORY)
    done = await near.finish(started, "https://evil.test")
    assert done.account == BlueskyAccount(Did(MALLORY), NO_HANDLE)
    assert isinstance(done.nameless, HandleMismatch)


async def test_a_handle_that_nobody_can_say_where_it_leads(near: Neighbourhood) -> None:
    """Its domain is gone, or the name servers are down: the account is proven by its id, and no name of it."""
    started = await near.start(MALLORY)
    near.is_dns_down = True
    done = await near.finish(started, "https://evil.test")
    assert done.account == BlueskyAccount(Did(MALLORY), NO_HANDLE)
    assert isinstance(done.nameless, ServerUnreachable)


async def test_a_handle_that_nobody_was_asked_about(
    near: Neighbourhood, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Attack: somebody takes all places of ours for asking servers. Whoever signed in meanwhile had lost their handle by that, and
    could publish nothing until they signed in once more."""
    started = await near.start(MALLORY)

    async def busy(*_: object) -> Did:
        raise OurselvesBusy("", "all places are taken")

    monkeypatch.setattr(HandleResolver, "resolve", busy)
    with pytest.raises(OurselvesBusy):
        await near.finish(started, "https://evil.test")


async def test_a_handle_that_leads_to_two_accounts(near: Neighbourhood) -> None:
    """Two records: one for those who look first, one for those who look last."""
    near.txt["_atproto.alice.test"].append(f"did={MALLORY}")
    with pytest.raises(AccountNotFound):
        await near.start("alice.test")


async def test_a_document_of_another_account(near: Neighbourhood) -> None:
    """The directory (or a did:web host) answers with a document of somebody else."""
    near.documents[MALLORY] = near.documents[ALICE]
    with pytest.raises(ServerMisbehaved):
        await near.start("mallory.test")


async def test_somebody_else_than_expected(near: Neighbourhood) -> None:
    """A follow run asks for the rights of the account it belongs to; another one signs in."""
    with pytest.raises(IdentityMismatch):
        await near.start("mallory.test", expected=Did(ALICE))
    started = await near.start("https://evil.test", expected=Did(ALICE))
    with pytest.raises(IdentityMismatch):
        await near.finish(started, "https://evil.test")


async def test_login_csrf(near: Neighbourhood) -> None:
    """The attacker signs in as themselves and hands the victim's browser the last address."""
    theirs, victims = await near.start("mallory.test"), await near.start("alice.test")
    with pytest.raises(StateMismatch):
        await near.finish(victims, "https://evil.test", state=theirs.state)


async def test_a_person_says_no(near: Neighbourhood) -> None:
    started = await near.start("alice.test")
    with pytest.raises(RefusedByPerson):
        await near.finish(started, "https://pds.test", error="access_denied")
    with pytest.raises(ServerMisbehaved):
        await near.finish(started, "https://pds.test", error="server_error")
    with pytest.raises(ServerMisbehaved):
        await near.finish(started, "https://pds.test", code="")
