"""Makes evidence of a fork, and judges what others send: by all documents that are held of the log."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from federation.errors import (
    EvidenceRefused,
    InvalidEvidence,
    InvalidProof,
    Malformed,
    UntrustedNote,
    UntrustedOperations,
)
from federation.keys.equivocation import Equivocation, open_evidence
from federation.keys.evidence import Evidence, make_evidence
from federation.keys.operations import Operations
from federation.keys.peer_chain import PeerChain
from federation.tlog.checkpoint import SignedCheckpoint
from federation.tlog.keys import VerifierKey
from federation.tlog.note import Note

_REFUSED: Final = (Malformed, UntrustedNote, UntrustedOperations, InvalidProof)


def accuse(one: Note, other: Note, chain: PeerChain, hashes: Iterable[bytes] = ()) -> Evidence:
    """Makes evidence of two checkpoints that keys of this chain have signed, with verified lines alone.

    It holds the documents, or where they are too long the keys. Raises InvalidEvidence.
    """
    kept = tuple(hashes)
    with suppress(InvalidEvidence):
        return make_evidence(one, other, documents=chain.parsed_notes(), hashes=kept)
    signed = {(line.name, line.key_id) for note in (one, other) for line in note.signatures}
    keys = [key for key in chain.all_keys if (key.name, key.key_id) in signed]
    return make_evidence(one, other, keys=keys, hashes=kept)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Evidence that a log has forked, and why it is not held against the log: empty where nothing explains it."""

    evidence: Evidence
    explained: str


def judge(evidence: Evidence, chain: PeerChain, now: datetime) -> Verdict:
    """Verifies evidence under the keys of a chain. Returns it without the lines of other keys, so that one fork is one
    file however it is dressed up.

    Raises EvidenceRefused where it proves nothing.
    """
    try:
        found = open_evidence(evidence, chain.all_keys)
        if not found.is_proven:
            raise EvidenceRefused("it is a suspicion, and proves nothing")
        bared = _bared(evidence, found)
    except _REFUSED as error:
        raise EvidenceRefused(f"it proves nothing: {error}") from error
    return Verdict(bared, find_explanation(found, chain, now))


def find_explanation(found: Equivocation, chain: PeerChain, now: datetime) -> str:
    """Finds why a contradiction is not held against a log: all keys that have signed one of the two are out of power, so
    that a thief of a former key may have. Returns an empty text where nothing explains it."""
    for signed in (found.older, found.newer):
        replaced = [_find_replacement(found, chain, key, now) for key in _signers_of(signed, found.signers)]
        documents = [document for document in replaced if document is not None]
        if documents and len(documents) == len(replaced):
            by = "a recovery" if documents[0].recovered_by else "a rotation"
            return (
                f"the tree of {signed.checkpoint.size:,} leaves is signed by a key that document"
                f" {documents[0].number} took out of power ({by})"
            )
    return ""


def _find_replacement(
    found: Equivocation, chain: PeerChain, key: VerifierKey, now: datetime
) -> Operations | None:
    return chain.find_retirement(key, now) or found.find_replacement(key, now)


def _signers_of(signed: SignedCheckpoint, signers: Sequence[VerifierKey]) -> list[VerifierKey]:
    lines = {(line.name, line.key_id) for line in signed.log_signatures}
    return [key for key in signers if (key.name, key.key_id) in lines]


def _bared(evidence: Evidence, found: Equivocation) -> Evidence:
    notes = (Note(str(each.checkpoint), each.log_signatures) for each in (found.older, found.newer))
    older, newer = notes
    return make_evidence(
        older, newer, keys=evidence.keys, documents=evidence.documents, hashes=evidence.hashes
    )
