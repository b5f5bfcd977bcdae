"""Messages about newcomers: a test message first, weekly at most, nothing where nobody came, and never twice."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from directory.accounts import AccountNetwork, TargetAccount
from directory.mappings import Network
from directory.members.consents import ConsentKind
from directory.members.errors import ConsentOutdated, UnknownAccount
from directory.members.newcomer_messages import (
    EVERY,
    MESSAGE_LEASE,
    TEST_PAUSE,
    UNSEEN_TIMES,
    MessageEnd,
    MessageState,
)
from directory.moderation.hides import HideReason
from directory.networks.bluesky import messages as bluesky_messages
from directory.networks.limits import Limits
from directory.networks.mastodon import messages as mastodon_messages
from directory.networks.messages import Letter, Messenger
from directory.queries import Lists, Query, parse_lines
from directory.services.consenting import Consenting
from directory.services.follow_lists import FollowLists
from directory.services.leaving import Leaving
from directory.services.membership import Membership
from directory.services.moderation import Moderation
from directory.services.resealing import finish_rotation, rotate
from directory.store.database import Database
from directory.store.hides import HideStore
from directory.vault import Vault
from tests.directory.members.messaging import BASE_URL, Messaging
from tests.directory.members.people import at_bluesky, at_mastodon
from tests.harness.clock import FakeClock
from tests.harness.fake_mastodon.internet import FakeInternet, Request, Response
from tests.harness.mappings import ORIGIN, bluesky, did, mastodon

ACCT = "me@social.example"
ACTOR = "https://social.example/users/me"
CLOSED = "recipient has disabled incoming messages"
SHORT = Limits(first_byte_s=0.3)
MASTODON_TEST = f"@{ACCT} Hello from Find them! This is a test message: you asked to hear when people you followed on X arrive."
NETWORKS = ("mastodon", "bluesky")


@pytest.fixture
def internet() -> Iterator[FakeInternet]:
    with FakeInternet() as fake:
        yield fake


@pytest.fixture
async def site(
    database: Database, clock: FakeClock, vault: Vault, internet: FakeInternet
) -> AsyncIterator[Messaging]:
    async with internet.client() as http:
        made = Messaging(database=database, clock=clock, vault=vault, http=http, internet=internet)
        made.posts.accounts[ACCT] = ACTOR
        yield made


class Me:
    """A member with an account on each network, who keeps a list of nine people."""

    def __init__(self, member: UUID, accounts: dict[str, UUID], site: Messaging) -> None:
        self.id = member
        self.accounts = accounts
        self._site = site

    async def choose(self, network: str = "mastodon", language: str = "en") -> None:
        await self._site.choices.choose(self.id, self.accounts[network], 1, language)

    async def begin(self, network: str = "mastodon", language: str = "en") -> None:
        """Chooses, and gets the test message."""
        await self.choose(network, language)
        assert await self._site.run_due() == 1


@pytest.fixture
async def me(membership: Membership, follow_lists: FollowLists, site: Messaging) -> Me:
    signed_in = await membership.sign_in(at_bluesky("me"))
    other = await membership.link(signed_in.member, at_mastodon("me"))
    people = parse_lines("\n".join(str(number) for number in range(1, 10)))
    await follow_lists.keep(signed_in.member, Lists.FOLLOWING, people, consent=1)
    return Me(signed_in.member, {"bluesky": signed_in.account.id, "mastodon": other.id}, site)


async def test_a_test_message_comes_first_and_says_what_it_is(site: Messaging, me: Me) -> None:
    await site.arrive(bluesky("early", 1))
    await me.begin()
    (post,) = site.posts.posts
    assert post["visibility"] == "direct"
    assert post["language"] == "en"
    assert post["status"].split("\n\n") == [
        MASTODON_TEST,
        "From now on a message comes once a week at most, and only if somebody came.",
        f"To stop these messages: {BASE_URL}/stop/{site.stop_code()}",
    ]
    site.clock.advance(days=7)
    await site.run_due()
    assert len(site.told) == 1, "who came before the choice is no news"


async def test_a_chat_message_goes_through_the_chat_service_with_links(site: Messaging, me: Me) -> None:
    await me.begin("bluesky")
    ((to, message),) = site.chat.messages
    assert to == str(did("me"))
    text = message["text"].encode()
    (facet,) = message["facets"]
    start, end = facet["index"]["byteStart"], facet["index"]["byteEnd"]
    assert text[start:end].decode() == f"{BASE_URL}/stop/{site.stop_code()}"
    assert facet["features"] == [
        {"$type": "app.bsky.richtext.facet#link", "uri": f"{BASE_URL}/stop/{site.stop_code()}"}
    ]


@pytest.mark.parametrize("network", NETWORKS)
async def test_news_come_once_a_week_and_not_at_all_where_nobody_came(
    site: Messaging, me: Me, network: str
) -> None:
    await me.begin(network)
    await site.arrive(bluesky("ann", 1), bluesky("bob", 2))
    site.clock.advance(days=6, hours=23)
    assert await site.run_due() == 0, "not before the week is over"
    site.clock.advance(hours=1)
    await site.run_due()
    await site.arrive(bluesky("cyd", 3))
    site.clock.advance(days=7)
    await site.run_due()
    site.clock.advance(days=7)
    assert await site.run_due() == 1, "it was looked at"
    assert [line.rpartition("@social.example ")[2] for line in site.told[1:]] == [
        "2 people you followed on X have arrived.",
        "1 person you followed on X has arrived.",
    ]
    site.clock.advance(days=6)
    await site.arrive(bluesky("dan", 4))
    assert await site.run_due() == 0


async def test_a_message_names_nobody(site: Messaging, me: Me) -> None:
    """Attack: whoever runs a server reads the direct messages on it, and learns who follows whom."""
    await me.begin()
    await site.arrive(bluesky("jackdorsey", 1))
    site.clock.advance(days=7)
    await site.run_due()
    told = site.posts.posts[-1]["status"]
    assert "jack" not in told
    assert f"See who: {BASE_URL}/account/list\n" in told


async def test_french_with_its_plurals(site: Messaging, me: Me) -> None:
    await me.begin(language="fr")
    await site.arrive(bluesky("ann", 1))
    site.clock.advance(days=7)
    await site.run_due()
    await site.arrive(bluesky("bob", 2), bluesky("cyd", 3))
    site.clock.advance(days=7)
    await site.run_due()
    assert [post["language"] for post in site.posts.posts] == ["fr"] * 3
    assert "Ceci est un message d’essai\u202f:" in site.told[0]
    assert site.told[1:] == [
        f"@{ACCT} 1 personne que vous suiviez sur X est arrivée.",
        f"@{ACCT} 2 personnes que vous suiviez sur X sont arrivées.",
    ]


async def test_one_person_is_told_once_however_often_they_arrive(site: Messaging, me: Me) -> None:
    """A person who comes to both networks is one; a later mapping of somebody who was told is no news."""
    await me.begin()
    await site.arrive(bluesky("ann", 1), mastodon("ann", 1))
    site.clock.advance(days=7)
    await site.run_due()
    assert site.told[1:] == [f"@{ACCT} 1 person you followed on X has arrived."]
    await site.arrive(mastodon("ann", 1, target="anna"))
    site.clock.advance(days=7)
    await site.run_due()
    assert len(site.told) == 2


async def test_whom_moderators_hide_is_not_counted(site: Messaging, me: Me, database: Database) -> None:
    await me.begin()
    await site.arrive(bluesky("ann", 1), bluesky("bob", 2))
    moderation = Moderation(HideStore(database), site.clock)
    await moderation.hide(Query.parse("2"), Network.BLUESKY, ORIGIN, HideReason.IMPERSONATION, "mo")
    site.clock.advance(days=7)
    await site.run_due()
    assert site.told[1:] == [f"@{ACCT} 1 person you followed on X has arrived."]


async def test_a_stop_by_the_link_ends_the_consent_and_can_be_undone(
    site: Messaging, me: Me, consenting: Consenting
) -> None:
    await me.begin()
    code = site.stop_code()
    messages = await site.choices.of_code(code)
    assert messages is not None
    await site.choices.stop(messages)
    assert ConsentKind.ANNOUNCE_NEWCOMERS not in await consenting.present(me.id)
    await site.arrive(bluesky("ann", 1))
    site.clock.advance(days=8)
    assert await site.run_due() == 0
    again = await site.choices.of_code(code)
    assert again is not None
    assert again.state is MessageState.STOPPED
    await site.choices.stop(again)
    await site.choices.resume(me.id, "en")
    assert ConsentKind.ANNOUNCE_NEWCOMERS in await consenting.present(me.id)
    await site.run_due()
    assert site.told[1:] == [f"@{ACCT} 1 person you followed on X has arrived."], "no second test message"
    assert site.stop_code() == code


async def test_only_the_code_of_a_message_stops_it(site: Messaging, me: Me, database: Database) -> None:
    """Attack: somebody tries codes, or reads one out of a copy of the database."""
    await me.begin()
    code = site.stop_code()
    for wrong in ("", "x", code[:-1], code[:-1] + ("A" if code[-1] != "A" else "B"), code + "A", "é" * 32):
        assert await site.choices.of_code(wrong) is None
    async with database.connection() as connection:
        row = await connection.fetchrow("SELECT * FROM newcomer_message")
    assert row is not None
    assert code not in str(dict(row))
    assert await site.choices.of_code(row["code_hash"].hex()[:32]) is None


async def test_nothing_is_sent_without_consent(site: Messaging, me: Me, consenting: Consenting) -> None:
    await me.choose()
    await consenting.withdraw(me.id, ConsentKind.ANNOUNCE_NEWCOMERS)
    assert await site.run_due() == 0
    assert site.told == []
    with pytest.raises(ConsentOutdated):
        await site.choices.choose(me.id, me.accounts["mastodon"], 7, "en")


async def test_only_an_own_account_on_an_offered_network_is_chosen(
    site: Messaging, me: Me, membership: Membership
) -> None:
    """Attack: a member has the instance write to somebody else."""
    other = await membership.sign_in(at_bluesky("other"))
    with pytest.raises(UnknownAccount):
        await site.choices.choose(me.id, other.account.id, 1, "en")
    site.choices.offered = frozenset({AccountNetwork.BLUESKY})
    with pytest.raises(UnknownAccount):
        await me.choose("mastodon")
    assert await site.run_due() == 0


async def test_choosing_to_and_fro_writes_no_more(site: Messaging, me: Me) -> None:
    """Attack: a script of a member's chooses one account after the other, and each choice is a test message."""
    await me.begin("mastodon")
    for network in ("bluesky", "mastodon") * 5:
        await me.choose(network)
        await site.run_due()
    assert len(site.told) == 1
    site.clock.advance(seconds=TEST_PAUSE.total_seconds())
    await site.run_due()
    assert len(site.told) == 2


