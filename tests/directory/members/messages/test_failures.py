"""What fails before a message, and members whose account takes none: who is tried again, and who is left alone."""

from pathlib import Path

import pytest

from directory.members.newcomer_messages import (
    UNSEEN_TIMES,
    MessageEnd,
    MessageState,
)
from directory.vault import Vault
from tests.directory.members.messages.interrupting import answer
from tests.directory.members.messages.me import ACCT, ACTOR, NETWORKS, Me
from tests.directory.members.messaging import Messaging
from tests.harness.fake_mastodon.internet import Response
from tests.harness.mappings import bluesky, did

CLOSED = "recipient has disabled incoming messages"


@pytest.mark.parametrize("status", [401, 429, 500, 502, 503])
async def test_failures_before_the_message_are_tried_again(site: Messaging, me: Me, status: int) -> None:
    await me.choose()
    site.posts.searching = lambda _: answer(status)
    assert await site.run_due() == 1
    site.posts.searching = None
    site.clock.advance(minutes=14)
    assert await site.run_due() == 0
    site.clock.advance(minutes=1)
    assert await site.run_due() == 1
    assert len(site.told) == 1


async def test_a_network_that_is_away_is_asked_ever_more_rarely(site: Messaging, me: Me) -> None:
    await me.choose()
    del site.internet.sites["bot.test"]
    asked = []
    for minute in range(0, 3 * 24 * 60, 15):
        if await site.run_due():
            asked.append(minute // 15)
        site.clock.advance(minutes=15)
    assert asked == [0, 1, 3, 7, 15, 31, 63, 127, 223], "15 min, twice as long each time, a day at most"


@pytest.mark.parametrize("network", NETWORKS)
async def test_a_wrong_secret_sends_nothing_and_is_mended(site: Messaging, me: Me, network: str) -> None:
    site.mastodon_key = site.bluesky_key = "wrong"
    await me.begin(network)
    assert site.told == []
    site.mastodon_key, site.bluesky_key = Messaging.mastodon_key, Messaging.bluesky_key
    site.clock.advance(minutes=15)
    await site.run_due()
    assert len(site.told) == 1


async def test_a_session_is_kept_and_opened_anew_when_it_ends(site: Messaging, me: Me) -> None:
    """Bluesky grants an account 300 sessions a day: one for each message would be one too many."""
    await me.begin("bluesky")
    assert site.chat.sessions == 1
    site.chat.is_expired = True
    await site.arrive(bluesky("ann", 1))
    site.clock.advance(days=7)
    await site.run_due()
    site.clock.advance(minutes=15)
    await site.run_due()
    assert len(site.told) == 2


@pytest.mark.parametrize(
    ("said", "end"),
    [
        (CLOSED, MessageEnd.CLOSED),
        ("recipient requires incoming messages to come from someone they follow", MessageEnd.CLOSED),
        ("recipient does not exist", MessageEnd.GONE),
        ("block between recipient and sender", MessageEnd.BLOCKED),
    ],
)
async def test_who_takes_no_chat_messages_is_left_alone(
    site: Messaging, me: Me, said: str, end: MessageEnd
) -> None:
    site.chat.refusals[str(did("me"))] = said
    await me.begin("bluesky")
    messages = await site.found(me.id)
    assert (messages.state, messages.end) == (MessageState.ENDED, end)
    site.clock.advance(days=30)
    assert await site.run_due() == 0
    site.chat.refusals.clear()
    await me.begin("bluesky")
    assert len(site.told) == 1, "chosen again, the test message comes"


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("status", [400, 403, 404, 413])
async def test_a_page_of_a_proxy_is_no_word_about_an_account(
    site: Messaging, me: Me, network: str, status: int
) -> None:
    """Fault: something in front of the server answered with a page of its own for a minute, and whoever's message was due in
    that minute was taken for somebody who takes none: nothing was ever written to them again."""
    site.posts.answering = site.chat.answering = lambda _: Response.html("<h1>Not here</h1>", status)
    await me.begin(network)
    assert (await site.found(me.id)).state is MessageState.ACTIVE
    site.posts.answering = site.chat.answering = None
    site.clock.advance(minutes=15)
    await site.run_due()
    assert len(site.told) == 1


async def test_who_blocks_the_instance_or_is_suspended_is_left_alone(site: Messaging, me: Me) -> None:
    site.posts.blocking.add(ACCT)
    await me.begin()
    assert (await site.found(me.id)).end is MessageEnd.BLOCKED
    site.posts.blocking.clear()
    site.posts.suspended.add(ACCT)
    await me.begin()
    assert (await site.found(me.id)).end is MessageEnd.GONE
    assert site.told == []


async def test_a_code_whose_key_is_lost_ends_the_messages_after_weeks(
    site: Messaging, me: Me, tmp_path: Path
) -> None:
    """Fault: the job failed each time, and was due again five minutes later, for ever; each failure held up the messages of
    all others for ten seconds. The page said that messages come."""
    await me.choose()
    lost = site.vault
    site.vault = Vault.open(tmp_path / "other", now=site.clock.now(), may_create=True)
    looks = 0
    for _ in range(23 * 24):
        looks += await site.run_due()
        site.clock.advance(hours=1)
    assert looks < 35, "ever more rarely"
    assert (await site.found(me.id)).state is MessageState.ACTIVE, "the operator may find the key"
    for _ in range(3 * 24):
        await site.run_due()
        site.clock.advance(hours=1)
    assert (await site.found(me.id)).end is MessageEnd.SEALED
    site.vault = lost
    site.clock.advance(days=30)
    assert await site.run_due() == 0


async def test_a_key_that_is_found_again_sends_the_message(site: Messaging, me: Me, tmp_path: Path) -> None:
    await me.choose()
    lost = site.vault
    site.vault = Vault.open(tmp_path / "other", now=site.clock.now(), may_create=True)
    for _ in range(10):
        await site.run_due()
        site.clock.advance(days=1)
    site.vault = lost
    await site.run_due()
    assert len(site.told) == 1


async def test_who_chooses_again_after_a_lost_key_gets_a_new_code(
    site: Messaging, me: Me, tmp_path: Path
) -> None:
    await me.choose()
    new = Vault.open(tmp_path / "other", now=site.clock.now(), may_create=True)
    site.vault = new
    for _ in range(30):
        await site.run_due()
        site.clock.advance(days=1)
    assert (await site.found(me.id)).end is MessageEnd.SEALED
    site.__post_init__()
    await me.begin()
    assert len(site.told) == 1
    assert await site.choices.of_code(site.stop_code()) is not None


async def test_an_outage_of_our_own_server_does_not_count_as_not_found(site: Messaging, me: Me) -> None:
    """Fault: all failures were counted as one. After days on which our own server was away, the first look at which it did not
    find an account was the last: it was taken for gone."""
    await me.choose()
    away = site.internet.sites.pop("bot.test")
    for _ in range(UNSEEN_TIMES + 3):
        await site.run_due()
        site.clock.advance(days=1)
    site.internet.sites["bot.test"] = away
    known = dict(site.posts.accounts)
    site.posts.accounts.clear()
    await site.run_due()
    assert (await site.found(me.id)).state is MessageState.ACTIVE
    site.posts.accounts.update(known)
    site.clock.advance(days=1)
    await site.run_due()
    assert len(site.told) == 1


async def test_who_is_not_found_is_looked_for_over_days(site: Messaging, me: Me) -> None:
    """Their server is away: the instance's own server finds nobody there, which is no reason to end."""
    site.posts.accounts.clear()
    await me.choose()
    for _ in range(UNSEEN_TIMES - 1):
        await site.run_due()
        site.clock.advance(days=1)
    assert (await site.found(me.id)).state is MessageState.ACTIVE
    await site.run_due()
    assert (await site.found(me.id)).end is MessageEnd.GONE


@pytest.mark.parametrize("actor", ["https://social.example/users/other", "https://evil.example/users/me"])
async def test_nobody_else_gets_the_message(site: Messaging, me: Me, actor: str) -> None:
    """Attack: the address is somebody else's now, or the server names another actor for it."""
    site.posts.accounts[ACCT] = actor
    site.posts.accounts[f"{ACCT}.evil.example"] = ACTOR
    await me.begin()
    assert site.told == []


def named_at_its_own_server(site: Messaging, actor: str) -> None:
    """The server of the address says whose it is."""
    links = [{"rel": "self", "type": "application/activity+json", "href": actor}]
    answer = Response.json({"subject": f"acct:{ACCT}", "links": links}, type_="application/jrd+json")
    site.internet.sites["social.example"] = lambda _: answer


@pytest.mark.parametrize("actor", ["https://social.example/users/other", "https://evil.example/users/me"])
async def test_nobody_else_gets_the_message_where_our_server_tells_no_actor(
    site: Messaging, me: Me, actor: str
) -> None:
    """Attack: the address is somebody else's now, and GoToSocial tells no actor: the address alone was compared."""
    site.posts.tells_uri = False
    named_at_its_own_server(site, actor)
    await me.begin()
    assert site.told == []
    named_at_its_own_server(site, ACTOR)
    site.clock.advance(days=1)
    await site.run_due()
    assert len(site.told) == 1
