"""Every page of members in every state that looks different, and the people who see them."""

import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from playwright.async_api import Browser, BrowserContext, Page, expect

from directory.accounts import BlueskyAccount, MastodonAccount, ProvenAccount, XAccount
from directory.identifiers import Acct, ActorUri, AtHandle, Did, XHandle, XId
from directory.mappings import Evidence, EvidenceKind
from directory.members.publications import Wish
from directory.proofs.reasons import RefutedReason
from directory.proofs.results import Refuted
from directory.x_names import X_NAME_CHARS
from tests.web.members.instance import MemberInstance

LONG_HOST: Final = f"{'a-server-whose-name-has-no-end-' * 2}x.example"

_NUMBERS: Final = itertools.count()
"""So that no two people are one, in whatever gallery."""


@dataclass(frozen=True, slots=True)
class Names:
    """What somebody is called, at both networks and on X."""

    bluesky: str
    did: str
    acct: str
    x: str

    @classmethod
    def short(cls, name: str) -> "Names":
        return cls(f"{name}.bsky.example", _did(name), f"{name}@social.example", name)

    @classmethod
    def long(cls, name: str) -> "Names":
        """As long as one post takes, with nowhere to break a line."""
        label = (name + "x" * 63)[:63]
        handle = f"{label}.{'y' * 63}.example"
        return cls(
            handle, f"did:web:{handle}", f"{label}@{LONG_HOST}", (name + "_" * X_NAME_CHARS)[:X_NAME_CHARS]
        )


def _did(name: str) -> str:
    return "did:plc:" + ("".join(c for c in name if c.isalpha()) + "a" * 24)[:24]


@dataclass(frozen=True, slots=True)
class Person:
    """A member, and the cookie of their browser."""

    member: UUID
    token: str
    names: Names


class People:
    """Makes members without the way through a network: here it is the pages that matter."""

    def __init__(self, instance: MemberInstance, names: Callable[[str], Names] = Names.short) -> None:
        self._instance = instance
        self._names = names

    def join(self, name: str) -> Person:
        """Somebody new, at Bluesky."""
        number = next(_NUMBERS)
        names = self._names(f"{name}{chr(97 + number // 26)}{chr(97 + number % 26)}")

        async def run() -> Person:
            members = self._instance.members
            signed_in = await members.membership.sign_in(
                ProvenAccount(
                    BlueskyAccount(Did.parse(names.did), AtHandle.parse(names.bluesky)),
                    _seen(EvidenceKind.BLUESKY_OAUTH),
                )
            )
            token, _ = await members.signing_in.start_session(signed_in.account, "Firefox · Linux")
            return Person(signed_in.member, token, names)

        return self._instance.call(run)

    def settle(self, name: str) -> Person:
        """Somebody with an account everywhere."""
        person = self.join(name)

        async def run() -> None:
            user, _, host = person.names.acct.partition("@")
            actor = ActorUri.parse(f"https://{host}/users/{user}")
            named = (person.names.did, str(actor))
            post = _seen(EvidenceKind.X_POST_ID, "https://x.com/i/status/1850000000000000001", named)
            link = self._instance.members.membership.link
            await link(
                person.member,
                ProvenAccount(
                    MastodonAccount(actor, Acct.parse(person.names.acct)), _seen(EvidenceKind.MASTODON_OAUTH)
                ),
            )
            x_id = XId(1_500_000_000_000_000_000 + next(_NUMBERS))
            await link(person.member, ProvenAccount(XAccount(x_id, XHandle.parse(person.names.x)), post))

        self._instance.call(run)
        return person

    def publish(self, person: Person) -> None:
        """On both networks; pending until the log is written."""

        async def run() -> None:
            members = self._instance.members
            accounts = await members.membership.accounts(person.member)
            (x,) = [each for each in accounts if each.target is None]
            for each in accounts:
                if each.target is not None:
                    await members.publishing.publish(person.member, Wish(x.id, each.id, consent=1))
                await members.membership.show_on_page(person.member, each.id, shown=True)

        self._instance.call(run)

    def ask(self, person: Person, *, instance: str) -> None:
        """Makes a sentence that names this instance."""

        async def run() -> None:
            await self._instance.members.proving.new_challenge(person.member, instance, "en")

        self._instance.call(run)

    def hand_in(self, person: Person, *, refused: RefutedReason | None = None) -> None:
        """A post, which is being looked at, or was found wanting."""

        async def run() -> None:
            proving = self._instance.members.proving
            kept = await proving.new_challenge(person.member, self._instance.settings.domain, "en")
            await proving.submit(person.member, kept.id, "1850000000000000002")
            if refused is not None:
                for job in await proving.claim_due(10):
                    if job.check.member == person.member:
                        await proving.record(job, Refuted(refused))

        self._instance.call(run)


