"""`passerelle recover` without a choice: brings the signed log back from peers."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import click
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from deploy.cli.output import console, errors
from deploy.cli.session import with_database
from deploy.wiring.copies import open_copies
from deploy.wiring.log import key_folder
from directory.clock import SystemClock
from directory.settings import Settings
from directory.store.database import Database
from federation.errors import FederationError
from federation.keys.instance import log_origin
from federation.own_log.leading import leading
from federation.peers.addresses import parse_peer_address
from federation.recovery.bringing_back import BroughtBack
from federation.recovery.gathering import Gathered, OnProgress
from federation.recovery.outlook import Outlook, check_enough
from federation.recovery.running import Recovering, is_known_to_a_peer
from federation.store.recovering import list_confirmed_addresses
from federation.tlog.text import count_leaves

SIGNED_ELSEWHERE: Final = (
    "By signed.checkpoint this machine has signed no more than this database holds. Either both were set back together, as by a"
    " snapshot of a volume; or somebody else signs with the keys of this log: another machine, or a thief. What is brought back"
    " becomes this instance's own word, and answers like what was proven here. Where it was a thief, stop here, and run"
    " `passerelle keys recover`: what the stolen key has signed then stops nothing."
)


class NoPeers(FederationError):
    """This instance knows no peers whose keys were compared: name one with `--from` and its address."""

    def __init__(self) -> None:
        super().__init__(str(self.__doc__).rstrip("."))


def bring_log_back(named: Sequence[str], *, is_agreed: bool) -> None:
    """Shows what peers have of the log, asks, and brings back what is missing."""

    async def run(settings: Settings, database: Database) -> None:
        clock, keys = SystemClock(), key_folder(settings)
        async with database.connection() as connection, leading(connection):
            known = await list_confirmed_addresses(connection)
            addresses = _addresses(settings, known, named)
            origin = log_origin(settings)
            recovering = Recovering(connection, keys, origin, clock)
            async with open_copies(settings, keys, clock, origin, addresses) as copies:
                outlook = await recovering.look(copies)
                _show(outlook)
                if not outlook.is_behind:
                    _settle_mark(recovering, outlook, is_agreed=is_agreed)
                    return

                check_enough(outlook)
                _ask_entries(outlook, is_agreed=is_agreed)
                with _progress() as on_progress:
                    gathered = await recovering.gather(outlook, copies, on_progress)
                _tell_faults(gathered)
                _ask_lost(gathered, is_agreed=is_agreed)
                brought = await recovering.finish(outlook)
                _tell(outlook, brought)

    with_database(run)


def _addresses(settings: Settings, known: Sequence[str], named: Sequence[str]) -> list[str]:
    parsed = [parse_peer_address(text, allow_loopback=settings.allow_loopback).url for text in named]
    addresses = list(dict.fromkeys([*parsed, *(address.rstrip("/") for address in known)]))
    if not addresses:
        raise NoPeers
    return addresses


def _show(outlook: Outlook) -> None:
    table = Table("", "leaves of the log", "")
    table.add_row("this database", f"{outlook.held.size:,}", "signed")
    mark = "missing" if outlook.mark is None else f"{outlook.mark.size:,}"
    table.add_row("signed.checkpoint, beside the keys", mark, "")
    for heard in outlook.heard:
        size = "" if heard.seen is None else f"{heard.seen.checkpoint.size:,}"
        table.add_row(escape(heard.address), size, escape(heard.fault) or "signed by a key of this log")
    errors.print(table)


def _ask_entries(outlook: Outlook, *, is_agreed: bool) -> None:
    """Asks before anything is changed. Raises Abort where it is not agreed to."""
    _say(
        f"{outlook.whole.size - outlook.base:,} entries are missing here. They are brought back, with the bodies that peers"
        " have. Nothing is signed by that; afterwards the log goes on from there."
    )
    _say_silent(outlook)
    if outlook.is_signed_elsewhere:
        _say(SIGNED_ELSEWHERE)
    if not is_agreed:
        is_sure = "Is it certain that this instance has signed them? Bring them back?"
        click.confirm(is_sure if outlook.is_signed_elsewhere else "Bring them back?", abort=True, err=True)


def _ask_lost(gathered: Gathered, *, is_agreed: bool) -> None:
    """Asks whether to go on without what no peer has. Raises Abort where it is not agreed to."""
    if not gathered.lost:
        return
    _say(
        f"No peer has what {len(gathered.lost):,} leaves say. The next batch revokes them, as nobody could serve them; their"
        " members can publish again. Where another peer may have them, stop here and run this again with it."
    )
    if not is_agreed:
        click.confirm("Go on without them?", abort=True, err=True)


def _tell_faults(gathered: Gathered) -> None:
    for address, fault in gathered.faults.items():
        _say(f"{escape(address)}: {escape(fault)}.")


def _say_silent(outlook: Outlook) -> None:
    silent = sum(heard.seen is None for heard in outlook.heard)
    if silent and outlook.mark is None:
        _say(
            f"{silent:,} peers say nothing, and the mark is missing: if one of them has seen more than"
            f" {count_leaves(outlook.whole.size)}, the log forks, and no peer follows it again."
        )


def _settle_mark(recovering: Recovering, outlook: Outlook, *, is_agreed: bool) -> None:
    """Has the mark confirmed where it is missing; else tells that nothing is to be done, or why nothing can be."""
    if outlook.mark is not None:
        check_enough(outlook)
        console.print("The database holds all that its peers have seen: there is nothing to bring back.")
        return
    if not is_known_to_a_peer(outlook):
        raise MarkUnknown
    _say(
        f"{outlook.held.size:,} leaves are in this database, and a peer has seen as many and no other has seen more. A peer"
        " that does not answer, or has not read all, may know less than was signed: then the log forks, and no peer"
        " follows it again."
    )
    if not is_agreed:
        click.confirm(
            f"Was that all that this log has signed, {count_leaves(outlook.held.size)}?", abort=True, err=True
        )
    recovering.set_mark(outlook)
    console.print(
        "The mark is written. A running instance goes on with the log within a minute.", soft_wrap=True
    )


class MarkUnknown(FederationError):
    """The mark is missing, and no peer has seen exactly what this database holds: run `passerelle recover --confirm SIZE`
    if you know for certain how many leaves were signed (docs/operations.md, "When the mark is lost")."""

    def __init__(self) -> None:
        super().__init__(" ".join(str(self.__doc__).split()).rstrip("."))


def _tell(outlook: Outlook, brought: BroughtBack) -> None:
    console.print(
        f"{brought.entries:,} entries are back, and the log has {count_leaves(outlook.whole.size)}."
        + (f" {brought.lost:,} leaves are revoked with the next batch." if brought.lost else "")
        + f" {brought.reclaimed.kept:,} publications of members go on with what came back, and"
        f" {brought.reclaimed.ended:,} have ended since the backup. A running instance goes on with the log within a minute.",
        highlight=False,
        soft_wrap=True,
    )


def _say(sentence: str) -> None:
    errors.print(sentence, highlight=False, soft_wrap=True)


@contextmanager
def _progress() -> Iterator[OnProgress]:
    """Shows a bar for the entries and one for the bodies, once there is anything to show."""
    with Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), console=errors
    ) as bars:
        tasks = {what: bars.add_task(what, total=None, visible=False) for what in ("entries", "bodies")}

        def show(what: str, done: int, of: int) -> None:
            bars.update(tasks[what], completed=done, total=of, visible=True)

        yield show
