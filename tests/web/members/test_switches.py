"""What an operator switches off: over HTTP, with the sentences that people see, and what goes on meanwhile."""

import itertools
import re
import zipfile
from collections.abc import Iterator
from html import unescape
from io import BytesIO
from pathlib import Path
from typing import Final
from uuid import uuid4

import httpx
import pytest
from litestar.routes import HTTPRoute

from directory.instance_settings import KEYS
from tests.harness.fake_mastodon.internet import FakeInternet
from tests.harness.fake_mastodon.site import FakeServer
from tests.harness.fake_mastodon.visitor import agree
from tests.harness.fake_x import FakeX
from tests.web.members.instance import MemberInstance, member_instance
from tests.web.members.visitors import Visitor
from tests.web.members.worlds import HOST, client_of, enrol, fetch
from web.app import create_litestar

READ_ONLY: Final = "Nothing can be published, proven, linked or kept here at the moment; nothing was changed."
READ_ONLY_FR: Final = (
    "En ce moment, rien ne peut être publié, prouvé, lié ni gardé ici ; rien n’a été modifié."
)
CLOSED: Final = "This instance takes no new members at the moment. Whoever is a member signs in as always."
CLOSED_FR: Final = "Cette instance n’accueille pas de nouveaux membres en ce moment. Les membres se connectent comme toujours."
NUMBERS: Final = itertools.count()
GOING_ON: Final = {
    "/sign-in",
    "/sign-in/answer",
    "/account/publications/{publication_id:uuid}/proof",
    "/account/accounts/{account_id:uuid}/unlink",
    "/account/accounts/{account_id:uuid}/page",
    "/account/publications/{publication_id:uuid}/withdraw",
    "/account/consents/{kind:int}",
    "/account/sessions/{session_id:uuid}/end",
    "/account/sign-out",
    "/account/leave",
    "/account/list/delete",
    "/account/list/messages/stop",
    "/account/list/newcomers",
    "/account/follow",
    "/account/runs/{run_id:uuid}/{act:str}",
}
"""Forms that withdraw, sign out or erase, or look for themselves at what they are asked."""


@pytest.fixture(scope="module")
def instance(module_dsn: str, data: Path, x: FakeX, internet: FakeInternet) -> Iterator[MemberInstance]:
    with member_instance(module_dsn, data, x=x, open_client=client_of(internet), jobs=False) as running:
        yield running


@pytest.fixture(autouse=True)
def _as_before(instance: MemberInstance) -> Iterator[None]:
    yield
    for key in KEYS:
        instance.set(key, None)


@pytest.fixture
def member(ada: Visitor, internet: FakeInternet, x: FakeX) -> Visitor:
    """Somebody who publishes an X account."""
    name = f"m{next(NUMBERS)}"
    ada.sign_in_at_mastodon(internet, enrol(internet, name))
    ada.prove(x, x.account(name))
    ada.publish()
    return ada


