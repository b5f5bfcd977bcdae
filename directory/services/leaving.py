"""Exports a member's data; erases a member."""

import asyncio
from uuid import UUID

from directory.clock import Clock
from directory.members.receipts import Receipt
from directory.services.export import write_export
from directory.store.erasures import ErasureStore
from directory.store.exports import ExportStore


class Leaving:
    """Export and erasure."""

    def __init__(self, exports: ExportStore, erasures: ErasureStore, clock: Clock, instance: str) -> None:
        self._exports = exports
        self._erasures = erasures
        self._clock = clock
        self._instance = instance

    async def export(self, member: UUID) -> bytes:
        """Exports all that is stored of a member, as a ZIP file. Raises MemberGone."""
        data = await self._exports.read_member(member)
        return await asyncio.to_thread(write_export, data, self._instance, self._clock.now())

    async def erase(self, member: UUID) -> Receipt:
        """Erases a member and every row that belongs to them, durably; their tokens are revoked soon after.

        Raises MemberGone.
        """
        return await self._erasures.erase_member(member, self._clock.now())
