"""The page that waits: what it asks, how long, and what ends it."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from directory.mappings import Network
from directory.moderation.hides import HideReason
from directory.queries import Query
from directory.services.moderation import Moderation
from directory.store.hides import HideStore
from federation.keys.instance import log_origin
from federation.store.doubt import end_doubt, record_doubt
from tests.web.members.gallery import People, Person
from tests.web.members.instance import MemberInstance, member_instance
from web.pages.published import PAUSES_S, pause_before

PAGE = "/account/published"
ASK = f"{PAGE}/state"


@pytest.fixture(scope="module")
def instance(module_dsn: str, data: Path) -> Iterator[MemberInstance]:
    with member_instance(module_dsn, data, jobs=False, log="by hand") as running:
        yield running


@pytest.fixture
def author(instance: MemberInstance) -> Person:
    """Somebody who has just published, while the log says nothing."""
    people = People(instance)
    person = people.settle("writer")
    people.publish(person)
    return person


@pytest.fixture
def client(instance: MemberInstance, author: Person) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=instance.url, cookies={"passerelle": author.token}, trust_env=False) as opened:
        yield opened


def ask(client: httpx.Client, look: int) -> httpx.Response:
    return client.get(ASK, params={"look": look}, headers={"hx-request": "true"})


def test_it_asks_less_and_less_often_and_stops() -> None:
    assert list(PAUSES_S) == sorted(PAUSES_S)
    assert PAUSES_S[0] == 1
    assert sum(PAUSES_S) < 120
    assert [pause_before(look) for look in (-1, len(PAUSES_S), 10**9)] == [None] * 3


def test_with_javascript(client: httpx.Client, instance: MemberInstance) -> None:
    """Each answer asks the next question and says nothing, until there is something to say."""
    assert f"{ASK}?look=1" in client.get(PAGE).text
    for look, pause in enumerate(PAUSES_S):
        answer = ask(client, look)
        assert f'hx-get="{ASK}?look={look + 1}"' in answer.text
        assert f"delay:{pause}s" in answer.text
        assert "hx-retarget" not in answer.headers
        assert "role=" not in answer.text
    late = ask(client, len(PAUSES_S))
    assert late.headers["hx-retarget"] == "#published"
    assert "This takes longer than usual" in late.text
    assert ASK not in late.text
    instance.call(instance.write_log)
    done = ask(client, 1)
    assert done.headers["hx-retarget"] == "#published"
    assert "You can be found now" in done.text
    assert ASK not in done.text


def test_without_javascript(client: httpx.Client, instance: MemberInstance) -> None:
    for look, pause in enumerate(PAUSES_S):
        page = client.get(PAGE, params={"look": look}).text
        assert f'content="{pause}; url={PAGE}?look={look + 1}"' in page
    late = client.get(PAGE, params={"look": len(PAUSES_S)}).text
    assert "http-equiv" not in late
    assert f'href="{PAGE}"' in late
    instance.call(instance.write_log)
    assert "http-equiv" not in client.get(PAGE).text


def test_what_ends_it(client: httpx.Client, instance: MemberInstance, author: Person) -> None:
    """In another window everything is taken back, then the person signs out: the page goes where it should, and no
    page of signing in is put into the middle of it."""
    instance.call(lambda: instance.members.publishing.withdraw_all(author.member))
    assert ask(client, 1).headers["hx-redirect"] == "/account"
    assert client.get(PAGE).headers["location"] == "/account"
    instance.call(lambda: instance.members.signing_in.sign_out_everywhere(author.member))
    ended = ask(client, 1)
    assert (ended.headers["hx-redirect"], ended.content) == ("/sign-in", b"")
    assert client.get(PAGE).headers["location"] == "/sign-in"


def test_what_is_hidden_is_told_with_its_reason(
    client: httpx.Client, instance: MemberInstance, author: Person
) -> None:
    """The page would else say "You can be found now" to somebody whom nobody finds."""

    async def hide(network: Network) -> None:
        moderation = Moderation(HideStore(instance.database), instance.clock)
        account = Query.parse(f"@{author.names.x}")
        origin = log_origin(instance.settings)
        placed = await moderation.hide(account, network, origin, HideReason.IMPERSONATION, "mo")
        assert placed is not None

    instance.call(instance.write_log)
    instance.call(lambda: hide(Network.BLUESKY))
    sentence = "The moderators think that this account pretends to be somebody else."
    assert "You can be found now" in client.get(PAGE).text
    assert client.get(PAGE).text.count(sentence) == 1
    instance.call(lambda: hide(Network.MASTODON))
    page = client.get(PAGE).text
    assert "You can be found now" not in page
    assert "Nobody is shown this" in page
    assert page.count(sentence) == 2
    account = client.get("/account").text
    assert account.count("Hidden by a moderator") == account.count(sentence) == 2
    french = client.get("/account", headers={"accept-language": "fr"}).text
    assert "La modération pense que ce compte se fait passer pour quelqu’un d’autre." in french


def test_it_says_at_once_that_publishing_waits(client: httpx.Client, instance: MemberInstance) -> None:
    """The log is in doubt, in another process: the page said "in a moment", for two minutes."""

    async def doubt() -> None:
        async with instance.database.connection() as connection:
            await record_doubt(connection, "the clock is wrong", instance.clock.now())

    async def settle() -> None:
        async with instance.database.connection() as connection:
            await end_doubt(connection)

    assert "Public in a moment" in client.get(PAGE).text
    assert client.get("/readyz").text == "ready\n"
    instance.call(doubt)
    try:
        page = client.get(PAGE).text
        assert "Public in a moment" not in page
        assert "This takes longer than usual" in page
        assert f"{ASK}?look=1" in page, "it goes on asking"
        assert "Publishing waits at the moment." in client.get("/account").text
        ready = client.get("/readyz")
        assert (ready.status_code, ready.text) == (200, "ready\npublishing waits\n"), (
            "and why is not for everybody"
        )
    finally:
        instance.call(settle)
    assert "Publishing waits at the moment." not in client.get("/account").text
