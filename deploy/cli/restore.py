"""`passerelle restore`."""

import asyncio
import sys
from pathlib import Path

import click
from rich.markup import escape

from deploy.backups.archive import Archive, check_archive
from deploy.backups.contents import KEYS
from deploy.backups.restoring import Restored, Restoring, check_suitable
from deploy.cli.fsck import check_log, tell_checked
from deploy.cli.output import console, errors
from deploy.cli.telling import telling
from deploy.database import running_database
from deploy.embedded.signals import orderly_end
from deploy.settings_file import own_settings
from deploy.wiring.instance import migrated_database
from deploy.wiring.log import key_folder
from directory.clock import SystemClock
from directory.settings import Settings
from federation.own_log.high_water import SignedMark
from federation.tlog.text import count_leaves

_CONNECTIONS = 2


@click.command("restore")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--replace", is_flag=True, help="In the place of what the database holds now, which is lost.")
def command(file: Path, *, replace: bool) -> None:
    """Restore an instance from FILE, which `passerelle backup` has made: the database, the keys and the vault.

    The instance has to be stopped. The settings are not in FILE. What is restored is checked. Nothing is signed by it:
    `passerelle recover` tells whether the log may go on.
    """
    settings = own_settings()
    with orderly_end():
        with telling() as told:
            told.begin("Checking the backup", file.stat().st_size)
            archive = check_archive(file, told.advance)
            check_suitable(settings, archive)
        with running_database(settings) as dsn:
            with telling() as told:
                done = Restoring(settings, dsn, SystemClock(), told).restore(archive, replace=replace)
            _tell(archive, done)
            is_clean = archive.description.leaves == 0 or asyncio.run(_check_log(settings, dsn))
    _tell_mark(settings, archive)
    sys.exit(0 if is_clean else 1)


async def _check_log(settings: Settings, dsn: str) -> bool:
    async with migrated_database(dsn, connections=_CONNECTIONS) as database:
        checked = await check_log(settings, database, with_bodies=True)
    tell_checked(checked)
    return not checked.faults


def _tell(archive: Archive, done: Restored) -> None:
    found = archive.description
    folders = ", ".join(f"{name}/" for name in sorted(archive.secrets)) or "no secret files"
    console.print(
        f"Restored: {found.total_rows:,} rows of {len(found.rows)} tables and {folders}, as of"
        f" {found.made:%Y-%m-%d %H:%M:%S} UTC.",
        highlight=False,
        soft_wrap=True,
    )
    if done.vault_aside is not None:
        console.print(
            f"The vault that was here is kept in {escape(str(done.vault_aside))}: it opens only what the former database"
            " held.",
            highlight=False,
            soft_wrap=True,
        )


def _tell_mark(settings: Settings, archive: Archive) -> None:
    """Tells what comes before anything is signed."""
    if not archive.secrets.get(KEYS):
        return  # an instance that was never started
    mark = SignedMark(key_folder(settings).path).read()
    held = count_leaves(archive.description.leaves)
    if mark is not None and mark.size <= archive.description.leaves:
        return
    why = (
        f"nothing here tells whether more than {held} were signed"
        if mark is None
        else f"{count_leaves(mark.size)} were signed, and the backup holds {held}"
    )
    errors.print(
        f"Lookups can go on; nothing is signed yet: {why}. Run `passerelle recover`, which asks the peers of this instance"
        " and brings back what they have"
        + (
            f"; without peers, `passerelle recover --confirm {archive.description.leaves}` where you know for certain that"
            " those were all."
            if mark is None
            else "; without peers, restore a newer backup."
        ),
        highlight=False,
        soft_wrap=True,
    )
