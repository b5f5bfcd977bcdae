"""What the pages promise is true: each sentence that promises something is named here, with what holds it.

A sentence that promises something new fails the first test until it is named, and held by a test.
"""

import re
from collections.abc import Iterator
from html import unescape
from typing import Final

import httpx
import pytest

from tests.harness.instance import RunningInstance
from tests.harness.pages import as_read
from web.texts import gather

_PROMISES: Final = re.compile(
    r"cookie|track|counters|logged|already here|(?:is|are|be|been|never) chosen\b|chosen for you|stays on this device|"
    r"on your own device|"
    r"looked up and|kept nothing|nothing (?:is |was )?kept|nothing of (?:it|your list)|kept nowhere",
    re.IGNORECASE,
)
HELD: Final = {
    # Cookies: test_each_cookie_is_named.
    "No cookies but for your language and your sign-in, no tracking, nothing kept of what you look up.",
    "There are three cookies, each only once you need it: one holds the language that you chose, one that you are"
    " signed in, and one that it was this browser that left for your server to sign in.",
    "Cookies",
    "There are no other cookies, and no scripts, fonts or counters of others.",
    # Nobody else's: test_nothing_of_others_is_on_a_page.
    "There are no scripts, fonts or counters of others on these pages.",
    # Nothing is kept: test_a_lookup_leaves_nothing.
    "What is looked up is neither stored nor logged.",
    "They are looked up and dropped: they are neither stored nor logged, and go to no other instance.",
    "Find the people you followed on X, wherever they are now. No account needed, nothing kept.",
    "We looked for %(num)s people and kept nothing of your list.",
    "Nothing of your list was kept; bring it again any time.",
    "Nothing of it was kept, so choose the same files again for the next ones.",
    "Without JavaScript, the files you choose are sent here, looked up and forgotten. Send only following.js and"
    " the other lists: nothing else is needed.",
    "Open one after the other, and press “Follow” there. Save this page if you like: nothing of it is kept here.",
    "To have people followed for you, sign in with the account that is to follow them. Then choose your archive"
    " again: nothing of it was kept.",
    "To have your list kept, sign in with an account of yours. Then agree to it under “My account”, and bring your"
    " archive: nothing of it was kept yet.",
    "Cancelled. Nothing was kept.",
    "The server could not answer, and nothing was kept. Try again in a few minutes.",
    "The directory is taking a rest, and nothing was kept. Try again in a few minutes.",
    # Only numbers and names leave the device: tests/web/test_archive_reader.py.
    "Your archive stays on this device. It is read here, in your browser: only account numbers and names leave it,"
    " the day on which each name was seen, and which of your lists they stand in.",
    "With JavaScript your archive is opened on your own device: only account numbers and names leave it, the day on"
    " which each name was seen, and which of your lists they stand in. Without, the file comes here, is read, and is"
    " dropped.",
    # Nothing is kept of what is deleted: tests/web/members/test_asked_once.py, test_leaving.py.
    "The list is deleted, and nothing of it is kept.",
    "The account is unlinked, and nothing of it is public any more.",
    "Everything of yours was deleted here on %(day)s. This page is your receipt: it is kept nowhere.",
    # Who is here and chosen: test_the_numbers_are_what_they_say, test_each_row_says_why.
    "%(num)s people are already here",
    "Who is already here",
    "%(num)s accounts are chosen.",
    "Sure matches of people you follow are chosen for you; nobody you blocked or muted ever is, and nothing that is"
    " disputed.",
    "There was no block.js or no mute.js. Choose both too: otherwise people whom you blocked or muted may be chosen"
    " for you.",
    "Nobody is chosen for this file yet, so there is none: tick somebody first.",
    "Nobody is chosen, so there is nothing to start: tick somebody first.",
    "Not chosen for you.",
    "Not chosen for you: nobody has checked this.",
    "Not chosen for you: the profiles link to each other, and nobody has shown more.",
    "Not chosen for you: this person follows you, and you did not follow them on X.",
    "You blocked this person on X, so they are never chosen.",
    "You muted this person on X, so they are never chosen.",
    "Taken from another list and not checked by anybody here. Never chosen for you.",
    "What an instance says that was silent for a day is never chosen for you, and after seven days it is no longer"
    " shown.",
}  # fmt: skip
PUBLIC: Final = (
    "/",
    "/about",
    "/privacy",
    "/api/docs",
    "/x/jack",
    "/x/nobody_at_all",
    "/sign-in",
    "/left-x",
    "/nothing",
)
LISTED: Final = "12,,f\n10000,,f\n10001,,r\n10002,,b\n10003,,fm\n10004,,fr\n9999999,,f"


def promises() -> set[str]:
    texts = (each.id if isinstance(each.id, str) else each.id[1] for each in gather() if each.id)
    return {text for text in texts if _PROMISES.search(text)}


def test_every_promise_is_held_by_a_test() -> None:
    """ "There is one cookie" stood on a page for months after there were three."""
    assert promises() - HELD == set(), "a new promise: name it in HELD, beside the test that holds it"
    assert HELD - promises() == set(), "nobody says this any more"


