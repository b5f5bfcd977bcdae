"""Binds the vault to the instance: recorded at the first start, compared at each later one, never made a second
time.

A machine with a vault of its own would seal what no other machine can open. Every process takes the same steps
in one transaction: lock, check, then make what is missing and record it.
"""

from datetime import datetime
from pathlib import Path
from typing import Final

from directory.secret_files import SecretFileError
from directory.store.database import Connection, Database
from directory.store.instance_identity import KnownSecret, find_known_secret, lock_identity, record_secret
from directory.store.sealed import fetch_headers
from directory.vault import KEY_FILE_NAME, Vault
from directory.vault_keys import KeyFile, MissingKeyFile, VaultError

VAULT: Final = "vault"
MEND_MISSING: Final = "Copy its folder from the machine that has it, or put it back from its backup."
MEND_OTHER: Final = "Copy the folder from the machine that has the instance's vault, or give this machine a database of its own."


class OtherVault(VaultError, SecretFileError):
    """The vault of this machine is not the one that the database was sealed under."""


async def check_vault(connection: Connection, folder: Path, now: datetime) -> None:
    """Checks the vault in a folder, and makes nothing; the caller holds the lock.

    Raises OtherVault; MissingKeyFile where the instance has a vault and the folder has none; UnsafeKeyFile.
    """
    known = await find_known_secret(connection, VAULT)
    headers = await fetch_headers(connection)
    if not KeyFile(folder / KEY_FILE_NAME).exists():
        if known is not None or headers:
            raise MissingKeyFile(_missing(folder, known), MEND_MISSING)
        return
    vault = Vault.open(folder, now=now, may_create=False)
    # Without a record the sealed rows decide: a vault that opens none of them is another one.
    is_own = vault.descends_from(known.fingerprint) if known is not None else _opens_some(vault, headers)
    if not is_own:
        raise OtherVault(_other(folder, known), MEND_OTHER)


async def keep_vault(connection: Connection, folder: Path, now: datetime) -> Vault:
    """Makes the vault of a new instance, or opens the existing one, and records it; called after `check_vault`."""
    vault = Vault.open(folder, now=now, may_create=True)
    await _record(connection, vault, folder, now)
    return vault


async def record_vault(database: Database, vault: Vault, now: datetime) -> None:
    """Records a vault whose key was rotated: machines with an older copy of it no longer start."""
    async with database.transaction() as connection:
        await lock_identity(connection)
        await _record(connection, vault, vault.folder, now)


async def _record(connection: Connection, vault: Vault, folder: Path, now: datetime) -> None:
    await record_secret(connection, VAULT, KnownSecret.seen_in(folder, vault.fingerprint), now)


def _opens_some(vault: Vault, headers: set[bytes]) -> bool:
    return not headers or len(vault.missing_keys(headers)) < len(headers)


def _missing(folder: Path, known: KnownSecret | None) -> str:
    return f"the vault's key file {folder / KEY_FILE_NAME} is missing, and this instance has a vault{_seen(known)}"


def _other(folder: Path, known: KnownSecret | None) -> str:
    return f"the vault in {folder} is not that of this instance{_seen(known)}, or an older copy of it"


def _seen(known: KnownSecret | None) -> str:
    return f" (last seen in {known.place})" if known is not None else ""