def told(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, unescape(answer.text)


def forms(instance: MemberInstance) -> set[tuple[str, str]]:
    """Every address that members send something to."""
    app = create_litestar(instance.services)
    return {
        (method, route.path)
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for method in route.methods - {"GET", "HEAD", "OPTIONS"}
        if route.path.startswith(("/account", "/sign-in", "/left-x", "/m/"))
    }


def filled(path: str) -> str:
    return re.sub(r"{\w+:int}", "1", re.sub(r"{\w+:uuid}", str(uuid4()), path))


def test_read_only_refuses_every_form_but_those_that_lead_out(
    instance: MemberInstance, member: Visitor
) -> None:
    """A form that is added later is refused too, until somebody says that it goes on."""
    instance.set("read_only", "true")
    refused = set()
    for method, path in forms(instance):
        status, text = told(member.client.request(method, filled(path)))
        if status == 503:
            assert READ_ONLY in text, path
            refused.add(path)
    every = {path for _, path in forms(instance)}
    assert refused == every - GOING_ON
    assert len(refused) >= 6


def test_it_is_said_in_french_and_on_every_page(instance: MemberInstance, member: Visitor) -> None:
    instance.set("read_only", "true")
    member.client.headers["accept-language"] = "fr"
    status, text = told(member.send("/account", "/account/publish", consent="1"))
    assert (status, READ_ONLY_FR in text) == (503, True)
    assert "retirer ce que vous publiez" in text
    assert "Mon compte" in text
    for path in ("/", "/account", "/about"):
        assert "Cette instance est en lecture seule en ce moment : personne" in told(member.get(path))[1]


def test_a_part_of_a_page_says_it_too(instance: MemberInstance, member: Visitor) -> None:
    token = member.form_token("/account/list")
    instance.set("read_only", "true")
    answer = member.client.post(
        "/account/list", data={"form_token": token}, headers={"x-passerelle-fragment": "1"}
    )
    assert (answer.status_code, answer.json()["detail"]) == (503, READ_ONLY)


def test_no_sentence_is_given_that_could_not_be_handed_in(instance: MemberInstance, member: Visitor) -> None:
    instance.set("read_only", "true")
    status, text = told(member.get("/account/prove/sentence"))
    assert (status, READ_ONLY in text) == (503, True)


def test_nobody_is_sent_away_to_link_an_account(
    instance: MemberInstance, member: Visitor, internet: FakeInternet
) -> None:
    acct = enrol(internet, "second")
    page = member.send("/account", "/sign-in", account=acct)
    assert page.status_code == 200
    instance.set("read_only", "true")
    status, text = told(member.send("/account", "/sign-in", account=acct))
    assert (status, READ_ONLY in text) == (503, True)


def test_who_was_on_the_way_links_nothing(
    instance: MemberInstance, member: Visitor, internet: FakeInternet
) -> None:
    """Begun before, and agreed to at the network meanwhile: what it gave is handed back."""
    acct = enrol(internet, "ontheway")
    url = member.leave_for(acct, page="/account")
    instance.set("read_only", "true")
    back = agree(internet, url, acct).removeprefix(instance.url)
    status, text = told(member.get(back))
    assert (status, READ_ONLY in text) == (503, True)
    assert fetch(instance, "SELECT FROM linked_account WHERE handle = $1", acct) == []
    server = internet.sites[HOST]
    assert isinstance(server, FakeServer)
    assert not [token for token in server.oauth.tokens if token.user == "ontheway" and not token.is_revoked]


def test_a_tick_is_taken_back_and_not_given(instance: MemberInstance, member: Visitor) -> None:
    """The same forms say yes and no: no goes on."""
    accounts = "SELECT id, on_page FROM linked_account WHERE id = $1"
    (row,) = fetch(instance, "SELECT id FROM linked_account ORDER BY linked_at DESC LIMIT 1")
    page = f"/account/accounts/{row['id']}/page"
    assert member.send("/account", page, shown="yes").status_code == 303
    instance.set("read_only", "true")
    assert told(member.send("/account", page, shown="yes"))[0] == 503
    assert member.send("/account", page, shown="no").status_code == 303
    assert not fetch(instance, accounts, row["id"])[0]["on_page"]
    assert told(member.send("/account", "/account/consents/3", version="1", answer="yes"))[0] == 503
    assert member.send("/account", "/account/consents/1", answer="no").status_code == 303
    assert "publish" not in told(member.get("/api/v1/lookup?x=nobody"))[1]


def test_withdrawing_exporting_signing_out_and_leaving_go_on(
    instance: MemberInstance, member: Visitor, internet: FakeInternet
) -> None:
    """People can leave, whatever is switched off: and who signed out can come in again for that."""
    instance.set("read_only", "true")
    instance.set("registration", "closed")
    acct = re.search(r"m\d+@social\.test", told(member.get("/account"))[1])
    assert acct is not None
    x_handle = acct[0].partition("@")[0]
    assert member.get(f"/api/v1/lookup?x={x_handle}").json()["answers"]
    (publication,) = fetch(
        instance,
        "SELECT p.id FROM publication p JOIN linked_account a ON a.id = p.x_account WHERE a.handle = $1",
        x_handle,
    )
    withdrawn = member.send("/account", f"/account/publications/{publication['id']}/withdraw")
    assert withdrawn.status_code == 303
    assert member.get(f"/api/v1/lookup?x={x_handle}").json()["answers"] == []
    assert zipfile.ZipFile(BytesIO(member.get("/account/export").content)).namelist()
    assert member.send("/account", "/account/sign-out", where="here").status_code == 303
    assert member.get("/account").headers["location"] == "/sign-in"
    assert member.sign_in_at_mastodon(internet, acct[0]).status_code == 303
    status, text = told(member.send("/account/leave", "/account/leave", sure="yes"))
    assert (status, "Everything of yours was deleted here" in text) == (200, True)


def test_what_is_switched_on_again_works_at_once(instance: MemberInstance, member: Visitor) -> None:
    instance.set("read_only", "true")
    assert member.send("/account", "/account/publish", consent="1").status_code == 503
    instance.set("read_only", "false")
    assert member.send("/account", "/account/publish", consent="1").status_code == 303


def test_closed_takes_nobody_new_and_lets_members_in(
    instance: MemberInstance, member: Visitor, eve: Visitor, internet: FakeInternet
) -> None:
    instance.set("registration", "closed")
    acct = enrol(internet, "newcomer")
    assert CLOSED in told(eve.get("/sign-in"))[1], "before they go on a way for nothing"
    status, text = told(eve.sign_in_at_mastodon(internet, acct))
    assert (status, CLOSED in text) == (400, True)
    assert fetch(instance, "SELECT FROM linked_account WHERE handle = $1", acct) == []
    assert eve.get("/account").headers["location"] == "/sign-in"
    server = internet.sites[HOST]
    assert isinstance(server, FakeServer)
    assert not [token for token in server.oauth.tokens if token.user == "newcomer" and not token.is_revoked]
    eve.client.headers["accept-language"] = "fr"
    assert CLOSED_FR in told(eve.sign_in_at_mastodon(internet, acct))[1]
    assert member.send("/account", "/account/publish", consent="1").status_code == 303, "members change"
    second = enrol(internet, "secondofmember")
    assert member.sign_in_at_mastodon(internet, second, page="/account").status_code == 303, "and link"
    instance.set("registration", "open")
    assert eve.sign_in_at_mastodon(internet, acct).status_code == 303


def test_the_networks_are_told_the_new_name(
    instance: MemberInstance, eve: Visitor, internet: FakeInternet
) -> None:
    """A server of the Mastodon API shows the name of its app to who signs in: after a new name it gets a new app."""
    eve.leave_for(enrol(internet, "named"))
    names = "SELECT name FROM mastodon_app WHERE host = $1"
    assert [row["name"] for row in fetch(instance, names, HOST)] == ["Passerelle"]
    instance.set("name", "Find them")
    eve.leave_for(enrol(internet, "renamed"))
    assert [row["name"] for row in fetch(instance, names, HOST)] == ["Find them"]
