"""Sign-ins that fail: no token is left at the network, each reason is counted, and no line names anybody."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from structlog.testing import capture_logs

from directory.mappings import Network
from tests.harness.clock import FakeClock
from tests.harness.fake_mastodon.internet import FakeInternet, Response
from tests.harness.fake_mastodon.site import FakeServer
from tests.harness.fake_mastodon.visitor import agree
from tests.peers.pds import Account, Pds
from tests.web.members.instance import MemberInstance, member_instance
from tests.web.members.permits import kept_tokens, permit_at_mastodon
from tests.web.members.visitors import Visitor
from tests.web.members.worlds import HOST, client_of, enrol, fetch


@pytest.fixture(scope="module")
def clock() -> FakeClock:
    return FakeClock(datetime.now(UTC))


@pytest.fixture(scope="module")
def instance(
    module_dsn: str, data: Path, pds: Pds, internet: FakeInternet, clock: FakeClock
) -> Iterator[MemberInstance]:
    with member_instance(module_dsn, data, pds=pds, open_client=client_of(internet), jobs=False) as running:
        yield running


@pytest.fixture(autouse=True)
def _as_before(instance: MemberInstance) -> Iterator[None]:
    yield
    instance.set("registration", None)


def server_of(internet: FakeInternet) -> FakeServer:
    server = internet.sites[HOST]
    assert isinstance(server, FakeServer)
    return server


def living(internet: FakeInternet, acct: str) -> int:
    """How many tokens of a person live at their server."""
    return sum(token.user == acct and not token.is_revoked for token in server_of(internet).oauth.tokens)


def failures(instance: MemberInstance) -> dict[tuple[str, str], float]:
    text = httpx.get(instance.metrics_url, trust_env=False).text
    found = re.findall(
        r'^passerelle_failures_total{reason="([\w-]+)",what="([\w-]+)"} ([0-9.e+]+)$', text, re.MULTILINE
    )
    return {(what, reason): float(value) for reason, what, value in found}


def drain(instance: MemberInstance) -> None:
    instance.call(instance.worker.drain)
    assert fetch(instance, "SELECT FROM revocation") == []


def test_what_only_proves_is_given_back_at_once(
    visitor: Visitor, pds: Pds, alice: Account, internet: FakeInternet
) -> None:
    """The tokens of each sign-in never ended, and nothing used them: a copied database and key opened all accounts."""
    drain(visitor.instance)
    acct = enrol(internet, "given")
    visitor.sign_in_at_mastodon(internet, acct)
    assert living(internet, acct) == 1
    assert visitor.get(visitor.way_back(pds, alice, "/account")).status_code == 303
    kept = "SELECT FROM token t JOIN linked_account a ON a.id = t.account WHERE a.handle = ANY($1::text[])"
    assert fetch(visitor.instance, kept, [acct, alice.handle]) == []
    assert len(fetch(visitor.instance, "SELECT FROM revocation")) == 2
    drain(visitor.instance)
    assert living(internet, acct) == 0
    assert visitor.get("/account").status_code == 200, "they are signed in here all the same"


def test_a_closed_instance_keeps_nothing(visitor: Visitor, internet: FakeInternet) -> None:
    acct = enrol(internet, "turnedaway")
    back = agree(internet, visitor.leave_for(acct), acct)
    visitor.instance.set("registration", "closed")
    answer = visitor.get(back.removeprefix(visitor.instance.settings.base_url))
    assert answer.status_code == 400
    drain(visitor.instance)
    assert living(internet, acct) == 0


def test_a_server_that_contradicts_itself_keeps_no_token_of_ours(
    visitor: Visitor, internet: FakeInternet
) -> None:
    """The token is granted, and then the account cannot be read: whatever comes in between, the token is noted."""
    acct = enrol(internet, "unread")
    server = server_of(internet)
    back = agree(internet, visitor.leave_for(acct), acct)
    server.broken["/api/v1/accounts/verify_credentials"] = lambda _: Response(503)
    try:
        answer = visitor.get(back.removeprefix(visitor.instance.settings.base_url))
    finally:
        del server.broken["/api/v1/accounts/verify_credentials"]
    assert answer.status_code == 400
    drain(visitor.instance)
    assert living(internet, acct) == 0


def test_a_refused_link_does_not_end_the_holders_permission(
    ada: Visitor, eve: Visitor, internet: FakeInternet
) -> None:
    """Eve gets at a browser that is signed in at Ada's server, and links Ada's account to a membership of her own.
    That is refused. A server that gives the same token again gave her the one that Ada's follows run with."""
    acct = enrol(internet, "ada_held")
    ada.sign_in_at_mastodon(internet, acct)
    drain(ada.instance)
    held = permit_at_mastodon(ada.instance, internet, acct)
    assert held.network is Network.MASTODON
    eve.sign_in_at_mastodon(internet, enrol(internet, "eve_takes"))
    drain(ada.instance)
    server = server_of(internet)

    def the_same_again(request: object) -> Response:
        form = getattr(request, "form", {})
        if form.get("code") not in server.oauth.codes:
            return Response.json({"error": "invalid_grant"}, 400)
        return Response.json({"access_token": held.access, "token_type": "Bearer", "scope": held.scope})

    back = agree(internet, eve.leave_for(acct, "/account"), acct)
    server.broken["/oauth/token"] = the_same_again
    try:
        answer = eve.get(back.removeprefix(eve.instance.settings.base_url))
    finally:
        del server.broken["/oauth/token"]
    assert answer.status_code == 409
    drain(ada.instance)
    assert server.oauth.user_of(held.access) is not None
    assert kept_tokens(ada.instance, acct) == held


@pytest.mark.parametrize(
    ("typed", "reasons"),
    [
        ("@somebody@nowhere.test", {"unreachable"}),
        # The name servers of the machine say that there is no such name, or nothing.
        ("somebody.nowhere.test", {"not-found", "unreachable"}),
        ("@somebody.nowhere.test", {"not-found", "unreachable"}),
        ("@nobody_at_all@social.test", {"not-found"}),
        ("did:web:somebody.nowhere.test", {"unreachable"}),
        ("not an account", {"invalid-account"}),
    ],
)
def test_each_reason_is_counted_and_nobody_is_named(
    visitor: Visitor, internet: FakeInternet, typed: str, reasons: set[str]
) -> None:
    enrol(internet, f"counted{len(server_of(internet).accounts) if HOST in internet.sites else 0}")
    before = failures(visitor.instance)
    with capture_logs() as lines:
        answer = visitor.send("/sign-in", "/sign-in", account=typed)
    assert answer.status_code == 400
    after = failures(visitor.instance)
    failed = {key: after[key] - before.get(key, 0) for key in after if after[key] != before.get(key, 0)}
    signing_in = {key: value for key, value in failed.items() if key[0] == "sign-in"}
    assert sum(signing_in.values()) == 1
    said = [line for line in lines if line["event"] == "something failed"]
    assert [line["what"] for line in said].count("sign-in") == 1
    assert len(said) == sum(failed.values())
    assert {reason for _, reason in signing_in} <= reasons
    assert "somebody" not in str(said)
    assert "nobody_at_all" not in str(said)
    assert typed.removeprefix("@").lower() not in str(said).lower()


def test_the_host_is_told(visitor: Visitor) -> None:
    with capture_logs() as lines:
        visitor.send("/sign-in", "/sign-in", account="@somebody@unplugged.test")
    (line,) = [line for line in lines if line.get("what") == "sign-in"]
    assert (line["reason"], line["host"]) == ("unreachable", "unplugged.test")
