"""Sign in with Bluesky at a real PDS, to the end."""

import asyncio
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from directory.accounts import BlueskyAccount, MastodonAccount
from directory.errors import InvalidIdentifier
from directory.identifiers import NO_HANDLE, Acct, ActorUri, AtHandle, Did
from directory.networks.bluesky.client import SCOPE_FOLLOW
from directory.networks.bluesky.did import DidResolver
from directory.networks.port import Purpose, TokenSet
from directory.networks.sign_in_errors import (
    AccountNotFound,
    HandleMismatch,
    IdentityMismatch,
    SignInExpired,
    StateMismatch,
)
from tests.directory.networks.bluesky.calls import Calls
from tests.directory.networks.bluesky.signing_in import Instance, now
from tests.harness.browser import launched_chromium
from tests.peers.pds import Account


@pytest.mark.parametrize(
    "typed",
    ["{handle}", "@{handle}", " {handle} ", "at://{handle}", "https://bsky.app/profile/{handle}", "{did}"],
)
async def test_an_account_signs_in_however_it_is_named(
    instance: Instance, alice: Account, typed: str
) -> None:
    started = await instance.start(typed.format(handle=alice.handle.upper(), did=alice.did))
    returned = await instance.visit(started, alice)
    done = await instance.sign_in.finish_sign_in(started.record, returned, now())
    assert done.account == BlueskyAccount(Did.parse(alice.did), AtHandle.parse(alice.handle))
    assert done.purpose is Purpose.PROVE
    assert done.tokens.scope == "atproto"
    assert not done.may_follow
    assert done.tokens.server == instance.pds.url


async def test_a_server_is_named_instead_of_an_account(instance: Instance, alice: Account) -> None:
    """For people who know their server and their password, not their handle."""
    started = await instance.start(instance.pds.url)
    returned = await instance.visit(started, alice)
    done = await instance.sign_in.finish_sign_in(started.record, returned, now())
    assert done.account.id == Did.parse(alice.did)


async def test_a_person_signs_in_with_a_browser(instance: Instance, alice: Account) -> None:
    """On the real pages of the PDS, in Chromium."""
    started = await instance.start(alice.handle)
    async with launched_chromium() as browser:
        page = await browser.new_page()
        async with page.expect_request(f"{instance.redirect_uri}**") as back:
            await page.goto(started.authorize_url)
            await page.get_by_role("button", name="Sign in").click()
            # The name stands there already, and cannot be changed: it was named to us.
            assert await page.get_by_role("textbox", name="Username or Email").input_value() == alice.handle
            await page.get_by_role("textbox", name="Password").fill(alice.password)
            await page.keyboard.press("Enter")
            await page.get_by_role("button", name="Authorize").click()
        returned = (await back.value).url
    done = await instance.sign_in.finish_sign_in(started.record, returned, now())
    assert done.account.id == Did.parse(alice.did)


async def test_the_browser_carries_nothing_but_a_name(instance: Instance, alice: Account) -> None:
    """What is asked for was told to the server directly (PAR): nobody on the way can change it."""
    started = await instance.start(alice.handle)
    assert set(parse_qs(urlsplit(started.authorize_url).query)) == {"client_id", "request_uri"}


async def test_follow_rights_are_asked_for_apart(instance: Instance, alice: Account, bob: Account) -> None:
    """They suffice to follow and to unfollow, and to nothing else."""
    started = await instance.start(alice.handle, Purpose.FOLLOW)
    returned = await instance.visit(started, alice, SCOPE_FOLLOW)
    done = await instance.sign_in.finish_sign_in(started.record, returned, now())
    assert done.may_follow
    pds = Calls(instance.requests, instance.pds.url, done.tokens)
    follow = {
        "repo": alice.did,
        "collection": "app.bsky.graph.follow",
        "record": {
            "$type": "app.bsky.graph.follow",
            "subject": bob.did,
            "createdAt": "2026-11-22T09:00:00.000Z",
        },
    }
    made = await pds.procedure("com.atproto.repo.createRecord", follow, now())
    assert made.status == 200
    uri = made.parse(dict[str, object])["uri"]
    post = {**follow, "collection": "app.bsky.feed.post"}
    assert (await pds.procedure("com.atproto.repo.createRecord", post, now())).status in {400, 403}
    ended = {"repo": alice.did, "collection": "app.bsky.graph.follow", "rkey": str(uri).rpartition("/")[2]}
    assert (await pds.procedure("com.atproto.repo.deleteRecord", ended, now())).status == 200