class Holding:
    """A messenger whose letters wait before they are sent, as long as a test wants."""

    def __init__(self, inner: Messenger) -> None:
        self.network = inner.network
        self._inner = inner
        self.is_reached = asyncio.Event()
        self.may_go_on = asyncio.Event()

    async def prepare(self, to: TargetAccount, now: datetime) -> "HeldLetter":
        return HeldLetter(self, await self._inner.prepare(to, now))

    async def check(self, now: datetime) -> str:
        return await self._inner.check(now)


class HeldLetter:
    def __init__(self, holding: Holding, inner: Letter) -> None:
        self._holding = holding
        self._inner = inner

    async def send(self, text: str, *, language: str, key: str) -> None:
        self._holding.is_reached.set()
        await self._holding.may_go_on.wait()
        await self._inner.send(text, language=language, key=key)


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


def answer(status: int, **headers: str) -> Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(
        status, b'{"error": "no", "message": "no"}', {"content-type": "application/json", **named}
    )


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


def broken_off(_request: Request) -> Response:
    raise ConnectionResetError


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


async def test_who_blocks_the_instance_or_is_suspended_is_left_alone(site: Messaging, me: Me) -> None:
    site.posts.blocking.add(ACCT)
    await me.begin()
    assert (await site.found(me.id)).end is MessageEnd.BLOCKED
    site.posts.blocking.clear()
    site.posts.suspended.add(ACCT)
    await me.begin()
    assert (await site.found(me.id)).end is MessageEnd.GONE
    assert site.told == []


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


