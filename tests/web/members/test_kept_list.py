"""The list that a member lets us keep: agreed to first, read from an archive, replaced, deleted."""

import asyncio
import json
from collections.abc import Iterator
from functools import partial
from html import unescape
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Browser, Route, expect

from directory.mappings import Strength
from tests.harness.fake_mastodon.internet import FakeInternet
from tests.harness.fake_x import FakeX
from tests.harness.mappings import OTHER_ORIGIN, bluesky, mastodon
from tests.web.archives import FILES, following, write_zip, zip_bytes
from tests.web.members.instance import MemberInstance, member_instance
from tests.web.members.visitors import SAME_ORIGIN, Visitor
from tests.web.members.worlds import client_of, enrol, fetch
from web.pages import uploads

PATH = "/account/list"


@pytest.fixture(scope="module")
def instance(module_dsn: str, data: Path, internet: FakeInternet, x: FakeX) -> Iterator[MemberInstance]:
    with member_instance(module_dsn, data, x=x, open_client=client_of(internet)) as running:
        yield running


@pytest.fixture
def member(
    instance: MemberInstance, internet: FakeInternet, request: pytest.FixtureRequest
) -> Iterator[Visitor]:
    with Visitor(instance) as visitor:
        visitor.sign_in_at_mastodon(internet, enrol(internet, request.node.name[5:35]))
        yield visitor
    fetch(instance, "DELETE FROM follow_list")


def bring(visitor: Visitor, name: str, content: str | bytes, **headers: str) -> httpx.Response:
    """Sends a file as a browser without script does."""
    return visitor.client.post(
        PATH,
        data={"form_token": visitor.form_token(PATH)},
        files={"files": (name, content)},
        headers=SAME_ORIGIN | headers,
    )


def kept(instance: MemberInstance) -> list[list[tuple[int, str]]]:
    rows = fetch(instance, "SELECT x_ids, x_handles FROM follow_list ORDER BY kept_at")
    return [list(zip(row["x_ids"], row["x_handles"], strict=True)) for row in rows]


def test_nobody_muted_or_blocked_is_kept_as_one_to_follow(instance: MemberInstance, member: Visitor) -> None:
    """A newcomer who was muted on X would be followed as they arrive. An archive with nobody else changes nothing."""
    member.send(PATH, f"{PATH}/consent", version="1")
    bring(member, "twitter.zip", zip_bytes(FILES))
    assert kept(instance) == [[(12, ""), (13, "")]]
    muted = {"data/following.js": following("11"), "data/mute.js": FILES["data/mute.js"]}
    bring(member, "twitter.zip", zip_bytes(muted))
    assert kept(instance) == [[(12, ""), (13, "")]]


def test_nobody_is_kept_who_leads_to_an_account_that_is_blocked(
    instance: MemberInstance, member: Visitor
) -> None:
    """Fault: whoever was blocked under one name on X and followed under another was left out of every plan of the archive. The
    list that is kept of it has no blocks: a plan from it wanted the account, and a wish for newcomers followed it."""
    mappings = [
        bluesky("liked", 811, target="same"),
        bluesky("blocked", 812, target="same"),
        bluesky("other", 813),
    ]
    instance.call(lambda: instance.mappings().add(mappings))
    member.send(PATH, f"{PATH}/consent", version="1")
    block = "window.YTD.block.part0 = " + json.dumps([{"blocking": {"accountId": "812"}}])
    bring(
        member,
        "twitter.zip",
        zip_bytes({"data/following.js": following("811", "813"), "data/block.js": block}),
    )
    assert kept(instance) == [[(813, "")]]
    # Else nobody of the archive would be kept in place of somebody.
    bring(member, "twitter.zip", zip_bytes({"data/following.js": following("811"), "data/block.js": block}))
    assert kept(instance) == [[(813, "")]]


def test_a_hint_keeps_nobody_off_the_list(instance: MemberInstance, member: Visitor) -> None:
    """Attack: whoever is blocked has an instance say of others that their account is theirs. Nobody was kept of whom it was said,
    though they had proven another one."""
    hint = partial(bluesky, target="enemy", strength=Strength.LINKED, origin=OTHER_ORIGIN)
    mappings = [bluesky("enemy", 822), mastodon("friend", 821), hint("friend", 821), hint("later", 823)]
    instance.call(lambda: instance.mappings().add(mappings))
    member.send(PATH, f"{PATH}/consent", version="1")
    block = "window.YTD.block.part0 = " + json.dumps([{"blocking": {"accountId": "822"}}])
    lists = {"data/following.js": following("821", "823"), "data/block.js": block}
    bring(member, "twitter.zip", zip_bytes(lists))
    assert kept(instance) == [[(821, ""), (823, "")]]


def test_only_whom_they_followed_is_kept_and_gone_when_they_no_longer_agree(
    instance: MemberInstance, member: Visitor
) -> None:
    assert "drop" not in member.get(PATH).text  # nothing to bring before they agree
    assert member.send(PATH, f"{PATH}/consent", version="1").status_code == 303
    answer = bring(member, "twitter.zip", zip_bytes(FILES))
    assert (answer.status_code, answer.headers["location"]) == (303, PATH)
    assert kept(instance) == [[(12, ""), (13, "")]]
    assert "2 people are kept" in member.get(PATH).text
    assert "2 people are kept." in member.get("/account").text

    bring(member, "following.js", following("21"))
    assert kept(instance) == [[(21, "")]]
    member.send("/account", "/account/consents/2", version="1", answer="no")
    assert kept(instance) == []


