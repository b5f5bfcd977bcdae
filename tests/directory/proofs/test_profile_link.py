import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.accounts import MastodonAccount
from directory.identifiers import Acct, ActorUri, Did, XHandle
from directory.mappings import EvidenceKind
from directory.networks.http import GuardedClient
from directory.proofs.links_in_text import (
    MAX_FIELD_CHARS,
    MAX_LINKS,
    field_links_to,
    is_same_page,
    text_names,
)
from directory.proofs.profile_link import (
    LinkChecker,
    LinkSeen,
    read_bluesky_profile,
    read_mastodon_profile,
    read_x_website,
)
from directory.proofs.reasons import RefutedReason, UnreachableReason
from directory.proofs.results import Linked, LinkResult, Refuted, Unreachable
from tests.directory.networks.strangers import Stranger, stranger
from tests.harness.clock import START, FakeClock
from tests.harness.fake_x import Failure, FakeX

PAGE = "https://find.example.org/m/alice"
ALICE = MastodonAccount(
    ActorUri.parse("https://mastodon.example/users/Alice"), Acct.parse("Alice@mastodon.example")
)
DID = Did.parse("did:plc:ewvi7nxzyoun6zhxrhs64oiz")
VERIFIED_AT = "2026-10-31T12:00:00.000+00:00"

# As Mastodon writes the value of a field: https://docs.joinmastodon.org/entities/Account/#fields
LINK = (
    f'<a href="{PAGE}" target="_blank" rel="nofollow noopener me" translate="no">'
    '<span class="invisible">https://</span><span>find.example.org/m/alice</span></a>'
)


@pytest.fixture
def checker(client: GuardedClient, clock: FakeClock) -> LinkChecker:
    return LinkChecker(client, clock)


