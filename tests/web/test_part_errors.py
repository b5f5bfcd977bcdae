"""A part of a page that fails to load is explained where it was asked for, in the language of the page."""

import json
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
import pytest_asyncio
from litestar.exceptions import HTTPException
from litestar.testing import RequestFactory
from playwright.async_api import Browser, Locator, Page, expect

from directory.instance_settings import InstanceSettings
from tests.harness.accessibility import serious_violations
from tests.harness.instance import RunningInstance, running_instance
from tests.harness.mappings import ORIGIN
from tests.web.conftest import fill
from web.auth.errors import SignInNeeded
from web.errors import exception_handler
from web.rendering import Renderer

pytestmark = pytest.mark.asyncio(loop_scope="session")

CROWD = 120
A_LITTLE_FAST = "That was a little fast. Wait a minute and try again; nothing was lost."
UN_PEU_VITE = "C’était un peu rapide. Attendez une minute et réessayez ; rien n’est perdu."


@pytest.fixture
def hasty(module_dsn: str, instance: RunningInstance) -> Iterator[RunningInstance]:
    """An instance that looks up each of the crowd once a minute for one address, and no more."""
    with running_instance(module_dsn, rate_pairs_per_minute=CROWD) as running:
        yield running


@pytest.fixture(scope="module")
def instance(module_dsn: str) -> Iterator[RunningInstance]:
    with running_instance(module_dsn, fill=fill) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session", params=["en", "fr"])
async def page(
    request: pytest.FixtureRequest, chromium: Browser, hasty: RunningInstance
) -> AsyncIterator[Page]:
    context = await chromium.new_context(base_url=hasty.url, locale=request.param)
    opened = await context.new_page()
    await opened.goto("/")
    yield opened
    await context.close()


async def drop(page: Page, *, people: int = CROWD) -> None:
    rows = [{"following": {"accountId": str(10_000 + number)}} for number in range(people)]
    await page.set_input_files(
        "#archive-drop-files",
        {
            "name": "following.js",
            "mimeType": "text/javascript",
            "buffer": b"window.YTD.following.part0 = " + json.dumps(rows).encode(),
        },
    )


async def is_french(page: Page) -> bool:
    return await page.locator("html").get_attribute("lang") == "fr"


def next_page(page: Page) -> Locator:
    return page.locator(".pages button").last


async def test_a_list_that_is_refused_says_what_the_server_says(page: Page) -> None:
    """It said that the server could not answer, whatever was the matter: the answer was a page, not a sentence."""
    await drop(page, people=CROWD + 1)
    error = page.locator(".archive-drop-error")
    await expect(error).to_have_text(UN_PEU_VITE if await is_french(page) else A_LITTLE_FAST)
    assert await page.locator("#results h1, #results form").count() == 0


async def test_a_button_of_the_results_says_why_nothing_came(page: Page) -> None:
    """htmx leaves the page as it is, so a press that failed looked like one that was not noticed."""
    await drop(page)
    await expect(page.locator("caption")).to_contain_text("1")
    await next_page(page).click()
    alert = page.get_by_role("alert").and_(page.locator("[data-part-error]"))
    await expect(alert).to_have_text(UN_PEU_VITE if await is_french(page) else A_LITTLE_FAST)
    await expect(page.locator("tbody tr")).to_have_count(50)
    assert await serious_violations(page) == []
    await page.context.set_offline(True)
    await next_page(page).click()
    unreachable = page.locator("#results-form").get_attribute("data-unreachable")
    await expect(alert).to_have_text(await unreachable or "")
    await page.context.set_offline(False)
    await expect(alert).to_have_count(1)


def part(instance: RunningInstance, people: str) -> httpx.Response:
    headers = {"x-passerelle-fragment": "1", "accept-language": "fr"}
    with httpx.Client(base_url=instance.url, timeout=20, trust_env=False) as client:
        return client.post("/results", headers=headers, files={"pairs": (None, people)})


async def test_what_is_wrong_with_a_form_is_told_in_words_for_people(instance: RunningInstance) -> None:
    """The advice was to compare the request with the examples of the API."""
    answer = part(instance, "12,jack,f\nno!,,")
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["content-language"] == "fr"
    said = answer.json()
    assert said["type"].endswith("#invalid-form")
    assert said["detail"] == (
        "Ce formulaire ne peut pas être lu. Rien n’a été changé. Rechargez la page et envoyez-le de nouveau."
    )
    assert "no!" not in answer.text


async def test_a_stopped_database_is_told_too(module_dsn: str) -> None:
    with running_instance(module_dsn) as stopped:
        stopped.call(stopped.database.close)
        answer = part(stopped, "12,jack,f")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "60"
    assert (
        answer.json()["detail"]
        == "L’annuaire est injoignable pour le moment. Rien n’est perdu. Réessayez dans une minute."
    )


async def test_a_part_that_needs_somebody_signed_in_says_so() -> None:
    """A redirect would have put the whole page of signing in where the answer belongs."""
    handle = exception_handler(Renderer(base_url="", own_origin=ORIGIN, instance=InstanceSettings))
    request = RequestFactory().post("/account/list", headers={"x-passerelle-fragment": "1"})
    answer = handle(request, SignInNeeded("/account/list"))
    assert answer.status_code == 401
    assert json.loads(answer.content)["detail"].startswith("You are not signed in any more.")
    request = RequestFactory().get("/account/list", headers={"hx-request": "true"})
    assert handle(request, SignInNeeded("/account/list")).headers["hx-redirect"] == "/sign-in"


async def test_a_list_too_long_for_a_script_is_not_told_to_switch_scripts_on() -> None:
    """So the form without scripts is answered, which takes less than they do."""
    handle = exception_handler(Renderer(base_url="", own_origin=ORIGIN, instance=InstanceSettings))
    error = HTTPException(status_code=413)
    to_script = handle(RequestFactory().post("/results", headers={"x-passerelle-fragment": "1"}), error)
    assert json.loads(to_script.content)["detail"] == (
        "That is more people than this server takes at once. Choose following.js alone."
    )
    assert "JavaScript" in handle(RequestFactory().post("/results"), error).content
