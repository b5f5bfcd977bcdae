"""Leaving, seen from all sides: the member's own pages, every table, the log, the lookup, and their networks."""

import hashlib
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from directory.accounts import AccountNetwork
from directory.networks.bluesky.requests import DpopRequests
from directory.networks.port import TokenSet
from directory.networks.sign_in_errors import NeedsSignIn
from federation.protocol.entry import ENTRY_BYTES
from federation.tlog.bundles import decode_bundle
from federation.tlog.tiles import bundle_at
from tests.directory.networks.bluesky.calls import Calls
from tests.harness.fake_mastodon.internet import FakeInternet
from tests.harness.fake_mastodon.site import FakeServer
from tests.harness.fake_x import FakeX
from tests.peers.pds import Pds
from tests.web.members.instance import MemberInstance, loopback_client, member_instance
from tests.web.members.permits import permit_at_bluesky, permit_at_mastodon
from tests.web.members.traces import tables_that_name
from tests.web.members.visitors import Visitor
from tests.web.members.worlds import HOST, client_of, enrol, fetch

AT_PEERS = "one that cannot reach us hides it after 7 days and deletes it after 30"


@pytest.fixture(scope="module")
def instance(
    module_dsn: str, data: Path, pds: Pds, x: FakeX, internet: FakeInternet
) -> Iterator[MemberInstance]:
    """Its jobs and its log go on when a test says so."""
    with member_instance(
        module_dsn, data, pds=pds, x=x, open_client=client_of(internet), jobs=False, log="by hand"
    ) as running:
        yield running


def finish(instance: MemberInstance) -> None:
    """All jobs that are due, and all that the log has to say."""
    instance.call(instance.worker.drain)
    instance.call(instance.write_log)


def is_taken(instance: MemberInstance, pds: Pds, tokens: TokenSet) -> bool:
    """Whether the account's own server takes the access token."""

    async def ask() -> bool:
        async with loopback_client() as http:
            server = Calls(DpopRequests(http), pds.url, tokens)
            answer = await server.query("com.atproto.server.getSession", {}, instance.clock.now())
            return answer.status == 200

    return instance.call(ask)


def test_nothing_is_left_and_the_server_forgets_us(visitor: Visitor, pds: Pds, x: FakeX) -> None:
    """Every table is read for whatever names the member; the real PDS is asked with the tokens that it gave."""
    instance, account = visitor.instance, pds.create_account()
    author = x.account("leaver")
    visitor.sign_in(pds, account)
    visitor.prove(x, author)
    visitor.publish()
    finish(instance)
    (row,) = fetch(instance, "SELECT member FROM linked_account WHERE account_id = $1", account.did)
    sessions = fetch(instance, "SELECT id FROM member_session WHERE member = $1", row["member"])
    (leaf,) = fetch(instance, "SELECT leaf FROM mapping WHERE target_id = $1", account.did)
    cookie = visitor.client.cookies["passerelle"]
    traces = [
        account.did,
        account.handle,
        str(author.id),
        "leaver",
        str(row["member"]),
        *(str(session["id"]) for session in sessions),
        hashlib.sha256(cookie.encode()).hexdigest(),
    ]
    assert tables_that_name(instance, *traces) >= {
        "challenge",
        "consent",
        "linked_account",
        "log_statement",
        "mapping",
        "member",
        "member_session",
        "proof_check",
        "publication",
    }
    tokens = permit_at_bluesky(instance, pds, account)
    assert is_taken(instance, pds, tokens)

    page = visitor.get("/account/leave").text
    assert f"@leaver on X is now {account.handle}" in page
    assert 'href="/account/export"' in page
    with zipfile.ZipFile(io.BytesIO(visitor.get("/account/export").content)) as export:
        assert account.did in export.read("accounts.json").decode()
    unsure = visitor.send("/account/leave", "/account/leave")
    assert (unsure.status_code, unsure.headers["location"]) == (303, "/account/leave")
    assert visitor.get("/api/v1/lookup?x=leaver").json()["answers"]

    receipt = visitor.send("/account/leave", "/account/leave", sure="yes").text
    # Before any job, and before the log says another word.
    assert visitor.get("/api/v1/lookup?x=leaver").json()["answers"] == []
    assert visitor.get(f"/m/{account.handle}").status_code == 404
    assert visitor.get("/account").headers["location"] == "/sign-in"
    assert "You have left" in receipt
    assert f"@leaver on X is now {account.handle}" in receipt
    assert AT_PEERS in receipt
    assert "33 bytes" in receipt
    assert f"Bluesky, at {pds.url}" in receipt

    finish(instance)
    assert tables_that_name(instance, *traces) == set()
    assert fetch(instance, "SELECT FROM revocation") == []
    live = visitor.get(f"/api/v1/live/localhost/log/{leaf['leaf']}").json()
    assert live["live"] is False
    bluesky = instance.members.networks[AccountNetwork.BLUESKY]
    with pytest.raises(NeedsSignIn):
        instance.call(lambda: bluesky.refresh(tokens, instance.clock.now()))
    assert not is_taken(instance, pds, tokens)


