"""Messages are never sent twice: a process that is killed, two at once, and servers that break off."""

import asyncio
import threading
from datetime import timedelta

import pytest

from directory.accounts import AccountNetwork
from directory.members.newcomer_messages import (
    EVERY,
    MESSAGE_LEASE,
)
from directory.networks.bluesky import messages as bluesky_messages
from directory.networks.limits import Limits
from directory.networks.mastodon import messages as mastodon_messages
from tests.directory.members.messages.interrupting import Holding, answer, broken_off
from tests.directory.members.messages.me import NETWORKS, Me
from tests.directory.members.messaging import Messaging
from tests.harness.fake_mastodon.internet import FakeInternet, Request, Response
from tests.harness.mappings import bluesky

SHORT = Limits(first_byte_s=0.3)


@pytest.mark.parametrize("network", NETWORKS)
async def test_killed_between_mark_and_call_it_is_never_sent_again(
    site: Messaging, me: Me, network: str
) -> None:
    """The process that marked a message is gone. Whether it was sent is not known, so it counts as sent."""
    await me.begin(network)
    await site.arrive(bluesky("ann", 1))
    site.clock.advance(days=7)
    key = AccountNetwork(network)
    inner = site.messengers[key]
    site.messengers[key] = holding = Holding(inner)
    killed = asyncio.create_task(site.sending().run(await site.claim()))
    await holding.is_reached.wait()
    killed.cancel()
    await asyncio.wait([killed])
    site.messengers[key] = inner
    site.clock.advance(seconds=MESSAGE_LEASE.total_seconds() + 1)
    assert await site.run_due() == 0
    await site.arrive(bluesky("bob", 2))
    site.clock.advance(days=7)
    await site.run_due()
    assert len(site.told) == 2
    assert site.told[-1].endswith("1 person you followed on X has arrived."), "and only of who came later"


@pytest.mark.parametrize("network", NETWORKS)
async def test_killed_between_call_and_answer_it_is_never_sent_again(
    site: Messaging, me: Me, network: str, internet: FakeInternet
) -> None:
    await me.begin(network)
    await site.arrive(bluesky("ann", 1))
    site.clock.advance(days=7)
    taken = site.posts if network == "mastodon" else site.chat
    is_taken = threading.Event()

    def hang(request: Request) -> Response:
        is_taken.set()
        return internet.hang(request)

    taken.takes_first, taken.answering = True, hang
    sending, job = site.sending(), await site.claim()
    killed = asyncio.create_task(sending.run(job))
    await asyncio.to_thread(is_taken.wait)
    killed.cancel()
    await asyncio.wait([killed])
    await sending.release(job)  # what a process that is told to stop does
    taken.answering = None
    site.clock.advance(seconds=MESSAGE_LEASE.total_seconds() + 1)
    assert await site.run_due() == 0
    assert len(site.told) == 2


async def test_killed_before_the_mark_it_is_sent_once(site: Messaging, me: Me) -> None:
    await me.choose()
    await site.claim()  # by a process that is gone
    assert await site.run_due() == 0
    site.clock.advance(seconds=MESSAGE_LEASE.total_seconds())
    assert await site.run_due() == 1
    assert len(site.told) == 1


async def test_two_processes_send_one_message(site: Messaging, me: Me) -> None:
    """One was slower than its lease: its result comes after another claim."""
    await me.choose()
    late = await site.claim()
    site.clock.advance(seconds=MESSAGE_LEASE.total_seconds())
    await site.run_due()
    await site.sending().run(late)
    await site.sending().release(late)
    assert len(site.told) == 1
    assert await site.run_due() == 0


async def test_told_to_stop_before_the_mark_it_is_due_again_now(site: Messaging, me: Me) -> None:
    await me.choose()
    await site.sending().release(await site.claim())
    assert await site.run_due() == 1
    assert len(site.told) == 1


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("status", [401, 429, 503])
async def test_what_was_surely_not_sent_is_tried_again(
    site: Messaging, me: Me, network: str, status: int
) -> None:
    await me.begin(network)
    await site.arrive(bluesky("ann", 1))
    site.clock.advance(days=7)
    taken = site.posts if network == "mastodon" else site.chat
    taken.answering = lambda _: answer(status, retry_after="7200")
    assert await site.run_due() == 1
    taken.answering = None
    assert await site.run_due() == 0
    site.clock.advance(minutes=119 if status != 401 else 14)
    assert await site.run_due() == 0, "not before the time that it asked for"
    site.clock.advance(minutes=1)
    await site.arrive(bluesky("bob", 2))
    assert await site.run_due() == 1
    assert site.told[1].endswith("2 people you followed on X have arrived.")
    assert len(site.told) == 2


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("how", ["500", "502", "broken off", "silent"])
async def test_what_may_have_been_sent_is_never_sent_again(
    site: Messaging, me: Me, network: str, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Attack: a server that takes a message and answers with an error gets the member as many as it likes."""
    for module in (mastodon_messages, bluesky_messages):
        monkeypatch.setattr(module, "MESSAGE_LIMITS", SHORT)
    await me.begin(network)
    await site.arrive(bluesky("ann", 1))
    site.clock.advance(days=7)
    taken = site.posts if network == "mastodon" else site.chat
    taken.takes_first = True
    taken.answering = {
        "500": lambda _: answer(500),
        "502": lambda _: answer(502),
        "broken off": broken_off,
        "silent": site.internet.hang,
    }[how]
    assert await site.run_due() == 1
    taken.answering = None
    for _ in range(6):
        site.clock.advance(days=1)
        assert await site.run_due() == 0
    site.clock.advance(days=1)
    assert await site.run_due() == 1
    assert len(site.told) == 2, "that week's is gone: the page shows all newcomers"


async def test_each_message_has_a_key_of_its_own(site: Messaging, me: Me) -> None:
    """Mastodon gives the former post again for a key that it knows: news would be swallowed."""
    await me.begin()
    for number in (1, 2):
        await site.arrive(bluesky(f"p{number}", number))
        site.clock.advance(seconds=EVERY.total_seconds())
        await site.run_due()
    keys = [
        request.headers["idempotency-key"]
        for request in site.internet.requests
        if request.path == "/api/v1/statuses"
    ]
    assert len(set(keys)) == 3
    assert timedelta(days=7) == EVERY
