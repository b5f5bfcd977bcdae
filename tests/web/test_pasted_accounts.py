"""The table of pasted accounts at each public door of the web."""

import re
from collections.abc import Iterator
from html import unescape
from typing import Final
from urllib.parse import parse_qs, quote, urlsplit

import httpx
import pytest

from tests.cases.accounts import wrong
from tests.harness.instance import RunningInstance, running_instance
from tests.harness.mappings import bluesky, did

FOUND: Final = {
    "@ada_lovell": "ada_lovell",
    "4242": "numbered",
    "@4242": "4242",
    "@a_sixteen_letter": "a_sixteen_letter",
    "@an_account_of_before": "an_account_of_before",
}
"""Whom each account on X of the table leads to, so that a door shows which one it read."""
_OF_DID: Final = {str(did(name)): account for account, name in FOUND.items()}
_DID: Final = re.compile(r"did:plc:[a-z2-7]{24}")


async def fill(instance: RunningInstance) -> None:
    numbers = {"numbered": 4242}
    await instance.mappings().add(
        [bluesky(name, numbers.get(name), target=name.replace("_", "-")) for name in FOUND.values()]
    )


@pytest.fixture(scope="module")
def instance(module_dsn: str) -> Iterator[RunningInstance]:
    with running_instance(module_dsn, fill=fill) as running:
        yield running


def shown_in(answer: httpx.Response) -> str:
    """The account on X that leads to the one account that an answer shows."""
    assert answer.status_code == 200
    (found,) = set(_DID.findall(answer.text))
    return _OF_DID[found]


def is_refused(answer: httpx.Response, code: str = "invalid-account") -> bool:
    """Whether a program is told so: status 400, and the code."""
    return answer.status_code == 400 and answer.json()["type"].endswith(f"#{code}")


def is_unread(answer: httpx.Response) -> bool:
    """Whether the box is shown again, with its sentence."""
    return answer.status_code == 400 and 'id="x-error"' in answer.text


def test_the_box(client: httpx.Client) -> None:
    def read(text: str) -> str | None:
        answer = client.get("/search", params={"x": text})
        if not answer.is_redirect:
            return None if is_unread(answer) else answer.text
        where = urlsplit(answer.headers["location"])
        named = parse_qs(where.query).get("account", [where.path])[0]
        if where.path == "/whose" and is_unread(client.get(answer.headers["location"])):
            return None
        return named.removeprefix("/x/i/").replace("/x/", "@")

    assert wrong("box", read) == []


def test_lookup(client: httpx.Client) -> None:
    def read(text: str) -> str | None:
        answer = client.get("/api/v1/lookup", params={"x": text})
        return None if is_refused(answer) else shown_in(answer)

    assert wrong("lookup", read) == []


def test_match(client: httpx.Client) -> None:
    def read(text: str) -> str | None:
        answer = client.post("/api/v1/match", json={"pairs": [[None, text]]})
        return None if is_refused(answer, "invalid-request") else shown_in(answer)

    assert wrong("match", read) == []


def test_webfinger(client: httpx.Client) -> None:
    def read(text: str) -> str | None:
        answer = client.get("/.well-known/webfinger", params={"resource": text})
        return None if is_refused(answer) else shown_in(answer)

    assert wrong("webfinger", read) == []


@pytest.mark.parametrize(
    "resource", ["https://x.com/ada_lovell", "https://x.com/nobody", "https://x.com/home"]
)
def test_webfinger_answers_head(client: httpx.Client, resource: str) -> None:
    answer = client.get("/.well-known/webfinger", params={"resource": resource})
    head = client.head("/.well-known/webfinger", params={"resource": resource})
    assert (head.status_code, head.content) == (answer.status_code, b"")
    assert head.headers["content-type"] == answer.headers["content-type"]


def test_the_text_area(client: httpx.Client) -> None:
    def read(text: str) -> str | None:
        answer = client.post("/results", data={"names": f"@nobody\n{text}"})
        is_named = "is not an account on X that we can read" in answer.text
        return None if answer.status_code == 400 and is_named else shown_in(answer)

    assert wrong("names", read) == []


def test_the_address_of_a_person(client: httpx.Client) -> None:
    """A path of one segment: what holds a slash or an escape is no such address."""

    def read(text: str) -> str | None:
        answer = client.get(f"/x/{quote(text, safe='')}", follow_redirects=True)
        return None if answer.status_code == 400 else shown_in(answer)

    assert wrong("person", read, lambda text: not set(text) & set("/%\n")) == []


def test_reverse(client: httpx.Client) -> None:
    def read(text: str) -> str | None:
        answer = client.get("/api/v1/reverse", params={"account": text})
        return None if is_refused(answer) else str(answer.json()["account"])

    assert wrong("reverse", read) == []


def test_the_page_of_an_account(client: httpx.Client) -> None:
    def read(text: str) -> str | None:
        answer = client.get("/whose", params={"account": text})
        if is_unread(answer):
            return None
        (name,) = re.findall(r"Who <bdi>(.*)</bdi> was on X", answer.text)
        return str(name)

    assert wrong("whose", read) == []


def test_what_nobody_said_is_told_so(client: httpx.Client) -> None:
    """It told to check the address, which was right."""
    answer = client.get("/.well-known/webfinger?resource=https://x.com/nobody")
    assert answer.status_code == 404
    assert answer.json()["title"] == "Nobody has said yet where this account is"
    assert "Only people who proved both accounts" in answer.json()["detail"]


def test_a_line_that_is_no_account_is_named(client: httpx.Client) -> None:
    for language, words in (("en", "Line 3 of your list"), ("fr", "La ligne 3 de votre liste")):
        answer = client.post(
            "/results", data={"names": "@ada_lovell\n\nada lovell"}, headers={"accept-language": language}
        )
        assert answer.status_code == 400
        assert words in answer.text
        assert "ada lovell" in answer.text


def test_a_list_with_such_a_line_is_there_again_whole(client: httpx.Client) -> None:
    """A page without it, whose one link led to an empty list, lost some hundred names for one of them."""
    names = "@ada_lovell\r\n\r\nAda <Lovell>\r\n4242"
    answer = client.post("/results", data={"names": names})
    (again,) = re.findall(r'(?s)<textarea id="names".*?>(.*?)</textarea>', answer.text)
    assert unescape(again).split() == names.split()
    assert re.search(r'(?s)<details open>.*aria-describedby="names-error".*id="names-error"', answer.text)
    assert answer.headers["cache-control"] == "no-store"


def test_a_list_too_long_to_be_shown_again_is_told_of_alone(client: httpx.Client) -> None:
    answer = client.post("/results", data={"names": "no account\n" + "@ada_lovell\n" * 10_000})
    assert answer.status_code == 400
    assert "Line 1 of your list" in answer.text
    assert len(answer.content) < 20_000


def test_a_head_spends_no_sign_in(client: httpx.Client) -> None:
    """A scanner of links asks with HEAD; coming back from a network is for the person's own browser."""
    assert client.head("/oauth/bluesky/callback?state=a").status_code in {404, 405}
    assert client.head("/x/ada_lovell").status_code == 200
