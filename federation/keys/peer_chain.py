"""The operations documents that are held of a peer's log: whose signatures count, of its log and of its witness."""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from directory.store.database import Connection
from federation.errors import Malformed, UnknownLog, UntrustedOperations
from federation.keys.chain import index_in_force, open_chain
from federation.keys.operations import Operations
from federation.store.peer_chains import KnownPeer, Version, fetch_peer_documents
from federation.tlog.keys import VerifierKey
from federation.tlog.note import Note, NoteVerifier, parse_note


@dataclass(frozen=True)
class PeerChain:
    """The documents of a log, verified from the key that was confirmed. The first `found` were found in its tree."""

    documents: tuple[Operations, ...]
    notes: tuple[bytes, ...]
    found: int

    @cached_property
    def all_keys(self) -> tuple[VerifierKey, ...]:
        """The log keys of all documents, also those that are retired."""
        return tuple(dict.fromkeys(key for each in self.documents for key in each.checkpoint_keys))

    def in_force(self, now: datetime) -> Operations:
        """Returns the document in force, of those that were found in the tree."""
        return self.documents[self._index(now)]

    def keys_at(self, now: datetime) -> tuple[VerifierKey, ...]:
        """Returns the log keys whose checkpoints count: of the document in force, and of those after it.

        After a recovery none before it counts, also where its entry is still to be read: it tells of a key that was lost
        or stolen, and only the recovery key can write one.
        """
        recovered = max((at for at, each in enumerate(self.documents) if each.recovered_by), default=0)
        later = self.documents[max(self._index(now), recovered) :]
        return tuple(dict.fromkeys(key for each in later for key in each.checkpoint_keys))

    def verifiers_at(self, now: datetime) -> tuple[NoteVerifier, ...]:
        """Returns the verifiers of `keys_at`."""
        return tuple(map(NoteVerifier, self.keys_at(now)))

    def find_retirement(self, key: VerifierKey, now: datetime) -> Operations | None:
        """Finds the document that took a key out of power. Returns None where none did, or it was never named."""
        if key not in self.all_keys or key in self.keys_at(now):
            return None
        named = max(at for at, each in enumerate(self.documents) if key in each.checkpoint_keys)
        return self.documents[min(named + 1, len(self.documents) - 1)]

    def last_recovery(self) -> Operations | None:
        """Returns the newest recovery whose entry was found in the tree. None where there was none."""
        found = reversed(self.documents[: self.found])
        return next((each for each in found if each.recovered_by), None)

    def keys_since(self, document: Operations) -> tuple[VerifierKey, ...]:
        """Returns the log keys of a document and of all after it, also those that were rotated away since."""
        later = self.documents[document.number :]
        return tuple(dict.fromkeys(key for each in later for key in each.checkpoint_keys))

    def parsed_notes(self) -> tuple[Note, ...]:
        """Returns the documents as notes."""
        return tuple(map(parse_note, self.notes))

    def _index(self, now: datetime) -> int:
        return index_in_force(self.documents[: self.found], int(now.timestamp()))


class PeerChains:
    """Loads the chains of peers. Each is verified once as long as nothing is added to it: anyone may send a checkpoint,
    and a log may have written a thousand documents."""

    def __init__(self) -> None:
        self._loaded: dict[int, tuple[Version, PeerChain]] = {}

    async def load(self, connection: Connection, peer: KnownPeer) -> PeerChain:
        """Loads the chain of a peer. Raises UnknownLog where no document of it was read yet, or they are not a chain."""
        kept = self._loaded.get(peer.log)
        if kept is not None and kept[0] == peer.version:
            return kept[1]
        chain = open_peer_chain(peer, await fetch_peer_documents(connection, peer.log))
        self._loaded[peer.log] = peer.version, chain
        return chain


def open_peer_chain(peer: KnownPeer, rows: list[tuple[bytes, bool]]) -> PeerChain:
    """Verifies documents as a chain from the confirmed key. Raises UnknownLog."""
    if not rows:
        raise UnknownLog(f"no document of {peer.origin} was read yet")
    try:
        documents = open_chain((note for note, _ in rows), VerifierKey.parse(peer.first_key))
    except (Malformed, UntrustedOperations) as error:
        raise UnknownLog(f"the documents of {peer.origin} are not in order: {error}") from error
    found = next((at for at, (_, is_found) in enumerate(rows) if not is_found), len(rows))
    # The first document was compared by an operator, wherever its entry is.
    return PeerChain(tuple(documents), tuple(note for note, _ in rows), max(found, 1))