async def test_unlinked_in_the_middle_of_a_send_leaves_nothing(
    site: Messaging, me: Me, membership: Membership, database: Database
) -> None:
    inner = site.messengers[AccountNetwork.MASTODON]
    site.messengers[AccountNetwork.MASTODON] = holding = Holding(inner)
    await me.choose()
    site.posts.answering = lambda _: answer(503)
    running = asyncio.create_task(site.sending().run(await site.claim()))
    await holding.is_reached.wait()
    await membership.unlink(me.id, me.accounts["mastodon"])
    holding.may_go_on.set()
    await running
    assert await site.choices.of_member(me.id) is None
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM newcomer_message") == 0


class Between:
    """A messenger that lets something happen while a message is prepared."""

    def __init__(self, inner: Messenger) -> None:
        self.network = inner.network
        self._inner = inner
        self.may_go_on = asyncio.Event()
        self.is_reached = asyncio.Event()

    async def prepare(self, to: TargetAccount, now: datetime) -> Letter:
        letter = await self._inner.prepare(to, now)
        self.is_reached.set()
        await self.may_go_on.wait()
        return letter

    async def check(self, now: datetime) -> str:
        return await self._inner.check(now)


@pytest.mark.parametrize("what", ["withdrawn", "unlinked", "erased", "chosen elsewhere"])
async def test_what_changes_while_it_is_prepared_sends_nothing(  # noqa: PLR0917 - fixtures
    site: Messaging, me: Me, membership: Membership, consenting: Consenting, leaving: Leaving, what: str
) -> None:
    """Attack on consent: the look at it was a moment before the message went out."""
    inner = site.messengers[AccountNetwork.MASTODON]
    site.messengers[AccountNetwork.MASTODON] = between = Between(inner)
    await me.choose()
    running = asyncio.create_task(site.sending().run(await site.claim()))
    await between.is_reached.wait()
    if what == "withdrawn":
        await consenting.withdraw(me.id, ConsentKind.ANNOUNCE_NEWCOMERS)
    elif what == "unlinked":
        await membership.unlink(me.id, me.accounts["mastodon"])
    elif what == "erased":
        await leaving.erase(me.id)
    else:
        await me.choose("bluesky")
    between.may_go_on.set()
    await running
    assert site.posts.posts == []