def test_the_list_is_deleted_and_another_may_be_brought(instance: MemberInstance, member: Visitor) -> None:
    member.send(PATH, f"{PATH}/consent", version="1")
    bring(member, "following.js", following("21"))
    member.send(PATH, f"{PATH}/delete")
    assert kept(instance) == []
    assert "No list is kept yet" in member.get(PATH).text
    bring(member, "following.js", following("22"))
    assert kept(instance) == [[(22, "")]]


def test_an_archive_that_names_nobody_they_followed_takes_no_list_away(
    instance: MemberInstance, member: Visitor
) -> None:
    member.send(PATH, f"{PATH}/consent", version="1")
    bring(member, "following.js", following("21"))
    answer = bring(member, "block.js", FILES["data/block.js"])
    assert answer.status_code == 200
    assert "so nothing was changed" in answer.text
    answer = bring(member, "following.js", "window.YTD.following.part0 = [{")
    assert answer.status_code == 400
    assert kept(instance) == [[(21, "")]]


def test_an_archive_of_too_many_people_is_refused_whole(
    instance: MemberInstance, member: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part of it would be kept in place of the list before, without a word."""
    member.send(PATH, f"{PATH}/consent", version="1")
    bring(member, "following.js", following("21"))
    monkeypatch.setattr(uploads, "MAX_MATCH_PAIRS", 2)
    answer = bring(member, "following.js", following("1", "2", "3"))
    assert answer.status_code == 400
    assert "following.js names more people than we can take at once" in answer.text
    assert kept(instance) == [[(21, "")]]


def test_what_was_not_read_is_told(instance: MemberInstance, member: Visitor) -> None:
    """A row that could not be read was left out of the list without a word."""
    member.send(PATH, f"{PATH}/consent", version="1")
    rows = following(*map(str, range(1_001, 1_101))).replace('"1001"', "null", 1)
    answer = bring(member, "following.js", rows, **{"accept-language": "fr"})
    assert answer.status_code == 200
    assert "n’ont pas pu être lues" in unescape(answer.text)
    assert "99 personnes" in answer.text
    assert len(kept(instance)[0]) == 99


def test_nothing_is_kept_without_consent(instance: MemberInstance, member: Visitor) -> None:
    """Attack: a form sent past the page would keep a list that nobody agreed to."""
    token = member.form_token(PATH)
    answer = member.client.post(PATH, data={"form_token": token, "pairs": "11,bob,f\n"}, headers=SAME_ORIGIN)
    assert answer.status_code == 409
    assert kept(instance) == []


def test_another_site_keeps_nothing(instance: MemberInstance, member: Visitor) -> None:
    """Attack: a page elsewhere sends a list of its own from the browser of a member."""
    member.send(PATH, f"{PATH}/consent", version="1")
    pairs = {"pairs": "11,bob,f\n"}
    assert member.client.post(PATH, data=pairs, headers=SAME_ORIGIN).status_code == 403
    signed = pairs | {"form_token": member.form_token(PATH)}
    assert member.client.post(PATH, data=signed, headers={"sec-fetch-site": "cross-site"}).status_code == 403
    assert kept(instance) == []


@pytest.mark.asyncio(loop_scope="session")
async def test_the_archive_is_read_in_the_browser(
    instance: MemberInstance, member: Visitor, chromium: Browser, tmp_path: Path
) -> None:
    member.send(PATH, f"{PATH}/consent", version="1")
    context = await chromium.new_context(base_url=instance.url)
    await context.add_cookies(
        [{"name": name, "value": value, "url": instance.url} for name, value in member.client.cookies.items()]
    )
    page = await context.new_page()
    await page.goto(PATH)
    await page.get_by_label("The ZIP from X, or files of it").set_input_files(write_zip(tmp_path))
    await expect(page.locator("#results h2")).to_have_text("2 people are kept")
    assert kept(instance) == [[(12, ""), (13, "")]]
    await page.locator("summary", has_text="Delete the list").click()
    assert kept(instance) == [[(12, ""), (13, "")]], "it asks first"
    await page.get_by_role("button", name="Yes, delete it").click()
    await expect(page.locator("#results h2")).to_have_text("No list is kept yet")
    await expect(page.get_by_role("status").first).to_contain_text("The list is deleted")
    await context.close()


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("how", ["cancelled", "cut off"])
async def test_what_may_have_been_kept_is_not_denied(
    instance: MemberInstance, member: Visitor, chromium: Browser, tmp_path: Path, how: str
) -> None:
    """The list was kept, and the page said that nothing was: on a cancel that came too late, and on a proxy's error."""
    member.send(PATH, f"{PATH}/consent", version="1")
    context = await chromium.new_context(base_url=instance.url)
    await context.add_cookies(
        [{"name": name, "value": value, "url": instance.url} for name, value in member.client.cookies.items()]
    )
    page = await context.new_page()
    is_kept = asyncio.Event()

    async def answer_late(route: Route) -> None:
        if route.request.method == "GET":
            await route.continue_()
            return
        await route.fetch()
        is_kept.set()
        if how == "cut off":
            await route.fulfill(status=504, body="Gateway timeout")

    await page.route(f"**{PATH}", answer_late)
    await page.goto(PATH)
    await page.get_by_label("The ZIP from X, or files of it").set_input_files(write_zip(tmp_path))
    await is_kept.wait()
    if how == "cancelled":
        await page.get_by_role("button", name="Cancel").click()
    said = page.locator("[data-part=status], [data-part=error]").filter(has_text="Load this page again")
    await expect(said).to_have_text(
        "Nothing came back. Load this page again to see whether your list was kept."
    )
    assert kept(instance) == [[(12, ""), (13, "")]]
    await context.close()
