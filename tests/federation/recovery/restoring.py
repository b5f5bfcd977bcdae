"""Sets a database back to what it was, as a backup does, and brings a log back."""

from dataclasses import dataclass
from typing import Any

from directory.store.database import Connection
from federation.recovery.bringing_back import BroughtBack, bring_back, raise_mark
from federation.recovery.copies import Copy
from federation.recovery.gathering import Gathered, gather
from federation.recovery.outlook import Outlook, look
from tests.federation.log_harness import ORIGIN, LogHarness

TABLES = (
    "origin",
    "mapping",
    "staged_batch",
    "publication",
    "log_state",
    "log_doubt",
    "log_cosignature",
    "log_tile",
    "log_statement",
    "log_revoke",
    "log_operations",
    "proof_link",
    "arrival",
)


@dataclass(frozen=True)
class Backup:
    """The rows of the log and of what is published."""

    rows: dict[str, list[tuple[Any, ...]]]


async def back_up(harness: LogHarness) -> Backup:
    async with harness.database.connection() as connection:
        return Backup({name: list(map(tuple, await connection.fetch(f"TABLE {name}"))) for name in TABLES})


async def restore(harness: LogHarness, backup: Backup) -> None:
    async with harness.database.transaction() as connection:
        await connection.execute(f"TRUNCATE {', '.join(TABLES)} CASCADE")
        await connection.execute("TRUNCATE log_recovery, recovered_bundle, recovered_statement")
        for name in TABLES:
            await connection.copy_records_to_table(name, records=backup.rows[name])


async def lose(harness: LogHarness) -> None:
    """Empties the database: its disk is lost, and another one stands in its place."""
    async with harness.database.connection() as connection:
        await connection.execute(f"TRUNCATE {', '.join(TABLES)}, instance_identity CASCADE")


def quiet(what: str, done: int, of: int) -> None:
    return None


@dataclass(frozen=True)
class Recovered:
    outlook: Outlook
    gathered: Gathered
    brought: BroughtBack


async def recover(harness: LogHarness, *copies: Copy, connection: Connection | None = None) -> Recovered:
    """Does what `passerelle recover` does."""
    if connection is None:
        async with harness.database.connection() as opened:
            return await recover(harness, *copies, connection=opened)
    outlook = await look(connection, harness.keys, ORIGIN, copies, harness.clock.now())
    gathered = await gather(connection, outlook, copies, quiet)
    brought = await bring_back(connection, harness.keys, outlook, harness.clock.now())
    raise_mark(harness.keys, outlook)
    return Recovered(outlook, gathered, brought)
