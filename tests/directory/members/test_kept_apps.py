"""When a registration at a server is renewed, and how often: counted in the database, for all processes."""

import asyncio
from datetime import datetime, timedelta

import pytest
from msgspec.structs import replace

from directory.networks.mastodon.apps import RENEW_EVERY, RETURNS_WITHIN, App
from directory.services.kept_apps import KeptApps
from directory.store.database import Database
from directory.store.mastodon_apps import MastodonAppStore
from directory.vault import Vault
from tests.harness.clock import START

BACK = "https://one.example/back/social.example"
APP = App("social.example", "profile", BACK, "client", "secret", START)
SECOND = timedelta(seconds=1)


@pytest.fixture
async def apps(database: Database, vault: Vault) -> KeptApps:
    kept = KeptApps(MastodonAppStore(database), vault)
    await kept.put(APP)
    return kept


async def due_at(apps: KeptApps, scope: str = "profile") -> datetime | None:
    kept = await apps.get("social.example", scope, BACK)
    assert kept is not None
    return kept.due_at


async def test_one_of_many_renews(apps: KeptApps) -> None:
    """Eight strangers come at once, to eight processes: one registration."""
    claimed = await asyncio.gather(*(apps.claim_renewal(APP, START) for _ in range(8)))
    assert sorted(claimed) == [False] * 7 + [True]
    assert not await apps.claim_renewal(APP, START + RENEW_EVERY - SECOND)
    assert await apps.claim_renewal(APP, START + RENEW_EVERY)


async def test_the_count_outlives_the_registration(apps: KeptApps) -> None:
    """The new registration takes the row of the former one. Did the count go with it, each stranger made another."""
    assert await apps.claim_renewal(APP, START)
    anew = replace(APP, client_id="client 2")
    await apps.put(anew)
    assert not await apps.claim_renewal(anew, START + SECOND)


async def test_a_process_that_ends_before_it_registered(apps: KeptApps) -> None:
    """It had the turn, and nobody has it for ever: the next one comes after the same time."""
    assert await apps.claim_renewal(APP, START)
    assert await apps.claim_renewal(APP, START + RENEW_EVERY)


async def test_a_turn_taken_by_a_clock_that_ran_ahead(apps: KeptApps) -> None:
    assert await apps.claim_renewal(APP, START + timedelta(days=400))
    assert await apps.claim_renewal(APP, START)
    assert not await apps.claim_renewal(APP, START + SECOND)


async def test_the_first_who_left_counts(apps: KeptApps) -> None:
    """A stranger who leaves again and again puts off nothing."""
    for seconds in (0, 60, 120):
        await apps.note_departure(APP, START + timedelta(seconds=seconds) + RETURNS_WITHIN)
    assert await due_at(apps) == START + RETURNS_WITHIN
    await apps.note_return(APP)
    assert await due_at(apps) is None


async def test_a_doubt_is_not_put_off(apps: KeptApps) -> None:
    await apps.doubt("social.example", "client", START)
    await apps.note_departure(APP, START + RETURNS_WITHIN)
    await apps.doubt("social.example", "client", START + SECOND)
    assert await due_at(apps) == START


async def test_a_former_app_says_nothing_of_the_present_one(apps: KeptApps) -> None:
    """Who left with an app that was replaced since comes back with a token, or with an error: of that one alone."""
    await apps.put(replace(APP, client_id="client 2"))
    await apps.doubt("social.example", "client", START)
    await apps.note_departure(APP, START)
    assert await due_at(apps) is None
    await apps.doubt("social.example", "client 2", START)
    await apps.note_return(APP)
    assert await due_at(apps) == START


async def test_a_check_does_not_lift_a_doubt(apps: KeptApps) -> None:
    """Takahē says of every app that it knows it. That was taken for an answer, and the doubt was gone."""
    await apps.doubt("social.example", "client", START)
    await apps.put(replace(APP, checked_at=START + timedelta(hours=12)))
    assert await due_at(apps) == START
    await apps.put(replace(APP, client_id="client 2"))
    assert await due_at(apps) is None


async def test_another_scope_has_its_own_turn(apps: KeptApps) -> None:
    other = replace(APP, scope="read", client_id="other")
    await apps.put(other)
    assert await apps.claim_renewal(APP, START)
    assert await apps.claim_renewal(other, START)