async def test_a_person_grants_less_than_was_asked_for(instance: Instance, alice: Account) -> None:
    started = await instance.start(alice.handle, Purpose.FOLLOW)
    returned = await instance.visit(started, alice, "atproto")
    done = await instance.sign_in.finish_sign_in(started.record, returned, now())
    assert not done.may_follow


async def test_a_changed_handle_is_noticed(instance: Instance, alice: Account) -> None:
    """The DID stays the person; the old name is nobody's."""
    before = (await instance.signed_in(alice)).account
    newer = AtHandle.parse(f"n{alice.handle}")
    await asyncio.to_thread(instance.pds.change_handle, alice, str(newer))
    renamed = await instance.sign_in.current_account(before)
    assert (renamed.did, renamed.handle) == (before.id, newer)
    assert await instance.sign_in.resolve_handle(newer) == before.id
    with pytest.raises(AccountNotFound):
        await instance.sign_in.resolve_handle(before.handle)
    again = await instance.signed_in(replace_handle(alice, str(newer)))
    assert again.account == renamed


async def test_a_former_handle_is_known_by_its_time(instance: Instance, alice: Account) -> None:
    dids, did, before = DidResolver(instance.http, plc_url=instance.pds.plc_url), Did.parse(alice.did), now()
    await asyncio.to_thread(instance.pds.change_handle, alice, f"n{alice.handle}")
    assert await dids.handle_at(did, before) == AtHandle.parse(alice.handle)
    assert await dids.handle_at(did, now() + timedelta(seconds=1)) == AtHandle.parse(f"n{alice.handle}")
    assert await dids.handle_at(did, before - timedelta(days=1)) is None
    assert await dids.handle_at(Did.parse("did:web:alice.example"), before) is None
    with pytest.raises(AccountNotFound):
        await dids.handle_at(Did.parse("did:plc:" + "b" * 24), before)


async def test_a_handle_that_somebody_else_has_now(instance: Instance, alice: Account, bob: Account) -> None:
    """The name server leads the account's name to another account."""
    instance.names[AtHandle.parse(alice.handle)] = bob.did
    account = BlueskyAccount(Did.parse(alice.did), AtHandle.parse(alice.handle))
    there = await instance.sign_in.current_account(account)
    assert there == BlueskyAccount(account.did, NO_HANDLE), "its server has it, and nobody's name is told"
    with pytest.raises(HandleMismatch):
        await instance.start(alice.handle)


async def test_a_handle_that_leads_nowhere_as_the_account_is_gone(instance: Instance, alice: Account) -> None:
    """Its server leaves the document in the PLC directory; without a word of the server it would be there for ever."""
    account = BlueskyAccount(Did.parse(alice.did), AtHandle.parse(alice.handle))
    await asyncio.to_thread(instance.pds.delete_account, alice.did)
    with pytest.raises(HandleMismatch):
        await instance.sign_in.current_account(account)


async def test_a_code_serves_once(instance: Instance, alice: Account) -> None:
    """The attacker saw the last address (a log, a referrer) and opens it a second time."""
    started = await instance.start(alice.handle)
    returned = await instance.visit(started, alice)
    await instance.sign_in.finish_sign_in(started.record, returned, now())
    with pytest.raises(SignInExpired):
        await instance.sign_in.finish_sign_in(started.record, returned, now())


