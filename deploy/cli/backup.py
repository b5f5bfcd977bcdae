"""`passerelle backup`."""

from pathlib import Path

import click
from rich.markup import escape

from deploy.backups.dumping import NothingThere
from deploy.backups.making import Made, make_backup
from deploy.cli.output import console, errors
from deploy.cli.telling import telling
from deploy.database import data_folder, running_database
from deploy.embedded.signals import orderly_end
from deploy.settings_file import own_settings
from directory.clock import SystemClock
from directory.settings import Settings


@click.command("backup")
@click.argument("file", type=click.Path(path_type=Path))
def command(file: Path) -> None:
    """Back up the whole instance into FILE, while it runs: the database, the keys and the vault.

    Whoever has FILE can act as this instance: keep it as you keep the keys. Files that FILE replaces are refused.
    """
    settings = own_settings()
    with orderly_end():
        _check_there(settings)
        with telling() as told, running_database(settings) as dsn:
            made = make_backup(settings, dsn, file, SystemClock(), told)
    _tell(file, made)


def _check_there(settings: Settings) -> None:
    """Keeps a mistyped folder from becoming a new one. Raises NothingThere."""
    if settings.database_url is None and not (data_folder(settings) / "postgres").is_dir():
        raise NothingThere


def _tell(file: Path, made: Made) -> None:
    found = made.archive.description
    folders = ", ".join(f"{name}/" for name in sorted(made.archive.secrets)) or "no secret files"
    console.print(
        f"{escape(str(file))} holds {found.total_rows:,} rows of {len(found.rows)} tables and {folders}, as of"
        f" {found.made:%Y-%m-%d %H:%M:%S} UTC. It was read again and checked. Whoever has it can act as this instance:"
        " keep it as you keep the keys.",
        highlight=False,
        soft_wrap=True,
    )
    if made.lacking:
        errors.print(
            f"It lacks what this machine does not have: {escape('; '.join(made.lacking))}. Back up the machine that has it as"
            " well, or bring it back and make a new backup: `passerelle doctor` tells more.",
            highlight=False,
            soft_wrap=True,
        )
    for key in made.recovery_keys:
        errors.print(
            f"It holds the recovery key too, which is still in {escape(str(key))}: move that off this machine, and"
            " make a new backup.",
            highlight=False,
            soft_wrap=True,
        )
