"""What messages about newcomers say: a test message first, weekly at most, and nothing where nobody came."""

import pytest

from directory.answers import let_go_leaves
from directory.mappings import Network
from directory.moderation.hides import HideReason
from directory.queries import Query
from directory.services.moderation import Moderation
from directory.store.database import Database
from directory.store.hides import HideStore
from tests.directory.members.messages.me import ACCT, NETWORKS, Me
from tests.directory.members.messaging import BASE_URL, Messaging
from tests.harness.mappings import ORIGIN, bluesky, did, mastodon

MASTODON_TEST = f"@{ACCT} Hello from \u2068Find them\u2069! This is a test message: you asked to hear when people you followed on X arrive."


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


async def test_who_renews_is_told_once(site: Messaging, me: Me, database: Database) -> None:
    """Fault: the former mapping was gone by the time of the next message, and so was the trace that it had been told."""
    await me.begin()
    await site.arrive(bluesky("ann", 1), bluesky("bob", 2))
    site.clock.advance(days=7)
    await site.run_due()
    await site.arrive(bluesky("ann", 1), bluesky("cyd", 3))
    async with database.transaction() as connection:
        await let_go_leaves(connection, ORIGIN, [0])
    site.clock.advance(days=7)
    await site.run_due()
    assert site.told[1:] == [
        f"@{ACCT} 2 people you followed on X have arrived.",
        f"@{ACCT} 1 person you followed on X has arrived.",
    ]


async def test_who_renews_before_they_are_told_is_told(site: Messaging, me: Me, database: Database) -> None:
    await me.begin()
    site.clock.advance(days=1)
    await site.arrive(bluesky("ann", 1))
    site.clock.advance(days=1)
    await site.arrive(bluesky("ann", 1))
    async with database.transaction() as connection:
        await let_go_leaves(connection, ORIGIN, [0])
    site.clock.advance(days=5)
    await site.run_due()
    assert site.told[1:] == [f"@{ACCT} 1 person you followed on X has arrived."]


async def test_whom_moderators_hide_is_not_counted(site: Messaging, me: Me, database: Database) -> None:
    await me.begin()
    await site.arrive(bluesky("ann", 1), bluesky("bob", 2))
    moderation = Moderation(HideStore(database), site.clock)
    await moderation.hide(Query.parse("2"), Network.BLUESKY, ORIGIN, HideReason.IMPERSONATION, "mo")
    site.clock.advance(days=7)
    await site.run_due()
    assert site.told[1:] == [f"@{ACCT} 1 person you followed on X has arrived."]


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