def test_the_log_keeps_33_bytes_an_entry(visitor: Visitor, pds: Pds, x: FakeX) -> None:
    """What remains of somebody who left is a commitment whose salt is gone, and its end."""
    instance, account = visitor.instance, pds.create_account()
    visitor.sign_in(pds, account)
    visitor.prove(x, x.account("committed"))
    visitor.publish()
    finish(instance)
    (said,) = fetch(
        instance,
        "SELECT salt, body, s.leaf FROM log_statement s JOIN mapping m ON m.leaf = s.leaf WHERE m.target_id = $1",
        account.did,
    )
    visitor.send("/account/leave", "/account/leave", sure="yes")
    finish(instance)
    size = int(visitor.get("/log/checkpoint").text.split("\n")[1])
    bundle = bundle_at(size, 0)
    entries = decode_bundle(visitor.get(f"/log/{bundle}").content, bundle.width)
    assert {len(entry) for entry in entries} == {ENTRY_BYTES}
    digest = hashlib.sha256(b"passerelle/mapping/v1\0" + said["salt"] + said["body"]).digest()
    assert entries[said["leaf"]] == b"\x01" + digest
    assert tables_that_name(instance, said["salt"].hex()) == set()


def test_what_was_never_shared(visitor: Visitor, pds: Pds, x: FakeX) -> None:
    """Somebody who leaves before the log has said it: nobody ever had it, and the log never says it."""
    instance, account = visitor.instance, pds.create_account()
    visitor.sign_in(pds, account)
    visitor.prove(x, x.account("hesitant"))
    visitor.publish()
    before = visitor.get("/log/checkpoint").text if fetch(instance, "SELECT FROM log_statement") else ""
    receipt = visitor.send("/account/leave", "/account/leave", sure="yes").text
    assert "No other instance ever had it." in receipt
    assert AT_PEERS not in receipt
    finish(instance)
    assert tables_that_name(instance, account.did, account.handle, "hesitant") == set()
    if before:
        assert visitor.get("/log/checkpoint").text == before


def test_a_mastodon_server_is_told_with_the_right_secret(
    visitor: Visitor, internet: FakeInternet, x: FakeX
) -> None:
    """A server takes back a token for the app that it was given to, with that app's secret, and for nobody else."""
    instance, name = visitor.instance, enrol(internet, "marie")
    visitor.sign_in_at_mastodon(internet, name)
    visitor.prove(x, x.account("marie_x"))
    visitor.publish()
    finish(instance)
    server = internet.sites[HOST]
    assert isinstance(server, FakeServer)
    # What only proved the account was given back before anything else.
    assert [each.is_revoked for each in server.oauth.tokens if each.user == name] == [True]
    permit_at_mastodon(instance, internet, name)
    (token,) = [each for each in server.oauth.tokens if each.user == name and not each.is_revoked]
    internet.requests.clear()
    assert visitor.get("/api/v1/lookup?x=marie_x").json()["answers"]

    receipt = visitor.send("/account/leave", "/account/leave", sure="yes").text
    assert visitor.get("/api/v1/lookup?x=marie_x").json()["answers"] == []
    assert f"Mastodon, at {HOST}" in receipt
    assert AT_PEERS in receipt
    finish(instance)
    asked = [request.form for request in internet.requests if request.path == "/oauth/revoke"]
    assert asked == [
        {
            "client_id": token.client_id,
            "client_secret": server.oauth.apps[token.client_id].client_secret,
            "token": token.access,
        }
    ]
    assert server.oauth.user_of(token.access) is None
    actor = f"https://{HOST}/users/marie"
    assert tables_that_name(instance, name, actor, "marie_x", token.access) == set()
