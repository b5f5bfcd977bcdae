"""`passerelle match`."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click
from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn
from rich.text import Text

from deploy.cli.output import console, errors, progress
from deploy.cli.session import with_lookup
from deploy.cli.tables import answers_table
from directory.archive import NOTICE_SENTENCES, Archive, Notice, read_archive
from directory.choosing import Chosen, is_chosen_unasked
from directory.exports import (
    MASTODON_CSV_MAX_ROWS,
    MASTODON_IMPORT_MAX_ROWS,
    address_lines,
    list_csv,
    listed_accounts,
    mastodon_accounts,
    mastodon_csv,
    number_of_files,
)
from directory.queries import Lists
from directory.ranking import Match
from directory.texts import filled, unmarked
from web.api.schema import LookupOut, MatchOut, as_json, lookup_out

SHOWN_ROWS = 50
_FOR_MASTODON: Final = {"mastodon": None, "addresses": None, "blocked": Lists.BLOCK, "muted": Lists.MUTE}


@click.command("match")
@click.argument("archives", metavar="ARCHIVE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--json", "form", flag_value="json", help="Print what the API would answer, and each person's lists."
)
@click.option("--csv", "form", flag_value="csv", help="Print all answers as CSV.")
@click.option(
    "--mastodon",
    "form",
    flag_value="mastodon",
    help="Print the sure ones whom you follow as a file for Mastodon's import.",
)
@click.option("--addresses", "form", flag_value="addresses", help="Print the same, one address a line.")
@click.option(
    "--blocked", "form", flag_value="blocked", help="Print those you blocked as a file for Mastodon's import."
)
@click.option(
    "--muted", "form", flag_value="muted", help="Print those you muted as a file for Mastodon's import."
)
@click.option(
    "--part",
    type=click.IntRange(min=1),
    default=1,
    help="Of several files for Mastodon, the surest people first, print this one.",
)
@click.option(
    "--all", "show_all", is_flag=True, help=f"Show all rows of the table, not the first {SHOWN_ROWS}."
)
def command(archives: tuple[Path, ...], form: str | None, part: int, show_all: bool) -> None:
    """Who of an X archive is already here.

    ARCHIVE is the ZIP from X, its folder, or one of its .js files; several of them are read together.
    """
    read = read_given(archives)
    for notice in read.notices - {Notice.NOBODY}:
        errors.print(Text(unmarked(filled(NOTICE_SENTENCES[notice], read.notice_values)), style="yellow"))
    matches = with_lookup(lambda lookup: lookup.match(read.people, with_evidence=form == "json"))
    if form == "json":
        click.echo(as_json(MatchOut(len(read.people), len(matches), [_listed(match) for match in matches])))
    elif form == "csv":
        click.echo(_csv(matches), nl=False)
    elif form in _FOR_MASTODON:
        click.echo(_for_mastodon(matches, form, part), nl=False)
    else:
        _show(read, matches, show_all=show_all)


def _for_mastodon(matches: list[Match], form: str, part: int) -> str:
    listed = _FOR_MASTODON[form]
    accounts = mastodon_accounts(_sure(matches)) if listed is None else listed_accounts(matches, listed)
    if form == "addresses":
        return address_lines(accounts).content.decode()
    most = MASTODON_CSV_MAX_ROWS if listed is None else MASTODON_IMPORT_MAX_ROWS
    files = max(1, number_of_files(len(accounts), most))
    if part > files:
        raise click.BadParameter(f"there are {files} files", param_hint="--part")
    if files > 1:
        errors.print(
            f"[yellow]Mastodon takes at most {most:,} accounts a file and these are"
            f" {len(accounts):,}: this is file {part} of {files}, and --part prints the others.[/]"
        )
    rows = accounts[(part - 1) * most : part * most]
    return mastodon_csv(rows) if listed is None else list_csv(rows, listed)


class ListedOut(LookupOut, frozen=True, gc=False):
    """What the API answers for one person, and the lists of the archive on which they stand."""

    lists: tuple[str, ...]


def _listed(match: Match) -> LookupOut:
    found = lookup_out(match)
    return ListedOut(found.query, found.answers, match.query.lists.words)


def _sure(matches: list[Match]) -> list[Chosen]:
    """Returns whom a general tick chooses: sure, followed on X, neither blocked nor muted."""
    return [
        Chosen(match.query, answer)
        for match in matches
        for answer in match.answers
        if is_chosen_unasked(match.query, answer)
    ]


def read_given(paths: Sequence[Path]) -> Archive:
    """Reads the archive that these paths hold together. Raises ArchiveError."""
    columns = (TextColumn("Reading"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with progress(*columns) as bar:
        task = bar.add_task("", total=None)
        return read_archive(
            list(paths), on_progress=lambda done, total: bar.update(task, completed=done, total=total)
        )


def _show(read: Archive, matches: list[Match], *, show_all: bool) -> None:
    if not read.people:
        console.print("The archive is fine, but its lists are empty: there is nobody to look for.")
        return
    shown = matches if show_all else matches[:SHOWN_ROWS]
    if shown:
        console.print(answers_table(shown))
    more = len(matches) - len(shown)
    console.print(f"{len(matches):,} of {len(read.people):,} people are already here.")
    if more:
        console.print(f"{more:,} more are not shown: add --all, --json or --csv.")


def _csv(matches: list[Match]) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        (
            "x_id",
            "x_handle",
            "network",
            "id",
            "handle",
            "strength",
            "matched_by",
            "may_follow",
            "doubt",
            "disputed",
            "origin",
            "lists",
            "seen",
        )
    )
    for match in matches:
        for answer in match.answers:
            mapping = answer.mapping
            writer.writerow(
                (
                    mapping.x_id or match.query.x_id or "",
                    mapping.x_handle,
                    mapping.network.value,
                    mapping.target_id,
                    mapping.target_handle,
                    mapping.strength.label,
                    answer.matched_by.value,
                    str(answer.may_follow).lower(),
                    answer.doubt or "",
                    str(answer.disputed).lower(),
                    mapping.origin,
                    " ".join(match.query.lists.words),
                    match.query.seen or "",
                )
            )
    return text.getvalue()
