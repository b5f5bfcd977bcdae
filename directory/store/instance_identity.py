"""Fingerprints of the secrets that the instance's machines share, one row for each part.

Trusted: whoever can change these rows can have a machine start with secrets of its own. They hold no secret.
"""

import socket
from datetime import datetime
from pathlib import Path
from typing import Final, Self

import msgspec

from directory.store.database import Connection
from directory.store.ordinary import run
from directory.store.tables import InstanceIdentity

IDENTITY_LOCK: Final = 0x70617373_65726504
"""`pass` `ere` 04: one first start at a time, whoever begins."""


class KnownSecret(msgspec.Struct, frozen=True):
    """A part of the instance's secrets: its fingerprint, and where it was last seen, for the operator."""

    fingerprint: bytes
    place: str

    @classmethod
    def seen_in(cls, folder: Path, fingerprint: bytes) -> Self:
        """Makes the record of a secret in a folder of this machine."""
        return cls(fingerprint, f"{folder} on {socket.gethostname()}")


async def lock_identity(connection: Connection) -> None:
    """Keeps other processes from checking or making secrets until the transaction ends."""
    await connection.execute("SELECT pg_advisory_xact_lock($1)", IDENTITY_LOCK)


async def find_known_secret(connection: Connection, part: str) -> KnownSecret | None:
    """Finds the record of a part. Returns None where none was recorded yet."""
    rows = await run(connection, InstanceIdentity.select().where(InstanceIdentity.part == part))
    return next((KnownSecret(row["fingerprint"], row["place"]) for row in rows), None)


async def record_secret(connection: Connection, part: str, known: KnownSecret, now: datetime) -> None:
    """Records what a part is from now on."""
    row = InstanceIdentity(part=part, fingerprint=known.fingerprint, place=known.place, recorded_at=now)
    record = InstanceIdentity.insert(row).on_conflict(
        target=InstanceIdentity.part,
        action="DO UPDATE",
        values=[InstanceIdentity.fingerprint, InstanceIdentity.place, InstanceIdentity.recorded_at],
    )
    await run(connection, record)


async def forget_secret(connection: Connection, part: str) -> None:
    """Deletes the record of a part: the next start records what it finds or makes."""
    await run(connection, InstanceIdentity.delete().where(InstanceIdentity.part == part))
