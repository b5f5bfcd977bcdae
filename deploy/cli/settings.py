"""`passerelle settings`: what the instance says of itself, and what it lets people do."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import click
from rich.markup import escape
from rich.table import Table

from deploy.cli.output import console
from deploy.cli.session import with_database
from directory.clock import SystemClock
from directory.instance_settings import (
    DEFAULTS,
    KEYS,
    InstanceSettings,
    InvalidInstanceSetting,
    check_key,
    describe_setting,
    parse_setting,
    show_setting,
)
from directory.settings import PREFIX, Settings
from directory.store.instance_settings import InstanceSettingStore

T = TypeVar("T")


@click.group("settings")
def command() -> None:
    """What the instance says of itself and lets people do. Changed while it runs, known everywhere within seconds.

    What a process needs to start is in the environment: `passerelle doctor --settings` lists that.
    """


@command.command("get")
@click.argument("key", required=False)
def get_command(key: str | None) -> None:
    """Print the value of KEY; without KEY all of them, with their defaults and effects."""
    if key is None:
        console.print(_table(_with_store(lambda store: store.read())))
        return
    _check(key)
    click.echo(show_setting(getattr(_with_store(lambda store: store.read()), key)))


@command.command("set")
@click.argument("key")
@click.argument("value")
def set_command(key: str, value: str) -> None:
    """Set KEY to VALUE. Lists are written with commas, switches as true or false."""
    _check(key)
    stored = parse_setting(key, value)
    _change(key, lambda store: store.put(key, stored, SystemClock().now()))


@command.command("unset")
@click.argument("key")
def unset_command(key: str) -> None:
    """Set KEY back to its default."""
    _check(key)
    _change(key, lambda store: store.remove(key))


def _change(key: str, change: Callable[[InstanceSettingStore], Awaitable[None]]) -> None:
    async def run(store: InstanceSettingStore) -> InstanceSettings:
        await change(store)
        return await store.read()

    value = show_setting(getattr(_with_store(run), key))
    console.print(
        f"{key} is {value!r} now; a running instance knows within seconds.",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )


def _with_store(work: Callable[[InstanceSettingStore], Awaitable[T]]) -> T:
    return with_database(lambda _, database: work(InstanceSettingStore(database)))


def _check(key: str) -> None:
    """Raises InvalidInstanceSetting; for a setting of the process, it tells where that one is set."""
    if key in Settings.__struct_fields__:
        raise InvalidInstanceSetting(
            f"{key} is set in the environment of each process: {PREFIX}{key.upper()}"
        )
    check_key(key)


def _table(settings: InstanceSettings) -> Table:
    table = Table("Setting", "Now", "Default", "What it does")
    for key in KEYS:
        now, default = show_setting(getattr(settings, key)), show_setting(getattr(DEFAULTS, key))
        table.add_row(key, escape(now), escape(default), escape(describe_setting(key)))
    return table