@asynccontextmanager
async def server(body: bytes, status: str = "200 OK", headers: str = "") -> AsyncIterator[Stranger]:
    """A server that gives every request the same answer."""

    async def answer(request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\n{headers}\r\n".encode() + body)

    async with stranger(answer) as them:
        yield them


def mastodon(*fields: dict[str, Any], acct: str = "alice") -> bytes:
    return json.dumps({"id": "1", "username": "alice", "acct": acct, "fields": fields}).encode()


def field(value: str = LINK, verified_at: str | None = VERIFIED_AT) -> dict[str, Any]:
    return {"name": "Passerelle", "value": value, "verified_at": verified_at}


def bluesky(**profile: str) -> bytes:
    uri = f"at://{DID}/app.bsky.actor.profile/self"
    return json.dumps(
        {"uri": uri, "cid": "bafy", "value": {"$type": "app.bsky.actor.profile"} | profile}
    ).encode()


@asynccontextmanager
async def redirected(body: bytes) -> AsyncIterator[Stranger]:
    """Sends everybody on to a server that answers with `body`."""
    async with server(body) as home, server(b"", "302 Found", f"location: {home.url}there\r\n") as first:
        yield first


async def look_everywhere(checker: LinkChecker, url: str) -> list[LinkResult]:
    """What each kind of profile shows where one server answers for it."""
    return [
        await checker.check_mastodon(ALICE, url, PAGE),
        await checker.check_bluesky(DID, url, PAGE),
        await checker.check_x(XHandle("alice"), url, PAGE),
    ]


def linked(result: LinkResult) -> Linked:
    assert isinstance(result, Linked), result
    return result


class TestMastodon:
    async def test_a_verified_field_links_back(self, checker: LinkChecker) -> None:
        async with server(mastodon(field("hello", None), field())) as home:
            result = linked(await checker.check_mastodon(ALICE, home.url, PAGE))
            assert b"GET /api/v1/accounts/lookup?acct=Alice HTTP/1.1" in home.requests[0]
        assert result.evidence.kind is EvidenceKind.PROFILE_LINK
        assert (result.evidence.at, result.evidence.ref) == (START, str(ALICE.actor))

    @pytest.mark.parametrize(
        ("body", "reason"),
        [
            (mastodon(), RefutedReason.NO_LINK_BACK),
            (mastodon(field("plain text", None)), RefutedReason.NO_LINK_BACK),
            (mastodon(field(LINK.replace("/m/alice", "/m/mallory"))), RefutedReason.NO_LINK_BACK),
            (mastodon(field(f"no link: {PAGE}")), RefutedReason.NO_LINK_BACK),
            (mastodon(field(verified_at=None)), RefutedReason.LINK_UNVERIFIED),
            (mastodon(*[field("x", None)] * 64, field()), RefutedReason.NO_LINK_BACK),
        ],
    )
    def test_what_is_no_link_back(self, body: bytes, reason: RefutedReason) -> None:
        assert read_mastodon_profile(ALICE, PAGE, 200, body) == Refuted(reason)

    @pytest.mark.parametrize(
        ("url", "ref"),
        [
            ("https://mastodon.example/profile/alice", "https://mastodon.example/profile/alice"),
            ("https://evil.example/@Alice", str(ALICE.actor)),
            ("http://mastodon.example/@Alice", str(ALICE.actor)),
            (None, str(ALICE.actor)),
        ],
    )
    async def test_the_profile_that_was_read_is_named(
        self, checker: LinkChecker, url: str | None, ref: str
    ) -> None:
        """The evidence named `https://<domain of the address>/@Alice`, which at many servers is a 404; and a server can
        name a page of somebody else's, which would stand in the log for good."""
        body = json.dumps({"acct": "alice", "url": url, "fields": [field()]}).encode()
        async with server(body) as home:
            assert linked(await checker.check_mastodon(ALICE, home.url, PAGE)).evidence.ref == ref

    @pytest.mark.parametrize("acct", ["mallory", "alice@evil.example", "", "alice@mastodon.example.evil"])
    def test_an_answer_about_somebody_else_is_no_answer(self, acct: str) -> None:
        """A server that knows an `alice` of another server must not answer for its own."""
        reading = read_mastodon_profile(ALICE, PAGE, 200, mastodon(field(), acct=acct))
        assert reading == Unreachable(UnreachableReason.UNREADABLE)

    @pytest.mark.parametrize("acct", ["alice", "ALICE", "alice@Mastodon.example"])
    def test_how_servers_write_their_own_accounts(self, acct: str) -> None:
        reading = read_mastodon_profile(ALICE, PAGE, 200, mastodon(field(), acct=acct))
        assert not isinstance(reading, (Refuted, Unreachable))


class TestBluesky:
    async def test_the_website_links_back(self, checker: LinkChecker) -> None:
        async with server(bluesky(website=PAGE)) as pds:
            result = linked(await checker.check_bluesky(DID, pds.url, PAGE))
            assert b"GET /xrpc/com.atproto.repo.getRecord?repo=did%3Aplc%3A" in pds.requests[0]
        assert result.evidence.ref == f"https://bsky.app/profile/{DID}"

    async def test_no_profile_is_no_link(self, checker: LinkChecker) -> None:
        body = b'{"error":"RecordNotFound","message":"Could not locate record"}'
        async with server(body, "400 Bad Request") as pds:
            result = await checker.check_bluesky(DID, pds.url, PAGE)
        assert result == Refuted(RefutedReason.NO_LINK_BACK)

    @pytest.mark.parametrize(
        ("profile", "is_linking"),
        [
            ({"description": f"I was on X.\n{PAGE}\nHello"}, True),
            ({"description": f"  {PAGE}/  "}, True),
            ({"description": f"beware of {PAGE}"}, False),
            ({"description": f"{PAGE} is not me"}, False),
            ({"website": "https://find.example.org/m/mallory"}, False),
            ({"website": "https://find.example.org/"}, False),
            ({"displayName": PAGE}, False),
            ({}, False),
        ],
    )
    def test_where_a_link_counts(self, profile: dict[str, str], *, is_linking: bool) -> None:
        """A bio that warns of a page names its address too."""
        reading = read_bluesky_profile(DID, PAGE, 200, bluesky(**profile))
        assert (reading != Refuted(RefutedReason.NO_LINK_BACK)) is is_linking

    def test_the_record_of_another_repository_is_no_answer(self) -> None:
        other = Did.parse("did:plc:z72i7hdynmk6r22z27h6tvur")
        reading = read_bluesky_profile(other, PAGE, 200, bluesky(website=PAGE))
        assert reading == Unreachable(UnreachableReason.UNREADABLE)


class TestX:
    """X pages show nothing to other servers; only an FxTwitter-compatible service tells a profile's website."""

    @pytest.mark.parametrize(
        "url", ["https://x.com/alice", "https://mobile.twitter.com/alice", "https://X.com./alice"]
    )
    async def test_a_page_on_x_links_back_to_nobody(self, url: str, x: FakeX, checker: LinkChecker) -> None:
        """Whoever gives their page on X as their website has not shown that it links here."""
        no_link = Refuted(RefutedReason.NO_LINK_BACK)
        link = LINK.replace(PAGE, url)
        assert read_mastodon_profile(ALICE, PAGE, 200, mastodon(field(link))) == no_link
        assert read_bluesky_profile(DID, PAGE, 200, bluesky(website=url, description=url)) == no_link
        alice = x.account("Alice")
        alice.website = url
        assert await checker.check_x(alice.handle, x.sources().fxtwitter, PAGE) == no_link

    async def test_without_a_service_an_x_profile_cannot_be_looked_at(self, checker: LinkChecker) -> None:
        result = await checker.check_x(XHandle("alice"), None, PAGE)
        assert result == Refuted(RefutedReason.CANNOT_SHOW_LINK)

    async def test_the_website_of_an_x_profile(self, x: FakeX, checker: LinkChecker) -> None:
        alice = x.account("Alice")
        fxtwitter = x.sources().fxtwitter
        assert await checker.check_x(alice.handle, fxtwitter, PAGE) == Refuted(RefutedReason.NO_LINK_BACK)
        alice.website = PAGE
        result = linked(await checker.check_x(XHandle("alice"), fxtwitter, PAGE))
        assert (result.x_id, result.evidence.ref) == (alice.id, "https://x.com/alice")
        assert isinstance(await checker.check_x(XHandle("nobody"), fxtwitter, PAGE), Unreachable)

    def test_nobody_of_that_name(self) -> None:
        """Said by the service itself; a page of 404 may come from anything on the way."""
        said = b'{"code":404,"message":"User not found"}'
        nobody = read_x_website(XHandle("alice"), PAGE, 404, said)
        assert nobody == Unreachable(UnreachableReason.DELETED)
        for status, body in ((404, b"<html>"), (404, b'{"code":500}'), (200, said)):
            reading = read_x_website(XHandle("alice"), PAGE, status, body)
            assert reading not in {nobody, Refuted(RefutedReason.NO_LINK_BACK)}

    @pytest.mark.parametrize(
        "user",
        [{"screen_name": "mallory"}, {"screen_name": "al ice"}, {"screen_name": "alice", "id": "x"}, None, 5],
    )
    def test_an_answer_about_somebody_else_or_nobody(self, user: object) -> None:
        body = json.dumps({"code": 200, "user": user}).encode()
        reading = read_x_website(XHandle("alice"), PAGE, 200, body)
        assert reading == Unreachable(UnreachableReason.UNREADABLE)


class TestRedirects:
    async def test_one_is_followed_to_the_profile(self, checker: LinkChecker) -> None:
        async with redirected(mastodon(field())) as first:
            result = linked(await checker.check_mastodon(ALICE, first.url, PAGE))
            assert result.evidence.ref == str(ALICE.actor)
        async with redirected(bluesky(website=PAGE)) as first:
            assert linked(await checker.check_bluesky(DID, first.url, PAGE))

    async def test_one_to_a_page_shows_nothing(self, checker: LinkChecker) -> None:
        """An open redirect of a server, or to X, shows somebody's page, which may well link here."""
        async with redirected(f'<link rel=me href="{PAGE}">{LINK}'.encode()) as first:
            for result in await look_everywhere(checker, first.url):
                assert result == Unreachable(UnreachableReason.UNREADABLE)

    async def test_one_to_the_profile_of_somebody_else_shows_nothing(self, checker: LinkChecker) -> None:
        async with redirected(mastodon(field(), acct="mallory")) as first:
            for result in await look_everywhere(checker, first.url):
                assert result == Unreachable(UnreachableReason.UNREADABLE)

    async def test_one_in_a_circle_ends(self, checker: LinkChecker) -> None:
        async with server(b"", "302 Found", "location: /again\r\n") as first:
            for result in await look_everywhere(checker, first.url):
                assert isinstance(result, Unreachable)


class TestHtml:
    """The value of a field is HTML that a stranger's server wrote."""

    @pytest.mark.parametrize(
        "source",
        [
            f'<!-- <a href="{PAGE}" rel="me"> -->',
            f'<script>\'<a href="{PAGE}" rel="me">\'</script>',
            f'<textarea><a href="{PAGE}" rel="me"></textarea>',
            f'<p title=\'<a href="{PAGE}" rel="me">\'>',
            f'<img href="{PAGE}" rel="me">',
            f'<a href="{PAGE}/more" rel="me">',
            f'<a href="{PAGE}?as=mallory" rel="me">',
            '<a href="https://find.example.org.evil.example/m/alice" rel="me">',
            '<a href="http://find.example.org/m/alice" rel="me">',
            '<a href="https://u@find.example.org/m/alice" rel="me">',
            '<a href="/m/alice" rel="me">',
            '<a href="//find.example.org/m/alice" rel="me">',
            f"{'<a href>' * MAX_LINKS}<a href={PAGE}>",
            f"{' ' * MAX_FIELD_CHARS}<a href={PAGE}>",
            "",
        ],
    )
    def test_what_is_no_link_back(self, source: str) -> None:
        reading = read_mastodon_profile(ALICE, PAGE, 200, mastodon(field(source)))
        assert reading == Refuted(RefutedReason.NO_LINK_BACK)

    @pytest.mark.parametrize(
        "source",
        [
            f'<A HREF="{PAGE}" REL="ME">',
            f'<link rel="me" href="{PAGE}/">',
            f'<a rel="nofollow me" href=" {PAGE}#top ">',
            '<a rel=me href="HTTPS://FIND.example.org:443/m/alice">',
            f'<a rel=me href="{PAGE.replace("/m/", "/&#109;/")}">',
            f"\xff<area rel=me href={PAGE}>",
            f"{'<a href>' * (MAX_LINKS - 1)}<a href={PAGE}>",
        ],
    )
    def test_what_is_one(self, source: str) -> None:
        assert read_mastodon_profile(ALICE, PAGE, 200, mastodon(field(source))) == LinkSeen()


class TestUnreachable:
    """A profile that cannot be read refutes nothing."""

    @pytest.mark.parametrize(
        ("status", "reason"),
        [
            ("404 Not Found", UnreachableReason.TURNED_AWAY),
            ("429 Too Many Requests", UnreachableReason.TOO_MANY_REQUESTS),
            ("502 Bad Gateway", UnreachableReason.SOURCE_BROKEN),
        ],
    )
    async def test_statuses(self, status: str, reason: UnreachableReason, checker: LinkChecker) -> None:
        async with server(b"<html>", status, "retry-after: 60\r\n") as them:
            for result in await look_everywhere(checker, them.url):
                assert result == Unreachable(reason, 60)

    async def test_no_server_and_too_large_an_answer(self, checker: LinkChecker, x: FakeX) -> None:
        async with server(b"") as them:
            gone = them.url
        for result in await look_everywhere(checker, gone):
            assert result == Unreachable(UnreachableReason.NO_ANSWER)
        x.fail("fxtwitter", Failure.huge())
        large = await checker.check_x(XHandle("alice"), x.sources().fxtwitter, PAGE)
        assert large == Unreachable(UnreachableReason.UNREADABLE)

    @pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"null", b"[" * 100_000, b'{"acct":5}', b"\xff"])
    def test_nonsense(self, body: bytes) -> None:
        expected = Unreachable(UnreachableReason.UNREADABLE)
        assert read_mastodon_profile(ALICE, PAGE, 200, body) == expected
        assert read_bluesky_profile(DID, PAGE, 200, body) == expected
        assert read_x_website(XHandle("alice"), PAGE, 200, body) == expected


@given(st.integers(100, 599), st.binary())
def test_no_answer_raises(status: int, body: bytes) -> None:
    read_mastodon_profile(ALICE, PAGE, status, body)
    read_bluesky_profile(DID, PAGE, status, body)
    read_x_website(XHandle("alice"), PAGE, status, body)
    read_mastodon_profile(ALICE, PAGE, status, mastodon(field(body.decode("utf-8", "replace"))))


@given(st.text(alphabet="htps:/[]@?#.:0123456789 exampl%\n", max_size=60))
def test_no_address_raises(text: str) -> None:
    is_same_page(text, PAGE)
    is_same_page(PAGE, text)
    text_names(text, PAGE)
    field_links_to(f'<a href="{text}">', PAGE)
