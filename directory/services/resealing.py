"""Rotates the vault's key: makes a new one, reseals everything under it, and retires old keys."""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from directory.services.own_vault import record_vault
from directory.store.database import Database
from directory.store.member_tables import SEALED_TABLES, ContextOf
from directory.store.sealed import SealedRow, SealedStore
from directory.vault import Vault
from directory.vault_keys import VaultError

RESEAL_BATCH: Final = 500
"""Rows that are resealed in one transaction."""
_LOWEST: Final = UUID(int=0)


class Rotation(msgspec.Struct, frozen=True):
    """The result of a rotation. `broken` rows open under no key of the ring, and were left as they are.

    `retired` keys are deleted; the former key goes with a rotation, or a `finish`, a day later.
    """

    key: str
    resealed: int
    broken: int
    retired: tuple[str, ...]


async def rotate(vault: Vault, database: Database, now: datetime) -> Rotation:
    """Makes a new key and reseals everything under it. Safe to break off, and to repeat."""
    vault.add_key(now)
    await record_vault(database, vault, now)
    return await finish_rotation(vault, database, now)


async def finish_rotation(vault: Vault, database: Database, now: datetime) -> Rotation:
    """Reseals what is not yet under the newest key, and retires the keys that are no longer needed."""
    sealed = SealedStore(database)
    resealed = broken = 0
    for table, context_of in SEALED_TABLES.items():
        counter = _Resealer(vault, context_of)
        await _reseal_most(sealed, table, vault.header, counter)
        broken += await _reseal_rest(sealed, table, vault.header, counter)
        resealed += counter.count
    retired = vault.retire_keys(await sealed.list_headers(), now)
    return Rotation(vault.key_ids()[0], resealed, broken, tuple(retired))


async def _reseal_most(sealed: SealedStore, table: str, header: bytes, reseal: "_Resealer") -> None:
    after: UUID | None = _LOWEST
    while after is not None:
        after = await sealed.reseal_rows(table, header, after, RESEAL_BATCH, reseal)


async def _reseal_rest(sealed: SealedStore, table: str, header: bytes, reseal: "_Resealer") -> int:
    """Reseals one by one what somebody was changing. Returns how many cannot be opened."""
    broken = 0
    after: UUID | None = _LOWEST
    while after is not None:
        after, is_opened = await sealed.reseal_next(table, header, after, reseal)
        broken += not is_opened
    return broken


class _Resealer:
    def __init__(self, vault: Vault, context_of: ContextOf) -> None:
        self._vault = vault
        self._context_of = context_of
        self.count = 0

    def __call__(self, row: SealedRow) -> bytes | None:
        try:
            sealed = self._vault.reseal(row.sealed, self._context_of(row.id))
        except VaultError:
            return None
        self.count += 1
        return sealed
