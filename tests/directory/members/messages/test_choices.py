"""Messages rest on a choice and its consent: chosen, stopped, withdrawn while one is prepared, and never to another account."""

import asyncio
from datetime import timedelta

import pytest

from directory.accounts import AccountNetwork
from directory.members.consents import ConsentKind
from directory.members.errors import ConsentOutdated, UnknownAccount
from directory.members.newcomer_messages import (
    TEST_PAUSE,
    MessageState,
)
from directory.services.consenting import Consenting
from directory.services.leaving import Leaving
from directory.services.membership import Membership
from directory.services.resealing import finish_rotation, rotate
from directory.store.database import Database
from tests.directory.members.messages.interrupting import Between, Holding, answer
from tests.directory.members.messages.me import ACCT, Me
from tests.directory.members.messaging import Messaging
from tests.directory.members.people import at_bluesky
from tests.harness.mappings import bluesky


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


async def test_an_account_that_was_away_for_a_month_gets_no_message_until_it_is_seen(
    site: Messaging, me: Me, database: Database
) -> None:
    """Attack: the domain was bought. Its new owner would read what the former one asked for, until a re-check looks."""
    await me.begin()
    await site.arrive(bluesky("ann", 1))
    since = site.clock.now() - timedelta(days=30)
    async with database.connection() as connection:
        await connection.execute("UPDATE linked_account SET health = 2, health_since = $1", since)
    site.clock.advance(days=7)
    await site.run_due()
    assert len(site.told) == 1
    async with database.connection() as connection:
        await connection.execute("UPDATE linked_account SET health = 0, health_since = NULL")
    site.clock.advance(days=1)
    await site.run_due()
    assert len(site.told) == 2


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
