"""Takes evidence of forks that peers send, and verifies it as if a stranger had made it.

A file changes something only where it proves, under the keys that an operator has confirmed here, that a log which we know
has forked. So a lying peer can tell us nothing but what is true; and of one log so few files are kept and passed on that
the truth cannot be used to flood anybody.
"""

import structlog

from directory.clock import Clock
from directory.store.database import Connection, Database
from federation.errors import EvidenceRefused, UnknownLog
from federation.keys.accusing import Verdict, judge
from federation.keys.documents import load_documents
from federation.keys.evidence import Evidence
from federation.keys.forks import record_fork
from federation.keys.peer_chain import PeerChain, PeerChains
from federation.store.log_rows import fetch_operation_notes
from federation.store.peer_chains import fetch_known_peer
from federation.store.peer_evidence import KeptFork, list_forks

log = structlog.get_logger(__name__)


class EvidenceDesk:
    """Shared by the requests of a process."""

    def __init__(self, database: Database, own: str, clock: Clock) -> None:
        """`own` is the origin of our own log, which is never frozen here."""
        self._database = database
        self._own = own
        self._clock = clock
        self._chains = PeerChains()

    async def receive_evidence(self, origin_of_teller: str, data: bytes) -> bool:
        """Verifies a file that a peer has sent, keeps it, freezes its log, and schedules that the other peers are told.

        Evidence that a retired key explains is kept and shown, and freezes nobody; so is evidence about this instance.
        Returns False where it was kept already, or no more is kept of this log. Raises InvalidEvidence, UnknownLog,
        EvidenceRefused.
        """
        evidence = Evidence.parse(data)
        async with self._database.transaction() as connection:
            if evidence.origin == self._own:
                return await self._receive_about_us(connection, evidence, origin_of_teller)
            peer = await fetch_known_peer(connection, evidence.origin)
            if peer is None:
                raise UnknownLog("this log is not one that this instance knows")
            chain = await self._chains.load(connection, peer)
            return await self._record(connection, judge(evidence, chain, self._clock.now()), origin_of_teller)

    async def list_evidence(self, origin: str | None = None) -> list[KeptFork]:
        """Lists what is kept, of one log or of all, the oldest first."""
        async with self._database.connection() as connection:
            return await list_forks(connection, origin)

    async def _receive_about_us(self, connection: Connection, evidence: Evidence, teller: str) -> bool:
        verdict = judge(evidence, await self._own_chain(connection), self._clock.now())
        log.error(
            "a peer has evidence that this instance has signed two trees; `passerelle doctor` tells what to do",
            told_by=teller,
            explained=verdict.explained,
        )
        return await self._record(connection, verdict, teller)

    async def _record(self, connection: Connection, verdict: Verdict, teller: str) -> bool:
        return await record_fork(
            connection,
            verdict.evidence.origin,
            verdict.evidence,
            self._clock.now(),
            told_by=teller,
            explained=verdict.explained,
            is_ours=verdict.evidence.origin == self._own,
        )

    async def _own_chain(self, connection: Connection) -> PeerChain:
        documents = await load_documents(connection)
        if not documents:
            raise EvidenceRefused("this instance has signed nothing")
        notes = await fetch_operation_notes(connection)
        found = sum(leaf is not None for _, leaf in documents)
        return PeerChain(
            tuple(document for document, _ in documents), tuple(note for note, _ in notes), max(found, 1)
        )
