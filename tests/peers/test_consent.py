"""A client gets its code from the PDS when the account's owner agrees."""

import asyncio
import base64
import hashlib
import json
import secrets
from dataclasses import replace
from urllib.parse import parse_qs, urlencode, urlsplit
from urllib.request import Request, urlopen

import pytest

from tests.harness.browser import launched_chromium
from tests.peers.consent import ConsentFailed, consent, consent_in_browser
from tests.peers.pds import Pds

REDIRECT = "http://127.0.0.1:8000/callback"
SCOPE = "atproto"


def pushed(pds: Pds, state: str) -> str:
    """The address for the browser, after the request of a client on loopback was pushed (RFC 9126)."""
    client = f"http://localhost?{urlencode({'redirect_uri': REDIRECT, 'scope': SCOPE})}"
    verifier = secrets.token_urlsafe(32).encode()
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier).digest()).rstrip(b"=").decode()
    asked = {
        "client_id": client,
        "redirect_uri": REDIRECT,
        "response_type": "code",
        "scope": SCOPE,
        "state": state,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    request = Request(f"{pds.url}/oauth/par", urlencode(asked).encode())  # noqa: S310 - our own server
    with urlopen(request) as answer:  # noqa: S310 - as above
        request_uri = json.load(answer)["request_uri"]
    return f"{pds.url}/oauth/authorize?{urlencode({'client_id': client, 'request_uri': request_uri})}"


def test_consent_ends_in_a_code(pds: Pds) -> None:
    state = secrets.token_urlsafe(12)
    back = consent(pds, pushed(pds, state), pds.create_account(), SCOPE)
    assert (back["state"], back["iss"]) == (state, pds.url)
    assert back["code"]


def test_a_wrong_password_gets_no_code(pds: Pds) -> None:
    account = pds.create_account()
    stranger = replace(account, password=f"not {account.password}")
    with pytest.raises(ConsentFailed, match="/sign-in answered 4"):
        consent(pds, pushed(pds, "state"), stranger, SCOPE)


async def test_a_person_consents_on_the_real_page(pds: Pds) -> None:
    account = await asyncio.to_thread(pds.create_account)
    authorize = await asyncio.to_thread(pushed, pds, "in-a-browser")
    async with launched_chromium() as browser:
        page = await browser.new_page()
        # Nobody listens at the client's address here: that the browser goes there is enough.
        async with page.expect_request(f"{REDIRECT}**") as back:
            await consent_in_browser(page, authorize, account)
        query = parse_qs(urlsplit((await back.value).url).query)
    assert query["state"] == ["in-a-browser"]
    assert query["iss"] == [pds.url]
    assert query["code"]
