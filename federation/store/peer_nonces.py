"""The nonces of signed requests: each is answered once, over all processes."""

from datetime import datetime, timedelta
from typing import Final

from directory.store.database import Database

SWEEP_EVERY: Final = timedelta(minutes=1)


class PeerNonceStore:
    """Trusted: whoever can delete a row can have a request answered twice within ten minutes."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._swept_at: datetime | None = None

    async def take(self, digest: bytes, until: datetime, now: datetime) -> bool:
        """Takes a nonce, which is kept until then. Durable once it returns. Returns False where it was taken before."""
        async with self._database.connection() as connection:
            taken = await connection.fetchval(
                "INSERT INTO peer_nonce (digest, until) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING true",
                digest,
                until,
            )
            if self._swept_at is None or now - self._swept_at >= SWEEP_EVERY:
                self._swept_at = now
                await connection.execute("DELETE FROM peer_nonce WHERE until < $1", now)
        return bool(taken)