async def test_a_lapsed_account_gets_no_message(site: Messaging, me: Me, database: Database) -> None:
    """Attack: the handle was sold. Its new owner would read what the former one asked for."""
    await me.begin()
    await site.arrive(bluesky("ann", 1))
    async with database.connection() as connection:
        await connection.execute("UPDATE linked_account SET health = 3, health_since = now()")
    site.clock.advance(days=7)
    await site.run_due()
    assert len(site.told) == 1
    with pytest.raises(UnknownAccount):
        await me.choose()


async def test_without_an_account_of_its_own_an_instance_waits(site: Messaging, me: Me) -> None:
    """The operator took the account out of the settings, and puts it back."""
    await me.choose()
    messengers = dict(site.messengers)
    site.messengers.clear()
    assert await site.run_due() == 1
    site.messengers |= messengers
    site.clock.advance(hours=23)
    assert await site.run_due() == 0
    site.clock.advance(hours=1)
    await site.run_due()
    assert len(site.told) == 1


async def test_a_clock_that_ran_ahead_silences_nobody(site: Messaging, me: Me, database: Database) -> None:
    """The machine's clock was a year ahead for an hour. Whoever was written to then hears again after a week, not a year,
    and not sooner either."""
    await me.begin()
    async with database.connection() as connection:
        await connection.execute(
            "UPDATE newcomer_message SET last_sent_at = last_sent_at + interval '1 year',"
            " next_at = next_at + interval '1 year'"
        )
    await site.arrive(bluesky("ann", 1))
    await site.run_due()
    assert len(site.told) == 1
    site.clock.advance(days=6)
    assert await site.run_due() == 0
    site.clock.advance(days=1)
    await site.run_due()
    assert len(site.told) == 2


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


async def test_links_outlast_a_rotation_of_the_vault(site: Messaging, me: Me, database: Database) -> None:
    """The key that sealed the code is retired; links in old messages still stop, and new messages hold the same."""
    await me.begin()
    code = site.stop_code()
    rotation = await rotate(site.vault, database, site.clock.now())
    assert (rotation.resealed, rotation.broken) == (1, 0)
    site.clock.advance(days=7)
    await finish_rotation(site.vault, database, site.clock.now())
    await site.arrive(bluesky("ann", 1))
    await site.run_due()
    assert len(site.told) == 2
    assert site.stop_code() == code
    assert await site.choices.of_code(code) is not None
