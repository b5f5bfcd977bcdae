"""The folder of secrets of an instance: the vault's keys, and those that name us to Bluesky's servers."""

from pathlib import Path
from typing import Final

import structlog

from deploy.database import data_folder
from directory.clock import Clock
from directory.secret_files import SecretFolder
from directory.settings import Settings
from directory.store.database import Database
from directory.store.sealed import SealedStore
from directory.vault import MEND_VAULT, Vault

VAULT_FOLDER: Final = "vault"
"""Beside the instance's own keys, and like them no part of the database's backup."""

log = structlog.get_logger(__name__)


def secret_folder(settings: Settings) -> Path:
    """Where the vault's keys lie, and those that name us to Bluesky's servers. Raises UnsafeSecret."""
    folder = data_folder(settings) / VAULT_FOLDER
    SecretFolder(path=folder).ensure()
    return folder


async def open_vault(settings: Settings, database: Database, clock: Clock) -> Vault:
    """The vault of the data folder; its key is made where nothing is sealed yet."""
    headers = await SealedStore(database).headers()
    vault = Vault.open(secret_folder(settings), now=clock.now(), may_create=not headers)
    if lost := vault.missing_keys(headers):
        log.error("things are sealed under keys that the vault does not hold", keys=lost, mend=MEND_VAULT)
    return vault
