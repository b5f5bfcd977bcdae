"""Cosigns the checkpoints of peers with our witness key. https://c2sp.org/tlog-witness@v1.0.0

What is about to be said is compared with what was said last and stored in one transaction, which has ended before the
answer is given. A kill in between leaves a cosignature that nobody got: the log is told the new size, and asks again.
Nobody has to be known to ask: what counts is whose key has signed the checkpoint.
"""

from datetime import datetime
from typing import Final

import structlog

from directory.clock import Clock
from directory.secret_files import SecretFileError
from directory.store.database import Connection, Database
from federation.aside import run_aside
from federation.errors import (
    EvidenceRefused,
    InvalidEvidence,
    InvalidProof,
    OtherSize,
    UnknownLog,
    WitnessWaits,
)
from federation.keys.accusing import accuse, judge
from federation.keys.forks import record_fork
from federation.keys.instance import KeyFolder
from federation.keys.peer_chain import PeerChain, PeerChains
from federation.protocol.add_checkpoint import AddCheckpoint
from federation.store.peer_chains import KnownPeer, fetch_known_peer, fetch_read_tree
from federation.store.peer_leaves import fetch_kept_tree
from federation.store.witnessed import Witnessed, fetch_witnessed, find_witnessed, swap_witnessed
from federation.tlog.checkpoint import (
    Checkpoint,
    LogTrust,
    SignedCheckpoint,
    open_checkpoint,
    parse_signed_checkpoint,
)
from federation.tlog.cosignature import cosign
from federation.tlog.keys import PrivateKey
from federation.tlog.merkle import EMPTY_ROOT
from federation.tlog.note import Note, Signature, parse_note
from federation.witness.growth import check_growth, check_time, find_base

FORKED: Final = "this log has signed another tree, which is kept as evidence"

log = structlog.get_logger(__name__)


