"""Profiles and labels, from a service that answers as the real one does (tests/peers/test_app_view.py), and worse."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from directory.follows.faces import Profile
from directory.follows.reasons import Reason
from directory.networks.bluesky.profiles import (
    BEFORE_A_FOLLOW,
    FOR_A_PAGE,
    MODERATION,
    BlueskyProfiles,
    Singly,
)
from directory.networks.errors import NetworkError
from directory.networks.http import GuardedClient
from directory.services.faces import WAIT_S
from directory.services.warnings import ASKED_AT_A_TIME
from tests.directory.networks.bluesky.calls import At
from tests.directory.networks.bluesky.fakes import MALLORY, NOON
from tests.directory.networks.bluesky.follows.following import attempt, stranger_did
from tests.directory.networks.strangers import answer, says, stranger

MANY: Final = "/xrpc/app.bsky.actor.getProfiles"


def label(value: str, src: str = MODERATION, **more: Any) -> dict[str, Any]:
    return {"src": src, "uri": stranger_did(1), "val": value, "cts": "2026-01-02T03:04:05.000Z", **more}


@dataclass
class View:
    """An AppView. `profiles` are those that it shows; `gone` what it says of others, by name and message; of the `silent`
    it says nothing for ever."""

    profiles: dict[str, dict[str, Any]] = field(default_factory=dict)
    gone: dict[str, tuple[str, str]] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    asked: list[int] = field(default_factory=list)
    heads: list[bytes] = field(default_factory=list)

    def show(self, number: int, **more: Any) -> None:
        did = stranger_did(number)
        self.profiles[did] = {"did": did, "handle": f"p{number}.test", **more}

    async def handle(self, request: bytes, writer: asyncio.StreamWriter) -> None:
        self.heads.append(request)
        url = urlsplit(request.split(b" ")[1].decode())
        query = parse_qs(url.query)
        if url.path == MANY:
            self.asked.append(len(query["actors"]))
            found = [self.profiles[did] for did in query["actors"] if did in self.profiles]
            heads = ("content-type: application/json", f"atproto-content-labelers: {MODERATION}")
            writer.write(answer(msgspec.json.encode({"profiles": found}), *heads))
            return
        if query["actor"][0] in self.silent:
            await asyncio.Event().wait()
        name, message = self.gone.get(query["actor"][0], ("InternalServerError", ""))
        status = HTTPStatus.INTERNAL_SERVER_ERROR if not message else HTTPStatus.BAD_REQUEST
        body = msgspec.json.encode({"error": name, "message": message})
        writer.write(answer(body, "content-type: application/json", status=f"{status} No"))

    @asynccontextmanager
    async def reader(
        self, http: GuardedClient, singly: Singly = FOR_A_PAGE
    ) -> AsyncIterator[BlueskyProfiles]:
        async with stranger(self.handle) as them:
            yield BlueskyProfiles(http, At(NOON), them.url.rstrip("/"), singly=singly)


async def read(
    view: View, http: GuardedClient, *numbers: int, singly: Singly = FOR_A_PAGE
) -> dict[str, Profile]:
    async with view.reader(http, singly) as profiles:
        found = await profiles.read([attempt(number).account for number in numbers])
    return {str(each.account.id): each for each in found}


async def test_faces_are_read_25_at_a_time(http: GuardedClient) -> None:
    """Nobody's name goes along, and only the labels that count are asked for."""
    view = View()
    for number in range(60):
        view.show(
            number, displayName=f"Person {number}", description="Hello", avatar="https://cdn.test/a.jpg"
        )
    found = await read(view, http, *range(60))
    assert view.asked == [25, 25, 10]
    assert found[stranger_did(59)] == Profile(
        attempt(59).account, "Person 59", "Hello", "https://cdn.test/a.jpg", Reason.NONE
    )
    assert all(b"authorization" not in head.lower() for head in view.heads)
    assert all(MODERATION.encode() in head for head in view.heads)


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        ([label("impersonation")], Reason.LABELLED),
        ([label("!takedown")], Reason.LABELLED),
        ([label("impersonation", exp="2026-11-29T00:00:00.000Z")], Reason.LABELLED),
        ([label("impersonation", exp="2026-11-01T00:00:00.000Z")], Reason.NONE),
        ([label("impersonation", neg=True)], Reason.NONE),
        ([label("spam")], Reason.NONE),
        # Anybody can run a labeler, and label anybody: here, themselves or their rival.
        ([label("impersonation", src=MALLORY)], Reason.NONE),
        ([], Reason.NONE),
    ],
)
async def test_labels(http: GuardedClient, labels: list[dict[str, Any]], reason: Reason) -> None:
    view = View()
    view.show(1, labels=labels)
    assert (await read(view, http, 1))[stranger_did(1)].reason is reason


