"""Where the pages lead, and what they say before anybody begins, for members of servers of each family."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.harness.fake_mastodon.internet import FakeInternet, Response
from tests.harness.fake_mastodon.profiles import (
    GOTOSOCIAL,
    MASTODON_4_1,
    MASTODON_4_3,
    PLEROMA,
    TAKAHE,
    Profile,
)
from tests.harness.fake_mastodon.site import JRD, FakeServer
from tests.harness.fake_x import FakeX
from tests.web.members.instance import MemberInstance, member_instance
from tests.web.members.visitors import Visitor
from tests.web.members.worlds import client_of, fetch

LINKS: Final = "/account/prove/links"
NUMBERS: Final = itertools.count()
NEVER: Final = "This way needs a server that checks the links of profiles."


@pytest.fixture(scope="module")
def instance(module_dsn: str, data: Path, internet: FakeInternet, x: FakeX) -> Iterator[MemberInstance]:
    client, fxtwitter = client_of(internet), x.sources().fxtwitter
    with member_instance(
        module_dsn, data, x=x, open_client=client, jobs=False, x_fxtwitter=fxtwitter
    ) as running:
        yield running


def member_of(
    visitor: Visitor, internet: FakeInternet, profile: Profile, *, has_domain: bool = False
) -> FakeServer:
    """Somebody who has just signed in, at a server of their own; its accounts may be of another domain."""
    number = next(NUMBERS)
    domain = f"fern{number}.test" if has_domain else None
    server = FakeServer.at(internet, f"web{number}.test", profile, accounts=[f"zoe{number}"], domain=domain)
    account = server.accounts[0]
    signed_in = visitor.sign_in_at_mastodon(internet, f"{account.user}@{account.domain}")
    assert signed_in.status_code == 303, signed_in.text
    return server


def shown(visitor: Visitor, server: FakeServer) -> str:
    """The public page of the member, who puts the account there."""
    (row,) = fetch(
        visitor.instance,
        "UPDATE linked_account SET on_page = true WHERE handle = $1 RETURNING handle",
        f"{server.accounts[0].user}@{server.domain}",
    )
    return visitor.get(f"/m/{row['handle']}").text


@pytest.mark.parametrize("has_domain", [False, True])
@pytest.mark.parametrize(
    "profile", [MASTODON_4_3, GOTOSOCIAL, TAKAHE, PLEROMA], ids=lambda profile: profile.name
)
def test_the_page_leads_to_the_profile(
    visitor: Visitor, internet: FakeInternet, profile: Profile, has_domain: bool
) -> None:
    """It led to `https://<domain of the address>/@user`: a 404 where the pages are at another host."""
    server = member_of(visitor, internet, profile, has_domain=has_domain)
    page, profile_page = shown(visitor, server), server.page(server.accounts[0])
    assert f'<link rel="me" href="{profile_page}">' in page
    assert f'<a href="{profile_page}" rel="me noopener">' in page


def test_the_page_leads_to_no_stranger(visitor: Visitor, internet: FakeInternet) -> None:
    """The attacker signs in from a server of their own that calls a page of a third party theirs. Whoever clicks on the
    name lands at the account's own address."""
    server = member_of(visitor, internet, MASTODON_4_3)
    account = server.accounts[0]
    link = {"rel": "self", "type": "application/activity+json", "href": server.actor(account)}
    page = {"rel": "http://webfinger.net/rel/profile-page", "href": "https://bank.test/log-in"}
    fingered = {"subject": f"acct:{account.user}@{account.domain}", "links": [link, page]}
    server.broken["/.well-known/webfinger"] = lambda _: Response.json(fingered, type_=JRD)
    who = {"username": account.user, "url": "https://bank.test/log-in", "uri": server.actor(account)}
    server.broken["/api/v1/accounts/verify_credentials"] = lambda _: Response.json(who)
    again = visitor.sign_in_at_mastodon(internet, f"{account.user}@{account.domain}", page="/account")
    assert again.status_code == 303, again.text
    seen = shown(visitor, server)
    assert "bank.test" not in seen
    assert f'<a href="{server.actor(account)}" rel="me noopener">' in seen