def _seen(kind: EvidenceKind, ref: str | None = None, names: tuple[str, ...] = ()) -> Evidence:
    return Evidence(kind, datetime.now(UTC) - timedelta(minutes=1), ref, names)


Show = Callable[[Page], Awaitable[object]]


class Gallery:
    """Leads a browser to each page. `names` makes the names of those who see them."""

    def __init__(
        self, browser: Browser, instance: MemberInstance, names: Callable[[str], Names] = Names.short
    ) -> None:
        self._browser = browser
        self._instance = instance
        self.people = People(instance, names)

    async def enter(self, name: str, **context: object) -> tuple[BrowserContext, Page]:
        """The page of that name, open in a new context, which the caller closes."""
        person, show = ROOMS[name](self)
        opened = await self._browser.new_context(base_url=self._instance.url, **context)  # type: ignore[arg-type]  # arguments of several types
        if person is not None:
            await opened.add_cookies(
                [{"name": "passerelle", "value": person.token, "url": self._instance.url}]
            )
        page = await opened.new_page()
        await show(page)
        return opened, page

    def author(self, *, is_logged: bool = True) -> Person:
        person = self.people.settle("author")
        self.people.publish(person)
        if is_logged:
            self._instance.call(self._instance.write_log)
        return person


def _at(path: str) -> Show:
    async def show(page: Page) -> None:
        answer = await page.goto(path)
        assert answer is not None
        assert answer.ok, answer.status

    return show


async def _sign_in_wrongly(page: Page) -> None:
    await page.goto("/sign-in")
    await page.locator("#account").fill("nobody anywhere")
    await page.keyboard.press("Enter")
    await expect(page.locator("[role=alert]")).to_be_visible()


async def _leave(page: Page) -> None:
    await page.goto("/account/leave")
    await page.locator("#sure").check()
    await page.locator("form.card button").click()
    await expect(page.locator("#sure")).to_have_count(0)


async def _unlink(page: Page) -> None:
    """The account that this browser is signed in with."""
    await page.goto("/account")
    await page.locator("summary", has_text="Unlink").first.click()
    await page.locator("form[action$='/unlink'] button").first.click()
    await expect(page.locator("form[action$='/unlink']")).to_have_count(0)


def _sentence(gallery: Gallery) -> tuple[Person, Show]:
    """Made before the accounts were what they are now."""
    person = gallery.people.settle("poster")
    gallery.people.ask(person, instance="former.example")
    return person, _at("/account/prove/sentence")


def _refused(gallery: Gallery) -> tuple[Person, Show]:
    person = gallery.people.join("hasty")
    gallery.people.hand_in(person, refused=RefutedReason.SENTENCE_ALTERED)
    return person, _at("/account/prove")


def _checking(gallery: Gallery) -> tuple[Person, Show]:
    person = gallery.people.join("waiter")
    gallery.people.hand_in(person)
    return person, _at("/account/prove")


ROOMS: Final[dict[str, Callable[[Gallery], tuple[Person | None, Show]]]] = {
    "sign-in": lambda _: (None, _at("/sign-in")),
    "sign-in-wrong": lambda _: (None, _sign_in_wrongly),
    "prove": lambda gallery: (gallery.people.join("prover"), _at("/account/prove")),
    "sentence": _sentence,
    "prove-again": _refused,
    "checking": _checking,
    "publish": lambda gallery: (gallery.people.settle("chooser"), _at("/account/publish")),
    "in-a-moment": lambda gallery: (gallery.author(is_logged=False), _at("/account/published")),
    "later": lambda gallery: (gallery.author(is_logged=False), _at("/account/published?look=99")),
    "published": lambda gallery: (gallery.author(), _at("/account/published")),
    "account-new": lambda gallery: (gallery.people.join("newcomer"), _at("/account")),
    "account": lambda gallery: (gallery.author(), _at("/account")),
    "account-in-a-moment": lambda gallery: (gallery.author(is_logged=False), _at("/account")),
    "kept-list": lambda gallery: (gallery.people.join("keeper"), _at("/account/list")),
    "prove-links": lambda gallery: (gallery.people.join("linker"), _at("/account/prove/links")),
    "member-page": lambda gallery: (None, _at(f"/m/{gallery.author().names.bluesky}")),
    "left-x": lambda _: (None, _at("/left-x")),
    "left-x-member": lambda gallery: (gallery.people.join("gone"), _at("/left-x")),
    "leave": lambda gallery: (gallery.author(), _at("/account/leave")),
    "unlinked": lambda gallery: (gallery.people.settle("unlinker"), _unlink),
    "left": lambda gallery: (gallery.author(), _leave),
}
"""The pages, each with who sees it and how they come there."""
