"""`passerelle recover`."""

import click

from deploy.cli.output import console, errors
from deploy.cli.session import with_database
from deploy.wiring.log import key_folder
from directory.settings import Settings
from directory.store.database import Database
from federation.own_log.confirming import Confirmable, confirm, find_confirmable


@click.command("recover")
@click.option("--confirm", "size", type=click.IntRange(0), help="How many leaves were signed, all in all.")
def command(size: int | None) -> None:
    """Let the signed log go on where only its operator can tell what is true."""
    if size is None:
        raise click.UsageError("Say what is to be recovered: --confirm SIZE.")
    _confirm(size)


def _confirm(size: int) -> None:
    async def run(settings: Settings, database: Database) -> None:
        folder = key_folder(settings)
        async with database.connection() as connection:
            found = await find_confirmable(connection, folder, size)
            _ask(found)
            await confirm(connection, folder, found)

    with_database(run)
    console.print(
        "The mark is written. A running instance goes on with the log within a minute.", soft_wrap=True
    )


def _ask(found: Confirmable) -> None:
    """Tells what is about to be confirmed. Raises Abort where it is not."""
    when = f", written at {found.written_at:%Y-%m-%d %H:%M:%S} UTC" if found.written_at is not None else ""
    errors.print(
        f"This database holds {found.signed.size:,} leaves of {found.signed.origin} as signed{when}.\n"
        "If this instance ever signed more than that, others have seen it, and will see a fork: no peer will follow the log"
        " again. A database from a backup, and a machine that was set back to a snapshot, hold less than was signed.",
        highlight=False,
        soft_wrap=True,
    )
    click.confirm(
        f"Were {found.signed.size:,} leaves the last that this log has signed?", abort=True, err=True
    )
