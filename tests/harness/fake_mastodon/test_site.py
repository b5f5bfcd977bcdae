"""The fakes are as strict as they claim, so that a test that passes against them proves something."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from playwright.async_api import async_playwright

from tests.harness.browser import chromium_path, launch_args
from tests.harness.fake_mastodon.fixtures import internet_fixture
from tests.harness.fake_mastodon.internet import FakeInternet
from tests.harness.fake_mastodon.oauth import CODE_LIFETIME, App, OAuth, Refused
from tests.harness.fake_mastodon.profiles import ALL, MASTODON_4_3, STRICT, Profile
from tests.harness.fake_mastodon.site import FakeServer
from tests.harness.fake_mastodon.visitor import agree

BACK = "https://find.example.org/back?x=y"
NOW = datetime(2026, 11, 22, tzinfo=UTC)
VERIFIER = "v" * 43
# The SHA-256 of VERIFIER, in base64url.
CHALLENGE = "7w_YNF9DSfIdPf_pRjSq646_kPr-2-o9NAl16JGghdM"

everywhere = pytest.mark.parametrize("profile", ALL, ids=lambda profile: profile.name)
strict = pytest.mark.parametrize("profile", STRICT, ids=lambda profile: profile.name)


def registered(oauth: OAuth) -> App:
    form = {"client_name": "test", "redirect_uris": BACK, "scopes": "read:accounts write:follows"}
    return oauth.register(form)


def asking(app: App, **changed: str) -> dict[str, str]:
    query = {
        "client_id": app.client_id,
        "redirect_uri": BACK,
        "response_type": "code",
        "scope": "read:accounts",
        "state": "s&t=a te",
    }
    return {**query, **changed}


def exchanging(app: App, code: str, **changed: str) -> dict[str, str]:
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "client_id": app.client_id,
        "client_secret": app.client_secret,
        "redirect_uri": BACK,
    }
    return {**form, **changed}


def code_for(oauth: OAuth, app: App, **changed: str) -> str:
    return oauth.agree(oauth.check(asking(app, **changed)), "alice@social.test", NOW)


@everywhere
@pytest.mark.parametrize(
    "changed",
    [
        {"client_id": "unknown"},
        {"redirect_uri": BACK + "z"},
        {"redirect_uri": BACK.partition("?")[0]},
        {"redirect_uri": BACK.upper()},
        {"response_type": "token"},
        {"scope": "read:accounts write"},
    ],
    ids=str,
)
def test_the_page_refuses(profile: Profile, changed: dict[str, str]) -> None:
    oauth = OAuth(profile)
    query = asking(registered(oauth), **changed)
    with pytest.raises(Refused):
        oauth.check(query)


def test_the_page_refuses_weak_challenges() -> None:
    oauth = OAuth(MASTODON_4_3)
    query = asking(registered(oauth), code_challenge=VERIFIER, code_challenge_method="plain")
    with pytest.raises(Refused):
        oauth.check(query)


@strict
@pytest.mark.parametrize(
    "changed", [{"code": "guess"}, {"client_secret": "guess"}, {"client_id": "guess"}], ids=str
)
def test_the_exchange_refuses(profile: Profile, changed: dict[str, str]) -> None:
    oauth = OAuth(profile)
    app = registered(oauth)
    form = exchanging(app, code_for(oauth, app))
    with pytest.raises(Refused):
        oauth.token({**form, **changed}, NOW)
    first = oauth.token(form, NOW)
    assert first.user == "alice@social.test"
    if profile.takes_code_twice:
        assert oauth.token(form, NOW).access != first.access
        return
    with pytest.raises(Refused):
        oauth.token(form, NOW)


@strict
def test_a_code_is_its_apps_and_ends(profile: Profile) -> None:
    oauth = OAuth(profile)
    app, other = registered(oauth), registered(oauth)
    code = code_for(oauth, app)
    with pytest.raises(Refused):
        oauth.token(exchanging(other, code), NOW)
    with pytest.raises(Refused):
        oauth.token(exchanging(app, code), NOW + CODE_LIFETIME)
    assert oauth.token(exchanging(app, code), NOW + CODE_LIFETIME - timedelta(seconds=1))


def test_a_code_wants_its_way_back_and_its_verifier() -> None:
    oauth = OAuth(MASTODON_4_3)
    app = registered(oauth)
    code = code_for(oauth, app, code_challenge=CHALLENGE, code_challenge_method="S256")
    for changed in ({}, {"code_verifier": "w" * 43}, {"code_verifier": VERIFIER, "redirect_uri": "x"}):
        with pytest.raises(Refused):
            oauth.token(exchanging(app, code, **changed), NOW)
    assert oauth.token(exchanging(app, code, code_verifier=VERIFIER), NOW)


internet = internet_fixture()


@everywhere
def test_the_state_comes_back_as_it_went(internet: FakeInternet, profile: Profile) -> None:
    server = FakeServer.at(internet, "social.test", profile)
    query = urlencode(asking(registered(server.oauth)))
    back = agree(internet, f"https://social.test/oauth/authorize?{query}", "alice")
    fields = parse_qs(urlsplit(back).query)
    assert back.startswith(BACK)
    assert fields["state"] == ["s&t=a te"]
    assert fields["x"] == ["y"]


async def test_a_person_agrees_in_a_browser(internet: FakeInternet) -> None:
    """How other tests lead a browser into this internet."""
    server = FakeServer.at(internet, "social.test", accounts=["alice", "bob"])
    query = urlencode(asking(registered(server.oauth)))
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=chromium_path(), args=[*launch_args(), *internet.chromium_args()]
        )
        context = await browser.new_context(ignore_https_errors=True)
        page = await context.new_page()
        await page.goto(f"https://social.test/oauth/authorize?{query}")
        await page.get_by_label("bob@social.test").check()
        async with page.expect_request("https://find.example.org/**") as back:
            await page.get_by_role("button", name="Authorize").click()
        assert "code=" in (await back.value).url
        await browser.close()
    assert next(iter(server.oauth.codes.values())).user == "bob@social.test"
