"""Whom this instance hears: the public list, the About page, and what answers say of silent and limited instances."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

import httpx
import pytest
from playwright.async_api import Browser

from directory.origins import Authority, Standing
from directory.store.database import Database
from directory.store.origins import OriginStore
from federation.peers.standing import PeerStandings
from tests.federation.peers.heard import add_peer
from tests.harness.accessibility import serious_violations
from tests.harness.clock import START
from tests.harness.instance import RunningInstance, running_instance
from tests.harness.mappings import ORIGIN, OTHER_ORIGIN, bluesky
from tests.harness.pages import without_marks

STALE: Final = "a-rather-long-name-of-an-instance.of-a-community.example/log"
SILENT: Final = "silent.example/log"
LIMITED: Final = "limited.example/log"
UNLISTED: Final = "unlisted.example/log"
SUSPENDED: Final = "suspended.example/log"
FROZEN: Final = "frozen.example/log"
UNCONFIRMED: Final = "unconfirmed.example/log"
NOT_FOLLOWED: Final = "reader.example/log"
NAMED: Final = [STALE, LIMITED, SILENT, OTHER_ORIGIN]
HEARD: Final = {STALE: START - timedelta(days=2), SILENT: START - timedelta(days=8)}
STANDS: Final = {LIMITED: Standing.LIMITED, SUSPENDED: Standing.SUSPENDED, FROZEN: Standing.FROZEN}


async def fill(instance: RunningInstance) -> None:
    database: Database = instance.mappings().database
    every = [*NAMED, UNLISTED, SUSPENDED, FROZEN, UNCONFIRMED, NOT_FOLLOWED]
    for number, origin in enumerate(every, start=1):
        people = bluesky(f"p{number}", number, origin=origin)
        await add_peer(database, origin, HEARD.get(origin, START), people)
    for origin, standing in STANDS.items():
        await PeerStandings(OriginStore(database), ORIGIN).change(origin, standing, Authority.OPERATOR)
    async with database.connection() as connection:
        await connection.execute("UPDATE peer SET is_listed = false WHERE origin = $1", UNLISTED)
        await connection.execute("UPDATE peer SET confirmed_at = NULL WHERE origin = $1", UNCONFIRMED)
        await connection.execute("UPDATE peer SET we_follow = 0 WHERE origin = $1", NOT_FOLLOWED)


@pytest.fixture(scope="module")
def instance(module_dsn: str) -> Iterator[RunningInstance]:
    with running_instance(module_dsn, fill=fill, public_url="https://find.example") as running:
        yield running


def test_the_public_list_names_whom_we_hear_and_nobody_else(client: httpx.Client) -> None:
    """Nobody who is suspended, frozen, not confirmed, not followed or would rather not be listed is named."""
    peers = client.get("/api/v1/peers").json()["peers"]
    assert {peer["origin"] for peer in peers} == set(NAMED)
    told = {peer["origin"]: (peer["state"], peer["freshness"], peer["mappings"]) for peer in peers}
    assert told == {
        OTHER_ORIGIN: ("followed", "fresh", 1),
        LIMITED: ("limited", "fresh", 1),
        STALE: ("followed", "stale", 1),
        SILENT: ("followed", "silent", 0),
    }
    (fresh,) = (peer for peer in peers if peer["origin"] == OTHER_ORIGIN)
    assert (fresh["url"], fresh["heard_at"]) == ("https://two.example", "2026-11-01T12:00:00Z")


def test_an_answer_of_a_silent_instance_says_so(client: httpx.Client) -> None:
    (answer,) = client.get("/api/v1/lookup?x=1").json()["answers"]
    assert (answer["origin"], answer["stale"], answer["doubt"], answer["may_follow"]) == (
        STALE,
        True,
        "stale",
        False,
    )
    page = without_marks(client.get("/x/i/1").text)
    assert f"We have not heard from {STALE.removesuffix('/log')} for more than a day" in page
    assert client.get("/api/v1/lookup?x=3").json()["answers"] == []


def test_an_answer_of_a_limited_instance_says_whose_it_is(client: httpx.Client) -> None:
    (answer,) = client.get("/api/v1/lookup?x=2").json()["answers"]
    assert (answer["origin"], answer["doubt"], answer["stale"]) == (LIMITED, "limited", False)
    page = without_marks(client.get("/x/i/2").text)
    assert "Only limited.example says so" in page
    assert "Said elsewhere" in page


def test_results_name_the_instance_that_says_so(client: httpx.Client) -> None:
    page = without_marks(client.post("/results", files={"pairs": (None, "4,,f")}).text)
    assert "Said by two.example." in page


def test_the_about_page_says_whom_this_instance_hears(client: httpx.Client) -> None:
    page = client.get("/about").text
    for origin in NAMED:
        assert f'<a href="https://{origin.removesuffix("/log")}"' in page
    for word in ("Up to date", "Silent for a day", "Not relied on yet"):
        assert word in page
    for origin in (UNLISTED, SUSPENDED, FROZEN, UNCONFIRMED, NOT_FOLLOWED):
        assert origin.removesuffix("/log") not in page
    assert "Qui cette instance écoute" in client.get("/about?lang=fr").text


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_about_page_on_a_phone(chromium: Browser, instance: RunningInstance, scheme: str) -> None:
    """A long name does not push the page aside, and colours keep their contrast."""
    context = await chromium.new_context(
        base_url=instance.url,
        viewport={"width": 320, "height": 640},
        color_scheme="dark" if scheme == "dark" else "light",
    )
    page = await context.new_page()
    await page.goto("/about")
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert await serious_violations(page) == []
    await context.close()
