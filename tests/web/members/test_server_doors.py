"""A bad certificate, a host that does not answer and one that is no server: a sentence of its own, at each door."""

import itertools
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Final

import pytest

from tests.cases.servers import Case, broken, cases_of
from tests.harness.fake_mastodon.internet import FakeInternet
from tests.harness.fake_mastodon.site import FakeServer
from tests.harness.fake_x import FakeX
from tests.web.members.instance import MemberInstance, member_instance
from tests.web.members.visitors import Visitor
from tests.web.members.worlds import client_of

LINKS: Final = "/account/prove/links"
NUMBERS: Final = itertools.count()


@pytest.fixture(scope="module")
def instance(module_dsn: str, data: Path, internet: FakeInternet, x: FakeX) -> Iterator[MemberInstance]:
    client, fxtwitter = client_of(internet), x.sources().fxtwitter
    with member_instance(
        module_dsn, data, x=x, open_client=client, jobs=False, x_fxtwitter=fxtwitter
    ) as running:
        yield running


def member_of(visitor: Visitor, internet: FakeInternet) -> FakeServer:
    """Somebody who has just signed in, at a server of their own."""
    number = next(NUMBERS)
    server = FakeServer.at(internet, f"door{number}.test", accounts=[f"dora{number}"])
    assert visitor.sign_in_at_mastodon(internet, f"dora{number}@{server.host}").status_code == 303
    return server


@pytest.mark.parametrize("case", cases_of("sign-in"), ids=str)
def test_sign_in(visitor: Visitor, internet: FakeInternet, case: Case) -> None:
    host = f"typed{next(NUMBERS)}.test"
    with broken(internet, host, case.server):
        page = visitor.send("/sign-in", "/sign-in", account=case.typed.format(host=host))
    assert page.status_code == 400
    assert case.sentence in unescape(page.text)


@pytest.mark.parametrize("case", cases_of("links"), ids=str)
def test_links(visitor: Visitor, internet: FakeInternet, x: FakeX, case: Case) -> None:
    server = member_of(visitor, internet)
    assert visitor.send(LINKS, f"{LINKS}/page").status_code == 303
    on_x = x.account(server.accounts[0].user)
    page = visitor.get(LINKS).text
    on_x.website = unescape(page.partition('id="page-address">')[2].partition("<")[0])
    with broken(internet, server.host, case.server):
        visitor.send(f"{LINKS}?new=true", LINKS, x_handle=str(on_x.handle))
        visitor.instance.call(visitor.instance.worker.drain)
    assert unescape(case.sentence) in unescape(visitor.get("/account/prove").text)


@pytest.mark.parametrize("case", cases_of("post"), ids=str)
def test_post(visitor: Visitor, internet: FakeInternet, x: FakeX, case: Case) -> None:
    server = member_of(visitor, internet)
    post = x.post(x.account(server.accounts[0].user), visitor.sentence())
    with broken(internet, server.host, case.server):
        visitor.hand_in(post)
    assert unescape(case.sentence) in unescape(visitor.get("/account/prove").text)


def test_an_account_that_is_not_there_is_no_missing_server(visitor: Visitor, internet: FakeInternet) -> None:
    """Also where the domain of the address is a shop that sends questions of accounts on to their server."""
    number = next(NUMBERS)
    FakeServer.at(internet, f"web{number}.test", domain=f"fern{number}.test")
    for domain in (f"web{number}.test", f"fern{number}.test"):
        page = visitor.send("/sign-in", "/sign-in", account=f"@nobody@{domain}")
        assert "There is no such account" in page.text
