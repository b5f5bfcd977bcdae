"""`passerelle peers evidence`: shows what proves that a log has forked, and writes it to a file."""

import sys
from pathlib import Path

import click

from deploy.cli.output import console
from deploy.cli.session import with_database
from directory.origin_names import parse_origin
from directory.settings import Settings
from directory.store.database import Database
from federation.keys.evidence import Evidence
from federation.store.peer_chains import fetch_known_peer
from federation.store.peer_evidence import KeptFork, list_forks


@click.command("evidence")
@click.argument("origin", required=False)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the file to this place; the first one that counts against the log, where there are several.",
)
def evidence_command(origin: str | None, out: Path | None) -> None:
    """Show the evidence that a log, or the log ORIGIN, has signed two trees that contradict each other."""
    if out is not None and origin is None:
        raise click.UsageError("Say of which log: passerelle peers evidence ORIGIN --out FILE")

    async def find(_: Settings, database: Database) -> tuple[list[KeptFork], str]:
        name = None if origin is None else parse_origin(origin)
        async with database.connection() as connection:
            peer = None if name is None else await fetch_known_peer(connection, name)
            return await list_forks(connection, name), "" if peer is None else peer.first_key

    kept, key = with_database(find)
    if not kept:
        _say("There is no evidence of a fork.")
        sys.exit(1 if out is not None else 0)
    if out is None:
        for each in kept:
            _say(*_describe(each))
        return
    chosen = min(kept, key=lambda each: (bool(each.fork.explained), each.id))
    out.write_bytes(chosen.fork.file)
    _say(f"Written. Anyone can check it: passerelle verify {out} --key '{key or _key_of(chosen)}'")


def _key_of(kept: KeptFork) -> str:
    """Returns a key that the file itself names, for a log whose key is not pinned here."""
    evidence = Evidence.parse(kept.fork.file)
    return str(evidence.keys[0]) if evidence.keys else "<the log key, from its operator>"


def _describe(kept: KeptFork) -> list[str]:
    fork = kept.fork
    by = f", told by {fork.told_by}" if fork.told_by else ""
    lines = [
        f"{fork.origin}: trees of {fork.older_size:,} and {fork.newer_size:,} leaves contradict each other;"
        f" since {kept.found_at:%Y-%m-%d %H:%M} UTC{by}"
    ]
    if fork.explained:
        lines.append(f"  Not held against it: {fork.explained}.")
    return lines


def _say(*lines: str) -> None:
    for line in lines:
        console.print(line, highlight=False, markup=False, soft_wrap=True)
