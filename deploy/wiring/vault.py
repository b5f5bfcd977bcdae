"""The folder of secrets of an instance: the vault's keys, and the client keys for Bluesky's servers."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import structlog

from deploy.database import data_folder
from deploy.wiring.client_keys import check_client_keys, keep_client_keys
from directory.clock import Clock
from directory.networks.bluesky.client import ClientKeys
from directory.secret_files import SecretFolder
from directory.services.own_vault import check_vault, keep_vault
from directory.settings import Settings
from directory.store.database import Connection, Database
from directory.store.instance_identity import lock_identity
from directory.store.sealed import fetch_headers
from directory.vault import MEND_VAULT, Vault

VAULT_FOLDER: Final = "vault"
"""Beside the instance's own keys, and like them no part of the database's backup."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Secrets:
    """The vault, and the client keys for Bluesky's servers; `client_keys` on a public instance only."""

    vault: Vault
    client_keys: ClientKeys | None


def secret_folder(settings: Settings) -> Path:
    """Returns the folder of the vault's keys and of the client keys for Bluesky's servers. For its owner alone."""
    return data_folder(settings) / VAULT_FOLDER


async def open_secrets(settings: Settings, database: Database, clock: Clock) -> Secrets:
    """Opens the secrets of the data folder; those of a new instance are made.

    Raises OtherVault, OtherClientKeys, MissingKeyFile, UnsafeKeyFile, UnsafeSecret.
    """
    async with database.transaction() as connection:
        await lock_identity(connection)
        await check_secrets(connection, settings, clock.now())
        return await keep_secrets(connection, settings, clock.now())


async def adopt_secrets(settings: Settings, database: Database, clock: Clock) -> Secrets:
    """Records the secrets of this machine as the instance's, or new ones where it has none: the former ones are
    lost."""
    async with database.transaction() as connection:
        await lock_identity(connection)
        return await keep_secrets(connection, settings, clock.now())


async def check_secrets(connection: Connection, settings: Settings, now: datetime) -> None:
    """Checks that the secrets are the instance's, or still to be made. Raises what `open_secrets` does; makes
    nothing."""
    await check_vault(connection, secret_folder(settings), now)
    if settings.is_https:
        await check_client_keys(connection, secret_folder(settings))


async def keep_secrets(connection: Connection, settings: Settings, now: datetime) -> Secrets:
    """Opens or makes the secrets, and records them; called after `check_secrets`."""
    folder = secret_folder(settings)
    SecretFolder(path=folder).ensure()
    vault = await keep_vault(connection, folder, now)
    if lost := vault.missing_keys(await fetch_headers(connection)):
        log.error("things are sealed under keys that the vault does not hold", keys=lost, mend=MEND_VAULT)
    return Secrets(vault, await keep_client_keys(connection, folder, now) if settings.is_https else None)
