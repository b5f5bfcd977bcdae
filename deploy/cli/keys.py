"""`passerelle keys`."""

import sys

import click

from deploy.cli.key_table import show_keys
from deploy.cli.moving import announce_moving, finish_moving
from deploy.cli.output import console, errors
from deploy.cli.recovery import ensure_keys, show_recovery_key, tell_kept, tell_new_keys
from deploy.cli.session import with_database
from deploy.wiring.log import build_sequencer, key_folder
from directory.clock import SystemClock
from directory.public_address import PublicAddress
from directory.settings import Settings
from directory.store.database import Database
from federation.keys.instance import log_host, log_origin
from federation.keys.rotate import KeyRotation, Rotated
from federation.own_log.draining import drain
from federation.own_log.recovery import check_not_older, find_right_tree
from federation.own_log.rename import leave_localhost
from federation.tlog.keys import PrivateKey


@click.group("keys", invoke_without_command=True)
@click.pass_context
def command(context: click.Context) -> None:
    """Show the keys that are in force, and what to compare with another operator."""
    if context.invoked_subcommand is None:
        with_database(show_keys)


@command.command("make")
def make() -> None:
    """Make the keys of a new instance; nothing where there are some."""

    async def run(settings: Settings, database: Database) -> None:
        if not await ensure_keys(settings, database):
            console.print(f"There are keys already in {key_folder(settings).path}; nothing was changed.")

    with_database(run)


@command.command("rotate")
def rotate() -> None:
    """Announce a new log key; seven days later or more, let it take over."""

    async def run(settings: Settings, database: Database) -> Rotated:
        async with database.connection() as connection:
            await build_sequencer(settings).check(connection)
        rotated = await KeyRotation(database, key_folder(settings), SystemClock()).rotate()
        await _drain(settings, database)
        return rotated

    rotated = with_database(run)
    if rotated.can_switch is not None:
        console.print(
            "A new key is announced, and signs beside the old one from the next batch on. Run `passerelle keys"
            f" rotate` again after {rotated.can_switch:%Y-%m-%d %H:%M} UTC. Back up the folder of keys now.",
            soft_wrap=True,
        )
    else:
        console.print(
            f"{rotated.document.log_key} takes over with the next batch. Keep the old key file: it proves what was"
            " signed before, and signs nothing more.",
            soft_wrap=True,
            markup=False,
        )


@command.command("recover")
@click.option(
    "--size",
    type=click.IntRange(1),
    help="Up to how many leaves the log was right, where a thief has written to it; all that is published by default.",
)
def recover(size: int | None) -> None:
    """Give the log a new key at once, by the recovery key, when its own is lost or stolen."""
    recovery = _ask_recovery_key()

    async def run(settings: Settings, database: Database) -> None:
        async with database.connection() as connection:
            await check_not_older(connection, log_origin(settings), key_folder(settings))
            right = await find_right_tree(connection, log_origin(settings), SystemClock().now(), size)
        rotation = KeyRotation(database, key_folder(settings), SystemClock())
        recovered = await rotation.recover(recovery, right, show_recovery_key)
        if recovered.kept_in is not None:
            tell_kept(recovered.kept_in)
        errors.print(
            f"{recovered.document.log_key} signs from the next batch on, and the former recovery key serves no more.",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )
        await _drain(settings, database)

    with_database(run)


@command.command("leave-localhost")
def leave() -> None:
    """Begin the log of the public address, after trying out without one. What was published is published there
    again."""

    async def run(settings: Settings, database: Database) -> None:
        keys, now = key_folder(settings), SystemClock().now()
        left = await leave_localhost(database, keys, log_host(settings), now, show_recovery_key)
        console.print(
            f"{left.waiting:,} mappings will be said by {log_origin(settings)} at the next start. The keys of the log"
            f" that was tried out are in {left.away}, and may be deleted.",
            soft_wrap=True,
            highlight=False,
        )
        tell_new_keys(keys, left.new)

    with_database(run)


@command.command("move")
@click.argument("address", required=False)
def move(address: str | None) -> None:
    """Change the domain of this instance: first say so with the new ADDRESS, then finish under it, without one."""
    if address is None:
        with_database(finish_moving)
        return
    host = PublicAddress.parse(address).log_host
    with_database(lambda settings, database: announce_moving(settings, database, host, address))


def _ask_recovery_key() -> PrivateKey:
    """Reads the recovery key from the terminal, unseen, or from the standard input. Raises InvalidKey."""
    typed = click.prompt("The recovery key", hide_input=True) if sys.stdin.isatty() else sys.stdin.readline()
    return PrivateKey.parse(typed.strip())


async def _drain(settings: Settings, database: Database) -> None:
    await drain(database, build_sequencer(settings), SystemClock(), lambda waiting: None)
