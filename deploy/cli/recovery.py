"""Hands the recovery key to the operator, before anything names it.

On a terminal it is shown, and the operator types its end to confirm that it is kept. Without one it would end in a
log: it waits in a file instead.
"""

import sys
from pathlib import Path
from typing import Final

import click

from deploy.wiring.identity import settle_keys
from deploy.wiring.log import key_folder
from directory.clock import SystemClock
from directory.settings import Settings
from directory.store.database import Database
from federation.errors import RecoveryNotConfirmed
from federation.keys.fingerprints import to_words
from federation.keys.instance import RECOVERY_KEY_FILE, KeyFolder, NewKeys, ShowRecoveryKey, is_local
from federation.tlog.keys import PrivateKey

CONFIRM_CHARACTERS: Final = 8
TRIES: Final = 3


async def ensure_keys(settings: Settings, database: Database) -> bool:
    """Makes the keys of a new instance. Returns False where they existed.

    Raises OtherKeys where the instance has keys elsewhere, RecoveryNotConfirmed.
    """
    new = await settle_keys(settings, database, SystemClock(), show_to(settings))
    if new is not None:
        tell_new_keys(key_folder(settings), new)
    return new is not None


def show_to(settings: Settings) -> ShowRecoveryKey | None:
    """Returns how the recovery key of a first start is shown. None for an instance without a public address: who tries it
    out is asked nothing, and finds the key in its file."""
    return None if is_local(settings) else show_recovery_key


def show_recovery_key(recovery: PrivateKey) -> bool:
    """Shows the recovery key on a terminal, and has it confirmed. Returns False without a terminal.

    Raises RecoveryNotConfirmed, and Abort where the operator gives up: nothing names the key then.
    """
    # Not by the console's own opinion: with FORCE_COLOR it takes a log for a terminal.
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    from deploy.cli.output import errors  # noqa: PLC0415 - loads rich, 4 MB of each server: only who is shown a key pays

    text = recovery.reveal()
    errors.rule("The next recovery key of this instance")
    errors.print(text, highlight=False, markup=False, soft_wrap=True)
    errors.print(
        "Write it down or print it now, and keep it off this machine: it is not shown again. It alone can give"
        " this instance a new key when its own is lost or stolen. Keep a former one as well until `passerelle keys` shows"
        f" the words of this one: {to_words(recovery.vkey.fingerprint)}.",
        highlight=False,
        soft_wrap=True,
    )
    errors.rule()
    for _ in range(TRIES):
        typed = click.prompt(
            f"Its last {CONFIRM_CHARACTERS} characters, to confirm that you have it", err=True
        )
        if typed.strip() == text[-CONFIRM_CHARACTERS:]:
            return True
        errors.print("That is not how it ends.")
    raise RecoveryNotConfirmed("the recovery key was not confirmed")


def tell_new_keys(folder: KeyFolder, new: NewKeys) -> None:
    """Tells where the keys of a new instance are."""
    if new.is_shown:
        click.echo(f"New keys are in {folder.path}; back them up apart from the database.", err=True)
    else:
        tell_kept(folder.path / RECOVERY_KEY_FILE)


def tell_kept(path: Path) -> None:
    """Tells in which file the recovery key waits to be taken away."""
    click.echo(
        f"New keys are in {path.parent}. Move {path} to a safe place off this machine: it alone can give this instance a"
        " new key when its own is lost or stolen.",
        err=True,
    )
