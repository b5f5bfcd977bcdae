"""Which keys are believed about our own log, and which checkpoint of it is the newest that they have signed. Pure.

The keys of the folder are ours; a document is believed because it follows in a chain that names one of them. A key that is
no more in power counts for nothing: who has stolen it could otherwise show a tree of their own.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from federation.errors import FederationError, LogRefused, Malformed, UntrustedNote, UntrustedOperations
from federation.keys.chain import open_chain, parse_operations_note
from federation.keys.operations import Operations
from federation.tlog.checkpoint import Checkpoint, LogTrust, SignedCheckpoint, open_checkpoint
from federation.tlog.keys import VerifierKey
from federation.tlog.note import NoteVerifier


@dataclass(frozen=True, slots=True)
class Told:
    """What one peer says: checkpoints of our log, or why not."""

    address: str
    notes: tuple[bytes, ...] = ()
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """A checkpoint that our own key has signed, and who has shown it. `note` holds the log's own lines alone."""

    address: str
    checkpoint: Checkpoint
    note: bytes


def open_own(note: bytes, origin: str, keys: Sequence[VerifierKey]) -> SignedCheckpoint:
    """Opens a checkpoint of our own log. Raises UntrustedNote, InvalidCheckpoint."""
    return open_checkpoint(note, LogTrust(origin, tuple(map(NoteVerifier, keys))))


def see(told: Told, origin: str, keys: Sequence[VerifierKey]) -> Seen | str:
    """Returns the largest checkpoint that a peer has shown, or a sentence that tells why what it shows counts for nothing."""
    found, why = [], told.fault or "it has nothing of this log"
    for note in told.notes:
        try:
            opened = open_own(note, origin, keys)
        except UntrustedNote:
            why = "what it shows is not signed by a key of this log"
        except Malformed as error:
            why = f"what it shows is no checkpoint of this log: {error}"
        else:
            found.append(Seen(told.address, opened.checkpoint, bytes(opened.verified_note)))
    return max(found, key=lambda each: each.checkpoint.size) if found else why


def newest(seen: Iterable[Seen]) -> Seen | None:
    """Returns the largest checkpoint. Raises LogRefused where two of one size have two roots: the log has forked."""
    best: Seen | None = None
    for each in seen:
        size = -1 if best is None else best.checkpoint.size
        if best is not None and each.checkpoint.size == size and each.checkpoint.root != best.checkpoint.root:
            raise fork_of(each, best)
        if each.checkpoint.size > size:
            best = each
    return best


def fork_of(one: Seen, other: Seen) -> LogRefused:
    """Makes the error for two trees of which neither begins with the other, both signed by this log."""
    return LogRefused(
        f"the log has forked: {one.address} shows a tree of {one.checkpoint.size} leaves, and {other.address} one of"
        f" {other.checkpoint.size}, both signed by the keys of this log, and neither begins with the other",
        mend="Somebody else signs with these keys, or did. Where that was a thief, run `passerelle keys recover`.",
    )


def follow_documents(
    known: Sequence[bytes], more: Sequence[bytes], own: Sequence[VerifierKey]
) -> list[Operations]:
    """Verifies the documents that are known here and `more` as one chain of our log. Raises FederationError where they are
    none, or name no key of the folder."""
    notes = [*known, *more]
    if not notes:
        raise UntrustedOperations("it has no document of this log")
    first, _ = parse_operations_note(notes[0])
    chain = open_chain(notes, first.log_key)
    if not any(key in own for document in chain for key in document.checkpoint_keys):
        raise UntrustedOperations("the documents that it has name no key of this log that is here")
    return chain


def weight_of(chain: Sequence[Operations]) -> tuple[int, int]:
    """Weighs a chain: more recoveries first, as no thief of a log key can make one, then more documents."""
    return sum(document.recovered_by is not None for document in chain), len(chain)


def check_signers(note: bytes, origin: str, said: Sequence[Operations]) -> None:
    """Checks that a checkpoint is signed by a key of the documents that its tree holds. Raises FederationError."""
    if not said:
        raise FederationError("the tree holds no operations document")
    open_own(note, origin, list(dict.fromkeys(key for each in said[-2:] for key in each.checkpoint_keys)))
