"""The sentence to post: the first is made by the first look, every other by a form; no look ends one."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from html import unescape
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import httpx
import pytest
from litestar.routes import HTTPRoute

from federation.keys.instance import log_origin
from tests.harness.fake_mastodon.internet import FakeInternet
from tests.harness.fake_x import FakeX
from tests.web.members.instance import MemberInstance, member_instance
from tests.web.members.visitors import SAME_ORIGIN, Visitor
from tests.web.members.worlds import client_of, enrol, fetch
from web.member_routes import member_routes
from web.rendering import Renderer

LOOKED_AT: Final = (
    "/account/prove?new=true",
    "/account/prove/sentence?new=true",
    "/account/prove/links?new=true",
)
"""Addresses that made a new sentence once, or that look as if they did."""
TIMES_OF_USE: Final = {"member_session": ("used_at",)}
"""Columns that a look may change."""


@pytest.fixture(scope="module")
def instance(module_dsn: str, data: Path, x: FakeX, internet: FakeInternet) -> Iterator[MemberInstance]:
    """With a source of X profiles, and jobs by hand."""
    client = client_of(internet)
    with member_instance(
        module_dsn, data, x=x, open_client=client, jobs=False, x_fxtwitter=x.sources().fxtwitter
    ) as running:
        yield running


def sentences(instance: MemberInstance) -> list[tuple[Any, ...]]:
    """Every challenge and every check, as they are stored."""
    found = fetch(instance, "SELECT id, state, language FROM challenge ORDER BY id")
    return [tuple(row) for row in [*found, *fetch(instance, "SELECT id, state FROM proof_check ORDER BY id")]]


def rows_of_all_tables(instance: MemberInstance) -> dict[str, list[str]]:
    """Every row of every table but those of sign-ins under way, without the times of last use."""
    tables = fetch(
        instance,
        "SELECT table_name AS name FROM information_schema.tables"
        " WHERE table_schema = current_schema() AND table_type = 'BASE TABLE' AND table_name <> 'sign_in'",
    )
    rows = {}
    for (name,) in tables:
        without = "".join(f" - '{column}'" for column in TIMES_OF_USE.get(name, ()))
        found = fetch(instance, f"SELECT (to_jsonb(t){without})::text AS row FROM {name} t ORDER BY 1")  # noqa: S608 - names of the catalogue
        rows[name] = [row["row"] for row in found]
    return rows


def pages_of_members(instance: MemberInstance, ids: dict[str, str]) -> list[str]:
    """The address of every GET route of members' pages, its parameters filled in."""
    settings = instance.services.settings
    renderer = Renderer(
        base_url=settings.base_url,
        own_origin=log_origin(settings),
        instance=lambda: instance.services.instance.now,
    )
    routes = [route for router in member_routes(instance.services, renderer) for route in router.routes]
    paths = {route.path for route in routes if isinstance(route, HTTPRoute) and "GET" in route.methods}
    return sorted(re.sub(r"{(\w+)(?::\w+)?}", lambda found: ids.get(found[1], "1"), path) for path in paths)


def test_a_look_cancels_nothing(visitor: Visitor, internet: FakeInternet, x: FakeX) -> None:
    """A link to `/account/prove?new=true`, in a mail, a preview or a page that a browser fetches ahead, cancelled the
    open sentence and the check under way; so did a change of the page's language."""
    visitor.sign_in_at_mastodon(internet, enrol(internet, "looker"))
    sentence = visitor.sentence()
    visitor.submit(x.post(x.account("looked"), sentence, at=visitor.instance.clock.now()))
    before = sentences(visitor.instance)
    for path in (*LOOKED_AT, "/account/prove/new", "/account/prove/sentence"):
        for language in ("en", "fr", "en"):
            visitor.client.cookies.set("lang", language)
            visitor.client.get(path, headers={"accept-language": language})
            visitor.get(f"{path}{'&' if '?' in path else '?'}lang={language}")
    assert sentences(visitor.instance) == before
    assert visitor.get("/account/prove/new").status_code == 405
    visitor.instance.call(visitor.instance.worker.drain)
    assert visitor.get("/account/prove").headers["location"] == "/account/publish", "the post still proved"


def test_a_first_look_makes_one_sentence(visitor: Visitor, internet: FakeInternet) -> None:
    """And no look makes a second one, also where several pages are opened at once."""
    visitor.sign_in_at_mastodon(internet, enrol(internet, "firstlook"))
    before = len(sentences(visitor.instance))
    visitor.get("/account/prove/sentence")
    assert len(sentences(visitor.instance)) == before, "the other page has a button"
    cookie = visitor.client.cookies["passerelle"]

    def look(_: int) -> str:
        with httpx.Client(
            base_url=visitor.instance.url, cookies={"passerelle": cookie}, trust_env=False
        ) as at:
            return at.get("/account/prove").text

    with ThreadPoolExecutor(4) as pool:
        pages = list(pool.map(look, range(4)))
    assert len(sentences(visitor.instance)) == before + 1
    assert all(visitor.sentence() in unescape(page) for page in pages)


def test_a_sentence_keeps_its_language(visitor: Visitor, internet: FakeInternet) -> None:
    """It may be posted already when the page is read in another one."""
    visitor.sign_in_at_mastodon(internet, enrol(internet, "bilingual"))
    sentence = visitor.sentence()
    page = visitor.client.get("/account/prove/sentence?lang=fr", follow_redirects=True).text
    assert 'lang="en" id="sentence"' in re.sub(r"\s+", " ", page)
    assert visitor.sentence() == sentence
    assert visitor.new_sentence() != sentence


