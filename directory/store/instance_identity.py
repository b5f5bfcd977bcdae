"""What the instance is known by: fingerprints of the secrets that its machines share, one row a part.

Trusted: whoever can change these rows can have a machine start with secrets of its own. They hold no secret.
"""

import socket
from datetime import datetime
from pathlib import Path
from typing import Final, Self

import msgspec

from directory.store.database import Connection

IDENTITY_LOCK: Final = 0x70617373_65726504
"""`pass` `ere` 04: one first start at a time, whoever begins."""


class KnownSecret(msgspec.Struct, frozen=True):
    """A part of the instance's secrets: its fingerprint, and where it was last seen, for the operator."""

    fingerprint: bytes
    place: str

    @classmethod
    def seen_in(cls, folder: Path, fingerprint: bytes) -> Self:
        """What lies in a folder of this machine."""
        return cls(fingerprint, f"{folder} on {socket.gethostname()}")


async def lock_identity(connection: Connection) -> None:
    """Waits until no other process looks at or makes secrets, and keeps others out until the transaction ends."""
    await connection.execute("SELECT pg_advisory_xact_lock($1)", IDENTITY_LOCK)


async def find_known_secret(connection: Connection, part: str) -> KnownSecret | None:
    """Returns None where none was recorded yet."""
    row = await connection.fetchrow("SELECT fingerprint, place FROM instance_identity WHERE part = $1", part)
    return None if row is None else KnownSecret(row["fingerprint"], row["place"])


async def record_secret(connection: Connection, part: str, known: KnownSecret, now: datetime) -> None:
    """Records what a part is from now on."""
    await connection.execute(
        "INSERT INTO instance_identity (part, fingerprint, place, recorded_at) VALUES ($1, $2, $3, $4)"
        " ON CONFLICT (part) DO UPDATE SET fingerprint = $2, place = $3, recorded_at = $4",
        part,
        known.fingerprint,
        known.place,
        now,
    )


async def forget_secret(connection: Connection, part: str) -> None:
    """The next start records what it finds or makes."""
    await connection.execute("DELETE FROM instance_identity WHERE part = $1", part)
