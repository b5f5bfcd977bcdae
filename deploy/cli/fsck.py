"""`passerelle fsck`."""

import sys

import click
from rich.markup import escape
from rich.progress import Progress

from deploy.cli.output import console, errors
from deploy.cli.session import with_database
from deploy.wiring.log import key_folder
from directory.clock import SystemClock
from directory.settings import Settings, load_settings
from directory.store.database import Database
from federation.errors import LogRefused
from federation.fsck.run import FsckReport, check_database_log
from federation.keys.instance import InstanceKeys, log_origin
from federation.own_log.daily import summary_of
from federation.own_log.high_water import SignedMark
from federation.store.daily_check import replace_daily_check
from federation.store.log_scan import QuietLeaves, fetch_quiet_leaves
from federation.tlog.keys import VerifierKey

SHOWN_FINDINGS = 100


@click.command("fsck")
@click.option("--hashes-only", is_flag=True, help="Leave out salts and bodies.")
def command(hashes_only: bool) -> None:
    """Check the whole signed log: every hash, body, revoke and document. Ends with 1 where something is wrong."""
    report = _check(with_bodies=not hashes_only)
    faults = report.sentences
    for fault in faults[:SHOWN_FINDINGS]:
        console.print(f"[bold red]✗[/] {escape(fault)}", highlight=False, soft_wrap=True)
    size = report.checkpoint.size
    if report.is_clean:
        console.print(f"All is well: {size:,} leaves of {report.checkpoint.origin} lead to the signed root.")
    else:
        console.print(
            f"{len(faults):,} things are wrong in {size:,} leaves. Stop the instance, keep a copy of its data, and"
            " restore the newest backup."
        )
    sys.exit(0 if report.is_clean else 1)


def _check(*, with_bodies: bool) -> FsckReport:
    keys = _own_keys(load_settings())

    async def run(settings: Settings, database: Database) -> FsckReport:
        report = await _check_with_progress(database, keys, with_bodies=with_bodies)
        if with_bodies:
            now = SystemClock().now()
            async with database.connection() as connection:
                await replace_daily_check(connection, summary_of(report, now))
                _tell_quiet(await fetch_quiet_leaves(connection, report.checkpoint.origin, now))
        mark = SignedMark(key_folder(settings).path).read()
        if mark is not None and mark.size == report.checkpoint.size and mark != report.checkpoint:
            raise LogRefused(f"the published checkpoint of size {mark.size} is not the one that was signed")
        return report

    return with_database(run)


def _tell_quiet(quiet: QuietLeaves) -> None:
    """Tells what holds and does not answer, where there is any."""
    told = {
        "are expired": quiet.expired,
        "are hidden": quiet.hidden,
        "wait to be revoked": quiet.ending,
        "were issued in the future, and wait for it": quiet.ahead,
    }
    parts = [f"{count:,} {why}" for why, count in told.items() if count]
    if parts:
        console.print(f"Of what the log says, some does not answer, as it should be: {'; '.join(parts)}.")


def _own_keys(settings: Settings) -> InstanceKeys:
    keys = key_folder(settings).read()
    if keys.origin != log_origin(settings):
        raise LogRefused(f"the keys are those of {keys.origin}, and this instance is {log_origin(settings)}")
    return keys


async def _check_with_progress(database: Database, keys: InstanceKeys, *, with_bodies: bool) -> FsckReport:
    with Progress(console=errors, transient=True) as progress:
        task = progress.add_task("Checking", total=None)
        return await check_database_log(
            database,
            checkpoint_keys=_log_vkeys(keys),
            first_key=None,
            with_bodies=with_bodies,
            progress=lambda leaves: progress.update(task, completed=leaves),
        )


def _log_vkeys(keys: InstanceKeys) -> list[VerifierKey]:
    return [key.vkey for key in keys.logs]