class Witness:
    """Cosigns for the logs of confirmed peers, of which none is suspended or frozen; other logs are unknown to it."""

    def __init__(self, database: Database, keys: KeyFolder, clock: Clock) -> None:
        self._database = database
        self._keys = keys
        self._clock = clock
        self._chains = PeerChains()

    async def add_checkpoint(self, data: bytes) -> bytes:
        """Cosigns the checkpoint of a request. Returns the signature line; it is durable once this returns.

        Raises Malformed, UnknownLog, UntrustedNote, OtherSize, InvalidProof, WitnessWaits.
        """
        request = AddCheckpoint.parse(data)
        origin = parse_signed_checkpoint(request.note)[0].origin
        async with self._database.transaction() as connection:
            peer, chain = await self._find_log(connection, origin)
            now = self._clock.now()
            signed = open_checkpoint(request.note, LogTrust(origin, chain.verifiers_at(now)))
            kept = await fetch_witnessed(connection, origin, lock=True)
            is_forked = await self._find_fork(connection, peer, chain, signed, kept)
            if not is_forked:
                check_growth(request, signed.checkpoint, find_base(kept, chain))
                is_forked = await self._find_other_beginning(connection, peer, chain, signed)
            line = None if is_forked else await self._cosign(connection, signed, kept)
        if line is None:
            raise InvalidProof(FORKED)
        return f"{line}\n".encode()

    async def latest(self, digest: bytes) -> bytes:
        """Returns the newest cosigned checkpoint of the log whose origin has this SHA-256. Raises UnknownLog."""
        async with self._database.connection() as connection:
            kept = await find_witnessed(connection, digest)
        if kept is None:
            raise UnknownLog("this witness has cosigned nothing of such a log")
        return bytes(parse_note(kept.note).signed_also([Signature.parse(kept.line)]))

    async def _find_log(self, connection: Connection, origin: str) -> tuple[KnownPeer, PeerChain]:
        peer = await fetch_known_peer(connection, origin)
        if peer is None or not peer.is_heard:
            raise UnknownLog("this witness does not cosign this log")
        return peer, await self._chains.load(connection, peer)

    async def _cosign(
        self,
        connection: Connection,
        signed: SignedCheckpoint,
        kept: Witnessed | None,
    ) -> Signature:
        now, checkpoint = self._clock.now(), signed.checkpoint
        check_time(kept, now)
        at = now.replace(microsecond=0)
        line = cosign(checkpoint, self._read_key(), int(at.timestamp()))
        note = bytes(Note(str(checkpoint), signed.log_signatures))
        new = Witnessed(checkpoint.origin, checkpoint.size, checkpoint.root, note, at, str(line))
        if not await swap_witnessed(connection, kept, new):
            other = await fetch_witnessed(connection, checkpoint.origin)
            raise OtherSize(0 if other is None else other.size)
        return line

    def _read_key(self) -> PrivateKey:
        try:
            return self._keys.read_witness()
        except SecretFileError as error:
            log.error("no checkpoint of a peer can be cosigned", reason=error.seen, mend=error.mend)  # noqa: TRY400 - foreseen, and told in a sentence
            raise WitnessWaits("this machine has no witness key") from error

    async def _find_fork(
        self,
        connection: Connection,
        peer: KnownPeer,
        chain: PeerChain,
        signed: SignedCheckpoint,
        kept: Witnessed | None,
    ) -> bool:
        """Keeps evidence where this log has signed another tree of this size, by what was cosigned or read of it.

        Returns False where it has not, or a key that is out of power explains it.
        """
        read = await fetch_read_tree(connection, peer.log)
        known = [(kept.size, kept.root, kept.note)] if kept is not None else []
        for size, root, note in [*known, *([read] if read is not None else [])]:
            if not _contradicts(signed.checkpoint, size, root):
                continue
            if await self._record(connection, chain, signed, note, self._clock.now()):
                return True
        return False

    async def _find_other_beginning(
        self, connection: Connection, peer: KnownPeer, chain: PeerChain, signed: SignedCheckpoint
    ) -> bool:
        """Keeps evidence where the larger tree that was read of this log, whole, does not begin with this one. To be called for
        what is about to be cosigned alone: it takes the hashes of all that was read. Returns as `_find_fork`."""
        read, size = await fetch_read_tree(connection, peer.log), signed.checkpoint.size
        if read is None or not 0 < size < read[0] or parse_signed_checkpoint(read[2])[0].size != read[0]:
            return False
        tree = await fetch_kept_tree(connection, peer.log, read[0], size)
        if await run_aside(tree.root_at, size) == signed.checkpoint.root:
            return False
        hashes = tree.prove_prefix(size)
        return await self._record(connection, chain, signed, read[2], self._clock.now(), hashes)

    async def _record(  # noqa: PLR0913, PLR0917 - two notes, and what shows that they contradict each other
        self,
        connection: Connection,
        chain: PeerChain,
        signed: SignedCheckpoint,
        note: bytes,
        now: datetime,
        hashes: tuple[bytes, ...] = (),
    ) -> bool:
        """Keeps two contradicting checkpoints. Returns False where they are not held against the log."""
        one = Note(str(signed.checkpoint), signed.log_signatures)
        try:
            found = judge(accuse(one, parse_note(note), chain, hashes), chain, now)
        except (InvalidEvidence, EvidenceRefused) as error:
            log.warning(
                "a contradiction could not be proven", origin=signed.checkpoint.origin, reason=str(error)
            )
            return False
        await record_fork(
            connection, signed.checkpoint.origin, found.evidence, now, explained=found.explained
        )
        return not found.explained


def _contradicts(here: Checkpoint, size: int, root: bytes) -> bool:
    """Whether two trees contradict each other as they stand. An empty tree of another root contradicts all."""
    is_impossible = here.size == 0 and here.root != EMPTY_ROOT and size > 0
    return is_impossible or (size == here.size and root != here.root)
