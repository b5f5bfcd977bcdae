"""Rotates and recovers the log key, at the operator's command: writes the next document for the sequencer to append.

The steps are those of `federation.keys.chain`: announce, and seven days later switch. Recover where a key is lost or
stolen.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from directory.clock import Clock
from directory.store.database import Database
from federation.errors import LogEmpty, LogRefused
from federation.keys.chain import (
    MIN_OVERLAP_S,
    announce_key,
    recover_key,
    required_keys,
    sign_operations,
    switch_key,
)
from federation.keys.documents import load_documents
from federation.keys.instance import KeyFolder
from federation.keys.operations import RECOVERY_SUFFIX, Operations, fingerprint_recovery
from federation.keys.own_keys import check_keys, record_keys
from federation.store.log_rows import fetch_state, insert_operations, replace_pending_operations
from federation.tlog.keys import KeyKind, PrivateKey

_OVERLAP: Final = timedelta(seconds=MIN_OVERLAP_S)


class RotationTooEarly(LogRefused):
    """The next key was announced less than seven days ago."""

    def __init__(self, when: datetime) -> None:
        super().__init__(f"the next key can take over from {when:%Y-%m-%d %H:%M} UTC on")
        self.when = when


@dataclass(frozen=True, slots=True)
class Rotated:
    """The result of a change: `document` is pending until the next batch. `can_switch` is when an announced key may
    take over; None where none was announced."""

    document: Operations
    can_switch: datetime | None
    recovery: PrivateKey | None = None
    """The next recovery key, made by a recovery. It is not kept."""


class KeyRotation:
    """Rotates and recovers the log key. Trusted with the private keys."""

    def __init__(self, database: Database, keys: KeyFolder, clock: Clock) -> None:
        self._database = database
        self._keys = keys
        self._clock = clock

    async def rotate(self) -> Rotated:
        """Announces a new key, or switches to the announced one.

        Raises LogEmpty, RotationTooEarly, LogRefused, MissingKeys, UnsafeKeys.
        """
        current = await self._current()
        now = self._clock.now()
        if current.next_key is None:
            new = self._keys.add_log_key(current.origin)
            document = announce_key(current, new.vkey, int(now.timestamp()))
            return await self._propose(
                current, document, datetime.fromtimestamp(document.issued, UTC) + _OVERLAP
            )
        when = datetime.fromtimestamp(current.issued, UTC) + _OVERLAP
        if now < when:
            raise RotationTooEarly(when)
        return await self._propose(current, switch_key(current, int(now.timestamp())), None)

    async def recover(self, recovery: PrivateKey) -> Rotated:
        """Gives the log a new key, valid at once, and makes the next recovery key, since each serves once.

        Replaces a pending document, which may lack a signature of the lost key. Where the whole folder of keys is
        lost, makes a new one, and the document names its other keys, too.

        Raises LogEmpty, LogRefused, and InvalidOperations where `recovery` is not the recovery key of this log.
        """
        current = await self._current(is_recovery=True)
        next_recovery = PrivateKey.generate(current.host + RECOVERY_SUFFIX, KeyKind.NOTE)
        new = PrivateKey.generate(current.origin, KeyKind.NOTE)
        document = recover_key(
            current,
            int(self._clock.now().timestamp()),
            recovered_by=recovery.vkey,
            log_key=new.vkey,
            recovery=fingerprint_recovery(next_recovery.vkey.public_key),
        )
        if not self._keys.make_around(current.host, new, next_recovery):
            self._keys.keep_log_key(new)
        keys = self._keys.read()
        document = replace(document, witness_key=keys.witness.vkey, peer_key=keys.peer.public_key)
        rotated = await self._propose(current, document, None, recovery)
        return Rotated(rotated.document, None, next_recovery)

    async def _current(self, *, is_recovery: bool = False) -> Operations:
        async with self._database.connection() as connection:
            if not is_recovery:
                await check_keys(connection, self._keys)
            documents = await load_documents(connection)
        said = [document for document, leaf in documents if leaf is not None]
        if not said:
            raise LogEmpty("the log is not begun yet: start the instance first")
        if len(said) < len(documents) and not is_recovery:
            raise LogRefused("a document waits to be published already: start the instance and try again")
        return said[-1]

    async def _propose(
        self,
        current: Operations,
        document: Operations,
        can_switch: datetime | None,
        recovery: PrivateKey | None = None,
    ) -> Rotated:
        keys = self._keys.read()
        signers = [
            recovery if recovery is not None and vkey == recovery.vkey else keys.require([vkey])[0]
            for vkey in required_keys(document, current)
        ]
        note = bytes(sign_operations(document, signers))
        insert = insert_operations if recovery is None else replace_pending_operations
        async with self._database.transaction() as connection:
            await fetch_state(connection, lock=True)
            if not await insert(connection, document.number, note):
                raise LogRefused("somebody else has changed the keys at the same time")
            await record_keys(connection, self._keys, self._clock.now())
        return Rotated(document, can_switch)