def read(client: httpx.Client, pairs: str = LISTED, **fields: str) -> str:
    parts = {name: (None, value) for name, value in ({"pairs": pairs} | fields).items()}
    answer = client.post("/results", files=parts, headers={"accept-language": "en"})
    assert answer.status_code == 200
    return answer.text


def text_of(html: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", as_read(html)).split())


def test_each_cookie_is_named(client: httpx.Client) -> None:
    """Those of members: tests/web/members/test_asked_once.py."""
    for path in PUBLIC:
        assert "set-cookie" not in client.get(path).headers, path
    (cookie,) = client.get("/about?lang=fr").headers.get_list("set-cookie")
    assert cookie.startswith("lang=fr;")


def test_nothing_of_others_is_on_a_page(client: httpx.Client) -> None:
    for path in PUBLIC:
        answer = client.get(path)
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        loaded = re.findall(
            r'<(?:script|img|iframe|link rel="(?:stylesheet|icon)")[^>]*?(?:src|href)="([^"]+)"', answer.text
        )
        assert loaded, path
        ours = ("/static/", "/favicon.ico")
        assert [address for address in loaded if not address.startswith(ours)] == [], path


def test_a_lookup_leaves_nothing(client: httpx.Client, instance: RunningInstance) -> None:
    """No table has a row more, and no row is another, after lists were looked up, filtered and downloaded."""
    before = instance.call(lambda: _contents(instance))
    read(client)
    read(client, network="bluesky")
    read(client, do="json")
    client.post("/results", data={"names": "@jack\nnobody_at_all"})
    client.get("/search?x=jack")
    assert instance.call(lambda: _contents(instance)) == before


async def _contents(instance: RunningInstance) -> dict[str, str]:
    """Returns a digest of each table."""
    async with instance.database.connection() as connection:
        tables = await connection.fetch(
            "SELECT table_name FROM information_schema.tables"
            " WHERE table_schema = 'public' AND table_type = 'BASE TABLE' ORDER BY table_name"
        )
        return {
            name: await connection.fetchval(
                f"SELECT coalesce(md5(string_agg(t::text, chr(10) ORDER BY t::text)), '') FROM \"{name}\" t"  # noqa: S608 - names of our own tables
            )
            for (name,) in tables
        }


def test_the_numbers_are_what_they_say(client: httpx.Client) -> None:
    """ "N people are already here" counted followers, blocked and muted; "We looked for N" shrank at each filter."""
    html = read(client)
    text = text_of(html)
    assert "3 people are already here" in text
    assert "We looked for 7 people and kept nothing of your list." in text
    assert "Beside them, 3 people of your other lists are here" in text
    assert "4 accounts are chosen." in text, "one of them on both networks"
    assert re.search(r"Download for Mastodon \(CSV\) 1 of 4", text)
    carried = {
        name: unescape(value)
        for name, value in re.findall(r'type="hidden" name="(pairs|asked|toggled)" value="([^"]*)"', html)
    }
    again = text_of(read(client, **carried, search="jack"))
    assert "We looked for 7 people" in again
    assert "3 people are already here" in again
    only = text_of(read(client, "10001,,r\n10002,,b"))
    assert "Nobody whom you followed is here yet" in only
    assert "people are already here" not in only


def rows(html: str) -> dict[str, str]:
    """Returns what each row says, by the name on X."""
    found = {}
    for row in re.findall(r'<tr>\s*<th scope="row">.*?</tr>', html, re.DOTALL):
        text = text_of(row)
        found[text.split()[0]] = text
    return found


def test_each_row_says_its_list_and_why_it_is_not_chosen(client: httpx.Client) -> None:
    """Sure matches were "chosen for you" and were not, without a reason."""
    said = rows(read(client))
    assert "you followed them" in said["@Jack"]
    assert "Not chosen" not in said["@Jack"]
    assert "Not chosen for you: this person follows you" in said["@crowd1"]
    assert "they follow you" in said["@crowd1"]
    assert "you blocked them" in said["@crowd2"]
    assert "You blocked this person on X, so they are never chosen." in said["@crowd2"]
    assert "you followed them, you muted them" in said["@crowd3"]
    assert "you followed them, they follow you" in said["@crowd4"]
    pasted = rows(client.post("/results", data={"names": "linked\nhint\ntorn\njack"}).text)
    assert all("from the names you gave" in row for row in pasted.values())
    assert "Not chosen for you: the profiles link to each other" in pasted["@linked"]
    assert "Not chosen for you: nobody has checked this." in pasted["@hint"]
    assert "Instances name different accounts." in pasted["@torn"]


@pytest.fixture
def client(instance: RunningInstance) -> Iterator[httpx.Client]:
    with httpx.Client(
        base_url=instance.url, timeout=20, trust_env=False, headers={"accept-language": "en"}
    ) as opened:
        yield opened