@pytest.mark.parametrize(
    ("name", "says_", "reasons"),
    [
        ("InvalidRequest", "Profile not found", [Reason.GONE]),
        ("AccountTakedown", "Account has been suspended", [Reason.LABELLED]),
        ("AccountDeactivated", "Account is deactivated", [Reason.GONE]),
        ("InvalidRequest", "Error: actor must be a valid did", []),
        ("InternalServerError", "", []),
    ],
)
async def test_who_is_left_out_of_an_answer_is_asked_for(
    http: GuardedClient, name: str, says_: str, reasons: list[Reason]
) -> None:
    """A service in trouble leaves people out, too: nobody is called gone for that."""
    view = View()
    view.show(1)
    view.gone[stranger_did(2)] = (name, says_)
    found = await read(view, http, 1, 2)
    assert found[stranger_did(1)].reason is Reason.NONE
    assert [each.reason for did, each in found.items() if did == stranger_did(2)] == reasons


async def test_who_is_silent_about_some_is_heard_of_the_others(http: GuardedClient) -> None:
    """Attack: accounts that are gone stand around an impersonator, at a service that is slow to tell of each: the page
    waited for them, and learned nothing of anybody."""
    view = View()
    view.show(0, labels=[label("impersonation")])
    view.silent = {stranger_did(number) for number in range(1, FOR_A_PAGE.most)}
    async with asyncio.timeout(WAIT_S):
        found = await read(view, http, *range(FOR_A_PAGE.most))
    assert {did: each.reason for did, each in found.items()} == {stranger_did(0): Reason.LABELLED}


async def test_everybody_is_asked_for_before_a_follow(http: GuardedClient) -> None:
    """Attack: an impersonator whom the moderators took down stands behind others that are gone. Of those that an answer left
    out the first 25 were asked for, as on a page, and whoever stood behind them was followed."""
    view = View()
    view.gone = {stranger_did(number): ("InvalidRequest", "Profile not found") for number in range(99)}
    view.gone[stranger_did(99)] = ("AccountTakedown", "Account has been suspended")
    found = await read(view, http, *range(ASKED_AT_A_TIME), singly=BEFORE_A_FOLLOW)
    assert [found[stranger_did(number)].reason for number in (0, 98, 99)] == [
        Reason.GONE, Reason.GONE, Reason.LABELLED
    ]  # fmt: skip
    assert len(found) == ASKED_AT_A_TIME


@pytest.mark.parametrize("status", ["401 No", "403 No"])
async def test_a_service_that_lets_nobody_in(http: GuardedClient, status: str) -> None:
    """Attack: none is needed. A network in front of the service refuses ours, and the page of a plan broke: nobody signs
    in there, so no sign-in has ended."""
    async with stranger(says(answer(b"<h1>No</h1>", "content-type: text/html", status=status))) as them:
        profiles = BlueskyProfiles(http, At(NOON), them.url.rstrip("/"))
        with pytest.raises(NetworkError):
            await profiles.read([attempt(1).account])


async def test_an_odd_profile_costs_only_itself(http: GuardedClient) -> None:
    view = View()
    for number in range(3):
        view.show(number, displayName="x" * 5_000 if number == 1 else "Name")
    view.profiles[stranger_did(2)]["displayName"] = 7
    found = await read(view, http, 0, 1, 2)
    assert set(found) == {stranger_did(0), stranger_did(1)}


async def test_a_profile_that_nobody_asked_for(http: GuardedClient) -> None:
    """The service answers for one person with another."""
    view = View()
    view.show(1)
    view.profiles[stranger_did(1)]["did"] = MALLORY
    assert await read(view, http, 1) == {}


async def test_it_works_without_a_service(http: GuardedClient) -> None:
    assert await BlueskyProfiles(http, At(NOON), None).read([attempt(1).account]) == []


async def test_a_service_that_answers_with_a_page(http: GuardedClient) -> None:
    async with stranger(says(answer(b"<h1>Hello</h1>", "content-type: text/html", status="502 No"))) as them:
        profiles = BlueskyProfiles(http, At(NOON), them.url.rstrip("/"))
        with pytest.raises(NetworkError):
            await profiles.read([attempt(1).account])
