"""Rotates and recovers the log key, at the operator's command: writes the next document for the sequencer to append.

The steps are those of `federation.keys.chain`: announce, and seven days later switch. Recover where a key is lost or
stolen.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from directory.clock import Clock
from directory.store.database import Database
from federation.errors import InvalidOperations, LogEmpty, LogRefused
from federation.keys.chain import MIN_BETWEEN_S, MIN_OVERLAP_S, end_of, required_keys, sign_operations
from federation.keys.changes import Recovery, announce_key, recover_key, say_moved, switch_key
from federation.keys.documents import KeptDocument, load_documents
from federation.keys.instance import (
    RECOVERY_KEY_FILE,
    KeyFolder,
    NewKeys,
    ShowRecoveryKey,
)
from federation.keys.operations import Operations, RightTree, fingerprint_recovery
from federation.keys.own_keys import check_keys, record_keys
from federation.store.log_rows import fetch_state, insert_operations, replace_pending_operations
from federation.tlog.keys import PrivateKey, VerifierKey

CHANGED_MEANWHILE: Final = "somebody else has changed the keys at the same time"

_OVERLAP: Final = timedelta(seconds=MIN_OVERLAP_S)


class RotationTooEarly(LogRefused):
    """The next key was announced less than seven days ago, or the last document made less than an hour ago."""

    def __init__(self, what: str, when: datetime) -> None:
        super().__init__(
            f"{what} from {when:%Y-%m-%d %H:%M} UTC on",
            mend="Where the clock ran ahead when the last document was made, `passerelle keys recover` takes it back.",
        )
        self.when = when


@dataclass(frozen=True, slots=True)
class Rotated:
    """The result of a change: `document` is pending until the next batch. `can_switch` is when an announced key may
    take over; None where none was announced."""

    document: Operations
    can_switch: datetime | None


@dataclass(frozen=True, slots=True)
class Recovered:
    """The result of a recovery: `document` is pending until the next batch."""

    document: Operations
    recovery: PrivateKey
    """The next recovery key, which is not kept, except in a file for the operator."""
    kept_in: Path | None
    """That file, where the key could not be shown."""


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
        now = int(self._clock.now().timestamp())
        if current.next_key is not None:
            _check_time(now, current.issued + MIN_OVERLAP_S, "the next key can take over")
            document = switch_key(current, now)
            await self._propose(current, document)
            return Rotated(document, None)
        _check_time(now, current.issued + MIN_BETWEEN_S, "a next key can be announced")
        new = self._keys.add_log_key(current.origin)
        document = announce_key(current, new.vkey, now)
        await self._propose(current, document)
        return Rotated(document, datetime.fromtimestamp(now, UTC) + _OVERLAP)

    async def move(self, moved_to: VerifierKey) -> Operations | None:
        """Says where the instance goes on: under this log key, in a log of another name. Returns None where that was said
        before.

        Raises LogEmpty, RotationTooEarly, LogRefused, InvalidOperations, MissingKeys, UnsafeKeys.
        """
        current = await self._current()
        if current.moved_to == moved_to:
            return None
        document = say_moved(await self.find_movable(), moved_to, int(self._clock.now().timestamp()))
        await self._propose(current, document)
        return document

    async def find_movable(self) -> Operations:
        """Finds the document after which a move can be said now. Raises as `move`."""
        current = await self._current()
        now = int(self._clock.now().timestamp())
        _check_time(now, current.issued + MIN_BETWEEN_S, "the move can be announced")
        return current

    async def recover(
        self, recovery: PrivateKey, right_tree: RightTree, show: ShowRecoveryKey | None = None
    ) -> Recovered:
        """Gives the log a new key, valid at once, and hands over the next recovery key, since each serves once.

        Follows the newest document that names `recovery`, and replaces what waits after it, which may lack a signature
        of the lost key. Where the whole folder of keys is lost, makes a new one, and the document names its other
        keys, too. All that can refuse comes before the next recovery key is made, and that key is handed over before
        the document that names it is stored.

        Raises LogEmpty, LogRefused, RecoveryNotConfirmed, MissingKeys, UnsafeKeys, and InvalidOperations where
        `recovery` is not the recovery key of this log.
        """
        documents = await self._load(is_recovery=True)
        current = _named_by(documents, recovery)
        _check_room(documents, current, is_recovery=True)
        self._keys.check_recoverable()
        new = NewKeys.generate(current.host)
        fingerprint = fingerprint_recovery(new.recovery.vkey.public_key)
        says = Recovery(recovery.vkey, new.log.vkey, fingerprint, right_tree)
        document = recover_key(current, int(self._clock.now().timestamp()), says)
        new = new.handed_over(show)
        kept_in = self._keep(new)
        keys = self._keys.read()
        document = replace(
            document,
            witness_key=keys.witness.vkey,
            peer_key=keys.peer.public_key,
            policy=_own_policy(documents, current),
        )
        await self._propose(current, document, recovery, known=documents)
        return Recovered(document, new.recovery, kept_in)

    def _keep(self, new: NewKeys) -> Path | None:
        """Keeps the new keys. Returns the file of the recovery key, None where it was shown."""
        if self._keys.make_around(new):
            return None if new.is_shown else self._keys.path / RECOVERY_KEY_FILE
        kept_in = None if new.is_shown else self._keys.put_recovery_key(new.recovery)
        self._keys.keep_log_key(new.log)
        return kept_in

    async def _current(self) -> Operations:
        documents = await self._load(is_recovery=False)
        if documents[-1][1] is None:
            raise LogRefused("a document waits to be published already: start the instance and try again")
        _check_room(documents, documents[-1][0], is_recovery=False)
        return documents[-1][0]

    async def _load(self, *, is_recovery: bool) -> list[KeptDocument]:
        async with self._database.connection() as connection:
            if not is_recovery:
                await check_keys(connection, self._keys)
            documents = await load_documents(connection)
        if all(leaf is None for _, leaf in documents):
            raise LogEmpty("the log is not begun yet: start the instance first")
        return documents

    async def _propose(
        self,
        current: Operations,
        document: Operations,
        recovery: PrivateKey | None = None,
        *,
        known: list[KeptDocument] | None = None,
    ) -> None:
        """Stores the document, which the next batch appends. With `known`, what waits is replaced; refused where the
        documents are no longer those."""
        keys = self._keys.read()
        signers = [
            recovery if recovery is not None and vkey == recovery.vkey else keys.require([vkey])[0]
            for vkey in required_keys(document, current)
        ]
        note = bytes(sign_operations(document, signers))
        insert = insert_operations if recovery is None else replace_pending_operations
        async with self._database.transaction() as connection:
            await fetch_state(connection, lock=True)
            is_same = known is None or known == await load_documents(connection)
            if not is_same or not await insert(connection, document.number, note):
                raise LogRefused(CHANGED_MEANWHILE)
            await record_keys(connection, self._keys, self._clock.now())


def _check_time(now: int, earliest: int, what: str) -> None:
    if now < earliest:
        raise RotationTooEarly(what, datetime.fromtimestamp(earliest, UTC))


def _check_room(documents: list[KeptDocument], last: Operations, *, is_recovery: bool) -> None:
    """Raises LogRefused where no reader would take another document after `last`."""
    end = end_of([document for document, _ in documents[: last.number + 1]])
    if fault := end.find_limit_fault(is_recovery=is_recovery):
        raise LogRefused(fault)


def _own_policy(documents: list[KeptDocument], last: Operations) -> tuple[tuple[str, int], ...]:
    """Returns the policy of the newest document up to `last` that no thief of the log key can have written: the first
    one, or a recovery."""
    chain = [document for document, _ in documents[: last.number + 1]]
    return next((each for each in reversed(chain) if each.recovered_by is not None), chain[0]).policy


def _named_by(documents: list[KeptDocument], recovery: PrivateKey) -> Operations:
    """Finds the newest document that names this recovery key: the last one in the log, or a recovery that waits after
    it, whose key the operator has been given as well. Raises InvalidOperations."""
    said = sum(leaf is not None for _, leaf in documents)
    fingerprint = fingerprint_recovery(recovery.vkey.public_key)
    for at in range(len(documents) - 1, said - 2, -1):
        document = documents[at][0]
        is_base = at == said - 1 or document.recovered_by is not None
        if is_base and document.recovery == fingerprint:
            return document
    raise InvalidOperations("this is not the recovery key that the log names")
