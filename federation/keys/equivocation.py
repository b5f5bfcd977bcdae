"""Verifies evidence that a log has signed two trees that contradict each other.

Of one size, two roots are a contradiction. Of two sizes, hashes of the larger tree show the root that it had at the
smaller one: nobody can make these against a log that has only grown.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from federation.errors import InvalidProof, UntrustedNote, UntrustedOperations
from federation.keys.chain import find_keys_in_power, open_chain
from federation.keys.evidence import Evidence
from federation.keys.operations import Operations
from federation.tlog.checkpoint import Checkpoint, LogTrust, SignedCheckpoint, open_checkpoint
from federation.tlog.keys import VerifierKey
from federation.tlog.merkle import EMPTY_ROOT, derive_prefix_root
from federation.tlog.note import NoteVerifier, Verifier


@dataclass(frozen=True, slots=True)
class Equivocation:
    """Two checkpoints under keys that the reader trusts. Which of the two trees is the right one, it does not tell."""

    older: SignedCheckpoint
    newer: SignedCheckpoint
    is_proven: bool
    """False where nothing shows what the larger tree began with: then it is a suspicion alone."""
    signers: tuple[VerifierKey, ...]
    """The log keys that have signed one of them."""
    chain: tuple[Operations, ...]
    """The documents that it holds, verified as a chain."""

    def find_replacement(self, key: VerifierKey, now: datetime) -> Operations | None:
        """Returns the document that took `key` out of power: what it signed since may be the work of a thief.

        None where no document in the evidence did by `now`: one that is dated ahead takes no key out of power before its
        time, but for a recovery. There may be one that is not in the evidence.
        """
        if key in find_keys_in_power(self.chain, (), int(now.timestamp())):
            return None
        for before, after in pairwise(self.chain):
            if key in before.checkpoint_keys and key not in after.checkpoint_keys:
                return after
        return None


def open_evidence(
    evidence: Evidence, trusted: Iterable[VerifierKey], witnesses: Sequence[Verifier] = ()
) -> Equivocation:
    """Verifies evidence under log keys that the reader trusts: one of them suffices for a chain of documents.

    Raises UntrustedNote or UntrustedOperations (InvalidOperations) where it holds nothing that those keys stand for;
    InvalidProof where the larger tree begins with the smaller one, or the hashes are not of the larger tree.
    """
    chain = _open_documents(evidence)
    keys = _find_believed(evidence, chain, frozenset(trusted))
    trust = LogTrust(evidence.origin, tuple(map(NoteVerifier, keys)), tuple(witnesses))
    older, newer = (open_checkpoint(bytes(note), trust) for note in (evidence.older, evidence.newer))
    signed = {(line.name, line.key_id) for each in (older, newer) for line in each.log_signatures}
    signers = tuple(key for key in keys if (key.name, key.key_id) in signed)
    is_proven = _is_contradiction(older.checkpoint, newer.checkpoint, evidence.hashes)
    return Equivocation(older, newer, is_proven, signers, chain)


def _open_documents(evidence: Evidence) -> tuple[Operations, ...]:
    if not evidence.documents:
        return ()
    first = Operations.parse(evidence.documents[0].text)
    chain = open_chain(map(bytes, evidence.documents), first.log_key)
    if first.origin != evidence.origin:
        raise UntrustedOperations("the documents are of another log than the checkpoints")
    return tuple(chain)


def _find_believed(
    evidence: Evidence, chain: Sequence[Operations], trusted: frozenset[VerifierKey]
) -> tuple[VerifierKey, ...]:
    """Lists the keys under which the checkpoints are opened.

    Whoever is named in a document has signed it, or the one that named it first, and so all before it, which it
    holds the hash of; all after it follow from it. So the chain is the log's if one key in it is.
    """
    if not chain:
        believed = tuple(key for key in evidence.keys if key in trusted)
        if not believed:
            raise UntrustedNote("it names no key that is trusted here")
        return believed
    named = tuple(dict.fromkeys(key for document in chain for key in document.checkpoint_keys))
    if trusted.isdisjoint(named):
        raise UntrustedOperations("its documents name no key that is trusted here")
    return named


def _is_contradiction(older: Checkpoint, newer: Checkpoint, hashes: Sequence[bytes]) -> bool:
    if older.size == newer.size:
        return True
    if older.size == 0:
        began_as = EMPTY_ROOT
    elif hashes:
        began_as = derive_prefix_root(older.size, newer.size, newer.root, hashes)
    else:
        return False
    if began_as == older.root:
        raise InvalidProof("the larger tree begins with the smaller one: nothing contradicts")
    return True