def test_a_new_sentence_needs_a_form_of_ours(ada: Visitor, eve: Visitor, internet: FakeInternet) -> None:
    """Another site has Ada's browser ask for a new sentence after she posted hers."""
    ada.sign_in_at_mastodon(internet, enrol(internet, "formed"))
    eve.sign_in_at_mastodon(internet, enrol(internet, "forger"))
    ada.sentence()
    before = sentences(ada.instance)
    token = ada.form_token("/account/leave")
    for form, headers in (
        ({}, SAME_ORIGIN),
        ({"form_token": eve.form_token("/account/leave")}, SAME_ORIGIN),
        ({"form_token": token}, {"sec-fetch-site": "cross-site"}),
    ):
        assert ada.client.post("/account/prove/new", data=form, headers=headers).status_code == 403
    assert sentences(ada.instance) == before


def test_changed_accounts_are_said(visitor: Visitor, internet: FakeInternet) -> None:
    """The open sentence stays, since it may be posted already; the page says that it is not of today."""
    visitor.sign_in_at_mastodon(internet, enrol(internet, "changing"))
    sentence = visitor.sentence()
    assert "accounts have changed" not in visitor.get("/account/prove").text
    visitor.sign_in_at_mastodon(internet, enrol(internet, "changed"), page="/account")
    before = sentences(visitor.instance)
    page = visitor.get("/account/prove").text
    # A second account of one network is not named; the first is, and it is the one that goes.
    assert ("accounts have changed" in page) is False
    ((number,),) = fetch(
        visitor.instance, "SELECT id FROM linked_account WHERE handle = 'changing@social.test'"
    )
    fetch(visitor.instance, "UPDATE linked_account SET health = 3 WHERE id = $1 RETURNING id", number)
    page = visitor.get("/account/prove").text
    assert "accounts have changed" in page
    assert "changing@social·test" in page
    assert sentences(visitor.instance) == before
    assert visitor.sentence() != sentence


def test_no_look_at_any_page_changes_anything(visitor: Visitor, internet: FakeInternet, x: FakeX) -> None:
    """Every GET route of members' pages, with a session: links in mails, previews and pages that a browser fetches
    ahead act for nobody."""
    visitor.sign_in_at_mastodon(internet, enrol(internet, "walker"))
    visitor.prove(x, x.account("walker"))
    visitor.publish()
    visitor.send("/account/prove/links", "/account/prove/links/page")
    visitor.send("/account/prove/links", "/account/prove/links", x_handle="walker")
    visitor.send("/account/list", "/account/list/consent", version="1")
    visitor.submit(x.post(x.account("walkertoo"), visitor.sentence(), at=visitor.instance.clock.now()))
    instance = visitor.instance
    ((publication,),) = fetch(instance, "SELECT id FROM publication")
    ids = {"publication_id": str(publication), "account_id": str(uuid4()), "host": "social.test"}
    pages = pages_of_members(instance, ids)
    assert {"/account", "/account/prove", "/account/export", "/sign-in", "/account/list"} <= set(pages)
    before = rows_of_all_tables(instance)
    assert before["proof_check"]
    assert before["link_check"]
    for path in (*pages, *LOOKED_AT):
        for query in ("", "new=true", "sure=yes", "answer=yes", "shown=yes", "look=3", "lang=fr"):
            sign = "&" if "?" in path else "?"
            assert visitor.get(f"{path}{sign}{query}").status_code < 500, path
            assert rows_of_all_tables(instance) == before, f"{path}{sign}{query}"


def test_the_sentence_names_the_accounts_that_were_ticked(
    visitor: Visitor, internet: FakeInternet, x: FakeX
) -> None:
    """An account that was linked after the proof is published only once a sentence has named it."""
    first, second = enrol(internet, "firstone"), enrol(internet, "secondone")
    author = x.account("ticker")
    visitor.sign_in_at_mastodon(internet, first)
    visitor.prove(x, author)
    visitor.sign_in_at_mastodon(internet, second, page="/account")
    page = visitor.get("/account/publish").text
    assert "prove the X account once more" in page
    made = visitor.send("/account/prove/sentence", "/account/prove/new", account=account_of(visitor, second))
    assert made.status_code == 303
    sentence = visitor.get(made.headers["location"]).text
    assert second.replace(".", "·") in sentence
    assert first.replace(".", "·") not in sentence.partition('id="sentence"')[2].partition("</p>")[0]
    visitor.prove(x, author)
    assert "prove the X account once more" not in visitor.get("/account/publish").text


def test_a_strangers_account_cannot_be_ticked(ada: Visitor, eve: Visitor, internet: FakeInternet) -> None:
    ada.sign_in_at_mastodon(internet, enrol(internet, "adasown"))
    strange = enrol(internet, "evesown")
    eve.sign_in_at_mastodon(internet, strange)
    for account in (account_of(eve, strange), str(uuid4()), "none"):
        refused = ada.send("/account/prove/sentence", "/account/prove/new", account=account)
        assert refused.status_code in {404, 409}, refused.status_code


def account_of(visitor: Visitor, acct: str) -> str:
    """The number of a linked account."""
    (row,) = fetch(visitor.instance, "SELECT id FROM linked_account WHERE handle = $1", acct)
    return str(row["id"])