def test_a_page_is_read_again_with_the_account(visitor: Visitor, internet: FakeInternet, x: FakeX) -> None:
    """The server was moved to other software and other addresses: sixty days on the page leads there."""
    server = member_of(visitor, internet, MASTODON_4_3)
    account = server.accounts[0]
    visitor.prove(x, x.account(account.user))
    visitor.publish()
    link = {"rel": "self", "type": "application/activity+json", "href": server.actor(account)}
    page = {"rel": "http://webfinger.net/rel/profile-page", "href": f"https://{server.host}/people/zoe"}
    fingered = {"subject": f"acct:{account.user}@{account.domain}", "links": [link, page]}
    server.broken["/.well-known/webfinger"] = lambda _: Response.json(fingered, type_=JRD)
    fetch(visitor.instance, "UPDATE linked_account SET recheck_at = now() WHERE recheck_at IS NOT NULL")
    visitor.instance.call(visitor.instance.worker.drain)
    assert f'<a href="https://{server.host}/people/zoe" rel="me noopener">' in shown(visitor, server)


@pytest.mark.parametrize("profile", [GOTOSOCIAL, TAKAHE, PLEROMA], ids=lambda profile: profile.name)
def test_who_cannot_link_is_told_before_they_begin(
    visitor: Visitor, internet: FakeInternet, profile: Profile
) -> None:
    """They changed both profiles, asked for the check, and learned a day later that it never would hold."""
    server = member_of(visitor, internet, profile)
    page = visitor.get(LINKS).text
    assert NEVER in page
    assert f"{server.accounts[0].user}@{server.domain}" in page
    assert 'href="/account/prove/sentence"' in page
    assert "Make my page public" not in page
    visitor.send("/account", f"{LINKS}/page")
    sent = visitor.send("/account", LINKS, x_handle=server.accounts[0].user)
    assert (sent.status_code, sent.headers["location"]) == (303, LINKS)
    assert fetch(visitor.instance, "SELECT id FROM link_check") == []


@pytest.mark.parametrize("profile", [MASTODON_4_3, MASTODON_4_1], ids=lambda profile: profile.name)
def test_who_can_link_is_not_stopped(visitor: Visitor, internet: FakeInternet, profile: Profile) -> None:
    member_of(visitor, internet, profile)
    assert NEVER not in visitor.get(LINKS).text


@pytest.mark.parametrize(
    "answer",
    [
        Response(404),
        Response.html("<h1>"),
        Response.json({"software": {"name": "<b>mastodon</b>"}}),
        Response(500),
    ],
    ids=["none", "page", "no name", "broken"],
)
def test_a_server_that_does_not_say_what_it_runs_is_tried(
    visitor: Visitor, internet: FakeInternet, answer: Response
) -> None:
    """A guard that cannot be asked stops nobody; what a server calls itself is never shown."""
    number = next(NUMBERS)
    server = FakeServer.at(internet, f"web{number}.test", GOTOSOCIAL, accounts=[f"zoe{number}"])
    server.broken["/nodeinfo/2.0"] = lambda _: answer
    assert visitor.sign_in_at_mastodon(internet, f"zoe{number}@web{number}.test").status_code == 303
    assert NEVER not in visitor.get(LINKS).text


def test_a_software_that_was_read_wrongly_once_is_read_again(
    visitor: Visitor, internet: FakeInternet
) -> None:
    server = member_of(visitor, internet, GOTOSOCIAL)
    assert NEVER in visitor.get(LINKS).text
    server.broken["/nodeinfo/2.0"] = lambda _: Response.json({"software": {"name": "Mastodon"}})
    account = server.accounts[0]
    visitor.sign_in_at_mastodon(internet, f"{account.user}@{account.domain}", page="/account")
    assert NEVER not in visitor.get(LINKS).text
