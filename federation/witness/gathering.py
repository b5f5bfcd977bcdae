"""Gathers cosignatures of peers on our own log, every ten minutes from each.

A peer that has cosigned more of our log than this database holds knows something that we have forgotten: the checkpoint
that it shows stops the log where a key in power has signed it (`federation.own_log.known`). What a peer merely says stops
nothing.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog

from directory.clock import Clock
from directory.networks.answers import Answer
from directory.networks.errors import NetworkError
from directory.networks.http import GuardedClient
from directory.secret_files import SecretFileError
from directory.store.database import Connection, Database
from federation.errors import LogRefused, Malformed, UnknownLog, UntrustedNote
from federation.keys.chain import find_keys_in_power
from federation.keys.documents import load_documents
from federation.keys.instance import KeyFolder
from federation.keys.peer_chain import PeerChains
from federation.own_log.known import leads_to
from federation.own_log.preconditions import load_state
from federation.protocol.add_checkpoint import AddCheckpoint, parse_size
from federation.protocol.log_state import read_own_checkpoint
from federation.store.cosignatures import Cosignature, put_cosignature
from federation.store.known import Known, put_known
from federation.store.log_rows import fetch_tiles
from federation.store.peer_chains import KnownPeer
from federation.store.witness_rounds import Round, RoundEnd, WitnessRounds, finish_round
from federation.tlog.checkpoint import Checkpoint
from federation.tlog.keys import VerifierKey
from federation.tlog.note import Note
from federation.tlog.reading import TileHashes, consistency_tiles
from federation.witness.answers import MAX_FUTURE, read_cosignature
from federation.witness.asking import NOTE_LIMITS, PREFIX, ask_one

EVERY: Final = timedelta(minutes=10)
MAX_PAUSE: Final = timedelta(hours=1)
MAX_TRIES: Final = 3
"""Requests to a witness in one round: it may tell another size than the one that we know, and another log process may
have asked meanwhile."""
MAX_FAULT_CHARS: Final = 300
OK: Final = 200
CONFLICT: Final = 409
UNPROVEN: Final = 422
_NOT_YET: Final = "nothing is published yet"
_FAULTS: Final = {
    404: "it cosigns this log not yet, or no more: its operators have not confirmed our keys, or have suspended us",
    503: "its witness cannot cosign at the moment",
}

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Result:
    """What a witness has cosigned of our log by now, or what was wrong."""

    size: int
    cosignature: Cosignature | None = None
    fault: str = ""


class Gathering:
    """Asks one peer at a time; any number of processes can."""

    def __init__(
        self, database: Database, client: GuardedClient, keys: KeyFolder, origin: str, clock: Clock
    ) -> None:
        """`origin` is that of our own log. A folder without keys is that of a machine that does not sign."""
        self._database = database
        self._client = client
        self._keys = keys
        self._origin = origin
        self._clock = clock
        self._chains = PeerChains()
        self._rounds = WitnessRounds(database)

    async def claim(self, busy: Collection[str]) -> Round | None:
        """Claims a peer that is due. Returns None where none is."""
        return await self._rounds.claim(self._clock.now(), busy)

    async def release(self, claimed: Round) -> None:
        """Makes an interrupted round due again."""
        await self._rounds.release(claimed.lease, self._clock.now())

    async def gather(self, claimed: Round) -> None:
        """Asks a peer to cosign what is published, and stores its cosignature."""
        try:
            result = await self._ask(claimed)
        except (NetworkError, Malformed, UntrustedNote, UnknownLog, LogRefused) as error:
            result = _Result(claimed.size, fault=str(error)[:MAX_FAULT_CHARS])
        now = self._clock.now()
        failures = claimed.failures + 1 if result.fault else 0
        due = now + min(EVERY * 2 ** min(max(failures - 1, 0), 4), MAX_PAUSE)
        at = None if result.cosignature is None else result.cosignature.at
        async with self._database.transaction() as connection:
            end = RoundEnd(result.size, at, result.fault, failures, due)
            if await finish_round(connection, claimed.lease, end) and result.cosignature is not None:
                await put_cosignature(connection, result.cosignature, now + MAX_FUTURE)
        if result.fault and result.fault != _NOT_YET:
            log.info("a peer does not cosign our log", origin=claimed.peer.origin, reason=result.fault)

    async def _ask(self, claimed: Round) -> _Result:
        async with self._database.connection() as connection:
            state = await load_state(connection, self._origin)
            chain = await self._chains.load(connection, claimed.peer)
        if state is None or state.published is None:
            return _Result(claimed.size, fault=_NOT_YET)
        checkpoint = read_own_checkpoint(state.published)
        key, old = chain.in_force(self._clock.now()).witness_key, min(claimed.size, checkpoint.size)
        for _ in range(MAX_TRIES):
            answer = await self._post(claimed.peer, checkpoint, state.published, old)
            if answer.status == OK:
                line = read_cosignature(answer.body, checkpoint, key, self._clock.now())
                return _Result(checkpoint.size, line)
            told = parse_size(answer.body) if answer.status == CONFLICT else None
            if answer.status == UNPROVEN or told == old or (told is not None and told > checkpoint.size):
                return await self._look_at_newer(claimed.peer, checkpoint.size if told is None else told)
            if told is None:
                return _Result(claimed.size, fault=_FAULTS.get(answer.status, f"it answers {answer.status}"))
            old = told
        return _Result(old, fault="it tells another size each time")

    async def _post(self, peer: KnownPeer, checkpoint: Checkpoint, note: bytes, old: int) -> Answer:
        async with self._database.connection() as connection:
            proof = await _prove(connection, old, checkpoint.size)
        return await self._client.request(
            "POST",
            f"{peer.address}{PREFIX}add-checkpoint",
            headers={"content-type": "text/plain; charset=utf-8"},
            content=bytes(AddCheckpoint(old, proof, note)),
            limits=NOTE_LIMITS,
        )

    async def _look_at_newer(self, peer: KnownPeer, told: int) -> _Result:
        """Looks at the checkpoint that a peer says to have cosigned. Where our tree does not lead to it, the log stops."""
        async with self._database.connection() as connection:
            keys = await self._trusted_keys(connection)
        shown = await ask_one(self._client, peer, self._origin, keys)
        if shown is None:
            said = f"it says to have cosigned {told:,} leaves of this log, and shows no checkpoint that we have signed"
            return _Result(0, fault=said)
        async with self._database.transaction() as connection:
            state = await load_state(connection, self._origin)
            if await leads_to(connection, state, shown.signed.checkpoint):
                return _Result(shown.size, fault="it is asked again with what was published meanwhile")
            note = bytes(Note(str(shown.signed.checkpoint), shown.signed.log_signatures))
            await put_known(connection, Known(shown.size, note, peer.origin, self._clock.now()))
        log.error(
            "a peer has cosigned what this database does not hold", origin=peer.origin, leaves=shown.size
        )
        return _Result(
            0, fault=f"it has cosigned {shown.size:,} leaves, which this database does not lead to"
        )

    async def _trusted_keys(self, connection: Connection) -> tuple[VerifierKey, ...]:
        documents = [document for document, _ in await load_documents(connection)]
        try:
            held = [key.vkey for key in self._keys.read_logs()]
        except SecretFileError:
            held = []
        return find_keys_in_power(documents, held, _seconds(self._clock.now()))


async def _prove(connection: Connection, old: int, size: int) -> tuple[bytes, ...]:
    if old in {0, size}:
        return ()
    tiles = await fetch_tiles(connection, consistency_tiles(old, size))
    return TileHashes(size, lambda tile: tiles[tile][: tile.byte_count]).prove_consistency(old)


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())
