"""A newcomer is led: signing in, proving, sharing what is public, and who of a kept list has arrived."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.harness.fake_mastodon.internet import FakeInternet
from tests.harness.fake_x import FakeX
from tests.harness.mappings import bluesky, mastodon
from tests.harness.pages import as_read
from tests.web.archives import following
from tests.web.members.instance import MemberInstance, member_instance
from tests.web.members.visitors import SAME_ORIGIN, Visitor
from tests.web.members.worlds import client_of, enrol, fetch

LIST = "/account/list"
in_browser = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture(scope="module")
def instance(module_dsn: str, data: Path, internet: FakeInternet, x: FakeX) -> Iterator[MemberInstance]:
    with member_instance(module_dsn, data, x=x, open_client=client_of(internet)) as running:
        people = [bluesky("early", 21), mastodon("early", 21), bluesky("late", 22)]
        crowd = [bluesky(f"crowd{number}", 10_000 + number) for number in range(60)]
        running.call(lambda: running.mappings().add(people + crowd))
        yield running


@pytest.fixture
def member(
    instance: MemberInstance, internet: FakeInternet, request: pytest.FixtureRequest
) -> Iterator[Visitor]:
    with Visitor(instance) as visitor:
        visitor.sign_in_at_mastodon(internet, enrol(internet, request.node.name[5:35]))
        yield visitor
    fetch(instance, "DELETE FROM follow_list")


def keep(member: Visitor, *x_ids: str) -> str:
    member.send(LIST, f"{LIST}/consent", version="1")
    member.client.post(
        LIST,
        data={"form_token": member.form_token(LIST)},
        files={"files": ("following.js", following(*x_ids))},
        headers=SAME_ORIGIN,
    )
    return as_read(member.get(LIST).text)


def test_the_first_page_says_how_to_be_found(instance: MemberInstance) -> None:
    with Visitor(instance) as stranger:
        page = stranger.get("/").text
    assert 'href="#be-found"' in page
    assert 'href="/sign-in">Be found</a>' in page


def test_nobody_found_is_offered_to_keep_the_list(instance: MemberInstance) -> None:
    with Visitor(instance) as stranger:
        page = stranger.client.post("/results", files={"pairs": (None, "4711,,f")}).text
    assert 'href="/account/list"' in page
    assert 'href="/sign-in">Be found yourself</a>' in page


def test_signing_in_with_mastodon_begins_with_a_question(
    instance: MemberInstance, internet: FakeInternet
) -> None:
    """The button answered with an error, to somebody who had done nothing wrong."""
    with Visitor(instance) as stranger:
        answer = stranger.send("/sign-in", "/sign-in", network="mastodon")
        assert answer.status_code == 200
        assert "Your server, or your address on Mastodon" in answer.text
        assert 'role="alert"' not in answer.text
        assert "aria-invalid" not in answer.text
        assert 'name="network" value="mastodon"' in answer.text
        acct = enrol(internet, "asked_for_a_server")
        server = acct.rpartition("@")[2]
        left = stranger.send("/sign-in", "/sign-in", network="mastodon", account=server)
    assert left.status_code == 200
    assert server in left.headers["refresh"]


def test_the_prove_page_leads_and_says_that_the_post_has_to_stay(member: Visitor) -> None:
    page = as_read(member.get("/account/prove").text)
    assert "Nothing is public before you say so." in page
    assert "Leave it on X" in page
    assert 'data-copies="sentence"' in page


def test_a_kept_list_shows_who_of_it_has_arrived(member: Visitor) -> None:
    page = keep(member, "21", "22", "23")
    assert "2 of them have arrived" in page
    assert 'href="/x/early"' in page
    assert "early.bsky.example" in page
    assert "early@social.example" in page
    assert 'href="/x/late"' in page


def test_a_kept_list_of_nobody_who_arrived_says_so(member: Visitor) -> None:
    assert "None of them has arrived yet" in keep(member, "23")


def test_who_of_a_long_list_has_arrived_is_paged(member: Visitor) -> None:
    first = keep(member, *(str(10_000 + number) for number in range(60)))
    assert "60 of them have arrived" in first
    second = as_read(member.get(f"{LIST}?page=2").text)
    names = [
        {f"crowd{number}" for number in range(60) if f'/x/crowd{number}"' in page} for page in (first, second)
    ]
    assert [len(each) for each in names] == [50, 10]
    assert not names[0] & names[1]


@in_browser
async def test_what_was_published_can_be_shared_and_the_sentence_copied(
    instance: MemberInstance, member: Visitor, x: FakeX, chromium: Browser
) -> None:
    context = await chromium.new_context(base_url=instance.url)
    await context.grant_permissions(["clipboard-read", "clipboard-write"])
    await context.add_cookies(
        [{"name": name, "value": value, "url": instance.url} for name, value in member.client.cookies.items()]
    )
    page = await context.new_page()
    await page.goto("/account/prove")
    sentence = await page.locator("#sentence").text_content()
    await page.get_by_role("button", name="Copy it").click()
    await expect(page.locator("[data-part=copied]")).to_have_text("Copied.")
    assert await page.evaluate("navigator.clipboard.readText()") == sentence
    member.prove(x, x.account("led_by_hand"))
    member.publish()
    await page.goto("/account/published")
    field = page.get_by_label("Tell those who followed you:")
    told = await field.input_value()
    assert told.startswith("I was @led_by_hand on X, and am here now: ")
    assert told.endswith(f"{instance.settings.base_url}/x/led_by_hand")
    await page.get_by_role("button", name="Copy", exact=True).click()
    await expect(page.locator("[data-part=news]")).to_have_text("Copied.")
    assert await page.evaluate("navigator.clipboard.readText()") == told
    await context.close()
