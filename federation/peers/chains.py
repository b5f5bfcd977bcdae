"""The operations documents of a peer's log that this instance knows, and whom they let sign. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from federation.errors import InvalidCheckpoint, UntrustedNote
from federation.keys.chain import (
    ChainEnd,
    end_of,
    in_force,
    index_in_force,
    parse_operations_note,
    strip_operations,
)
from federation.keys.operations import Operations
from federation.keys.peer_chain import PeerChain
from federation.peers.verdicts import WrongAnswer
from federation.tlog.checkpoint import LogTrust, SignedCheckpoint, open_checkpoint
from federation.tlog.cosignature import CosignatureVerifier
from federation.tlog.note import NoteVerifier, parse_note

MAX_KNOWN: Final = 5_000
"""Documents of one log that are followed, of the 101,101 that a chain has room for: all of them are read in each round. One
thief of a log key adds at most 1,000."""


@dataclass(frozen=True, slots=True)
class KnownDocument:
    """A document that follows from the one before it. It is provisional until its entry was found in the log."""

    note: bytes
    document: Operations
    leaf: int | None


@dataclass(frozen=True, slots=True)
class Chain:
    """The documents of a log from the first on. Those that are in the log come before the provisional ones."""

    known: tuple[KnownDocument, ...]

    @property
    def documents(self) -> tuple[Operations, ...]:
        return tuple(each.document for each in self.known)

    @property
    def end(self) -> ChainEnd:
        return end_of(self.documents)

    @property
    def is_full(self) -> bool:
        """Whether no more documents are followed here."""
        return len(self.known) >= MAX_KNOWN

    @property
    def confirmed(self) -> "Chain":
        """The documents whose entries were found."""
        return Chain(self.known[: self.count_confirmed()])

    @property
    def as_peers(self) -> PeerChain:
        """All documents, also those that are provisional, as those by which a log is judged."""
        return PeerChain(self.documents, tuple(each.note for each in self.known), len(self.known))

    def count_confirmed(self) -> int:
        """Counts the documents whose entries were found."""
        return next((at for at, each in enumerate(self.known) if each.leaf is None), len(self.known))

    def added(self, note: bytes, document: Operations) -> "Chain":
        """Returns the chain with one more provisional document, of which the lines that count are kept."""
        previous = self.known[-1].document if self.known else None
        bare = bytes(strip_operations(parse_note(note), document, previous))
        return Chain((*self.known, KnownDocument(bare, document, None)))

    def found_at(self, leaf: int) -> "Chain":
        """Returns the chain with the first provisional document found at this leaf."""
        at = self.count_confirmed()
        return Chain((*self.known[:at], replace(self.known[at], leaf=leaf), *self.known[at + 1 :]))

    def cut_leaves(self, size: int) -> "Chain":
        """Returns the chain in which documents from this leaf on are provisional again."""
        return Chain(
            tuple(
                replace(each, leaf=None) if each.leaf is not None and each.leaf >= size else each
                for each in self.known
            )
        )


def chain_of(rows: Sequence[tuple[bytes, int | None]]) -> Chain:
    """Reads stored documents, which were verified before they were stored."""
    return Chain(tuple(KnownDocument(note, parse_operations_note(note)[0], leaf) for note, leaf in rows))


def open_under(data: bytes, origin: str, chain: Chain, now: datetime) -> SignedCheckpoint:
    """Opens a checkpoint under the keys in power, with the witness of the document in force.

    Raises UntrustedNote, WrongAnswer where it is no checkpoint of this log.
    """
    if not chain.known:
        raise UntrustedNote("no document of this log is known")
    documents = chain.documents
    seconds = int(now.timestamp())
    in_power = documents[index_in_force(documents, seconds) :]
    keys = dict.fromkeys(key for document in in_power for key in document.checkpoint_keys)
    witness = CosignatureVerifier(in_force(documents, seconds).witness_key)
    try:
        return open_checkpoint(data, LogTrust(origin, tuple(map(NoteVerifier, keys)), (witness,)))
    except InvalidCheckpoint as error:
        raise WrongAnswer(str(error)) from error
