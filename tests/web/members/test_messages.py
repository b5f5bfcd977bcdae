"""Messages about newcomers over HTTP and in a browser: chosen beside the kept list, stopped by the link in each."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.async_api import Browser, expect

from directory.identifiers import XId
from directory.members.consents import ConsentKind
from directory.members.newcomer_messages import code_hash
from directory.queries import Lists, Query
from tests.harness.fake_mastodon.internet import FakeInternet
from tests.harness.fake_messages import MASTODON_KEY, FakePosts
from tests.harness.fake_x import FakeX
from tests.web.members.follow_worlds import keep_list
from tests.web.members.instance import MemberInstance, member_instance
from tests.web.members.visitors import SAME_ORIGIN, Visitor
from tests.web.members.worlds import HOST, client_of, enrol, fetch

PATH = "/account/list"
CHOOSE = f"{PATH}/messages"


@pytest.fixture(scope="module")
def posts(internet: FakeInternet) -> FakePosts:
    fake = FakePosts()
    internet.sites["bot.test"] = fake
    return fake


@pytest.fixture(scope="module")
def own_account(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("accounts")
    folder.chmod(0o700)
    file = folder / "mastodon"
    file.touch(0o600)
    file.write_text(MASTODON_KEY + "\n")
    return {"mastodon_account": "bot@bot.test", "mastodon_token_file": file}


@pytest.fixture(scope="module")
def instance(  # noqa: PLR0917 - fixtures
    module_dsn: str,
    data: Path,
    internet: FakeInternet,
    x: FakeX,
    posts: FakePosts,
    own_account: dict[str, Any],
) -> Iterator[MemberInstance]:
    client = client_of(internet)
    with member_instance(module_dsn, data, x=x, open_client=client, jobs=False, **own_account) as running:
        yield running


@pytest.fixture
def acct(internet: FakeInternet, posts: FakePosts, request: pytest.FixtureRequest) -> str:
    """Somebody of this test's own, whom the instance's account can find."""
    acct = enrol(internet, request.node.name[5:35])
    posts.accounts[acct] = f"https://{HOST}/users/{acct.partition('@')[0]}"
    return acct


@pytest.fixture
def ada(instance: MemberInstance, internet: FakeInternet, posts: FakePosts, acct: str) -> Iterator[Visitor]:
    """Signed in, and keeps a list."""
    with Visitor(instance) as visitor:
        visitor.sign_in_at_mastodon(internet, acct)
        visitor.send(PATH, f"{PATH}/consent", version="1")
        yield visitor
    fetch(instance, "DELETE FROM newcomer_message")
    posts.posts.clear()


def account_of(instance: MemberInstance, acct: str) -> str:
    ((account,),) = fetch(instance, "SELECT id FROM linked_account WHERE handle = $1", acct)
    return str(account)


def choose(visitor: Visitor, acct: str, **more: str) -> httpx.Response:
    fields = {"version": "1", "account": account_of(visitor.instance, acct), **more}
    return visitor.send(PATH, CHOOSE, **fields)


def begin(visitor: Visitor, posts: FakePosts, acct: str) -> str:
    """Chooses, and gets the test message. Returns the path in it that stops the messages."""
    answer = choose(visitor, acct)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{PATH}#messages")
    visitor.instance.call(visitor.instance.worker.drain)
    text = str(posts.posts[-1]["status"])
    return "/stop/" + text.partition("/stop/")[2].split()[0]


def state(instance: MemberInstance, acct: str) -> tuple[int, bool]:
    """The state of the messages, and whether their consent holds."""
    row = fetch(
        instance,
        "SELECT state, EXISTS (SELECT FROM consent c WHERE c.member = m.member AND c.kind = $2 AND ended_at IS NULL)"
        " AS agreed FROM newcomer_message m JOIN linked_account a ON a.id = m.account WHERE a.handle = $1",
        acct,
        ConsentKind.ANNOUNCE_NEWCOMERS.value,
    )[0]
    return row["state"], row["agreed"]


def test_a_message_is_chosen_and_stopped_by_its_link_without_a_sign_in(
    instance: MemberInstance, ada: Visitor, posts: FakePosts, acct: str
) -> None:
    assert "Hear when somebody arrives" in ada.get(PATH).text
    link = begin(ada, posts, acct)
    page = ada.get(PATH).text
    assert f"Messages go to {acct} (Mastodon)" in page
    assert "on its way" not in page
    with Visitor(instance) as stranger:
        asked = stranger.get(link)
        assert "Stop the messages?" in asked.text
        assert asked.headers["cache-control"] == "no-store"
        assert acct not in asked.text, "the page names nobody"
        assert state(instance, acct) == (0, True), "opening the link changes nothing"
        for _ in range(2):
            stopped = stranger.client.post(link)
            assert stopped.status_code == 200
            assert "No more messages will come" in stopped.text
            assert "Undo" not in stopped.text
            assert state(instance, acct) == (1, False)
        assert "No more messages will come" in stranger.get(link).text
    assert "The messages about newcomers are stopped." in ada.get(PATH).text


def test_who_is_signed_in_can_undo_a_stop(
    instance: MemberInstance, ada: Visitor, posts: FakePosts, acct: str
) -> None:
    link = begin(ada, posts, acct)
    assert "Undo" in ada.client.post(link).text
    assert ada.send(link, f"{CHOOSE}/resume").status_code == 303
    assert state(instance, acct) == (0, True)
    instance.call(instance.worker.drain)
    assert len(posts.posts) == 1, "no second test message"


def test_a_wrong_code_is_not_found(
    instance: MemberInstance, ada: Visitor, posts: FakePosts, acct: str
) -> None:
    """Attack: somebody tries codes. All that are wrong look the same."""
    link = begin(ada, posts, acct)
    for wrong in (
        f"{link[:-1]}{'A' if link[-1] != 'A' else 'B'}",
        link + "A",
        "/stop/x",
        "/stop/" + "%C3%A9" * 32,
    ):
        assert ada.get(wrong).status_code == 404
        assert ada.client.post(wrong).status_code == 404
    assert ada.get("/stop/" + "A" * 100).status_code in {400, 404}
    assert state(instance, acct) == (0, True)


@pytest.mark.parametrize(
    "headers",
    [{}, {"sec-purpose": "prefetch;prerender"}, {"purpose": "prefetch"}, {"x-moz": "prefetch"}],
    ids=repr,
)
def test_programs_that_look_behind_links_stop_nothing(
    instance: MemberInstance, ada: Visitor, posts: FakePosts, acct: str, headers: dict[str, str]
) -> None:
    """Attack by chance: a scanner of links, or a browser that fetches ahead, opens the link of a message."""
    link = begin(ada, posts, acct)
    with Visitor(instance) as scanner:
        for method in ("HEAD", "GET", "OPTIONS"):
            scanner.client.request(method, link, headers=headers)
            scanner.client.request(method, f"{link}?utm_source=mail", headers=headers)
    assert state(instance, acct) == (0, True)


def test_a_code_is_long_and_found_by_its_hash(
    instance: MemberInstance, ada: Visitor, posts: FakePosts, acct: str
) -> None:
    """Attack: somebody tries codes without end, and measures how long each answer takes."""
    code = begin(ada, posts, acct).removeprefix("/stop/")
    assert len(base64.urlsafe_b64decode(code)) * 8 >= 128
    ((stored,),) = fetch(instance, "SELECT code_hash FROM newcomer_message")
    assert bytes(stored) == code_hash(base64.urlsafe_b64decode(code))


def test_guesses_of_codes_are_counted_like_any_request(dsn: str, data: Path) -> None:
    with (
        member_instance(dsn, data, jobs=False, rate_pages_per_minute=5) as strict,
        Visitor(strict) as guesser,
    ):
        guesses = [guesser.client.post("/stop/" + "A" * 32) for _ in range(8)]
    assert {each.status_code for each in guesses} == {404, 429}
    assert int(guesses[-1].headers["retry-after"]) > 0


def test_the_forms_of_the_list_need_their_token(instance: MemberInstance, ada: Visitor, acct: str) -> None:
    """Attack: a page elsewhere has a member written to, or their stop undone."""
    fields = {"version": "1", "account": account_of(instance, acct)}
    for path in (CHOOSE, f"{CHOOSE}/stop", f"{CHOOSE}/resume"):
        assert ada.client.post(path, data=fields, headers=SAME_ORIGIN).status_code == 403
    assert fetch(instance, "SELECT 1 FROM newcomer_message") == []


def test_another_ones_account_is_not_chosen(
    instance: MemberInstance, internet: FakeInternet, ada: Visitor, acct: str
) -> None:
    """Attack: a member has the instance write to somebody else."""
    with Visitor(instance) as eve:
        eve.sign_in_at_mastodon(internet, enrol(internet, "eve_of_messages"))
        eve.send(PATH, f"{PATH}/consent", version="1")
        assert choose(eve, acct).status_code == 409
    assert choose(ada, acct, account="x").status_code == 409
    assert choose(ada, acct, version="7").status_code == 409
    assert fetch(instance, "SELECT 1 FROM newcomer_message") == []


def test_an_own_stop_and_the_consent_of_the_account_page_are_the_same(
    instance: MemberInstance, ada: Visitor, posts: FakePosts, acct: str
) -> None:
    begin(ada, posts, acct)
    assert 'href="/account/list#messages"' in ada.get("/account").text
    kind = ConsentKind.ANNOUNCE_NEWCOMERS.value
    ada.send("/account", f"/account/consents/{kind}", version="1", answer="no")
    assert state(instance, acct) == (1, False)
    choose(ada, acct)
    assert state(instance, acct) == (0, True)
    assert ada.send(PATH, f"{CHOOSE}/stop").status_code == 303
    assert state(instance, acct) == (1, False)


def test_the_language_of_the_page_is_that_of_the_messages(ada: Visitor, posts: FakePosts, acct: str) -> None:
    ada.get(f"{PATH}?lang=fr")
    begin(ada, posts, acct)
    assert "Ceci est un message d’essai" in posts.posts[0]["status"]


def test_who_cannot_be_written_to_reads_why(
    instance: MemberInstance, ada: Visitor, posts: FakePosts, acct: str
) -> None:
    posts.blocking.add(acct)
    choose(ada, acct)
    assert "A test message is on its way." in ada.get(PATH).text
    instance.call(instance.worker.drain)
    page = ada.get(PATH).text
    assert "it blocks our account" in page
    assert "Agree, and send a test message" in page


def test_without_an_account_of_the_instance_nothing_is_offered(
    module_dsn: str, data: Path, internet: FakeInternet, x: FakeX
) -> None:
    with (
        member_instance(module_dsn, data, x=x, open_client=client_of(internet), jobs=False) as other,
        Visitor(other) as visitor,
    ):
        acct = enrol(internet, "nobody_is_written_to")
        visitor.sign_in_at_mastodon(internet, acct)
        visitor.send(PATH, f"{PATH}/consent", version="1")
        assert "Hear when somebody arrives" not in visitor.get(PATH).text
        assert "Tell me when somebody" not in visitor.get("/account").text
        assert choose(visitor, acct).status_code == 409


@pytest.mark.asyncio(loop_scope="session")
async def test_chosen_and_stopped_in_a_browser(
    instance: MemberInstance, ada: Visitor, chromium: Browser, posts: FakePosts, acct: str
) -> None:
    context = await chromium.new_context(base_url=instance.url, viewport={"width": 360, "height": 740})
    await context.add_cookies(
        [{"name": name, "value": value, "url": instance.url} for name, value in ada.client.cookies.items()]
    )
    page = await context.new_page()
    await page.goto(PATH)
    await page.get_by_role("button", name="Agree, and send a test message").press("Enter")
    await expect(page.get_by_text("A test message is on its way.")).to_be_visible()
    instance.call(instance.worker.drain)
    link = "/stop/" + str(posts.posts[-1]["status"]).partition("/stop/")[2].split()[0]
    await page.goto(link)
    await page.get_by_role("button", name="Stop the messages").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("No more messages will come")
    await page.get_by_role("button", name="Undo: send them again").click()
    await expect(page.get_by_text(f"Messages go to {acct} (Mastodon)")).to_be_visible()
    width = await page.evaluate("document.documentElement.scrollWidth")
    assert width <= 360, "it fits on a phone"
    await context.close()


def test_only_telling_says_that_an_account_is_still_to_be_chosen(
    instance: MemberInstance, ada: Visitor, posts: FakePosts, acct: str
) -> None:
    """A consent alone has nobody written to: the page must not promise it."""
    ((member,),) = fetch(instance, "SELECT member FROM linked_account WHERE handle = $1", acct)
    keep_list(instance, member, [Query(XId(1), None, Lists.FOLLOWING)])
    assert "only tell me" in ada.get(PATH).text
    for prepare, said in ((None, "choose-account"), ("choose", "tell"), ("stop", "choose-account")):
        if prepare == "choose":
            choose(ada, acct)
        if prepare == "stop":
            ada.send(PATH, f"{CHOOSE}/stop")
        told = ada.send(PATH, f"{PATH}/newcomers", newcomers="tell", version="1")
        assert told.headers["location"] == f"{PATH}?said={said}"
        is_promised = "we only tell you about newcomers" in ada.get(told.headers["location"]).text
        assert is_promised is (said == "tell")
