"""`passerelle recover`."""

import click

from deploy.cli.bring_back import bring_log_back
from deploy.cli.output import console, errors
from deploy.cli.session import with_database
from deploy.wiring.log import key_folder
from directory.clock import SystemClock
from directory.settings import Settings
from directory.store.database import Database
from federation.keys.instance import log_origin
from federation.own_log.clock_recovery import AheadLog, find_ahead, recover_clock
from federation.own_log.confirming import Confirmable, confirm, find_confirmable
from federation.tlog.text import count_leaves

_TIME = "%Y-%m-%d %H:%M:%S"


@click.command("recover")
@click.option("--from", "named", multiple=True, metavar="ADDRESS", help="A peer to ask; can be repeated.")
@click.option("--yes", "is_agreed", is_flag=True, help="Bring back what is missing without asking.")
@click.option("--confirm", "size", type=click.IntRange(0), help="How many leaves were signed, all in all.")
@click.option("--clock", "is_clock", is_flag=True, help="The clock ran ahead, and is right now.")
def command(named: tuple[str, ...], size: int | None, *, is_agreed: bool, is_clock: bool) -> None:
    """Bring the signed log back from peers, after its database was lost or set back.

    With --confirm or --clock: let it go on where only its operator can tell what is true.
    """
    if (size is not None) + is_clock + bool(named or is_agreed) > 1:
        raise click.UsageError("--confirm and --clock stand alone.")
    if is_clock:
        _recover_clock()
    elif size is not None:
        _confirm(size)
    else:
        bring_log_back(named, is_agreed=is_agreed)


def _confirm(size: int) -> None:
    async def run(settings: Settings, database: Database) -> None:
        folder = key_folder(settings)
        async with database.connection() as connection:
            found = await find_confirmable(connection, folder, size)
            _ask_size(found)
            await confirm(connection, folder, found)

    with_database(run)
    console.print(
        "The mark is written. A running instance goes on with the log within a minute.", soft_wrap=True
    )


def _ask_size(found: Confirmable) -> None:
    """Tells what is about to be confirmed. Raises Abort where it is not."""
    when = f", written at {found.written_at:{_TIME}} UTC" if found.written_at is not None else ""
    errors.print(
        f"This database holds {count_leaves(found.signed.size)} of {found.signed.origin} as signed{when}.\n"
        "If this instance ever signed more than that, others have seen it, and will see a fork: no peer will follow the log"
        " again. A database from a backup, and a machine that was set back to a snapshot, hold less than was signed.",
        highlight=False,
        soft_wrap=True,
    )
    click.confirm(
        f"Was that all that this log has signed, {count_leaves(found.signed.size)}?", abort=True, err=True
    )


def _recover_clock() -> None:
    async def run(settings: Settings, database: Database) -> int:
        clock, origin = SystemClock(), log_origin(settings)
        async with database.connection() as connection:
            _ask_time(await find_ahead(connection, origin, clock))
            return await recover_clock(connection, origin, clock)

    count = with_database(run)
    console.print(
        f"{count:,} mappings are published again with right times, and their former leaves are revoked. A running"
        " instance goes on with the log within a minute.",
        highlight=False,
        soft_wrap=True,
    )


def _ask_time(found: AheadLog) -> None:
    """Tells both times. Raises Abort where the operator does not stand by this machine's."""
    state = found.state
    errors.print(
        f"The clock of this machine says   {found.now:{_TIME}} UTC\n"
        f"The clock of the database says   {found.database_now:{_TIME}} UTC\n"
        f"The log was last written at      {state.staged_at:{_TIME}} UTC\n"
        f"The newest that it says is from  {state.issued_at:{_TIME}} UTC\n"
        f"{found.leaves:,} leaves are from the future. They are published again with the time that it is now, and revoked.",
        highlight=False,
        soft_wrap=True,
    )
    click.confirm("Is the clock of this machine right now?", abort=True, err=True)
