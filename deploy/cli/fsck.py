"""`passerelle fsck`."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import click
from rich.markup import escape

from deploy.cli.output import console, progress
from deploy.cli.session import with_database
from deploy.wiring.log import key_folder
from directory.clock import SystemClock
from directory.secret_files import MissingSecret, SecretFileError
from directory.settings import Settings
from directory.store.database import Database
from federation.errors import FederationError, LogRefused
from federation.fsck.run import FsckReport, check_database_log
from federation.keys.believed import BelievedKeys, find_believed_keys
from federation.keys.instance import KeyFolder, log_origin
from federation.own_log.daily import summary_of
from federation.own_log.high_water import SignedMark
from federation.store.daily_check import replace_daily_check
from federation.store.log_scan import QuietLeaves, fetch_quiet_leaves
from federation.tlog.checkpoint import Checkpoint
from federation.tlog.keys import VerifierKey
from federation.tlog.text import count_leaves

SHOWN_FINDINGS = 100


class CannotCheck(FederationError):
    """The log cannot be checked: what is wrong, and what to do."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A checked log, and what is wrong beside it on this machine."""

    report: FsckReport
    beside: tuple[str, ...]

    @property
    def faults(self) -> list[str]:
        return [*self.beside, *self.report.sentences]


@click.command("fsck")
@click.option("--hashes-only", is_flag=True, help="Leave out salts and bodies.")
def command(hashes_only: bool) -> None:
    """Check the whole signed log: every hash, body, revoke and document. Ends with 1 where something is wrong.

    It changes nothing and needs no private key: beside a damaged key file it believes the keys that the log's own
    documents name, and says so.
    """
    checked = _check(with_bodies=not hashes_only)
    tell_checked(checked)
    sys.exit(1 if checked.faults else 0)


def tell_checked(checked: Checked) -> None:
    """Tells what is wrong with a log, or that all is well."""
    report, faults = checked.report, checked.faults
    for fault in faults[:SHOWN_FINDINGS]:
        console.print(f"[bold red]✗[/] {escape(fault)}", highlight=False, soft_wrap=True)
    said = f"{count_leaves(report.checkpoint.size)} of {report.checkpoint.origin}"
    if not report.is_clean:
        console.print(
            f"{len(faults):,} things are wrong in {count_leaves(report.checkpoint.size)}. Stop the instance, keep a copy of its"
            " data, and restore the newest backup."
        )
    elif checked.beside:
        console.print(f"The log itself is in order: {said}.")
    else:
        console.print(f"All is well: {said} lead to the signed root.")


def _check(*, with_bodies: bool) -> Checked:
    try:
        return with_database(
            lambda settings, database: check_log(settings, database, with_bodies=with_bodies)
        )
    except LogRefused as error:
        # A check signs nothing anyhow: to say so would sound as if it had to.
        raise CannotCheck(f"{error}. {error.mend}".rstrip(" .")) from error


async def check_log(settings: Settings, database: Database, *, with_bodies: bool) -> Checked:
    """Checks the log of this instance, and records the result. Raises LogRefused, CannotCheck."""
    folder = key_folder(settings)
    async with database.connection() as connection:
        keys = await find_believed_keys(connection, folder)
    _check_origin(keys, settings)
    report = await _check_with_progress(database, keys.vkeys, with_bodies=with_bodies)
    if with_bodies:
        now = SystemClock().now()
        async with database.connection() as connection:
            await replace_daily_check(connection, summary_of(report, now, keys.fault))
            _tell_quiet(await fetch_quiet_leaves(connection, report.checkpoint.origin, now))
    return Checked(report, (*_tell_keys(keys), *_find_other_mark(folder, report.checkpoint)))


def _check_origin(keys: BelievedKeys, settings: Settings) -> None:
    own = log_origin(settings)
    if keys.origin not in {None, own}:
        raise CannotCheck(f"the keys are those of {keys.origin}, and this instance is {own}")


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


def _tell_keys(keys: BelievedKeys) -> Iterator[str]:
    if keys.fault is None:
        return
    believed = (
        "The signatures were checked with the keys that the log's own documents name"
        if keys.vkeys
        else "No signature was checked: the log's documents name no keys in order"
    )
    yield f"{keys.fault.seen}. {believed}. {keys.fault.mend}"


def _find_other_mark(folder: KeyFolder, published: Checkpoint) -> Iterator[str]:
    """Finds a published checkpoint that is not the one that was signed, and a mark that cannot be read."""
    try:
        mark = SignedMark(folder.path).read()
    except LogRefused as error:
        yield f"{error}. {error.mend}"
    except MissingSecret:
        return  # with its folder, which is told already
    except SecretFileError as error:
        yield f"{error.seen}. {error.mend}"
    else:
        if mark is not None and mark.size == published.size and mark != published:
            yield f"the published checkpoint of size {mark.size} is not the one that was signed"


async def _check_with_progress(
    database: Database, vkeys: Sequence[VerifierKey], *, with_bodies: bool
) -> FsckReport:
    with progress() as bar:
        task = bar.add_task("Checking", total=None)
        return await check_database_log(
            database,
            checkpoint_keys=vkeys,
            first_key=None,
            now=SystemClock().now(),
            with_bodies=with_bodies,
            progress=lambda leaves: bar.update(task, completed=leaves),
        )
