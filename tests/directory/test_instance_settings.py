"""The settings of the instance: checked when they are written, known within seconds, never back at a default by accident."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from directory.errors import DirectoryUnavailable
from directory.instance_settings import (
    DEFAULTS,
    KEYS,
    InstanceSettings,
    InvalidInstanceSetting,
    Registration,
    describe_setting,
    parse_setting,
    read_instance_settings,
    show_setting,
)
from directory.services.live_settings import REFRESH_EVERY_S, LiveSettings, kept_fresh
from directory.settings import MOVED, Settings
from directory.store.database import Database
from directory.store.instance_settings import InstanceSettingStore
from tests.harness.clock import START, FakeClock
from tests.harness.waiting import wait_until

OPERATIONS = Path(__file__).parent.parent.parent / "docs" / "operations.md"


@pytest.fixture
def store(database: Database) -> InstanceSettingStore:
    return InstanceSettingStore(database)


@pytest.fixture
async def other(dsn: str) -> AsyncIterator[InstanceSettingStore]:
    """That of another process."""
    database = await Database.connect(dsn, max_connections=1)
    yield InstanceSettingStore(database)
    await database.close()


def test_every_setting_is_documented() -> None:
    text = OPERATIONS.read_text(encoding="utf-8")
    for key in KEYS:
        assert describe_setting(key), key
        default = show_setting(getattr(DEFAULTS, key))
        shown = f"`{default}`" if default else ""
        assert f"| `{key}` | {shown} | {describe_setting(key)} |" in text, key


def test_no_name_is_both_in_the_environment_and_in_the_database() -> None:
    assert not set(KEYS) & set(Settings.__struct_fields__)
    assert not MOVED.keys() & set(Settings.__struct_fields__)
    assert set(MOVED.values()) == set(KEYS)


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("name", "Find them", "Find them"),
        ("languages", "fr, en", ("fr", "en")),
        ("languages", "fr", ("fr",)),
        ("registration", "closed", "closed"),
        ("read_only", "on", True),
        ("read_only", "False", False),
        ("follows_from", "2026-12-31", "2026-12-31"),
        ("follows_from", "", ""),
        ("rules", "Be kind.\n\nPublish only yourself.", "Be kind.\n\nPublish only yourself."),
    ],
)
def test_what_a_person_writes(key: str, text: str, value: Any) -> None:
    stored = parse_setting(key, text)
    assert stored == value
    settings = read_instance_settings({key: stored})
    assert parse_setting(key, show_setting(getattr(settings, key))) == value


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("name", ""),
        ("name", "  "),
        ("name", "two\nlines"),
        ("name", "x" * 81),
        ("description", "x" * 501),
        ("contact", "x" * 201),
        ("rules", "x" * 10_001),
        ("languages", ""),
        ("languages", "en,tlh"),
        ("languages", "en,en"),
        ("registration", "perhaps"),
        ("read_only", "perhaps"),
        ("follows_from", "tomorrow"),
        ("follows_from", "2026-13-31"),
        ("port", "80"),
    ],
)
def test_what_cannot_be_is_named(key: str, text: str) -> None:
    with pytest.raises(InvalidInstanceSetting, match=key):
        parse_setting(key, text)


def test_a_key_of_another_version_has_no_effect() -> None:
    assert read_instance_settings({"colour": "red"}) == InstanceSettings()


async def test_a_change_of_one_process_is_seen_by_another(
    store: InstanceSettingStore, other: InstanceSettingStore
) -> None:
    live = await LiveSettings.load(store)
    assert live.now == InstanceSettings()
    await other.put("registration", "closed", START)
    await other.put("name", "First", START)
    await other.put("name", "Find them", START)
    await live.refresh()
    assert live.now == InstanceSettings(name="Find them", registration=Registration.CLOSED)
    await other.remove("name")
    await live.refresh()
    assert live.now == InstanceSettings(registration=Registration.CLOSED)


async def test_it_is_seen_without_being_asked_for(store: InstanceSettingStore) -> None:
    live = await LiveSettings.load(store)
    async with kept_fresh(live):
        await store.put("name", "Find them", START)
        assert await asyncio.to_thread(wait_until, lambda: live.now.name == "Find them", REFRESH_EVERY_S * 10)


async def test_a_database_that_is_away_opens_nothing(dsn: str) -> None:
    """Attack by accident: a switch that was turned off must not fall back to its default for lack of an answer."""
    database = await Database.connect(dsn, max_connections=1)
    store = InstanceSettingStore(database)
    await store.put("read_only", True, START)
    live = await LiveSettings.load(store)
    await database.close()
    with capture_logs() as logs:
        await live.refresh()
        await live.refresh()
    assert live.now.read_only
    assert [each["event"] for each in logs] == ["the settings of the instance stay as they were"]
    with pytest.raises(DirectoryUnavailable):
        await LiveSettings.load(store)


async def test_a_row_that_cannot_be_changes_nothing(
    store: InstanceSettingStore, database: Database, clock: FakeClock
) -> None:
    """Written by hand into the database: whoever runs goes on as before, and nobody starts on it."""
    await store.put("registration", "closed", clock.now())
    live = await LiveSettings.load(store)
    async with database.connection() as connection:
        await connection.execute("UPDATE instance_setting SET value = '\"perhaps\"'")
    with capture_logs() as logs:
        await live.refresh()
    assert live.now.registration is Registration.CLOSED
    assert "registration" in logs[0]["reason"]
    with pytest.raises(InvalidInstanceSetting, match="registration"):
        await LiveSettings.load(store)
