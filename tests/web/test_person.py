"""The page of one person, where somebody decides whether to trust it: what was proven, and where it can be looked at."""

import re
from collections.abc import Iterator
from datetime import timedelta

import httpx
import msgspec
import pytest

from directory.identifiers import NO_HANDLE
from directory.mappings import Evidence, EvidenceKind, Mapping, Strength
from tests.harness.clock import START
from tests.harness.instance import RunningInstance, running_instance
from tests.harness.mappings import OTHER_ORIGIN, bluesky, did, mastodon
from tests.harness.pages import as_read
from web.proof_links import proof_url, x_profile_url

POST = "https://x.com/i/status/1790000000000000001"


def proven(mapping: Mapping, kind: EvidenceKind, ref: str | None = None) -> Mapping:
    """Puts another proof of the X account in the place of a mapping's own."""
    rest = tuple(each for each in mapping.evidence if not each.binds_x)
    return msgspec.structs.replace(mapping, evidence=(Evidence(kind, START, ref), *rest))


async def fill(instance: RunningInstance) -> None:
    await instance.mappings().add(
        [
            proven(bluesky("posted", 31), EvidenceKind.X_POST_ID, POST),
            proven(mastodon("signed", 32), EvidenceKind.X_OAUTH, "https://x.com/i/user/32"),
            proven(bluesky("named"), EvidenceKind.X_POST_HANDLE, POST),
            proven(bluesky("seen"), EvidenceKind.X_CONFIRMED, POST),
            msgspec.structs.replace(bluesky("nameless", 35), target_handle=NO_HANDLE),
            bluesky("linked", strength=Strength.LINKED),
            bluesky("hint", strength=Strength.IMPORTED),
            bluesky("torn", 77, target="one"),
            bluesky("torn", 77, target="two", origin=OTHER_ORIGIN),
            proven(bluesky("evil", 66), EvidenceKind.X_POST_ID, "javascript:alert(1)"),
        ]
    )


@pytest.fixture(scope="module")
def instance(module_dsn: str) -> Iterator[RunningInstance]:
    with running_instance(module_dsn, fill=fill) as running:
        yield running


def page(client: httpx.Client, path: str) -> str:
    """Returns the HTML of a page, its white space as a browser shows it."""
    return as_read(client.get(path, headers={"accept-language": "en"}).text)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("posted", "The X account itself posted that this is its new account"),
        ("signed", "One person signed in with the X account itself, and with the new account."),
        ("named", "A post on X under this name names the new account"),
        ("seen", "A moderator saw a post on X under this name"),
        ("linked", "Both profiles link to the same page. Nobody has shown more than that."),
        ("hint", "this was taken from another list."),
    ],
)
def test_the_page_says_what_was_proven(client: httpx.Client, name: str, sentence: str) -> None:
    """ "Proven" was explained by "The name on X is the same.", which is no proof of anything."""
    text = page(client, f"/x/{name}")
    assert sentence in text
    assert "The name on X is the same." not in text


def test_an_account_without_a_handle_is_called_by_its_id(client: httpx.Client) -> None:
    """All of them share one word for no handle, which nobody would know them by."""
    shown = page(client, "/x/nameless").replace("<wbr>", "")
    assert (NO_HANDLE.value in shown, f">{did('nameless')}</a>" in shown) == (False, True)
    asked = client.get("/api/v1/reverse", params={"account": NO_HANDLE.value})
    assert asked.json()["answers"] == []


def test_the_post_and_the_profile_are_linked(client: httpx.Client) -> None:
    text = page(client, "/x/posted")
    assert text.count(f'href="{POST}"') == 2, "as a button, and in the evidence"
    assert 'href="https://x.com/i/user/31"' in text, "by number: the name can pass to somebody else"
    assert 'href="https://x.com/named"' in page(client, "/x/named")
    assert f'href="{POST}"' in page(client, "/x/seen")
    assert "See the post on X" not in page(client, "/x/signed")


def test_evidence_of_a_peer_leads_nowhere_else(client: httpx.Client) -> None:
    """An instance says that the proof of an account is at `javascript:…`, or at a page that looks like X."""
    assert "javascript:" not in page(client, "/x/evil")
    for ref in ("https://x.com.evil.example/i/status/1", "http://x.com/i/status/1", f"{POST}\n", "", None):
        assert proof_url(Evidence(EvidenceKind.X_POST_ID, START, ref)) == ""
    for ref in ("javascript:alert(1)", "https://user@evil.example/", "//evil.example/"):
        assert proof_url(Evidence(EvidenceKind.PROFILE_LINK, START, ref)) == ""
    later = msgspec.structs.replace(bluesky("a_1", 5), issued=START + timedelta(days=1))
    assert x_profile_url(later) == "https://x.com/i/user/5"


def test_a_dispute_is_said_before_what_was_proven(client: httpx.Client) -> None:
    text = page(client, "/x/torn")
    assert text.index("Instances name different accounts.") < text.index("The X account itself posted")


def test_no_comma_stands_alone(client: httpx.Client) -> None:
    """ "names the new one , November 1, 2026"."""
    for name in ("posted", "signed", "named", "linked", "hint"):
        assert " ," not in re.sub(r"<[^>]*>", "", page(client, f"/x/{name}"))


def test_the_address_can_be_copied_and_shared(client: httpx.Client, instance: RunningInstance) -> None:
    text = page(client, "/x/posted")
    assert re.search(rf'<input id="page-address" value="{instance.url}/x/posted" readonly', text)
    assert "js/share.js" in text


@pytest.mark.parametrize(("path", "name"), [("/x/nobody_at_all", "@nobody_at_all"), ("/x/i/4711", "4711")])
def test_nobody_found_has_a_fitting_title_and_the_search_box(
    client: httpx.Client, path: str, name: str
) -> None:
    """The page of somebody unknown was called "Where @name from X is now"."""
    assert client.get(path).status_code == 404
    text = page(client, path)
    assert f"<title> {name} is not found yet" in text
    assert f"<h1>{name} is not found yet</h1>" in text
    assert f"Where {name}" not in text
    assert 'action="/search" role="search"' in text
    assert 'role="search"' in page(client, "/search?x=nobody.bsky.social"), "in the other direction, too"


@pytest.fixture
def client(instance: RunningInstance) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=instance.url, timeout=20, trust_env=False, follow_redirects=True) as opened:
        yield opened


def test_who_is_shown_and_would_rather_not_be_is_told_what_to_do(
    client: httpx.Client, instance: RunningInstance
) -> None:
    """Whoever was published by somebody else, here or at another instance, found no way to object on the page about them."""
    assert 'href="/about#contact"' not in page(client, "/x/posted"), "it led to where nobody is named"
    instance.set("contact", "ada@find.example")
    shown = page(client, "/x/posted")
    instance.set("contact", None)
    assert "Is this about you, and wrong or not wanted?" in shown
    assert 'href="/about#contact"' in shown
    assert 'id="contact"' in page(client, "/about")
    assert "Is this about you" not in page(client, "/x/nobody_at_all")
