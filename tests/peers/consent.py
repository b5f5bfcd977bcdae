"""Signs in and consents at the PDS's OAuth pages: in a browser, or quicker without one.

`consent` speaks the private API of the pages that the pinned PDS ships, so it changes with that
pin; `consent_in_browser` does what a person does.
"""

import json
from http.client import HTTPConnection, HTTPResponse
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from playwright.async_api import Page

from tests.peers.pds import Account, Pds

TIMEOUT_S: Final = 20
API: Final = "/@atproto/oauth-provider/~api"
# The pages check that a browser of their own origin speaks to them.
NAVIGATION: Final = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
SCRIPT: Final = {"sec-fetch-mode": "same-origin", "sec-fetch-dest": "empty", "sec-fetch-site": "same-origin"}


class ConsentFailed(Exception):
    """The PDS's pages answered otherwise than on the way to a consent."""


def consent(pds: Pds, authorize_url: str, account: Account, scope: str) -> dict[str, str]:
    """What the client gets back in its redirect: `code`, `state`, `iss`. Raises ConsentFailed.

    `authorize_url` is where the client sends the browser, after its pushed authorization request.
    """
    visit = _Visit(pds, authorize_url)
    visit.navigate(authorize_url, {"sec-fetch-site": "none"})
    credentials = {
        "locale": "en",
        "username": account.handle,
        "password": account.password,
        "remember": False,
    }
    signed_in = visit.call("/sign-in", credentials)
    agreed = visit.call("/consent", {"did": account.did, "scope": scope}, signed_in["ephemeralToken"])
    back = visit.navigate(agreed["url"], {"sec-fetch-site": "same-origin", "referer": authorize_url})
    location = back.headers["location"]
    if location is None:
        raise ConsentFailed(f"the consent ended with {back.status} and no redirect")
    return dict(parse_qsl(urlsplit(location).query))


async def consent_in_browser(page: Page, authorize_url: str, account: Account) -> None:
    """Goes through the pages; the last click sends the browser back to the client."""
    await page.goto(authorize_url)
    await page.get_by_role("button", name="Sign in").click()
    name = page.get_by_role("textbox", name="Username or Email")
    if await name.is_editable():  # a sign-in that names an account has filled it in, and locks it
        await name.fill(account.handle)
    await page.get_by_role("textbox", name="Password").fill(account.password)
    await page.keyboard.press("Enter")
    await page.get_by_role("button", name="Authorize").click()


class _Visit:
    """One browser's worth of cookies. They are marked Secure, so no client keeps them over http."""

    def __init__(self, pds: Pds, page: str) -> None:
        self._pds = pds
        self._page = page
        self._cookies: dict[str, str] = {}

    def navigate(self, url: str, headers: dict[str, str]) -> HTTPResponse:
        parts = urlsplit(url)
        return self._send("GET", f"{parts.path}?{parts.query}", NAVIGATION | headers)[0]

    def call(self, path: str, body: dict[str, object], token: str | None = None) -> dict[str, Any]:
        headers = SCRIPT | {
            "origin": self._pds.url,
            "referer": self._page,
            "content-type": "application/json",
            "x-csrf-token": self._cookies["csrf-token"],
        }
        if token:
            headers["authorization"] = f"Bearer {token}"
        answer, content = self._send("POST", API + path, headers, json.dumps(body))
        if answer.status != 200:
            raise ConsentFailed(f"{path} answered {answer.status}: {content[:300]!r}")
        return dict(json.loads(content))

    def _send(
        self, method: str, target: str, headers: dict[str, str], body: str | None = None
    ) -> tuple[HTTPResponse, bytes]:
        connection = HTTPConnection(urlsplit(self._pds.url).netloc, timeout=TIMEOUT_S)
        try:
            cookies = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
            connection.request(method, target, body, headers | {"cookie": cookies})
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        for line in answer.headers.get_all("set-cookie", []):
            name, _, value = line.partition(";")[0].partition("=")
            self._cookies[name] = value
        return answer, content