async def test_a_code_for_another_session(instance: Instance, alice: Account, bob: Account) -> None:
    """The attacker puts a code that the victim got into a sign-in of their own."""
    victims, theirs = await instance.start(instance.pds.url), await instance.start(instance.pds.url)
    returned = await instance.visit(victims, alice)
    swapped = returned.replace(victims.state, theirs.state)
    assert swapped != returned
    with pytest.raises(SignInExpired):
        await instance.sign_in.finish_sign_in(theirs.record, swapped, now())


async def test_too_late(instance: Instance, alice: Account) -> None:
    started = await instance.start(alice.handle)
    returned = await instance.visit(started, alice)
    with pytest.raises(SignInExpired):
        await instance.sign_in.finish_sign_in(started.record, returned, started.expires)


async def test_another_way_back(instance: Instance, alice: Account) -> None:
    started = await instance.start(alice.handle)
    returned = await instance.visit(started, alice)
    with pytest.raises(StateMismatch):
        await instance.sign_in.finish_sign_in(started.record, returned.replace("bluesky", "mastodon"), now())


async def test_somebody_else_than_named(instance: Instance, alice: Account, bob: Account) -> None:
    """Bob signs in where Alice was named."""
    started = await instance.start(instance.pds.url, expected=Did.parse(alice.did))
    returned = await instance.visit(started, bob)
    with pytest.raises(IdentityMismatch):
        await instance.sign_in.finish_sign_in(started.record, returned, now())


@pytest.mark.parametrize("typed", ["handle", "did", "@handle", "Handle", "page"])
async def test_another_account_than_was_typed_is_told(
    instance: Instance, alice: Account, bob: Account, typed: str
) -> None:
    """Who was typed is compared by the DID, however it was written; another one is told, not refused."""
    written = {
        "handle": alice.handle,
        "did": alice.did,
        "@handle": f"@{alice.handle}",
        "Handle": alice.handle.upper(),
        "page": f"https://bsky.app/profile/{alice.handle}",
    }[typed]
    started = await instance.start(written)
    done = await instance.sign_in.finish_sign_in(started.record, await instance.visit(started, alice), now())
    assert done.instead_of is None
    started = await instance.start(written)
    done = await instance.sign_in.finish_sign_in(started.record, await instance.visit(started, bob), now())
    assert done.account.id == Did.parse(bob.did)
    assert done.instead_of == (alice.did if typed == "did" else alice.handle)


async def test_a_server_names_nobody(instance: Instance, bob: Account) -> None:
    started = await instance.start(instance.pds.url)
    done = await instance.sign_in.finish_sign_in(started.record, await instance.visit(started, bob), now())
    assert done.instead_of is None


async def test_nobody(instance: Instance) -> None:
    for account in ("nobody.test", "did:plc:" + "a" * 24):
        with pytest.raises(AccountNotFound):
            await instance.start(account)


async def test_names_of_the_other_network(instance: Instance) -> None:
    with pytest.raises(InvalidIdentifier):
        await instance.sign_in.resolve_handle(Acct("alice", "social.test"))
    with pytest.raises(InvalidIdentifier):
        await instance.sign_in.current_account(
            MastodonAccount(ActorUri("https://social.test/users/alice"), Acct("alice", "social.test"))
        )


async def test_nothing_secret_is_shown(instance: Instance, alice: Account) -> None:
    """What ends in a log or an error page is what `repr` and `str` say."""
    started = await instance.start(alice.handle)
    done = await instance.sign_in.finish_sign_in(started.record, await instance.visit(started, alice), now())
    shown = " ".join(map(repr, (started, done, done.tokens, done.tokens.binding)))
    assert done.tokens.refresh
    for secret in (started.state, started.authorize_url, done.tokens.access, done.tokens.refresh, '"d"'):
        assert secret not in shown
    assert TokenSet.from_bytes(done.tokens.to_bytes()) == done.tokens


def replace_handle(account: Account, handle: str) -> Account:
    return Account(account.did, handle, account.password, account.access_token)
