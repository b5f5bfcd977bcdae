"""`passerelle peers sync`: reads the log of a peer now, with a progress bar."""

import asyncio
import sys

import click
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

from deploy.cli.output import progress
from deploy.cli.peer_session import with_peering_beside
from deploy.cli.peer_table import tell
from deploy.wiring.peers import build_reading_now
from directory.clock import SystemClock
from directory.networks.http import GuardedClient
from directory.settings import Settings
from directory.store.database import Database
from federation.peers.peering import Peering
from federation.peers.reading_now import ReadNow
from federation.peers.verdicts import Verdict
from federation.store.tailed import Progress


@click.command("sync")
@click.argument("peer")
def sync_command(peer: str) -> None:
    """Read the log of PEER now, to its end. Ctrl-C stops it; a running instance, or this command, goes on from there."""

    async def run(
        peering: Peering, settings: Settings, database: Database, http: GuardedClient
    ) -> tuple[str, ReadNow]:
        origin = (await peering.find(peer)).origin
        return origin, await _watched(origin, settings, database, http)

    origin, read = with_peering_beside(run)
    kept = read.progress
    tell(
        f"{origin}: {kept.size:,} of {max(kept.target_size, kept.size):,} entries are read, and the bodies of"
    )
    tell(f"{kept.bodies_size:,} of them. {read.why}".rstrip())
    sys.exit(0 if read.verdict in {Verdict.READ, Verdict.STOPPED} else 1)


async def _watched(origin: str, settings: Settings, database: Database, http: GuardedClient) -> ReadNow:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with progress(*columns) as bar:
        entries = bar.add_task("Entries", total=None)
        bodies = bar.add_task("Bodies", total=None)

        def show(now: Progress) -> None:
            total = max(now.target_size, now.size)
            bar.update(entries, total=total, completed=now.size)
            bar.update(bodies, total=total, completed=now.bodies_size)

        reading = build_reading_now(settings, database, SystemClock(), http)
        try:
            return await reading.read(origin, show)
        except asyncio.CancelledError:
            tell("Stopped. What was read is kept, and the next round goes on from there.")
            raise
