"""Tells what a failure means to whoever ran the command: what happened, and what to do."""

import errno
from typing import Final

import asyncpg
from rich.markup import escape

from deploy.backups.errors import BackupError
from deploy.cli.output import errors
from deploy.demo import DemoPresent
from deploy.embedded import EmbeddedError
from deploy.migrate import MigrationFailed, SchemaTooNew
from deploy.migration_locks import MigrationBusy
from deploy.ports import CannotListen, PortInUse
from deploy.servers.choosing import ServerMissing
from deploy.wiring.demo_guard import DemoInPublic, PublicInstance
from deploy.workers.handoff import OtherVersion
from deploy.workers.supervisor import WebProcessFailed
from directory.archive import ArchiveError
from directory.demo import DemoError
from directory.errors import DatabaseUnreachable, DirectoryUnavailable, InvalidIdentifier, InvalidQuery
from directory.instance_settings import InvalidInstanceSetting
from directory.origin_names import InvalidOrigin
from directory.public_address import InvalidAddress
from directory.secret_files import SecretFileError
from directory.settings import InvalidSettings
from directory.vault_keys import VaultError
from federation.errors import (
    FederationError,
    LogRefused,
    LogWaits,
    MissingKeys,
    RecoveryNotConfirmed,
    UnsafeKeys,
)


def tell(error: Exception) -> bool:
    """Prints the sentence for a foreseen failure. Returns False, and prints nothing, for one that is our own fault."""
    sentence = sentence_of(error)
    if sentence is not None:
        errors.print(f"[bold red]passerelle:[/] {sentence}", highlight=False, soft_wrap=True)
        if (
            type(error) is EmbeddedError and error.detail
        ):  # the sentence of a cause that is known needs no log
            errors.print(error.detail.rstrip(), markup=False, highlight=False, soft_wrap=True)
    return sentence is not None


def sentence_of(error: Exception) -> str | None:
    """Returns the sentence for a foreseen failure. None for one that is our own fault."""
    if isinstance(error, OSError):
        return _of_os_error(error)
    said = escape(str(error))
    if isinstance(error, LogRefused) and error.mend:
        return f"{said}. Nothing was signed. {escape(error.mend)}"
    if isinstance(error, SecretFileError) and error.mend:
        return _of_secret_file(error)
    for kinds, sentence in _SENTENCES:
        if isinstance(error, kinds):
            return sentence.format(said)
    return None


_SENTENCES: Final[tuple[tuple[type[Exception] | tuple[type[Exception], ...], str], ...]] = (
    ((EmbeddedError, ArchiveError, DemoError, InvalidQuery), "{}"),
    ((VaultError, SecretFileError, BackupError), "{}."),
    ((InvalidInstanceSetting, InvalidOrigin), "{}."),
    (InvalidAddress, "the address {}."),
    (InvalidSettings, "{}. `passerelle doctor` lists the settings."),
    (InvalidIdentifier, "{}. Write @name, the number, or the address of the profile."),
    (DatabaseUnreachable, "{}. Nothing was changed; `passerelle doctor` tells more."),
    (DirectoryUnavailable, "{}. `passerelle doctor` tells more."),
    (
        asyncpg.InsufficientPrivilegeError,
        "the database refuses this to the role of PASSERELLE_DATABASE_URL ({}): make it the owner of the database and of all"
        " that is in it.",
    ),
    (
        PublicInstance,
        "this is a public instance, and demo people are for trying out. Run `passerelle demo` with another"
        " PASSERELLE_DATA and without PASSERELLE_PUBLIC_URL, or with `--no-people` for the archive alone.",
    ),
    (
        DemoInPublic,
        "there are demo people in this directory, and this instance has a public address: run"
        " `passerelle demo --remove` first.",
    ),
    (DemoPresent, "there are demo people already: run `passerelle demo --remove` first."),
    (MigrationFailed, "{}: mend that and start again, or start the version of before."),
    (MigrationBusy, "{}. Nothing was changed: wait until it is done, or end it, and start again."),
    (SchemaTooNew, "{}: install the newer Passerelle again, or restore a backup from before it."),
    (LogWaits, "{}. Nothing is lost; try again."),
    (LogRefused, '{}. Nothing was signed. See docs/operations.md, "The signed log".'),
    (RecoveryNotConfirmed, "{}. Nothing was changed, and the key that was shown serves nothing."),
    (FederationError, "{}."),
    (ServerMissing, "{}."),
    (
        OtherVersion,
        "{}: restart the whole, which migrates the database, before web processes of it can serve.",
    ),
    (WebProcessFailed, "{}. What it said stands above."),
    (PortInUse, "another program listens on {} already: stop it, or set PASSERELLE_PORT to another."),
    (
        CannotListen,
        "this machine cannot listen on {}: set PASSERELLE_HOST to an address that it has, and PASSERELLE_PORT to a port that"
        " this user may take (from 1024 on).",
    ),
)


def _of_secret_file(error: SecretFileError) -> str:
    signed = "Nothing was signed. " if isinstance(error, MissingKeys | UnsafeKeys) else ""
    made = " `passerelle keys make` is for a new instance." if isinstance(error, MissingKeys) else ""
    return f"{escape(error.seen)}. {signed}{escape(error.mend)}{made}"


def _of_os_error(error: OSError) -> str:
    if error.errno == errno.ENOSPC:
        return "the disk is full. Make room and try again."
    return escape(": ".join(str(part) for part in (error.strerror or error, error.filename) if part))
